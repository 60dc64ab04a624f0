"""From what a customer typed to what it says: pure functions from text to values, with no memory of the talk.

Nothing here knows which task is running, asks anything, or reads a clock.
"""
