"""What a business asks of autopay from the command line: run it now, what a run would do, past runs, and the switch.

The server's side, behind the token of ``server.json`` (`bot.internal`); what is printed is `bot.autopay_commands`. Customers are named by their
ids alone. What is charged is not decided here.
"""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from starlette.responses import Response

from bot.web import refusal
from dialogs.reading.guard import redact
from services.payments.autopay import runs
from services.payments.autopay.runs import Line

if TYPE_CHECKING:
    from bot.app import Remit

MOST = 100  # runs in one list


class RunOrder(msgspec.Struct):
    asked_by: Annotated[str, msgspec.Meta(max_length=100)]
    dry_run: bool = False


class RunsOrder(msgspec.Struct):
    run: int | None = None  # what this one did; None: the newest, without their lines
    most: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 20


class SwitchOrder(msgspec.Struct):
    paused: bool
    asked_by: Annotated[str, msgspec.Meta(max_length=100)]
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""


async def run(remit: "Remit", order: RunOrder) -> dict[str, Any]:
    """Run it now, or say what a run would do."""
    if order.dry_run:
        lines: list[Line] | None = await remit.orders.preview()
        return {"run": None, "dry_run": True, "lines": _shown(lines or [])}
    made = await remit.orders.run(redact(order.asked_by).text)
    remit.worker.wake()
    lines = None if made is None else await remit.transact(lambda conn: runs.lines_of(conn, made))
    return {"run": made, "dry_run": False, "lines": _shown(lines or [])}


async def past(remit: "Remit", order: RunsOrder) -> Response | dict[str, Any] | list[Any]:
    """The newest runs that did something, or the lines of one."""
    number = order.run
    if number is None:
        found = await remit.transact(lambda conn: runs.runs(conn, order.most))
        return [msgspec.to_builtins(each) for each in found]
    lines = await remit.transact(lambda conn: runs.lines_of(conn, number))
    if lines is None:
        return refusal(404, "no_run", f"there is no run {number} of autopay that did anything")
    return {"run": number, "lines": _shown(lines)}


async def switch(remit: "Remit", order: SwitchOrder) -> dict[str, bool]:
    """Stop what autopay would charge, or let it charge again."""
    asked_by, why = redact(order.asked_by).text, redact(order.why).text
    changed = await remit.checkout.pause(order.paused, asked_by, why, autopay=True)
    return {"paused": order.paused, "changed": changed}


def _shown(lines: list[Line]) -> list[dict[str, Any]]:
    return [
        {
            "customer": line.customer,
            "invoice": line.number,
            "did": line.did,
            "why": line.why,
            "amount_minor": line.amount.minor if line.amount else 0,
            "currency": line.amount.currency if line.amount else "",
            "payment": line.payment,
        }
        for line in lines
    ]
