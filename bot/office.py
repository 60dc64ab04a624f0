"""What a business asks of its payments from the command line: list, refund, settle, pause, cases, compare.

Here is the server's side, behind the token of ``server.json`` (`bot.internal`); what is printed is
`bot.office_commands`. What may be refunded is the ledger's to say.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import autopay_office
from bot.help_gaps import Report, grouped
from bot.web import Endpoint, answer, read_body, refusal
from dialogs.reading.guard import redact
from services import help_notes
from services.errors import Misconfigured
from services.model import Money, PaymentState, exponent
from services.payments import cases, comparison, facts, giving_back, ledger, refunds, requests
from services.payments.ledger import Listed
from services.payments.refunds import NotRefundable, Refund, RefundOrder
from services.payments.rulings import Ruling

if TYPE_CHECKING:
    from bot.app import Remit

LARGEST = 64 * 1024
JUST_NOW = timedelta(minutes=10)  # in which the same refund asked for again is taken for a slip of the finger

Guard = Callable[[Endpoint], Endpoint]
Order = TypeVar("Order")


class ListOrder(msgspec.Struct):
    state: PaymentState | None = None
    reference: str = ""
    most: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50


class GiveBackOrder(msgspec.Struct):
    key: Annotated[str, msgspec.Meta(min_length=8, max_length=100)]
    reference: str
    amount: str  # in major units of the payment's currency, such as 12.50, or "all"
    asked_by: Annotated[str, msgspec.Meta(max_length=100)]
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""
    again: bool = False  # although the same sum was refunded a moment ago


class SettleOrder(msgspec.Struct):
    reference: str
    state: Literal["succeeded", "failed", "returned"]
    asked_by: Annotated[str, msgspec.Meta(max_length=100)]
    why: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class PauseOrder(msgspec.Struct):
    paused: bool
    asked_by: Annotated[str, msgspec.Meta(max_length=100)]
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


class CaseOrder(msgspec.Struct):
    close: int | None = None
    answer: Annotated[str, msgspec.Meta(max_length=1000)] = ""  # told to the customer, where they asked for something


class GapOrder(msgspec.Struct):
    days: Annotated[int, msgspec.Meta(ge=1, le=400)]


class CompareOrder(msgspec.Struct):
    days: Annotated[int, msgspec.Meta(ge=1, le=400)]


def office_routes(remit: "Remit", guarded: Guard) -> list[Route]:
    """The routes; ``guarded`` lets nobody in but the command line."""

    def route(path: str, order: type[Order], work: Callable[["Remit", Order], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            asked = msgspec.json.decode(await read_body(request, LARGEST), type=order)
            found = await work(remit, asked)
            return found if isinstance(found, Response) else answer(found)

        return Route(f"/internal/{path}", guarded(endpoint), methods=["POST"])

    return [
        route("payments", ListOrder, _payments),
        route("refund", GiveBackOrder, _refund),
        route("settle", SettleOrder, _settle),
        route("pause", PauseOrder, _pause),
        route("cases", CaseOrder, _cases),
        route("compare", CompareOrder, _compare),
        route("help-gaps", GapOrder, _help_gaps),
        route("autopay-run", autopay_office.RunOrder, autopay_office.run),
        route("autopay-runs", autopay_office.RunsOrder, autopay_office.past),
        route("autopay-switch", autopay_office.SwitchOrder, autopay_office.switch),
    ]


async def _payments(remit: "Remit", order: ListOrder) -> list[dict[str, Any]]:
    found = await remit.transact(lambda conn: ledger.listed(conn, order.state, order.reference, order.most))
    return [_shown(each) for each in found]


def _said(order: GiveBackOrder | SettleOrder | PauseOrder) -> tuple[str, str]:
    """Who asks and why, in words that may be kept: whoever types for a customer may type a card number, too."""
    return redact(order.asked_by).text, redact(order.why).text


def _shown(each: Listed) -> dict[str, Any]:
    paid = each.payment
    return {
        "reference": paid.reference,
        "state": paid.state,
        "amount_minor": paid.amount.minor,
        "currency": paid.amount.currency,
        "fee_minor": paid.fee_minor,
        "refunded_minor": paid.refunded_minor,
        "method": paid.method,
        "brand": paid.brand,
        "last4": paid.last4,
        "invoices": list(paid.numbers),
        "reason": paid.reason,
        "began_at": each.began_at,
        "happened_at": paid.happened_at,
        "changed_at": paid.at,
    }


class Refused(NamedTuple):
    """Why nothing was given back: a code, and words for whoever asked."""

    code: str
    words: str


async def _refund(remit: "Remit", order: GiveBackOrder) -> Response | Refund:
    made = await give_back(remit, order, f"office:{order.key}")
    return refusal(404 if made.code == NotRefundable.NO_PAYMENT else 409, *made) if isinstance(made, Refused) else made


async def give_back(remit: "Remit", order: GiveBackOrder, key: str) -> Refund | Refused:
    """Refund a payment, once per ``key``. Raises `Misconfigured` for an amount that is no sum of its currency."""
    paid = await remit.checkout.view(order.reference)
    if paid is None:
        return Refused(NotRefundable.NO_PAYMENT, f"there is no payment {order.reference}")
    amount = None if order.amount == "all" else read_amount(order.amount, paid.amount.currency)
    since = remit.clock() - JUST_NOW
    asked = RefundOrder(key, order.reference, amount, *_said(order))
    before = await remit.transact(lambda conn: refunds.asked_since(conn, asked, since))
    same = [each for each in before if each.amount == amount]
    if same and not order.again:
        why = f"{same[-1].id} over {same[-1].amount} was asked for a moment ago; add --again for another one like it"
        return Refused("just_asked", why)
    made = await giving_back.refund(remit.checkout, asked)
    remit.worker.wake()
    return Refused(made, _WHY_NOT[made]) if isinstance(made, NotRefundable) else made


_WHY_NOT = {
    NotRefundable.NO_PAYMENT: "there is no such payment",
    NotRefundable.NOTHING_LEFT: "nothing of this payment can be refunded: it was not paid, went back, or is disputed",
    NotRefundable.MORE_THAN_LEFT: "that is more than is left of this payment",
    NotRefundable.WRONG_CURRENCY: "the payment is in another currency",
    NotRefundable.NOT_POSITIVE: "a refund is more than zero",
}


def read_amount(told: str, currency: str) -> Money:
    """``12.50`` as a sum of this currency, exactly. Raises `Misconfigured` for anything else."""
    places = exponent(currency)
    try:
        minor = Decimal(told).scaleb(places) if len(told) <= 20 else Decimal("NaN")
        if minor == minor.to_integral_value():
            return Money(int(minor), currency)
    except (InvalidOperation, ValueError, OverflowError):
        pass  # said below, as for a number with too many places
    raise Misconfigured(f"{told!r} is not a sum of {currency}, which has {places} decimals; write one like 12 or 'all'")


async def _settle(remit: "Remit", order: SettleOrder) -> Response | dict[str, Any]:
    made = Ruling(order.reference, PaymentState(order.state), *_said(order))
    if not await remit.transact(lambda conn: facts.settle(conn, made, remit.clock())):
        why = f"{order.reference} is no payment in doubt: only where the gateway contradicts itself a person decides"
        return refusal(409, "not_in_doubt", why)
    remit.worker.wake()
    (found,) = await remit.transact(lambda conn: ledger.listed(conn, None, order.reference, 1))
    return _shown(found)


async def _pause(remit: "Remit", order: PauseOrder) -> dict[str, bool]:
    changed = await remit.checkout.pause(order.paused, *_said(order))
    return {"paused": order.paused, "changed": changed}


async def _cases(remit: "Remit", order: CaseOrder) -> Response | list[cases.Case]:
    case, words = order.close, redact(order.answer).text
    if case is not None and not await remit.transact(lambda conn: close(conn, case, words, remit.clock())):
        why = f"there is no open request {case} of a customer" if words else f"there is no open case {case}"
        return refusal(404, "no_case", why)
    remit.worker.wake()
    return list(await remit.transact(cases.open_cases))


def close(conn: Connection, case: int, words: str, now: datetime) -> bool:
    """Close a case; with ``words``, redacted, as the answer to its customer. False: there is none such that is open."""
    return requests.answer(conn, case, words, now) if words else cases.close_case(conn, case, now)


async def _compare(remit: "Remit", order: CompareOrder) -> comparison.Report:
    now = remit.clock()
    return await comparison.compare(remit.checkout, now - timedelta(days=order.days), now)


async def _help_gaps(remit: "Remit", order: GapOrder) -> Report:
    since = remit.clock() - timedelta(days=order.days)
    gaps = await remit.transact(lambda conn: help_notes.gaps(conn, since))
    return Report(grouped(gaps), await remit.transact(help_notes.ratings))
