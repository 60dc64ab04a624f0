"""Finding a customer by name, e-mail address or invoice number; what they owe, their chats, and a pay link to their address."""

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import receipts, words
from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import note, render
from bot.send_links import LinkSender
from services.desk import audit, finding, handoffs
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
    found: dict[str, str] = {}
    if told:
        every = [Account(each.customer, each.customer_name) for each in await visit.remit.books.find(told)]
        every += await visit.remit.books.at(told) if "@" in told else ()
        named = finding.customers_named
        every += await visit.remit.transact(lambda conn: named(conn, told, MOST))
        found = {each.id: each.name for each in every[:MOST]}
    others = [name for name in visit.remit.settings.invoices.sources if name != "book"]
    return render(
        visit.frame,
        "customers.html",
        title="Customers",
        here="customers",
        q=told,
        found=found,
        most=MOST,
        others=others,
    )


async def _open(visit: Visit) -> Response:
    customer = visit.request.query_params.get("id", "")
    return await _shown(visit, customer, noted=True)


async def _shown(visit: Visit, customer: str, status: int = 200, problem: str = "", *, noted: bool = False) -> Response:
    details = await visit.remit.books.details(customer)
    if details is None:
        return note(visit.frame, 404, "There is no such customer", "Look for them again.")
    invoices = (await visit.remit.books.of_customer(customer))[:MOST_INVOICES]

    def look(conn: Connection) -> tuple[list[tuple[str, handoffs.Handoff | None]], list[tuple[Payment, str]]]:
        if noted:
            audit.note(conn, visit.agent.id, "saw_customer", visit.remit.clock(), customer=customer)
        chats = [(chat, _last(conn, chat)) for chat in _chats(conn, customer, invoices)]
        return chats, receipts.paid_by(conn, visit, customer)

    chats, paid = await visit.remit.transact(look)
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
        chats=chats,
        paid=paid,
        press=visit.remit.random(12).hex(),
        problem=problem,
        done=words.DONE.get(said, "") if not problem else "",
        words=words,
        zone=visit.remit.settings.zone,
    )


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
