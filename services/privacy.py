"""What the ledger's database holds about one person: which rows, what of them is handed out, and what is erased.

One line of `TABLES` says it for each table; whoever adds a table adds a line there, or says in `OTHERS` why nobody's
personal data is in it. Money is never touched: of payments, consents and the journal no row goes, and no sum changes.
Synchronous functions over one connection. Conversations are `bot/stores`', and their order `bot/privacy.py`'s.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    false,
    or_,
    select,
    union,
    update,
)

from services import letterbox
from services.database import instant, wiping
from services.payments import states
from services.payments.refunds import RefundState
from services.schema import (
    account,
    agreement,
    autopay,
    autopay_charge,
    autopay_event,
    autopay_line,
    autopay_notice,
    browser,
    chatwoot_conversation,
    consent,
    delivery,
    desk_note,
    errand,
    go_link,
    handoff,
    handoff_case,
    help_gap,
    help_rating,
    hop,
    letter,
    method_note,
    outbox,
    payment,
    payment_invoice,
    proposal,
    receipt_link,
    refund,
    reminder,
    sign_in_code,
    telegram_update,
    transcript,
    tried,
)
from services.visitors import end_proofs

PIECE = 500  # rows that are read at once

# Money may still move, or a bank has not decided. What comes after the others is told all the same: an ACH return, a dispute.
UNDER_WAY = states.LIVE | states.RESERVING | {states.DISPUTED}


class Whose(msgspec.Struct, frozen=True):
    """Whose rows: those that name a customer, or those of a chat that name nobody.

    ``whole``: of the chat also those that name anybody but ``customer``. ``epochs`` are those of the chat's conversations: the
    keys of its effects begin with them.
    """

    customer: str = ""
    chat: str = ""
    epochs: tuple[str, ...] = ()
    whole: bool = False


Which: TypeAlias = Callable[[Whose], ColumnElement[bool]]
ALL: Final = "all"  # the row goes


class Personal(msgspec.Struct, frozen=True):
    """A table with rows that are about somebody: which they are, the columns that are handed out, and what is erased.

    ``erased`` gives columns their new values; `ALL`: the rows go; nothing: they stay as they are, and docs/privacy.md says why.
    """

    name: str
    table: Table
    which: Which
    shown: tuple[Column[Any], ...] = ()  # none: it is nothing that anybody could read, such as a token's hash
    erased: Mapping[str, object] | Literal["all"] = {}


def _of_customer(column: Column[Any]) -> Which:
    return lambda whose: false() if whose.chat else column == whose.customer


def _of_chat(column: Column[Any]) -> Which:
    return lambda whose: column == whose.chat if whose.chat else false()


def _of_either(table: Table) -> Which:
    """Rows with a ``chat`` and maybe a ``customer``."""

    def which(whose: Whose) -> ColumnElement[bool]:
        if not whose.chat:
            return table.c.customer == whose.customer
        others = table.c.customer != whose.customer if whose.whole else false()
        return and_(table.c.chat == whose.chat, or_(table.c.customer.is_(None), others))

    return which


def _of_payments(column: Column[Any]) -> Which:
    whole = _of_either(payment)
    return lambda whose: column.in_(select(payment.c.reference).where(whole(whose)))


def _of_effects(column: Column[Any]) -> Which:
    """Rows under the key of an effect."""
    return lambda whose: or_(false(), *(column.startswith(f"{epoch}/", autoescape=True) for epoch in whose.epochs))


def _of_hops(whose: Whose) -> ColumnElement[bool]:
    return or_(hop.c.chat == whose.chat, hop.c.used_in == whose.chat) if whose.chat else false()


def _of_enrolments(whose: Whose) -> ColumnElement[bool]:
    mine = select(autopay.c.id).where(autopay.c.customer == whose.customer)
    return false() if whose.chat else autopay_event.c.enrolment.in_(mine)


_Y, _G = autopay.c, autopay_charge.c
_P, _C, _B, _S, _H, _O, _R = payment.c, handoff_case.c, browser.c, sign_in_code.c, hop.c, handoff.c, proposal.c
_A = agreement.c
_AGREED = (
    _A.subject,
    _A.act,
    _A.at,
    _A.words,
    _A.amount_minor,
    _A.fee_minor,
    _A.currency,
    _A.method,
    _A.brand,
    _A.last4,
)
_L = letter.c
_SUMS = (_P.amount_minor, _P.fee_minor, _P.refunded_minor, _P.currency)
_HOW = (_P.method, _P.brand, _P.last4, _P.billing_name, _P.billing_zip)

# fmt: off
TABLES = (
    Personal("payments", payment, _of_either(payment), (_P.reference, _P.state, *_SUMS, *_HOW, _P.reason, _P.created_at, _P.changed_at),
             {"billing_name": "", "billing_zip": ""}),
    Personal("payment_invoices", payment_invoice, _of_payments(payment_invoice.c.payment), (payment_invoice.c.payment, payment_invoice.c.number, payment_invoice.c.amount_minor)),
    Personal("consents", consent, _of_payments(consent.c.payment), (consent.c.payment, consent.c.at, consent.c.quote)),
    Personal("agreements", agreement, _of_either(agreement), _AGREED),
    Personal("refunds", refund, _of_payments(refund.c.payment), (refund.c.id, refund.c.payment, refund.c.amount_minor, refund.c.state, refund.c.why, refund.c.asked_at),
             {"why": ""}),
    Personal("go_links", go_link, _of_payments(go_link.c.payment), erased=ALL),
    # a receipt shows the last four digits of a card: from an erasure on nobody opens it any more
    Personal("receipt_links", receipt_link, _of_payments(receipt_link.c.payment), erased=ALL),
    Personal("requests", handoff_case, _of_either(handoff_case), (_C.id, _C.reason, _C.invoice, _C.payment, _C.at, _C.closed_at, _C.summary, _C.words, _C.answer),
             {"summary": "", "words": "", "answer": ""}),
    Personal("account", account, _of_customer(account.c.customer), (account.c.first_at, account.c.last_at)),
    Personal("method_names", method_note, _of_customer(method_note.c.customer), (method_note.c.nickname, method_note.c.favorite, method_note.c.changed_at),
             {"nickname": ""}),
    # sums, days and states: evidence of the business, like payments; the words of an authorisation are among the agreements
    Personal("autopay", autopay, _of_customer(_Y.customer), (_Y.id, _Y.state, _Y.method, _Y.brand, _Y.last4, _Y.limit_minor, _Y.currency, _Y.days, _Y.agreed_at, _Y.why)),
    Personal("autopay_events", autopay_event, _of_enrolments, (autopay_event.c.enrolment, autopay_event.c.what, autopay_event.c.at)),
    Personal("autopay_charges", autopay_charge, _of_customer(_G.customer), (_G.number, _G.cycle, _G.state, _G.amount_minor, _G.currency, _G.payment, _G.why)),
    Personal("autopay_lines", autopay_line, _of_customer(autopay_line.c.customer), (autopay_line.c.number, autopay_line.c.did, autopay_line.c.why, autopay_line.c.amount_minor, autopay_line.c.at)),
    Personal("autopay_notices", autopay_notice, _of_customer(autopay_notice.c.customer), (autopay_notice.c.at, autopay_notice.c.body)),
    Personal("sign_in_codes", sign_in_code, _of_chat(_S.chat), (_S.purpose, _S.sent_at, _S.used_at),
             {"address_hash": "", "salt": b"", "code_hash": b""}),  # the row stays: a chat that was signed in to opens to no older token
    Personal("moves", hop, _of_hops, (_H.channel, _H.made_at, _H.used_at), ALL),
    Personal("questions", help_gap, _of_effects(help_gap.c.key), (help_gap.c.text, help_gap.c.language, help_gap.c.at), ALL),
    Personal("ratings", help_rating, _of_effects(help_rating.c.key), (help_rating.c.topic, help_rating.c.helped, help_rating.c.at)),
    Personal("tries", tried, _of_effects(tried.c.key), erased=ALL),
    Personal("deliveries", delivery, _of_chat(delivery.c.chat), (delivery.c.sent, delivery.c.gone_at), ALL),
    Personal("telegram", telegram_update, _of_chat(telegram_update.c.chat), (telegram_update.c.text, telegram_update.c.at, telegram_update.c.done_at),
             {"text": ""}),
    Personal("handoffs", handoff, _of_chat(handoff.c.chat), (_O.reason, _O.asked_at, _O.taken_at, _O.resolved_at, _O.brief, _O.stars),
             {"brief": ""}),
    Personal("transcript", transcript, _of_chat(transcript.c.chat), (transcript.c.sender, transcript.c.name, transcript.c.text, transcript.c.at), ALL),
    Personal("notes", desk_note, _of_chat(desk_note.c.chat), (desk_note.c.text, desk_note.c.at), ALL),
    Personal("proposals", proposal, _of_chat(_R.chat), (_R.numbers, _R.amount_minor, _R.currency, _R.reason, _R.state, _R.payment, _R.made_at),
             {"reason": ""}),
    Personal("chatwoot", chatwoot_conversation, _of_chat(chatwoot_conversation.c.chat), erased=ALL),
    Personal("errands", errand, _of_chat(errand.c.chat), erased=ALL),
    Personal("reminders", reminder, _of_customer(reminder.c.customer), (reminder.c.invoice, reminder.c.stage, reminder.c.due, reminder.c.at)),
    Personal("letters", letter, _of_customer(_L.customer), (_L.kind, _L.state, _L.due_at, _L.sent_at, _L.about), {"about": "{}", "message_id": None, "address_hash": None}),
    # last: they name the chats of whoever signed in, so that an erasure that was cut short finds those again
    Personal("sign_ins", browser, _of_either(browser), (_B.proved_at, _B.expires_at, _B.revoked_at), ALL),
)
# fmt: on

# Tables in which nothing is about one person but by way of a payment, or which are the business's own books.
OTHERS = {
    "agreement_head": "a number and a hash",
    "payment_event": "steps of a payment, by their causes; never anything personal",
    "fact": "the gateway's words, as its contract has them: sums, instants, brand and last four",
    "journal": "sums",
    "ruling": "a person's word on where a payment stands, append-only: evidence of the business",
    "pause": "the business's own switch",
    "comparison": "counts and references",
    "autopay_run": "instants, and who at the business asked for it",
    "outbox": "sums and references; what was told goes after a while",
    "audit": "who at the desk did what in which chat, append-only and without words: evidence of the business",
    "agent": "the business's own people",
    "desk_session": "the business's own people",
    "canned": "the business's own words",
    "api_key": "the business's own systems",
    "pay_link": "hashes of links of an invoice, and when each was first used, by whomever: the business's letters",
    "attempt": "wrong tries by invoice and address on the network; they go after a while",
    "mail_refusal": "a keyed hash of an address that takes no mail: forgotten, it would be written to again",
    "sign_in_guard": "a keyed hash and a number: whoever is erased must not give a guesser new tries",
    "book_customer": "the business's books",
    "book_invoice": "the business's books",
    "book_posting": "the business's books",
    "book_line": "the business's books",
    "import_mapping": "headings of the business's own sheets",
    "book_saved": "that details were changed in the books, by a customer's id",
}


# --- finding ----------------------------------------------------------------------------------------------------------

_NAMING = (payment, handoff_case, browser, agreement)  # rows that name a chat and a customer


def chats_of(conn: Connection, customer: str) -> list[str]:
    """The chats in which a customer signed in, in which an invoice of theirs was paid, or a case of theirs opened."""
    named = (select(table.c.chat).where(table.c.customer == customer) for table in _NAMING)
    agreed = (
        select(consent.c.chat)
        .join(payment, payment.c.reference == consent.c.payment)
        .where(payment.c.customer == customer)
    )
    found = conn.execute(union(*named, agreed)).scalars()
    return sorted(chat for chat in found if chat)


def customers_of(conn: Connection, chat: str) -> set[str]:
    """The customers whom rows of a chat name."""
    agreed = (
        select(payment.c.customer).join(consent, payment.c.reference == consent.c.payment).where(consent.c.chat == chat)
    )
    named = (select(table.c.customer).where(table.c.chat == chat) for table in _NAMING)
    return {customer for customer in conn.execute(union(*named, agreed)).scalars() if customer}


def moved_to(conn: Connection, chat: str) -> list[str]:
    """The chats of other channels in which a chat went on, as far as that is still known."""
    went = select(hop.c.used_in).where(hop.c.chat == chat, hop.c.used_in.is_not(None)).distinct()
    return sorted(conn.execute(went).scalars())


def epochs_of(conn: Connection, chat: str) -> set[str]:
    """The epochs of a chat's conversations, also of those that are gone: what they began is under keys that name them."""
    began = conn.execute(select(payment.c.start_key).where(payment.c.chat == chat)).scalars().all()
    called = conn.execute(select(handoff_case.c.key).where(handoff_case.c.chat == chat)).scalars().all()
    epochs = (key.partition("/")[0] for key in (*began, *called) if "/" in key)
    return {epoch for epoch in epochs if len(epoch) == 32 and epoch.isalnum()}


