"""Customers who have left their chat when a person answers: they hear by e-mail that there is an answer, and read it in the chat.

The letter never holds what was said, nor a link that opens the chat for whoever has it: e-mails get forwarded, and the chat may be that
of somebody who signed in. It leads to the page that the chat sits on, where the browser that began it finds it again.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from bot.letters import Letters
from bot.push import Bell
from bot.stores.base import Store
from services import letterbox
from services.database import Transact
from services.desk import handoffs, transcripts
from services.desk.handoffs import Handoff
from services.errors import RemitError
from services.invoices.base import Books
from services.letterbox import Wanted
from services.mail import Letter, usable

log = logging.getLogger(__name__)

KIND = "desk_reply"
ON_A_PAGE = "web:"  # messengers bring what is said by themselves


class Away:
    """One per process. Whether somebody looks at a chat is known of this process's own lines: with several workers, who has
    theirs at another one may get a letter that was not needed.
    """

    def __init__(
        self,
        *,
        transact: Transact,
        books: Books,
        store: Store,
        bell: Bell,
        letters: Letters,
        clock: Callable[[], datetime],
        page: str,
        after: timedelta | None,
    ) -> None:
        """``page``: where the chat is, unless a page of its own is known; ``after`` a reply, if nobody came: None: never."""
        self._transact = transact
        self._books = books
        self._store = store
        self._bell = bell
        self._letters = letters
        self._clock = clock
        self._page = page
        self._after = after

    async def customer(self, found: Handoff | None) -> str:
        """The customer (id) who is to hear by e-mail of a reply in this chat; "" for nobody, or while the books are away."""
        if self._after is None or found is None or not found.chat.startswith(ON_A_PAGE):
            return ""
        if self._bell.listeners(found.chat):
            return ""  # they read it as it is written
        if found.brief.customer or not (found.brief.proof and found.brief.ids):
            return found.brief.customer
        try:
            invoice = await self._books.get(found.brief.ids[0])
        except RemitError as error:  # the reply matters more than the letter
            log.warning("nobody is written to of a reply: the books are away (%s)", type(error).__name__)
            return ""
        return "" if invoice is None else invoice.customer

    def announce(self, conn: Connection, found: Handoff, customer: str) -> None:
        """Have a letter sent in a while, once for all that is answered before they write again."""
        if not customer or self._after is None:
            return
        now, seq = self._clock(), transcripts.last_of_customer(conn, found.chat)
        wanted = Wanted(f"{KIND}:{found.id}:{seq}", KIND, customer, {"handoff": str(found.id), "seq": str(seq)})
        letterbox.want(conn, wanted, now, now + self._after)

    async def compose(self, wanted: Wanted) -> Letter | None:
        """The letter, unless they came back meanwhile. Raises what the books raise when they are away."""
        number, seq = int(wanted.about["handoff"]), int(wanted.about["seq"])

        def look(conn: Connection) -> tuple[Handoff | None, int]:
            found = handoffs.find(conn, number)
            return found, 0 if found is None else transcripts.last_of_customer(conn, found.chat)

        found, last = await self._transact(look)
        if found is None or last > seq or self._bell.listeners(found.chat):
            return None
        details = await self._books.details(wanted.customer)
        if details is None or not usable(details.email.strip()):
            return None
        talk = (await self._store.load(found.chat, "")).talk
        home = talk.home if talk is not None else ""
        write = partial(self._letters.desk_reply, to=details.email.strip(), name=details.name)
        return write(url=home or self._page, language=details.language)
