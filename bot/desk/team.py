"""The people at the desk, for supervisors: who there is, a new account, a role, a new password, and who is let in no more.

The rules are those of `remit agents` (`bot.desk.accounts`). Nobody does these things to themselves here: a slip would shut them out.
"""

from typing import TYPE_CHECKING, get_args

from starlette.responses import Response
from starlette.routing import Route

from bot.desk.accounts import AgentOrder, Done, carry_out, problem
from bot.desk.doors import Fields, FormWork, Visit, form, page
from bot.desk.frame import note, render
from services.desk import agents
from services.desk.agents import Role
from services.desk.passwords import Passwords

if TYPE_CHECKING:
    from bot.app import Remit

_WORDS = {
    "add": "may sign in from now on.",
    "password": "has a new password, and was signed out everywhere.",
    "disable": "was signed out and is let in no more.",
    "role": "has another role from now on.",
    "unlock": "may try passwords again.",
}


def routes(remit: "Remit") -> list[Route]:
    """``/desk/team``, and what changes it."""
    team = _Team()
    whats = ("role", "password", "disable", "unlock")
    one = [
        Route(f"/desk/team/{{agent:int}}/{what}", form(remit, "supervisor", team.change(what)), methods=["POST"])
        for what in whats
    ]
    return [
        Route("/desk/team", page(remit, "supervisor", _list), methods=["GET"]),
        Route("/desk/team/add", form(remit, "supervisor", team.add), methods=["POST"]),
        *one,
    ]


class _Team:
    def __init__(self) -> None:
        self._passwords = Passwords()

    async def add(self, visit: Visit, fields: Fields) -> Response:
        """A new account, with a password that is shown once."""
        name, email = (" ".join(fields.get(each, "").split()) for each in ("name", "email"))
        return await self._done(visit, AgentOrder("add", email[:254], name, _role(fields)), fields)

    def change(self, what: str) -> FormWork:
        """One of the changes of an account."""

        async def change(visit: Visit, fields: Fields) -> Response:
            number = visit.request.path_params["agent"]
            found = await visit.remit.transact(lambda conn: agents.any_of(conn, number))
            if found is None:
                return note(visit.frame, 404, "There is no such account", "Look at the team again.")
            if found.id == visit.agent.id:
                return await _shown(visit, 409, "This is your own account: another supervisor can change it.")
            order = AgentOrder(what, found.email, role=_role(fields))  # type: ignore[arg-type]  # one of the routes' own
            return await self._done(visit, order, {})

        return change

    async def _done(self, visit: Visit, order: AgentOrder, typed: Fields) -> Response:
        if wrong := problem(order):
            return await _shown(visit, 409, f"Nothing was done: {wrong}.", typed=typed)
        done = await carry_out(visit.remit, self._passwords, order, visit.agent.id)
        if isinstance(done, str):
            return await _shown(visit, 409, f"Nothing was done: {done}.", typed=typed)
        return await _shown(visit, done=done, said=f"{done.agent.name} {_WORDS[order.what]}")


def _role(fields: Fields) -> Role:
    """The role that was chosen; the lesser one where none of them was."""
    told = fields.get("role", "")
    return next((each for each in get_args(Role) if each == told), "agent")


async def _list(visit: Visit) -> Response:
    return await _shown(visit)


async def _shown(  # a page with what was just done
    visit: Visit,
    status: int = 200,
    problem: str = "",
    *,
    done: Done | None = None,
    said: str = "",
    typed: Fields | None = None,
) -> Response:
    now, zone = visit.remit.clock(), visit.remit.settings.zone
    people = await visit.remit.transact(lambda conn: agents.standings(conn, now))
    return render(
        visit.frame,
        "team.html",
        status,
        title="Team",
        here="team",
        people=people,
        me=visit.agent.id,
        zone=zone,
        problem=problem,
        said=said,
        password="" if done is None else done.password,
        typed=typed or {},
    )
