"""The queue: who waits, how long, why, and who has whom. Whoever waits longest stands first."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup
from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from bot.desk import words
from bot.desk.copying import DESK
from bot.desk.doors import Visit, page
from bot.desk.frame import TEMPLATES, render
from services.desk import handoffs
from services.desk.handoffs import Handoff, State

if TYPE_CHECKING:
    from bot.app import Remit

LATELY = timedelta(hours=24)
MOST = 200  # rows of one tab
FRESH = timedelta(seconds=1)  # without a ring, as long as what was read counts
TABS = {"waiting": "Waiting", "mine": "Mine", "all": "All open", "resolved": "Recently resolved"}


def routes(remit: "Remit") -> list[Route]:
    """``/desk``, and the same as a script fetches it."""
    shown = _Queue(remit)
    return [
        Route("/desk", page(remit, "agent", shown.show), methods=["GET"]),
        Route("/desk/", page(remit, "agent", shown.show), methods=["GET"]),
        Route("/desk/queue", page(remit, "agent", shown.show, active=False), methods=["GET"]),
    ]


class _Queue:
    """One per process. What everybody sees is read and made once between two rings of the bell: all look at once then."""

    def __init__(self, remit: "Remit") -> None:
        self._remit = remit
        self._read_at: datetime | None = None  # None: something changed since
        self._reading = asyncio.Lock()
        self._open: list[Handoff] = []
        self._over: list[Handoff] = []
        self._made: dict[str, Markup] = {}
        remit.bell.tap(self._heard)

    def _heard(self, chat: str) -> None:
        if chat.startswith(DESK):
            self._read_at = None

    async def show(self, visit: Visit) -> Response:
        now = self._remit.clock()
        async with self._reading:  # who comes meanwhile waits for the same
            if self._read_at is None or not self._read_at <= now < self._read_at + FRESH:
                self._read_at = now  # before reading: what rings meanwhile is read again
                self._open, self._over = await self._remit.transact(partial(_read, since=now - LATELY))
                self._made = {}
        waiting = [each for each in self._open if each.state is State.WAITING]
        mine = [each for each in self._open if each.agent == visit.agent.id]
        rows = {"waiting": waiting, "mine": mine, "all": self._open, "resolved": self._over}
        asked = visit.request.query_params.get("show", "waiting")
        tab = asked if asked in TABS else "waiting"
        return render(
            visit.frame,
            "queue.html",
            title="Queue",
            here="",
            scripts=("live.js", "keys.js"),
            tab=tab,
            tabs=[(name, label, len(rows[name])) for name, label in TABS.items()],
            table=self._table(visit, tab, rows[tab][:MOST]),
            waiting=len(waiting),
        )

    def _table(self, visit: Visit, tab: str, rows: list[Handoff]) -> Markup:
        made = self._made.get(tab)
        if made is None:
            values = {"tab": tab, "label": TABS[tab], "rows": rows, "now": self._remit.clock(), "words": words}
            made = Markup(TEMPLATES.get_template("rows.html").render(desk=visit.frame.desk, **values))  # noqa: S704  # escaped there
            if tab != "mine":
                self._made[tab] = made
        return made


def _read(conn: Connection, since: datetime) -> tuple[list[Handoff], list[Handoff]]:
    return list(handoffs.queue(conn)), list(handoffs.resolved(conn, since, MOST))
