"""The conversation itself, and nothing that could surprise it.

What may live here: values, and pure functions from values to values. `engine.step(talk, event, house)` answers what
is said and what is wanted next; whoever calls it performs that.

What never will: an await, a clock, randomness, I/O, a logger, or a third party's code (msgspec, which makes the values,
is the one exception). Time arrives inside events. Facts arrive as answers to look-ups. Money is not kept here: a
payment is a row of the ledger, and losing every conversation loses no money.

Why: a conversation that is a value can be replayed from a fault report, simulated a million times an hour, and tested
by reading it. `tests/test_architecture.py` holds this page to its word.
"""
