"""Receipts at the desk: where one is seen, and sending it again to the address on file, once per press.

Whoever may open the page may press; what goes out, and how often, is `services.payments.receipt_requests`' to say.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from bot.desk import words
from bot.desk.doors import Fields, Visit
from services.desk import audit
from services.model import Payment
from services.payments import ledger, receipt_links, receipt_requests, receipts

MOST = 10  # payments of a customer


def links(conn: Connection, visit: Visit, references: Sequence[str]) -> dict[str, str]:
    """The addresses of the receipts of these payments; one that has none is left out."""
    remit = visit.remit
    found = [each for each in references if receipts.read(conn, each) is not None]
    tokens = {each: receipt_links.share(conn, each, remit.secret, remit.clock()) for each in found}
    return {each: f"{remit.settings.base_url}/r/{token}" for each, token in tokens.items()}


def paid_by(conn: Connection, visit: Visit, customer: str) -> list[tuple[Payment, str]]:
    """A customer's newest payments that have a receipt, each with its address."""
    newest, _ = ledger.of_customer(conn, customer, MOST)
    known = links(conn, visit, [each.reference for each in newest])
    return [(each, known[each.reference]) for each in newest if each.reference in known]


async def send(visit: Visit, reference: str, fields: Fields) -> str:
    """Have it sent, audited; how it went, as a name in `words.RECEIPT_FATES`. ``key`` of the form: once per press."""
    remit, key = visit.remit, fields.get("key", "")[:64]
    if remit.mail is None:
        return "no_mail"
    if len(key) < 8:
        return "old_form"
    found = await remit.transact(lambda conn: receipts.read(conn, reference))
    details = None if found is None or not found.customer else await remit.books.details(found.customer)
    if found is None or details is None or not details.email:
        return "no_address"

    def work(conn: Connection) -> bool:
        pressed = f"desk:{visit.agent.id}:{reference}:{key}"
        done = receipt_requests.ask(conn, pressed, found.customer, reference, remit.clock())
        audit.note(conn, visit.agent.id, "sent_receipt", remit.clock(), payment=reference, sent=done)
        return done

    return "sent" if await remit.transact(work) else "often"


def told(fate: str) -> str:
    """How it went, in words."""
    return words.RECEIPT_FATES[fate]
