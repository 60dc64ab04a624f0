"""Every route of the desk, put together. A page's own are in its file."""

from typing import TYPE_CHECKING

from starlette.routing import Route

from bot.desk import (
    answers,
    audit_page,
    autopay_page,
    chat,
    customers,
    doing,
    events,
    figures,
    frame,
    money,
    open_cases,
    queue,
    report_page,
    sign_in,
    team,
)

if TYPE_CHECKING:
    from bot.app import Remit


def routes(remit: "Remit") -> list[Route]:
    """What is served under ``/desk``."""
    pages = (
        sign_in,
        queue,
        chat,
        doing,
        events,
        customers,
        answers,
        figures,
        report_page,
        money,
        autopay_page,
        open_cases,
        audit_page,
        team,
    )
    return [*frame.routes(), *(route for each in pages for route in each.routes(remit))]
