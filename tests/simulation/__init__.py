"""A seeded world around the real assistant: virtual time, people, faults, crashes, and an oracle that holds it all
against the processor's own book.

`loop` is time, `life` what runs between two crashes and where it may die, `process` an assistant with one life after
another, `world` everything outside it, `books` what the business asks for, `line` the way to the back ends, `people` who
talk to it, `office` who works for the business, `forger` who must not be believed, `till` the processor's own book, `oracle`
(with `back` and `screens`) what must be true, `episode` one seeded run, `recovery` the time
that an outage costs, `dealing` the runs on all cores. Nothing here repeats a rule of the ledger.
"""
