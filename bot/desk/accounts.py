"""`remit agents add|list|disable|password`: the server's side, behind the token of ``server.json`` (`bot.internal`)."""

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.web import answer, read_body, refusal
from services.desk import agents, audit, sessions
from services.desk.passwords import LEAST, LONGEST, Passwords
from services.mail import one_line, usable
from services.tokens import new_token

if TYPE_CHECKING:
    from bot.app import Remit
    from bot.office import Guard

LARGEST = 16 * 1024
_NAME = re.compile(r"\S.{0,78}\S|\S")


class AgentOrder(msgspec.Struct):
    """What is asked. ``password`` "": one is made, and told once."""

    what: Literal["add", "list", "disable", "password"]
    email: Annotated[str, msgspec.Meta(max_length=254)] = ""
    name: str = ""
    role: agents.Role = "agent"
    password: str = ""


def account_routes(remit: "Remit", guarded: "Guard") -> list[Route]:
    """``/internal/agents``; ``guarded`` lets nobody in but the command line."""
    passwords = Passwords()

    async def endpoint(request: Request) -> Response:
        order = msgspec.json.decode(await read_body(request, LARGEST), type=AgentOrder)
        if order.what == "list":
            found = await remit.transact(agents.everybody)
            return answer([_shown(each) | {"disabled": not may} for each, may in found])
        if problem := _problem(order):
            return refusal(400, "malformed", problem)
        made = order.password or new_token(remit.random)
        hashed = "" if order.what == "disable" else await passwords.hashed(made)
        done = await remit.transact(partial(_write, remit=remit, order=order, hashed=hashed))
        if isinstance(done, str):
            return refusal(409 if order.what == "add" else 404, "no_such_account", done)
        told = {} if order.password or order.what == "disable" else {"password": made}
        return answer(_shown(done) | told)

    return [Route("/internal/agents", guarded(endpoint), methods=["POST"])]


def _problem(order: AgentOrder) -> str:
    if not usable(order.email.strip()):
        return f"{order.email!r} is no e-mail address"
    if order.what == "add" and not (_NAME.fullmatch(order.name) and one_line(order.name) == order.name):
        return "say --name: what customers read, at most 80 characters on one line"
    if order.password and not LEAST <= len(order.password) <= LONGEST:
        return f"a password has {LEAST} to {LONGEST} characters"
    return ""


def _write(conn: Connection, remit: "Remit", order: AgentOrder, hashed: str) -> agents.Agent | str:
    """The account as it is then, or why nothing was done."""
    now = remit.clock()
    if order.what == "add" and not agents.add(conn, order.email, order.name, order.role, hashed, now):
        return f"there is an account of {agents.folded(order.email)} already"
    found = agents.by_email(conn, order.email)
    if found is None:
        return f"there is no account of {agents.folded(order.email)}"
    if order.what == "password":
        agents.set_password(conn, found.id, hashed)
    elif order.what == "disable":
        agents.disable(conn, found.id, now)
    sessions.end_all(conn, found.id)
    what = {"add": "account_added", "disable": "account_disabled", "password": "account_password"}[order.what]
    audit.note(conn, None, what, now, of=found.id)
    return found


def _shown(each: agents.Agent) -> dict[str, Any]:
    return {"email": each.email, "name": each.name, "role": each.role}
