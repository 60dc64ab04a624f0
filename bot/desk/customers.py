"""Finding a customer by name, e-mail address or invoice number; what they owe, their chats, and a pay link to their address."""

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import receipts, words
from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import note, render
from bot.send_links import LinkSender
from services import mail_refusals
from services.desk import audit, finding, handoffs
from services.invoices.base import Books
from services.model import Account, Invoice, InvoiceState, Payment
from services.payments import ledger

if TYPE_CHECKING:
    from bot.app import Remit

MOST = 25  # customers in one answer, and chats of one kind
MOST_INVOICES = 50


def routes(remit: "Remit") -> list[Route]:
    """``/desk/customers``, one customer, and what is done there. Ids may hold anything, so they stand in the query."""
    return [
        Route("/desk/customers", page(remit, "agent", _find), methods=["GET"]),
        Route("/desk/customer", page(remit, "agent", _open), methods=["GET"]),
        Route("/desk/customer/open-chat", form(remit, "agent", _open_chat), methods=["POST"]),
        Route("/desk/customer/send-receipt", form(remit, "agent", _send_receipt), methods=["POST"]),
        Route("/desk/customer/send-link", form(remit, "agent", _send_link), methods=["POST"]),
    ]


async def _find(visit: Visit) -> Response:
    told = visit.request.query_params.get("q", "").strip()[: finding.LONGEST]
    found = await _customers(visit.remit.books, told) if told else {}
    return render(visit.frame, "customers.html", title="Customers", here="customers", q=told, found=found, most=MOST)


async def _customers(books: Books, told: str) -> dict[str, str]:
    """Customers whose invoice number, e-mail address or name this is: id -> name, those that are surest first."""
    every = [Account(each.customer, each.customer_name) for each in await books.find(told)]
    every += await books.at(told) if "@" in told else ()
    every += await books.named(told, MOST)
    return dict(list({each.id: each.name for each in every}.items())[:MOST])


async def _open(visit: Visit) -> Response:
    customer = visit.request.query_params.get("id", "")
    return await _shown(visit, customer, noted=True)


async def _shown(visit: Visit, customer: str, status: int = 200, problem: str = "", *, noted: bool = False) -> Response:
    details = await visit.remit.books.details(customer)
    if details is None:
        return note(visit.frame, 404, "There is no such customer", "Look for them again.")
    invoices = (await visit.remit.books.of_customer(customer))[:MOST_INVOICES]

    address = mail_refusals.hash_of(details.email, visit.remit.secret)

    def look(conn: Connection) -> _Looked:
        if noted:
            audit.note(conn, visit.agent.id, "saw_customer", visit.remit.clock(), customer=customer)
        chats = [(chat, _last(conn, chat)) for chat in _chats(conn, customer, invoices)]
        return _Looked(chats, mail_refusals.of(conn, address), receipts.paid_by(conn, visit, customer))

    looked = await visit.remit.transact(look)
    said = visit.request.query_params.get("said", "")
    return render(
        visit.frame,
        "customer.html",
        status,
        title=details.name or "Customer",
        here="customers",
        id=customer,
        details=details,
        invoices=[each for each in invoices if each.state is InvoiceState.OPEN],
        chats=looked.chats,
        refusal=looked.refusal,
        paid=looked.paid,
        press=visit.remit.random(12).hex(),
        problem=problem,
        done=words.DONE.get(said, "") if not problem else "",
        words=words,
        zone=visit.remit.settings.zone,
    )


class _Looked(NamedTuple):
    chats: list[tuple[str, handoffs.Handoff | None]]
    refusal: mail_refusals.Refusal | None  # of their address, by a mail server
    paid: list[tuple[Payment, str]]  # with the links of the receipts


def _chats(conn: Connection, customer: str, invoices: tuple[Invoice, ...]) -> list[str]:
    return list(finding.chats_of(conn, customer, [each.number for each in invoices], MOST))


def _last(conn: Connection, chat: str) -> handoffs.Handoff | None:
    """The open handoff of a chat, or else the last one."""
    return handoffs.of_chat(conn, chat) or next(iter(handoffs.earlier(conn, chat, 1)), None)


async def _open_chat(visit: Visit, fields: Fields) -> Response:
    """Only a chat of this customer, by what is known: not any chat that somebody names."""
    customer, chat = fields.get("id", ""), fields.get("chat", "")
    invoices = (await visit.remit.books.of_customer(customer))[:MOST_INVOICES]
    theirs = await visit.remit.transact(lambda conn: _chats(conn, customer, invoices))
    if chat not in theirs:
        return await _shown(visit, customer, 409, "This chat is not one of this customer's.")
    number = await visit.remit.desk.open_chat(visit.agent, chat, "found")
    return visit.to(f"chats/{number}")


async def _send_link(visit: Visit, fields: Fields) -> Response:
    customer, invoice = fields.get("id", ""), fields.get("invoice", "")
    found = await visit.remit.books.get(invoice)
    if found is None or found.customer != customer:
        return await _shown(visit, customer, 409, words.LINK_FATES["no_such_invoice"])
    if visit.remit.mail is None:
        return await _shown(visit, customer, 409, words.LINK_FATES["no_mail"])
    fate = await LinkSender(visit.remit, visit.remit.mail).send_one(invoice)
    agent, now = visit.agent.id, visit.remit.clock()
    await visit.remit.transact(lambda conn: audit.note(conn, agent, "sent_link", now, invoice=invoice, fates=[fate]))
    if fate == "sent":
        return visit.to(f"customer?{urlencode({'id': customer, 'said': 'link_sent'})}")
    return await _shown(visit, customer, 409, words.LINK_FATES[fate])


async def _send_receipt(visit: Visit, fields: Fields) -> Response:
    """Only of a payment of this customer: not of any that somebody names."""
    customer, reference = fields.get("id", ""), fields.get("payment", "")
    newest, _ = await visit.remit.transact(lambda conn: ledger.of_customer(conn, customer, receipts.MOST))
    if reference not in {each.reference for each in newest}:
        return await _shown(visit, customer, 409, receipts.told("no_address"))
    fate = await receipts.send(visit, reference, fields)
    if fate == "sent":
        return visit.to(f"customer?{urlencode({'id': customer, 'said': 'receipt_sent'})}")
    return await _shown(visit, customer, 409, receipts.told(fate))
