"""A seeded world around the real assistant: virtual time, people, faults, crashes, and an oracle that holds it all
against the processor's own book.

`loop` is time, `life` what runs between two crashes and where it may die, `process` an assistant with one life after
another, `world` everything outside it, `books` what the business asks for, `line` the way to the back ends, `people` who
talk to it, `members` those of them who sign in, with the `letters` they get, `office` who works for the business, `forger` and
`strangers` who must not be believed, `till` the processor's own book and `parts` what of it is each invoice's, `oracle` what
must be true (with `back`, `consents`, `pages`, `screens`, `sessions` and `wallets`), `sentences` what a reader tells from the
wording, `episode` one seeded run, `recovery` the time that an outage costs, `dealing` the runs on all cores. Every other seed has
a household that signs in; two of five have customers who write in Telegram (`phones`, `texters`), alone or beside a page,
and go from one to the other in the middle of a payment, which `moves` judges. In two of fourteen people are at the desk
(`agents`): whether two ever speak at once is judged in `voices`, what SQL keeps of it all in `handing`. Nothing here repeats a rule of the ledger.
"""