def knows(conn: Connection, customer: str) -> bool:
    """Whether any row names this customer: the books may know them no more."""
    tables = (account, browser, payment, handoff_case, method_note, agreement)
    return any(
        conn.execute(select(table.c.customer).where(table.c.customer == customer).limit(1)).first() for table in tables
    )


def has(conn: Connection, table: Personal, whose: Whose) -> bool:
    """Whether this table has a row of theirs."""
    return conn.execute(select(*table.table.primary_key.columns).where(table.which(whose)).limit(1)).first() is not None


# --- what has to end first ------------------------------------------------------------------------------------------------


class Holdup(msgspec.Struct, frozen=True):
    """Something that must end before anything is erased. ``until``: when it will have, where that is known."""

    kind: Literal["payment", "refund", "case", "handoff", "news", "message"]
    name: str = ""  # of the payment, case or handoff
    state: str = ""
    until: datetime | None = None


def holdups(conn: Connection, whose: Whose) -> list[Holdup]:
    """What is under way in these rows: payments, refunds, open cases, news that were not told, messages without an answer."""
    theirs = _of_either(payment)(whose)
    moving = select(payment).where(theirs, payment.c.state.in_(UNDER_WAY)).order_by(payment.c.reference)
    found = [Holdup("payment", row.reference, row.state, _until(row)) for row in conn.execute(moving)]
    mine = select(payment.c.reference).where(theirs)
    asked = select(refund.c.id).where(refund.c.payment.in_(mine), refund.c.state == RefundState.ASKED)
    found += [Holdup("refund", made) for made in conn.execute(asked.order_by(refund.c.id)).scalars()]
    cases = handoff_case.c
    helped = select(handoff.c.id).where(handoff.c.resolved_at.is_(None), handoff.c.chat == whose.chat)
    found += [Holdup("handoff", str(number)) for number in conn.execute(helped).scalars()]
    still = or_(cases.closed_at.is_(None), and_(cases.answer != "", cases.told_at.is_(None), cases.chat != ""))
    opened = select(cases.id, cases.closed_at).where(_of_either(handoff_case)(whose), still).order_by(cases.id)
    found += [Holdup("news" if closed_at else "case", str(number)) for number, closed_at in conn.execute(opened)]
    news = select(outbox.c.id).where(outbox.c.kind == "tell", outbox.c.done_at.is_(None), outbox.c.payment.in_(mine))
    heard = select(telegram_update.c.update_id).where(
        _of_chat(telegram_update.c.chat)(whose), telegram_update.c.done_at.is_(None)
    )
    found += [Holdup("news") for _ in conn.execute(news.limit(1))]
    return found + [Holdup("message") for _ in conn.execute(heard.limit(1))]


