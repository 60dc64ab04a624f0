"""Payments for supervisors: find one, see its steps, refund it in full or in part, stop and resume new payments.

Refunds go the way of `bot.office`; nothing is done before it was read once more and confirmed.
"""

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import receipts, words
from bot.desk.doors import Fields, Visit, form, page
from bot.desk.frame import note, render
from bot.office import GiveBackOrder, Refused, give_back, read_amount
from dialogs.reading.guard import redact
from services import agreements
from services.desk import audit, finding
from services.desk.agents import Agent
from services.desk.days import begin
from services.errors import Misconfigured
from services.model import Money, Payment, PaymentState, fee_in
from services.payments import ledger, pauses, refunds, states

if TYPE_CHECKING:
    from bot.app import Remit

MOST = 100  # payments in one list
LONGEST_WHY = 500
REFUND_STATES = {
    "asked": "asked for, the gateway has not said yes yet",
    "done": "done",
    "failed": "refused by the gateway",
}


def routes(remit: "Remit") -> list[Route]:
    """``/desk/payments`` and below."""
    one = "/desk/payments/{reference}"
    return [
        Route("/desk/payments", page(remit, "supervisor", _list), methods=["GET"]),
        Route("/desk/payments/pause", form(remit, "supervisor", _pause), methods=["POST"]),
        Route(one, page(remit, "supervisor", _open), methods=["GET"]),
        Route(f"{one}/receipt", form(remit, "supervisor", _send_receipt), methods=["POST"]),
        Route(f"{one}/refund", form(remit, "supervisor", _refund), methods=["POST"]),
    ]


async def _list(visit: Visit) -> Response:
    query = visit.request.query_params
    told, state, day = query.get("q", ""), query.get("state", ""), query.get("day", "")
    chosen = PaymentState(state) if state in set(PaymentState) else None
    zone = visit.remit.settings.zone
    try:
        first = date.fromisoformat(day)
        between = begin(first, zone), begin(first + timedelta(days=1), zone)
    except (ValueError, OverflowError):
        day, between = "", None

    def look(conn: Connection) -> tuple[Any, bool]:
        return finding.payments_found(conn, told, chosen, MOST, between), pauses.is_paused(conn)

    found, paused = await visit.remit.transact(look)
    return render(
        visit.frame,
        "payments.html",
        title="Payments",
        here="payments",
        found=found,
        most=MOST,
        paused=paused,
        q=told,
        state=state,
        day=day,
        states=words.PAYMENT_STATES,
        zone=zone,
    )


async def _open(visit: Visit) -> Response:
    reference = visit.request.path_params["reference"]

    def saw(conn: Connection) -> None:
        if ledger.find_row(conn, reference) is not None:
            audit.note(conn, visit.agent.id, "saw_payment", visit.remit.clock(), payment=reference)

    await visit.remit.transact(saw)
    return await _shown(visit)


async def _shown(visit: Visit, status: int = 200, problem: str = "", typed: Fields | None = None) -> Response:
    reference = visit.request.path_params["reference"]

    def look(conn: Connection) -> tuple[Payment | None, Any, Any, Any, dict[str, str]]:
        paid, links = ledger.payment(conn, reference), receipts.links(conn, visit, [reference])
        agreed = agreements.chain(conn, agreements.of_payment(reference))
        return paid, finding.events(conn, reference), refunds.of_payment(conn, reference), agreed, links

    paid, events, made, agreed, links = await visit.remit.transact(look)
    if paid is None:
        return _missing(visit)
    asked = sum(each.amount.minor for each in made if each.state == "asked")
    left = Money(paid.amount.minor - paid.refunded_minor - asked, paid.amount.currency)
    return render(
        visit.frame,
        "payment.html",
        status,
        title=f"Payment {paid.reference}",
        here="payments",
        paid=paid,
        events=events,
        agreed=agreed,
        channels=words.CHANNELS,
        refunds=made,
        receipt=links.get(reference, ""),
        press=visit.remit.random(12).hex(),
        done=words.DONE.get(visit.request.query_params.get("said", ""), "") if not problem else "",
        refund_states=REFUND_STATES,
        left=left if paid.state in states.REFUNDABLE and left.minor > 0 else None,
        fee_refunded=_fee_in(paid, 0, paid.refunded_minor),
        fee_left=_fee_in(paid, paid.refunded_minor + asked, left.minor),
        key=(typed or {}).get("key") or visit.remit.random(12).hex(),
        typed=typed or {},
        problem=problem,
        states=words.PAYMENT_STATES,
        zone=visit.remit.settings.zone,
    )


def _fee_in(paid: Payment, gone: int, more: int) -> Money:
    """What of the next ``more`` minor units to go back is program fee, after ``gone`` went."""
    return Money(fee_in(paid.amount.minor, paid.fee_minor, gone, more), paid.amount.currency)


