"""Every route of the desk, for everybody, on everybody's chat: enumerated from the router, so that none is forgotten."""

import pytest
from desks import csrf, signed_in, waiting
from starlette.routing import Route
from world import World

from bot.desk.routes import routes
from services.desk import agents, handoffs
from services.desk.handoffs import State
from services.model import Money

WHOSE = ("own", "other", "nobody")
ANYBODY = dict.fromkeys(WHOSE, 200)
# What is answered to an agent and to a supervisor, by whose chat it is. A stranger is shown the sign-in by every route but
# the open ones. 303: done; 409: refused in words.
OPEN = {("GET", "/desk/sign-in"), ("POST", "/desk/sign-in"), ("GET", "/desk/assets/{name}")}
DONE = {"own": 303, "other": 303, "nobody": 303}
MINE = {"own": 303, "other": 409, "nobody": 409}
FORBIDDEN = dict.fromkeys(WHOSE, 403)
MISSING = dict.fromkeys(WHOSE, 404)
REFUSED = dict.fromkeys(WHOSE, 409)
EXPECTED: dict[tuple[str, str], tuple[dict[str, int], dict[str, int]]] = {
    ("GET", "/desk"): (ANYBODY, ANYBODY),
    ("GET", "/desk/"): (ANYBODY, ANYBODY),
    ("GET", "/desk/queue"): (ANYBODY, ANYBODY),
    ("POST", "/desk/sign-out"): (DONE, DONE),
    ("GET", "/desk/chats/{handoff:int}"): (ANYBODY, ANYBODY),
    ("GET", "/desk/chats/{handoff:int}/live"): (ANYBODY, ANYBODY),
    ("POST", "/desk/chats/{handoff:int}/take"): (MINE | {"nobody": 303}, MINE | {"nobody": 303}),
    ("POST", "/desk/chats/{handoff:int}/reply"): (MINE, MINE),
    ("POST", "/desk/chats/{handoff:int}/note"): (DONE, DONE),
    ("POST", "/desk/chats/{handoff:int}/propose"): (MINE, MINE),
    ("POST", "/desk/chats/{handoff:int}/withdraw"): (MINE, MINE),
    ("POST", "/desk/chats/{handoff:int}/assign"): (MINE | {"nobody": 303}, DONE),
    ("POST", "/desk/chats/{handoff:int}/give"): (MINE, MINE),
    ("POST", "/desk/chats/{handoff:int}/resolve"): (MINE, MINE),
    ("POST", "/desk/chats/{handoff:int}/close-case"): (REFUSED, REFUSED),  # of no case: test_open_questions.py
    ("POST", "/desk/chats/{handoff:int}/send-link"): (DONE, DONE),
    ("GET", "/desk/customers"): (ANYBODY, ANYBODY),
    ("GET", "/desk/customer"): (MISSING, MISSING),  # nobody is named: test_desk_customers.py
    ("POST", "/desk/customer/open-chat"): (MISSING, MISSING),
    ("POST", "/desk/customer/send-link"): (MISSING, MISSING),
    ("POST", "/desk/customer/send-receipt"): (MISSING, MISSING),
    ("GET", "/desk/answers"): (ANYBODY, ANYBODY),
    ("POST", "/desk/answers/save"): (FORBIDDEN, REFUSED),  # without a title: test_desk_supervisor.py
    ("POST", "/desk/answers/remove"): (FORBIDDEN, DONE),
    ("GET", "/desk/numbers"): (FORBIDDEN, ANYBODY),
    ("GET", "/desk/report"): (FORBIDDEN, ANYBODY),
    ("POST", "/desk/report/export"): (FORBIDDEN, ANYBODY),
    ("GET", "/desk/payments"): (FORBIDDEN, ANYBODY),
    ("POST", "/desk/payments/pause"): (FORBIDDEN, ANYBODY),  # asks once more
    ("GET", "/desk/payments/{reference}"): (FORBIDDEN, MISSING),
    ("POST", "/desk/payments/{reference}/receipt"): (FORBIDDEN, MISSING),
    ("POST", "/desk/payments/{reference}/refund"): (FORBIDDEN, MISSING),
    ("GET", "/desk/autopay"): (FORBIDDEN, ANYBODY),
    ("POST", "/desk/autopay/pause"): (FORBIDDEN, ANYBODY),  # asks once more
    ("GET", "/desk/autopay/{run:int}"): (FORBIDDEN, MISSING),
    ("GET", "/desk/cases"): (FORBIDDEN, ANYBODY),
    ("POST", "/desk/cases/{case:int}/close"): (FORBIDDEN, REFUSED),
    ("GET", "/desk/audit"): (FORBIDDEN, ANYBODY),
    ("POST", "/desk/audit/export"): (FORBIDDEN, ANYBODY),
    ("GET", "/desk/team"): (FORBIDDEN, ANYBODY),
    ("POST", "/desk/team/add"): (FORBIDDEN, REFUSED),  # without a name
    ("POST", "/desk/team/{agent:int}/role"): (FORBIDDEN, MISSING),
    ("POST", "/desk/team/{agent:int}/password"): (FORBIDDEN, MISSING),
    ("POST", "/desk/team/{agent:int}/disable"): (FORBIDDEN, MISSING),
    ("POST", "/desk/team/{agent:int}/unlock"): (FORBIDDEN, MISSING),
}
STREAMS = {("GET", "/desk/events")}  # open without end: test_desk_live.py


