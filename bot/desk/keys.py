"""`remit keys add|list|revoke`: the server's side, behind the token of ``server.json`` (`bot.internal`)."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import answer, read_body, refusal
from services import api_keys
from services.api_keys import ApiKey, Scope
from services.desk import audit
from services.mail import one_line

if TYPE_CHECKING:
    from bot.app import Remit
    from bot.office import Guard

LARGEST = 16 * 1024
_NAME = re.compile(r"\S.{0,78}\S|\S")


class KeyOrder(msgspec.Struct):
    """What is asked; ``scopes`` of a new key."""

    what: Literal["add", "list", "revoke"]
    name: Annotated[str, msgspec.Meta(max_length=80)] = ""
    scopes: tuple[Scope, ...] = ()


def key_routes(remit: "Remit", guarded: "Guard") -> list[Route]:
    """``/internal/keys``; ``guarded`` lets nobody in but the command line."""

    async def endpoint(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=KeyOrder)
        match order.what:
            case "list":
                return answer([_shown(each) for each in await remit.transact(api_keys.every)])
            case "add":
                return await _add(remit, order)
            case "revoke":
                return await _revoke(remit, order)

    return [Route("/internal/keys", guarded(endpoint), methods=["POST"])]


async def _add(remit: "Remit", order: KeyOrder) -> Response:
    if not (_NAME.fullmatch(order.name) and one_line(order.name) == order.name):
        return refusal(400, "malformed", "a name has at most 80 characters on one line; customers read it")
    if not order.scopes:
        return refusal(400, "malformed", "say --scope: what the key is for")

    def work(conn: Connection) -> str | None:
        token = api_keys.make(conn, order.name, order.scopes, remit.random, remit.clock())
        if token is not None:
            audit.note(conn, None, "key_added", remit.clock(), of=order.name, scopes=list(order.scopes))
        return token

    token = await remit.transact(work)
    if token is None:
        return refusal(409, "name_taken", f"there is or was a key of the name {order.name}; choose another")
    return answer({"name": order.name, "scopes": order.scopes, "token": token})


async def _revoke(remit: "Remit", order: KeyOrder) -> Response:
    def work(conn: Connection) -> ApiKey | None:
        revoked = api_keys.revoke(conn, order.name, remit.clock())
        if revoked is not None:
            audit.note(conn, None, "key_revoked", remit.clock(), of=order.name)
        return revoked

    revoked = await remit.transact(work)
    if revoked is None:
        return refusal(404, "no_such_key", f"there is no key of the name {order.name} that opens anything")
    return answer(_shown(revoked))


def _shown(each: ApiKey) -> dict[str, Any]:
    return {name: getattr(each, name) for name in ("name", "scopes", "made_at", "last_used_at", "revoked_at")}
