"""A seeded world around the real assistant: virtual time, people, faults, crashes, and an oracle that holds it all
against the processor's own book.

`loop` is time, `life` one process of the assistant and where it may die, `world` everything outside it, `line` the way
between the two, `people` who talk to it, `oracle` what must be true, `episode` one seeded run. Nothing here repeats a
rule of the ledger.
"""
