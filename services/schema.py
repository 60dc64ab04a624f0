"""Every SQL table, and nothing but tables. The migrations in `services/migrations` build the same.

Instants are stored as integers, microseconds since 1970 UTC; sums as integers of minor units. Tables marked
*append-only* refuse UPDATE and DELETE by trigger (see the migrations): what is in them is evidence.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

schema = MetaData()
APPEND_ONLY = (
    "payment_event",
    "fact",
    "journal",
    "consent",
    "ruling",
    "pause",
    "book_posting",
    "audit",
    "agreement",
    "autopay_event",
)

# --- payments -----------------------------------------------------------------------------------------------------

payment = Table(
    "payment",
    schema,
    Column("reference", String(32), primary_key=True),  # printed on receipts; never changes
    Column("start_key", String(80), nullable=False, unique=True),  # of the effect that asked for it
    Column("chat", String(200), nullable=False, index=True),  # where results are told
    Column("state", String(16), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False, server_default="0"),
    Column("currency", String(3), nullable=False),
    Column("method", String(8), nullable=False),
    Column("billing_name", Text, nullable=False),
    Column("billing_zip", String(32), nullable=False),
    Column("gateway", String(32), nullable=False),
    Column("gateway_key", String(64), nullable=False, unique=True),  # idempotency key, random, kept for every retry
    Column("request_hash", String(64), nullable=False),  # of what is sent under that key
    Column("page", String(200)),
    Column("page_url", Text),
    Column("page_expires_at", BigInteger),
    Column("brand", String(24), nullable=False, server_default=""),
    Column("last4", String(4), nullable=False, server_default=""),
    Column("reason", String(32)),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("looked_at", BigInteger, nullable=False, server_default="0"),  # by the reconciler
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("changed_at", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),  # by the gateway's word
    Column("happened_at", BigInteger),  # at the gateway, what the state rests on
    Column("unmoved", Integer, nullable=False, server_default="0"),  # look-ups in a row that brought nothing new
    Column("ruling", Integer),  # of a person, on which the state rests while the facts contradict each other
    Column(
        "customer", String(120), index=True
    ),  # whose invoices it pays, whoever paid; null: begun before that was kept
    Column("saved", String(120), nullable=False, server_default=""),  # the gateway's id of the saved method charged
    Column("vault", String(40), nullable=False, server_default=""),  # `PageRequest.customer`, as it was sent
    Column("declines", Integer, nullable=False, server_default="0"),  # by the gateway's word
    Column("submitted_at", BigInteger),  # at the gateway: handed to the banks
    Column("cleared_at", BigInteger),  # at the gateway: arrived
    Column("enrolment", Integer, index=True),  # in autopay, under which it was begun; null: somebody said yes to it
    Column("page_seen_at", BigInteger),  # its page was first gone to; go_link forgets after a while
    CheckConstraint("amount_minor > 0", name="payment_amount_positive"),
)

# when money arrived: by the gateway's word, or where it has none (a person's ruling) by what the state rests on
Index("payment_arrived", payment.c.cleared_at, payment.c.happened_at)

payment_invoice = Table(
    "payment_invoice",
    schema,
    Column("payment", ForeignKey("payment.reference"), primary_key=True),
    Column("invoice", String(120), primary_key=True, index=True),
    Column("number", String(120), nullable=False),
    Column("version", String(80), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("live", Boolean, nullable=False),  # CREATED to SUBMITTING, and UNKNOWN
    Column("reserved", Boolean, nullable=False),  # PROCESSING: not live, but the amount is spoken for
)
# One live attempt per invoice, across tabs, channels and agents.
Index(
    "one_live_payment_per_invoice",
    payment_invoice.c.invoice,
    unique=True,
    sqlite_where=text("live"),
    postgresql_where=text("live"),
)

payment_event = Table(  # append-only
    "payment_event",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("payment", ForeignKey("payment.reference"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("before", String(16)),
    Column("after", String(16), nullable=False),
    Column("cause", Text, nullable=False),
)

fact = Table(  # append-only
    "fact",
    schema,
    Column("gateway", String(32), primary_key=True),
    Column("id", String(200), primary_key=True),
    Column("reference", String(64), nullable=False, index=True),  # may be a payment we do not know (yet)
    Column("kind", String(24), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the Fact, msgspec JSON
)
# What went back on a day: few facts of many. SQLite uses such an index for this very condition alone.
WENT_BACK = text("kind IN ('refunded', 'refund_failed', 'disputed', 'won', 'lost')")
Index("fact_that_money_went_back", fact.c.at, sqlite_where=WENT_BACK, postgresql_where=WENT_BACK)

journal = Table(  # append-only; the lines of one entry sum to zero
    "journal",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("entry", String(80), nullable=False),
    Column("payment", ForeignKey("payment.reference"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("account", String(24), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    UniqueConstraint("entry", "account", name="journal_entry_once"),
)

consent = Table(  # append-only
    "consent",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("payment", ForeignKey("payment.reference"), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("chat", String(200), nullable=False),
    Column("message", String(200), nullable=False),  # id of the customer's message that said yes
    Column("digest", String(64), nullable=False),
    Column("quote", LargeBinary, nullable=False),  # the Quote, msgspec JSON
    Column("standing", String(300)),  # the name of `Standing`, where no message said yes but an authorisation
)
# One yes begins one payment, however often and late its message arrives.
Index(
    "one_payment_per_yes",
    consent.c.chat,
    consent.c.message,
    unique=True,
    sqlite_where=consent.c.standing.is_(None),
    postgresql_where=consent.c.standing.is_(None),
)
# ... and so does a standing authorisation, for each presentment of an invoice's cycle. (Of nulls there may be many.)
Index("one_payment_per_presentment", consent.c.standing, unique=True)

agreement = Table(  # append-only; what was shown and agreed to, in one chain of hashes: see services/agreements.py
    "agreement",
    schema,
    Column("number", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3, ... without a gap
    Column("subject", String(80), nullable=False),  # payment:RM-..., autopay:..., method:...
    Column("act", String(16), nullable=False),  # agreed, changed, paused, resumed, revoked
    Column("at", BigInteger, nullable=False),
    Column("customer", String(120), index=True),  # who agreed, as far as that was proved, or whose invoices they are
    Column("chat", String(200), nullable=False, index=True),
    Column("message", String(200), nullable=False),  # id of the customer's message that said yes
    Column("language", String(16), nullable=False),
    Column("wording", String(64), nullable=False),  # hash of the sentences from which the words were made
    Column("words", Text, nullable=False),  # as they were shown
    Column("digest", String(64), nullable=False),  # of what was agreed to
    Column("terms", Text, nullable=False),  # it, as JSON
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("method", String(8), nullable=False),
    Column("brand", String(24), nullable=False),
    Column("last4", String(4), nullable=False),
    Column("previous", String(64), nullable=False),  # hash of the row before it about the same subject
    Column("before", String(64), nullable=False),  # hash of the row before it in the table
    Column("hash", String(64), nullable=False),
    UniqueConstraint("subject", "number", name="agreements_of_subject"),
)

agreement_head = Table(  # one row: the last of them
    "agreement_head",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("consents_before", BigInteger, nullable=False),  # consents up to this id are older than these records
)

ruling = Table(  # append-only
    "ruling",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("payment", ForeignKey("payment.reference"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),  # succeeded, failed, returned
    Column("facts", Integer, nullable=False),  # how many there were to rule about; it ends with the next one
    Column("asked_by", String(120), nullable=False),
    Column("why", Text, nullable=False),
)

refund = Table(
    "refund",
    schema,
    Column("id", String(32), primary_key=True),  # sent to the gateway, and comes back in its facts
    Column("payment", ForeignKey("payment.reference"), nullable=False, index=True),
    Column("request_key", String(120), nullable=False, unique=True),  # of whoever asked: once per key
    Column("amount_minor", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),  # asked, done, failed
    Column("gateway_key", String(64), nullable=False, unique=True),  # idempotency key, random, kept for every retry
    Column("asked_by", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    CheckConstraint("amount_minor > 0", name="refund_amount_positive"),
)

pause = Table(  # append-only; the last row says whether new payments are taken
    "pause",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("autopay", Boolean, nullable=False, server_default=text("false")),  # only what autopay would charge
)

comparison = Table(  # runs that hold the whole ledger against the gateway, one per gateway and UTC day
    "comparison",
    schema,
    Column("gateway", String(32), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("began_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("report", Text, nullable=False, server_default=""),
)

outbox = Table(
    "outbox",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),  # post, tell, refund
    Column("payment", ForeignKey("payment.reference"), nullable=False),
    Column("key", String(120), nullable=False, unique=True),  # one job per cause
    Column("body", LargeBinary, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("done_at", BigInteger),
)
Index(
    "outbox_waiting",
    outbox.c.due_at,
    sqlite_where=outbox.c.done_at.is_(None),
    postgresql_where=outbox.c.done_at.is_(None),
)
Index("outbox_of_payment", outbox.c.payment, outbox.c.kind, outbox.c.id)

receipt_link = Table(
    "receipt_link",
    schema,
    Column("token_hash", String(64), primary_key=True),
    Column("payment", ForeignKey("payment.reference"), nullable=False, index=True),
    Column("made_at", BigInteger, nullable=False),
)

go_link = Table(
    "go_link",
    schema,
    Column("token_hash", String(64), primary_key=True),
    Column("payment", ForeignKey("payment.reference"), nullable=False, index=True),
    Column("shown_at", BigInteger, nullable=False),
    Column("opened_at", BigInteger),
)

# --- identity -----------------------------------------------------------------------------------------------------

pay_link = Table(
    "pay_link",
    schema,
    Column("token_hash", String(64), primary_key=True),
    Column("invoice", String(120), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    # how far its holder came, the first time each; null: not so far, or before that was kept
    Column("sent_at", BigInteger, index=True),  # the mail server took its letter
    Column("opened_at", BigInteger),  # the bill was looked at
    Column("begun_at", BigInteger),  # a chat was begun with it
    Column("chosen_at", BigInteger),  # a method was chosen there: a quote was shown
)

attempt = Table(  # wrong tries, counted per subject (an invoice, a client address) and window
    "attempt",
    schema,
    Column("subject", String(200), primary_key=True),
    Column("window", BigInteger, primary_key=True),
    Column("wrong", Integer, nullable=False),
)

tried = Table(  # one row per counted try, so that a repeated effect counts once and answers the same
    "tried",
    schema,
    Column("key", String(120), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("answer", LargeBinary, nullable=False),
)

sign_in_code = Table(  # the last code that was sent in a conversation, one per purpose; it opens nothing elsewhere
    "sign_in_code",
    schema,
    Column("chat", String(200), primary_key=True),
    Column("purpose", String(16), primary_key=True),  # sign_in, old_address, new_address
    Column("address_hash", String(64), nullable=False),  # keyed with the installation's secret
    Column("salt", LargeBinary, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

sign_in_guard = Table(  # wrong codes per address since its owner last signed in, whether or not anybody has the address
    "sign_in_guard",
    schema,
    Column("address_hash", String(64), primary_key=True),
    Column("wrong", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

account = Table(  # customers who signed in at least once
    "account",
    schema,
    Column("customer", String(120), primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column(
        "not_before", BigInteger, nullable=False, server_default="0"
    ),  # older proofs count no more: signed out everywhere
)

browser = Table(  # browsers that are remembered from a sign-in
    "browser",
    schema,
    Column("token_hash", String(64), primary_key=True),
    Column("customer", String(120), nullable=False, index=True),
    Column("chat", String(200), nullable=False, index=True),  # in which it was last used
    Column("proved_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)

hop = Table(  # tokens that move a chat to another channel
    "hop",
    schema,
    Column("token_hash", String(64), primary_key=True),
    Column("chat", String(200), nullable=False, index=True),  # that is moved
    Column(
        "keys", Integer, nullable=False
    ),  # how often its own token had been changed: a sign-in ends what was given out before
    Column("channel", String(16), nullable=False),  # to which it may be moved
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column(
        "used_in", String(200)
    ),  # chat and message that used it: the same message again may go on with what it began
    Column("used_by", String(200)),
)

method_note = Table(  # what we know of a saved method beside what the gateway keeps
    "method_note",
    schema,
    Column("customer", String(120), primary_key=True),
    Column("method", String(120), primary_key=True),  # the gateway's id
    Column("nickname", String(60), nullable=False, server_default=""),
    Column("favorite", Boolean, nullable=False, server_default=text("false")),
    Column("blocked", String(32)),  # the reason for which its bank refused it for good
    Column("changed_at", BigInteger, nullable=False),
)

handoff_case = Table(
    "handoff_case",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(120), nullable=False, unique=True),
    Column("chat", String(200), nullable=False, index=True),
    Column("reason", String(40), nullable=False),
    Column("invoice", String(120)),
    Column("payment", String(32)),
    Column("summary", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("evidence", Text, nullable=False, server_default=""),  # JSON: what was seen that nobody but a person decides
    Column("customer", String(120), index=True),  # who asked, or whose payment or invoice it is about
    Column("words", Text, nullable=False, server_default=""),  # the customer's own, redacted
    Column("answer", Text, nullable=False, server_default=""),  # of the person who closed it, told in the chat
    Column("told_at", BigInteger),  # that answer
)
Index(  # a list of invoices asks which of them somebody objects to
    "open_case_of_invoice",
    handoff_case.c.invoice,
    sqlite_where=handoff_case.c.closed_at.is_(None),
    postgresql_where=handoff_case.c.closed_at.is_(None),
)
Index(  # a worker asks what is still to be told, all the time
    "answer_to_tell",
    handoff_case.c.id,
    sqlite_where=text("answer <> '' AND told_at IS NULL"),
    postgresql_where=text("answer <> '' AND told_at IS NULL"),
)

# --- autopay ----------------------------------------------------------------------------------------------------------

autopay = Table(  # standing authorisations, one that is not over per customer
    "autopay",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("customer", String(120), nullable=False, index=True),
    Column("state", String(16), nullable=False),  # on, paused, stopped, left
    Column("saved", String(120), nullable=False),  # the gateway's id of the method
    Column("method", String(8), nullable=False),
    Column("brand", String(24), nullable=False, server_default=""),
    Column("last4", String(4), nullable=False, server_default=""),
    Column("limit_minor", BigInteger, nullable=False),  # of one charge
    Column("currency", String(3), nullable=False),
    Column("days", Integer, nullable=False),  # before the due date
    Column("chat", String(200), nullable=False),  # in which it was changed last
    Column("agreed_at", BigInteger, nullable=False),  # to these terms
    Column("changed_at", BigInteger, nullable=False),
    Column("why", String(32), nullable=False, server_default=""),  # it was stopped
    CheckConstraint("limit_minor > 0", name="autopay_limit_positive"),
)
Index(
    "one_autopay_per_customer",
    autopay.c.customer,
    unique=True,
    sqlite_where=text("state IN ('on', 'paused')"),
    postgresql_where=text("state IN ('on', 'paused')"),
)

autopay_event = Table(  # append-only: what was agreed to and taken back; the words that were shown are in `agreement`
    "autopay_event",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(120), nullable=False, unique=True),  # of the effect, or of what stopped it
    Column("enrolment", ForeignKey("autopay.id"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("what", String(16), nullable=False),  # agree, pause, resume, leave, stop
    Column("chat", String(200), nullable=False),
    Column("message", String(200), nullable=False),  # id of the customer's message; empty: no customer did it
    Column("terms", LargeBinary, nullable=False),  # the Terms, msgspec JSON
)

autopay_run = Table(
    "autopay_run",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("asked_by", String(120), nullable=False, server_default=""),  # empty: the clock
)

autopay_charge = Table(  # an invoice's due date that autopay pays
    "autopay_charge",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("invoice", String(120), nullable=False),
    Column("cycle", Date, nullable=False),  # that due date
    Column("enrolment", ForeignKey("autopay.id"), nullable=False, index=True),
    Column("customer", String(120), nullable=False, index=True),
    Column("number", String(120), nullable=False),
    Column("state", String(16), nullable=False),  # planned, started, paid, waiting, over
    Column("amount_minor", BigInteger, nullable=False),  # the most that its customer was told of
    Column("currency", String(3), nullable=False),
    Column("due_at", BigInteger, nullable=False),  # when it is charged, or tried again
    Column("told_at", BigInteger, nullable=False),  # of that charge
    Column("presentments", Integer, nullable=False, server_default="0"),  # that reached a bank, and ended
    Column("tries", Integer, nullable=False, server_default="0"),  # payments that were begun for it, and ended
    Column("first_at", BigInteger),  # when the first presentment ended
    Column("payment", String(32)),  # the last one
    Column("seen", Integer, nullable=False, server_default="0"),  # version of that payment as it was last looked at
    Column("why", String(32), nullable=False, server_default=""),  # it is over, or was passed over
    Column("changed_at", BigInteger, nullable=False),
    UniqueConstraint("invoice", "cycle", name="one_charge_per_cycle"),
)
Index("autopay_charge_of_payment", autopay_charge.c.payment)
Index("autopay_charge_due", autopay_charge.c.state, autopay_charge.c.due_at)

autopay_line = Table(  # what a run did about an invoice, or why it did nothing
    "autopay_line",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", ForeignKey("autopay_run.id"), nullable=False, index=True),
    Column("customer", String(120), nullable=False),
    Column("invoice", String(120), nullable=False),
    Column("number", String(120), nullable=False),
    Column("did", String(16), nullable=False),  # told, charged, skipped, ended
    Column("why", String(32), nullable=False, server_default=""),
    Column("amount_minor", BigInteger, nullable=False, server_default="0"),
    Column("currency", String(3), nullable=False, server_default=""),
    Column("payment", String(32), nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
)

autopay_notice = Table(  # what customers are to be told of it, once per cause
    "autopay_notice",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("customer", String(120), nullable=False, index=True),
    Column("chat", String(200), nullable=False),
    Column("body", LargeBinary, nullable=False),  # the Notice, msgspec JSON
    Column("at", BigInteger, nullable=False),
    Column("told_at", BigInteger),
)
Index(
    "autopay_notice_to_tell",
    autopay_notice.c.id,
    sqlite_where=autopay_notice.c.told_at.is_(None),
    postgresql_where=autopay_notice.c.told_at.is_(None),
)

# --- Remit's own invoice book -------------------------------------------------------------------------------------

book_customer = Table(
    "book_customer",
    schema,
    Column("id", String(120), primary_key=True),
    Column("name", Text, nullable=False),
    Column("zip", String(32), nullable=False, server_default=""),
    Column("email", String(254), nullable=False, server_default=""),
    Column("street", Text, nullable=False, server_default=""),
    Column("city", Text, nullable=False, server_default=""),
    Column("region", Text, nullable=False, server_default=""),
    Column("phone", String(40), nullable=False, server_default=""),
    Column("language", String(16), nullable=False, server_default=""),
    Column("receipts", Boolean, nullable=False, server_default=text("true")),
    Column("reminders", Boolean, nullable=False, server_default=text("true")),
    Column("own_fields", Text, nullable=False, server_default=""),  # changed by the customer: an import leaves them
    Column("fee_exempt", Boolean, nullable=False, server_default=text("false")),
)
Index("book_customer_by_email", func.lower(book_customer.c.email))

book_invoice = Table(
    "book_invoice",
    schema,
    Column("id", String(120), primary_key=True),
    Column("supplier", String(200), nullable=False),  # with the number: the identity of a document
    Column("number", String(120), nullable=False),
    Column("plain_number", String(120), nullable=False, index=True),
    Column("customer", ForeignKey("book_customer.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),  # invoice, credit
    Column("total_minor", BigInteger, nullable=False),
    Column("due_minor", BigInteger, nullable=False),  # before any posting
    Column("currency", String(3), nullable=False),
    Column("issued", Date, nullable=False),
    Column("due_date", Date),
    Column("voided", Boolean, nullable=False, server_default=text("false")),
    Column("content_hash", String(64), nullable=False),  # of the imported document
    Column("revision", Integer, nullable=False, server_default="1"),
    UniqueConstraint("supplier", "number", name="one_document_per_identity"),
)

book_posting = Table(  # append-only
    "book_posting",
    schema,
    Column("key", String(120), primary_key=True),
    Column("invoice", ForeignKey("book_invoice.id"), nullable=False, index=True),
    Column("reference", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

book_line = Table(  # what an imported document says was billed
    "book_line",
    schema,
    Column("invoice", ForeignKey("book_invoice.id"), primary_key=True),
    Column("nth", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("quantity", String(40), nullable=False, server_default=""),
    Column("amount_minor", BigInteger, nullable=False),
)

import_mapping = Table(  # what headings of imported sheets mean, where somebody had to say it
    "import_mapping",
    schema,
    Column("signature", String(12), primary_key=True),  # of all the headings of a sheet, in their order
    Column("headings", Text, nullable=False),  # JSON: as they stand in the file
    Column("fields", Text, nullable=False),  # JSON: heading, letters and digits only -> field
    Column("at", BigInteger, nullable=False),
)

book_saved = Table(  # changes of details that were written, once per key
    "book_saved",
    schema,
    Column("key", String(120), primary_key=True),
    Column("customer", ForeignKey("book_customer.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
)

# --- the help center ----------------------------------------------------------------------------------------------

help_rating = Table(  # whether articles answered questions; one row per answer of a customer
    "help_rating",
    schema,
    Column("key", String(120), primary_key=True),  # of the effect
    Column("topic", String(40), nullable=False, index=True),
    Column("helped", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
)

help_gap = Table(  # questions that no article answers, redacted
    "help_gap",
    schema,
    Column("key", String(120), primary_key=True),  # of the effect
    Column("text", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

delivery = Table(  # chats of front ends that are called, and how far their messages have gone out
    "delivery",
    schema,
    Column("chat", String(200), primary_key=True),
    Column("sent", BigInteger, nullable=False),  # the number of the last message
    Column("leased_until", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("gone_at", BigInteger),  # since when nobody is there
    Column("changed_at", BigInteger),  # when somebody wrote, or a message went out; null: before that was kept
)

telegram_update = Table(  # messages of Telegram, written down before it hears that they arrived
    "telegram_update",
    schema,
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    Column("chat", String(200), nullable=False, index=True),
    Column("message", BigInteger, nullable=False),  # Telegram's number of it in its chat
    Column("text", Text, nullable=False),  # redacted, and emptied once it was answered
    Column("locale", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
)
chatwoot_conversation = Table(  # who leads a conversation in Chatwoot, by its newest word
    "chatwoot_conversation",
    schema,
    Column("chat", String(200), primary_key=True),
    Column("person", Boolean, nullable=False),  # a person does; else the assistant
    Column("quiet", Boolean, nullable=False),  # a person did since the assistant spoke there last
    Column("at", BigInteger, nullable=False),  # of that word, by Chatwoot's clock
)
Index(  # what is still to be answered is asked for at every start
    "telegram_update_pending",
    telegram_update.c.chat,
    sqlite_where=telegram_update.c.done_at.is_(None),
    postgresql_where=telegram_update.c.done_at.is_(None),
)

# --- letters --------------------------------------------------------------------------------------------------------

letter = Table(  # letters that go out because something happened, one per cause
    "letter",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),  # of the cause
    Column("kind", String(40), nullable=False),
    Column("customer", String(120), nullable=False, index=True),
    Column("about", Text, nullable=False),  # JSON: ids and numbers, never words, names or addresses
    Column("state", String(16), nullable=False),  # waiting, sent, refused, moot, unsure, expired
    Column("due_at", BigInteger, nullable=False),
    Column("until_at", BigInteger, nullable=False),  # then it is given up
    Column("lease_until", BigInteger, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("doubts", Integer, nullable=False, server_default="0"),  # times it was handed over without an answer
    Column("message_id", String(200), index=True),  # the part before the @, once it was handed over
    Column("address_hash", String(64)),  # keyed: where it went, so that a report that it did not arrive marks no other
    Column("dated_at", BigInteger),  # the date it bears
    Column("sent_at", BigInteger),
    Column("code", String(16), nullable=False, server_default=""),  # of a mail server, or why it is moot
    Column("changed_at", BigInteger, nullable=False),
)
Index(
    "letter_waiting",
    letter.c.due_at,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)

reminder = Table(  # that a customer was reminded: once for an invoice, a stage and a due date
    "reminder",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("invoice", String(120), nullable=False),
    Column("stage", String(16), nullable=False),  # before-3, due, overdue-10
    Column("due", Date, nullable=False),
    Column("customer", String(120), nullable=False, index=True),
    Column("letter", String(200), nullable=False),  # its key
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("invoice", "stage", "due", name="one_reminder_per_stage"),
)

mail_refusal = Table(  # addresses that take no mail, by the word of their mail server
    "mail_refusal",
    schema,
    Column("address_hash", String(64), primary_key=True),  # keyed with the installation's secret
    Column("at", BigInteger, nullable=False),
    Column("code", String(16), nullable=False),  # such as 5.1.1 (RFC 3463)
)

# --- people who help ----------------------------------------------------------------------------------------------

agent = Table(
    "agent",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("email", String(254), nullable=False, unique=True),  # in lower case
    Column("name", String(80), nullable=False),  # which customers read
    Column("role", String(16), nullable=False),  # agent, supervisor
    Column("password", Text, nullable=False),  # argon2id, with its parameters and salt
    Column("made_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
    Column("wrong", Integer, nullable=False, server_default="0"),  # passwords in a row
    Column("locked_until", BigInteger, nullable=False, server_default="0"),
)

desk_session = Table(
    "desk_session",
    schema,
    Column("token_hash", String(64), primary_key=True),
    Column("agent", ForeignKey("agent.id"), nullable=False, index=True),
    Column("made_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

handoff = Table(  # chats that a person is asked to look into, one open row per chat
    "handoff",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("chat", String(200), nullable=False, index=True),
    Column("state", String(16), nullable=False),  # waiting, held, lent, resolved
    Column("reason", String(40), nullable=False),
    Column("asked_at", BigInteger, nullable=False, index=True),
    Column("agent", ForeignKey("agent.id"), index=True),  # who holds it, or gave it to the assistant for a while
    Column("taken_at", BigInteger),  # first
    Column("resolved_at", BigInteger),
    Column("brief", Text, nullable=False, server_default=""),  # JSON of `Brief`: who, what, where; kept up to date
    Column("waits_since", BigInteger),  # the customer's first message that no agent has answered
    Column("stars", Integer),  # 1 to 5, the customer's
    Column("changed_at", BigInteger, nullable=False),
)
Index(
    "one_open_handoff_per_chat",
    handoff.c.chat,
    unique=True,
    sqlite_where=handoff.c.resolved_at.is_(None),
    postgresql_where=handoff.c.resolved_at.is_(None),
)

errand = Table(  # what people at the desk want of a conversation, in order, until it was done there
    "errand",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("chat", String(200), nullable=False, index=True),
    Column("key", String(120), unique=True),  # of a form that may be sent twice
    Column("body", Text, nullable=False),  # JSON; emptied once it was done
    Column("at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
)
Index(
    "errand_to_do",
    errand.c.id,
    sqlite_where=errand.c.done_at.is_(None),
    postgresql_where=errand.c.done_at.is_(None),
)

transcript = Table(  # what was said in chats that were handed to a person, redacted
    "transcript",
    schema,
    Column("chat", String(200), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("sender", String(16), nullable=False),  # bot, agent, customer, notice
    Column("name", String(80), nullable=False, server_default=""),  # of the agent
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

proposal = Table(  # payments that people at the desk propose
    "proposal",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("chat", String(200), nullable=False, index=True),
    Column("handoff", ForeignKey("handoff.id")),
    Column("agent", ForeignKey("agent.id")),
    Column("invoices", Text, nullable=False),  # JSON: ids
    Column("numbers", Text, nullable=False),  # JSON: as printed on them
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("state", String(16), nullable=False),  # offered, confirmed, declined, withdrawn, blocked
    Column("payment", String(32)),  # once it is confirmed: its state is the ledger's
    Column("made_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("api_key", Integer),  # of the outside system that proposed it; null: somebody at the desk did
    Column("request_key", String(200)),  # of a request that may be sent twice: its key's number, and its own
    Column("request_hash", String(64)),  # of what was asked under it
)
Index("proposal_once_per_request", proposal.c.request_key, unique=True)

api_key = (
    Table(  # outside systems that may use the API; a row stays when it is revoked, and names what was proposed by it
        "api_key",
        schema,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("name", String(80), nullable=False, unique=True),  # which customers read
        Column("token_hash", String(64), nullable=False, unique=True),
        Column("scopes", Text, nullable=False),  # JSON
        Column("made_at", BigInteger, nullable=False),
        Column("revoked_at", BigInteger),
        Column("last_used_at", BigInteger),
    )
)

desk_note = Table(  # private notes on a chat, redacted
    "desk_note",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("chat", String(200), nullable=False, index=True),
    Column("agent", ForeignKey("agent.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

canned = Table(  # answers that are kept ready, with {variables}
    "canned",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("title", String(80), nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("changed_by", ForeignKey("agent.id"), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

audit = Table(  # append-only: who saw, took, wrote, proposed, refunded, resolved and exported what
    "audit",
    schema,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("agent", Integer),  # null: somebody with the shell
    Column("what", String(40), nullable=False, index=True),
    Column("chat", String(200), nullable=False, server_default=""),
    Column("payment", String(32), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),  # JSON, without words or personal data
)
