"""The server's side of `remit privacy`: what is asked, behind the token of ``server.json``, and how it is answered.

The work is `bot.privacy`'s.
"""

from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot import privacy
from bot.office import LARGEST, Guard
from bot.privacy import Asked, NotYet
from bot.web import Endpoint, answer, read_body, refusal
from services.errors import Misconfigured

if TYPE_CHECKING:
    from bot.app import Remit


class PrivacyOrder(msgspec.Struct):
    """One of the two: a customer, by id or e-mail address, or the name of a chat."""

    customer: str = ""
    chat: str = ""
    whole_chats: bool = False
    dry_run: bool = False  # of an erasure: say what would go, and what has to end first

    @property
    def asked(self) -> Asked:
        """Whose data. Raises `Misconfigured` for nobody's, or for two at once."""
        if bool(self.customer) == bool(self.chat):
            raise Misconfigured("name a customer, or a chat with --chat")
        return Asked(self.customer, self.chat, self.whole_chats)


def privacy_routes(remit: "Remit", guarded: Guard) -> list[Route]:
    """The routes; ``guarded`` lets nobody in but the command line."""

    def route(path: str, work: Endpoint) -> Route:
        return Route(f"/internal/privacy/{path}", guarded(work), methods=["POST"])

    async def export(request: Request) -> Response:
        pieces = await privacy.document(remit, (await _order(request)).asked)
        return StreamingResponse(pieces, media_type="application/json")

    async def erase(request: Request) -> Response:
        order = await _order(request)
        try:
            return answer(await privacy.erase(remit, order.asked, dry_run=order.dry_run))
        except NotYet as not_yet:
            return refusal(409, "not_yet", str(not_yet))

    return [route("export", export), route("erase", erase)]


async def _order(request: Request) -> PrivacyOrder:
    return msgspec.json.decode(await read_body(request, LARGEST), type=PrivacyOrder)