def _until(row: Row[Any]) -> datetime | None:
    """When a page ends that nobody has paid on."""
    return None if row.page_expires_at is None or row.state != states.OPEN else instant(row.page_expires_at)


# --- handing out, and erasing -----------------------------------------------------------------------------------------------


def rows(conn: Connection, table: Personal, whose: Whose, after: int) -> list[dict[str, object]]:
    """At most `PIECE` rows after so many, the columns that are shown, instants as ISO 8601 in UTC."""
    keys = table.table.primary_key.columns
    query = select(*table.shown).where(table.which(whose)).order_by(*keys).limit(PIECE).offset(after)
    return [
        {column.name: _readable(column, value) for column, value in zip(table.shown, row, strict=True)}
        for row in conn.execute(query)
    ]


def _readable(column: Column[Any], value: Any) -> object:
    if isinstance(column.type, BigInteger) and value is not None and (column.name == "at" or column.name[-3:] == "_at"):
        return instant(value).isoformat()
    return msgspec.Raw(value) if isinstance(value, bytes) else value


def erase(conn: Connection, whose: Whose, now: datetime) -> int:
    """Erase what is theirs; how many rows changed. Twice is as good as once.

    A customer is signed out everywhere with it, also where the embedding page had vouched for them.
    """
    changed = 0 if whose.chat else letterbox.drop(conn, whose.customer, now)
    changed += sum(_erase(conn, table, whose) for table in TABLES)
    if not whose.chat:
        end_proofs(conn, whose.customer, now)
    wiping(conn)  # also when nothing changed: the try before may have died before its log was emptied
    return changed


def _erase(conn: Connection, table: Personal, whose: Whose) -> int:
    if table.erased == ALL:
        return conn.execute(delete(table.table).where(table.which(whose))).rowcount
    if not table.erased:
        return 0
    columns = table.table.c
    fuller = or_(*(columns[name].is_distinct_from(value) for name, value in table.erased.items()))
    made = update(table.table).where(table.which(whose), fuller).values(dict(table.erased))
    return conn.execute(made).rowcount