def _missing(visit: Visit) -> Response:
    return note(visit.frame, 404, "There is no such payment", "Look for it again in the list of payments.")


async def _refund(visit: Visit, fields: Fields) -> Response:
    reference, key = visit.request.path_params["reference"], fields.get("key", "")[:64]
    paid = await visit.remit.checkout.view(reference)
    if paid is None:
        return _missing(visit)
    told = fields.get("amount", "").strip() or "all"
    try:
        amount = None if told == "all" else read_amount(told, paid.amount.currency)
    except Misconfigured:
        return await _shown(visit, 409, words.REFUSALS["amount"], fields)
    why = redact(fields.get("why", "").strip()[:LONGEST_WHY]).text
    if not why or len(key) < 8:
        return await _shown(visit, 409, "Write down why: it is kept with the refund.", fields)
    if fields.get("sure") != "yes":
        sum_told = "all that is left" if amount is None else str(amount)
        text = f"Refund {sum_told} of payment {reference} ({paid.amount})?{_fee_told(paid, amount)} The money goes back to the customer."
        kept = {"key": key, "amount": told, "why": why, "again": fields.get("again", "")}
        return confirm(visit, "Refund this payment?", text, "Refund", f"payments/{reference}/refund", kept)
    await _noted(visit, "refund_asked", reference, amount_minor=None if amount is None else amount.minor)
    order = GiveBackOrder(key, reference, told, asked_by(visit.agent), why, fields.get("again") == "yes")
    made = await give_back(visit.remit, order, f"desk:{visit.agent.id}:{reference}:{key}")
    if isinstance(made, Refused):
        await _noted(visit, "refund_refused", reference, code=made.code)
        if made.code == "just_asked":
            problem = "The same sum was refunded a moment ago. Tick the box if you want another refund like it."
            return await _shown(visit, 409, problem, {**fields, "just_asked": "yes"})
        return await _shown(visit, 409, f"Nothing was refunded: {made.words}.", fields)
    if amount is not None and made.amount != amount:
        problem = f"This form was sent before: refund {made.id} of {made.amount} stands, and nothing more was refunded."
        return await _shown(visit, 409, problem, {})
    return visit.to(f"payments/{reference}")


def _fee_told(paid: Payment, amount: Money | None) -> str:
    if not paid.fee_minor:
        return ""
    more = paid.amount.minor - paid.refunded_minor if amount is None else amount.minor
    return f" {_fee_in(paid, paid.refunded_minor, more)} of it are the program fee."


async def _send_receipt(visit: Visit, fields: Fields) -> Response:
    reference = visit.request.path_params["reference"]
    if await visit.remit.checkout.view(reference) is None:
        return _missing(visit)
    fate = await receipts.send(visit, reference, fields)
    return (
        visit.to(f"payments/{reference}?said=receipt_sent")
        if fate == "sent"
        else await _shown(visit, 409, receipts.told(fate))
    )


async def _noted(visit: Visit, what: str, reference: str, **detail: Any) -> None:
    def write(conn: Connection) -> None:
        audit.note(conn, visit.agent.id, what, visit.remit.clock(), payment=reference, **detail)

    await visit.remit.transact(write)


async def _pause(visit: Visit, fields: Fields) -> Response:
    paused = fields.get("paused") == "yes"
    why = redact(fields.get("why", "").strip()[:LONGEST_WHY]).text
    if fields.get("sure") != "yes":
        title = "Stop new payments?" if paused else "Take new payments again?"
        text = (
            "Nobody can begin a payment until you resume. What has begun goes on, and its results are told."
            if paused
            else "Customers can begin payments again at once."
        )
        kept = {"paused": fields.get("paused", ""), "why": why}
        return confirm(visit, title, text, "Stop" if paused else "Resume", "payments/pause", kept)
    await visit.remit.transact(partial(_switch, visit, paused, why))
    return visit.to("payments")


def _switch(visit: Visit, paused: bool, why: str, conn: Connection) -> None:
    now = visit.remit.clock()
    if pauses.set_paused(conn, paused, asked_by(visit.agent), why, now):
        audit.note(conn, visit.agent.id, "paused" if paused else "resumed", now)


def asked_by(agent: Agent) -> str:
    """Who it was, as the ledger keeps it."""
    return f"{agent.name} (desk, {agent.id})"


def confirm(visit: Visit, title: str, text: str, button: str, to: str, kept: Fields) -> Response:  # noqa: PLR0917  # the page's parts
    """A page that asks once more. The same form goes out again with what was told, and with ``sure``."""
    values: dict[str, Any] = {"text": text, "button": button, "to": to, "kept": kept, "back": to.rpartition("/")[0]}
    return render(visit.frame, "confirm.html", title=title, here="payments", **values)