def filled(path: str, handoff: int) -> str:
    return (
        path.replace("{handoff:int}", str(handoff))
        .replace("{reference}", "RM-NONE")
        .replace("{case:int}", "999")
        .replace("{agent:int}", "999")
        .replace("{run:int}", "999")
    )


def enumerated(world: World) -> list[tuple[str, str]]:
    found = [each for each in routes(world.remit) if isinstance(each, Route)]
    return sorted((method, each.path) for each in found for method in each.methods - {"HEAD"})


async def test_every_route_has_an_entry_here(world):
    assert set(enumerated(world)) == set(EXPECTED) | OPEN | STREAMS


def test_whatever_the_app_serves_below_desk_is_one_of_these_routes(world):
    served = {
        path
        for route in world._assistant.app._app.router.routes
        if (path := getattr(route, "path", "")).startswith("/desk")
    }
    assert served == {path for _, path in enumerated(world)}


async def prepared(world: World, whose: str, me: str) -> tuple[int, int]:
    """A handoff that is this person's, somebody else's or nobody's, with a proposal where one can be; and an agent."""
    handoff = await waiting(world)
    own = await world.remit.transact(lambda conn: agents.by_email(conn, me))
    other = await world.agent("Ben")
    holder = {"own": own, "other": other, "nobody": None}[whose]
    if holder is not None:
        assert await world.remit.desk.take(holder, handoff) is None
    return handoff, other.id


@pytest.mark.parametrize("role", ["agent", "supervisor"])
@pytest.mark.parametrize("whose", WHOSE)
@pytest.mark.parametrize("which", sorted(EXPECTED), ids=" ".join)
async def test_each_route_does_what_its_entry_says(world, which, whose, role):
    client = await signed_in(world, "Maria", role)
    handoff, other = await prepared(world, whose, "maria@example.test")
    method, path = which
    address = filled(path, handoff)
    if path.endswith("/withdraw"):
        holder = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
        if holder.agent is not None:
            person = await world.remit.transact(lambda conn: agents.find(conn, holder.agent))
            (invoice,) = await world.remit.invoices.find("INV-1042")
            assert await world.remit.desk.propose(person, handoff, [invoice.id], Money(100, "USD"), "") == 1
    before = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    fields = {
        "csrf": await csrf(client),
        "key": "a-key",
        "text": "hello",
        "note": "a note",
        "invoice": "INV-1042",
        "amount": "50",
        "proposal": "1",
        "agent": str(other),
        "sheet": "money-in",
    }
    expected = EXPECTED[which][role == "supervisor"][whose]
    answer = await client.request(method, address, data=fields if method == "POST" else None)
    assert answer.status_code == expected, answer.text
    if expected == 409:
        assert 'class="problem"' in answer.text
        after = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
        assert (after.agent, after.state) == (before.agent, before.state)
    await client.aclose()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_stranger_is_shown_the_sign_in_by_every_route(world, method):
    handoff = await waiting(world)
    for each, path in enumerated(world):
        if each != method or (each, path) in OPEN:
            continue
        answer = await world.browser.request(
            each, f"http://remit{filled(path, handoff)}", headers={"origin": "http://remit"}
        )
        assert answer.status_code == 303, path
        assert "sign-in" in answer.headers["location"]
    found = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    assert found.state is State.WAITING


async def test_no_form_is_taken_without_the_token_of_the_session_or_from_another_site(world):
    handoff, client = await waiting(world), await signed_in(world)
    token = await csrf(client)
    other = await signed_in(world, "Ben")
    for path in [path for method, path in enumerated(world) if method == "POST" and ("POST", path) not in OPEN]:
        address = filled(path, handoff)
        for fields, headers in [
            ({}, {}),
            ({"csrf": "0" * 64}, {}),
            ({"csrf": await csrf(other)}, {}),
            ({"csrf": token}, {"origin": "https://evil.example"}),
            ({"csrf": token}, {"origin": "null"}),
            ({"csrf": token}, {"origin": ""}),
        ]:
            assert (await client.post(address, data=fields, headers=headers)).status_code == 403, path
    found = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    assert found.state is State.WAITING
    assert (await client.get("/desk")).status_code == 200
    await client.aclose()
    await other.aclose()


async def test_every_page_has_a_strict_policy_and_is_kept_nowhere(world):
    handoff, client = await waiting(world), await signed_in(world)
    for path in ("/desk", "/desk/sign-in", f"/desk/chats/{handoff}", "/desk/chats/999999"):
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text
    await client.aclose()
