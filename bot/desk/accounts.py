"""The accounts of the people at the desk: what is asked of them, by `remit agents` and on the page of the team, and its rules.

Here is the server's side of the command, behind the token of ``server.json`` (`bot.internal`); the page is `bot.desk.team`.
"""

import re
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

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
_NOBODY = "there is no account of "
_NOTED = {
    "add": "account_added",
    "disable": "account_disabled",
    "password": "account_password",
    "role": "account_role",
    "unlock": "account_unlocked",
}
_NAME = re.compile(r"\S.{0,78}\S|\S")


class AgentOrder(msgspec.Struct):
    """What is asked. ``password`` "": one is made, and told once."""

    what: Literal["add", "list", "disable", "password", "role", "unlock"]
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
        if wrong := problem(order):
            return refusal(400, "malformed", wrong)
        done = await carry_out(remit, passwords, order, by=None)
        if isinstance(done, str):
            return refusal(404 if done.startswith(_NOBODY) else 409, "no_such_account", done)
        return answer(_shown(done.agent) | ({"password": done.password} if done.password else {}))

    return [Route("/internal/agents", guarded(endpoint), methods=["POST"])]


class Done(NamedTuple):
    """The account as it is now. ``password``: one that was made for it, to be told once."""

    agent: agents.Agent
    password: str


def problem(order: AgentOrder) -> str:
    """What is wrong with an order by itself, in a sentence, or ""."""
    if not usable(order.email.strip()):
        return f"{order.email!r} is no e-mail address"
    if order.what == "add" and not (_NAME.fullmatch(order.name) and one_line(order.name) == order.name):
        return "a name is what customers read: 1 to 80 characters on one line"
    if order.password and not LEAST <= len(order.password) <= LONGEST:
        return f"a password has {LEAST} to {LONGEST} characters"
    return ""


async def carry_out(remit: "Remit", passwords: Passwords, order: AgentOrder, by: int | None) -> Done | str:
    """Do it, with its line in the audit; or why nothing was done, in a sentence. ``by`` None: somebody with the shell."""
    needed = order.what in ("add", "password")
    made = (order.password or new_token(remit.random)) if needed else ""
    hashed = await passwords.hashed(made) if needed else ""
    done = await remit.transact(partial(_write, order=order, hashed=hashed, by=by, now=remit.clock()))
    return done if isinstance(done, str) else Done(done, "" if order.password else made)


def _write(conn: Connection, *, order: AgentOrder, hashed: str, by: int | None, now: datetime) -> agents.Agent | str:
    if order.what == "add" and not agents.add(conn, order.email, order.name, order.role, hashed, now):
        return f"there is an account of {agents.folded(order.email)} already"
    found = agents.by_email(conn, order.email)
    if found is None:
        return f"{_NOBODY}{agents.folded(order.email)}"
    leaves = order.what == "disable" or (order.what == "role" and order.role != "supervisor")
    if leaves and agents.is_last_supervisor(conn, found.id):
        return f"{found.email} is the last supervisor: make somebody else one first"
    match order.what:
        case "password":
            agents.set_password(conn, found.id, hashed)
        case "disable":
            agents.disable(conn, found.id, now)
        case "role":
            agents.set_role(conn, found.id, order.role)
        case "unlock":
            agents.unlock(conn, found.id)
    if order.what != "unlock":
        sessions.end_all(conn, found.id)
    told = {"role": order.role} if order.what in ("add", "role") else {}
    audit.note(conn, by, _NOTED[order.what], now, of=found.id, **told)
    return agents.any_of(conn, found.id) or found


def _shown(each: agents.Agent) -> dict[str, Any]:
    return {"email": each.email, "name": each.name, "role": each.role}
