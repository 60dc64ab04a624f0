"""Every route, with no token, somebody else's, a replaced one, and one that was tampered with.

The routes are read from the application as it is built. Whoever holds a capability may use it: a pay link, a hand-off link, a
link to a document, the token of a browser. They are random or signed, they end, and they open one thing each.
"""

from itertools import product

import httpx
import pytest
from world import HANDOFF, TOKEN, World

from bot import documents
from bot.channels import widget
from services.model import Customer
from tests.scope.town import Town

API = "/api/v1/conversations"

# What opens a route. `public`: nothing, and it shows nobody's things. `chat`: the token of that conversation. `office`: the
# token of the server's own file. `signed`: the provider's signature. `front end`: its token, or this machine; the sender's
# name it tells proves nothing, so it opens no customer's account (`sign_in.rasa_senders` says otherwise, and is off).
# `capability`: what stands in the address. `desk`: the session of somebody at the desk, and their role (tests/desk/test_desk_routes.py).
GUARDS = {
    "POST /api/v1/conversations": "public",
    "POST /api/v1/conversations/{id}/messages": "chat",
    "GET /api/v1/conversations/{id}/events": "chat",
    "POST /api/v1/conversations/{id}/browser": "chat",
    "GET /back/{chat}": "capability",  # leads to the page that the chat sits on, by the random name of the chat
    "GET /back": "public",
    "POST /webhooks/rest/webhook": "front end",
    "POST /webhooks/rest/pay-link": "front end",  # a letter goes to the address on file, and the answer tells nothing
    "GET /webhooks/rest/": "public",
    "POST /webhooks/payments/{gateway}": "signed",
    "GET /go/{token}": "capability",
    "GET /i/{token}": "capability",
    "POST /i/{token}/fresh": "capability",  # of a link that held once: a letter goes to the address on file
    "GET /d/{token}": "capability",
    "GET /mail/stop/{token}": "capability",
    "POST /mail/stop/{token}": "capability",  # of a signed name: it stops that customer's reminders, and tells nothing
    "GET /r/{token}": "capability",  # of a receipt, on which nobody is named
    "GET /r/{token}.pdf": "capability",
    "GET /healthz": "public",
    "GET /readyz": "public",
    "GET /openapi.json": "public",
    "GET /widget.js": "public",
    "GET /": "public",
    "GET /chat": "public",
    "GET /assets/chat.css": "public",
    "GET /pages/bill.css": "public",
    "GET /pages/receipt.css": "public",
    "GET /pages/help.css": "public",
    "GET /help": "public",
    "GET /help/{topic}": "public",
    "POST /internal/import": "office",
    "POST /internal/link": "office",
    "POST /internal/send-links": "office",
    "POST /internal/invite": "office",
    "POST /internal/unlock": "office",
    "POST /internal/privacy/export": "office",
    "POST /internal/privacy/erase": "office",
    "POST /internal/turn": "office",
    "POST /internal/since": "office",
    "POST /internal/payments": "office",
    "POST /internal/refund": "office",
    "POST /internal/settle": "office",
    "POST /internal/pause": "office",
    "POST /internal/cases": "office",
    "POST /internal/compare": "office",
    "POST /internal/help-gaps": "office",
    "POST /internal/agents": "office",
    "POST /internal/report": "office",
    "POST /internal/letters": "office",
    "POST /internal/bounce": "office",
    "POST /internal/remind": "office",
    "POST /internal/keys": "office",
    "POST /internal/verify": "office",
    "POST /internal/autopay-run": "office",
    "POST /internal/autopay-runs": "office",
    "POST /internal/autopay-switch": "office",
    "POST /internal/export/payments": "office",
    "POST /internal/mappings": "office",
    "POST /api/v1/proposals": "key",  # of an outside system: tests/desk/test_proposals_api.py
    "GET /api/v1/proposals/{id}": "key",
    "DELETE /api/v1/proposals/{id}": "key",
    "GET /desk": "desk",
    "GET /desk/": "desk",
    "GET /desk/answers": "desk",
    "POST /desk/answers/remove": "desk",
    "POST /desk/answers/save": "desk",
    "GET /desk/assets/{name}": "public",
    "GET /desk/audit": "desk",
    "GET /desk/autopay": "desk",
    "GET /desk/autopay/{run:int}": "desk",
    "POST /desk/autopay/pause": "desk",
    "POST /desk/audit/export": "desk",
    "GET /desk/cases": "desk",
    "POST /desk/cases/{case:int}/close": "desk",
    "GET /desk/chats/{handoff:int}": "desk",
    "POST /desk/chats/{handoff:int}/assign": "desk",
    "POST /desk/chats/{handoff:int}/close-case": "desk",
    "POST /desk/chats/{handoff:int}/give": "desk",
    "GET /desk/chats/{handoff:int}/live": "desk",
    "POST /desk/chats/{handoff:int}/note": "desk",
    "POST /desk/chats/{handoff:int}/propose": "desk",
    "POST /desk/chats/{handoff:int}/reply": "desk",
    "POST /desk/chats/{handoff:int}/resolve": "desk",
    "POST /desk/chats/{handoff:int}/send-link": "desk",
    "POST /desk/chats/{handoff:int}/take": "desk",
    "POST /desk/chats/{handoff:int}/withdraw": "desk",
    "GET /desk/customer": "desk",
    "POST /desk/customer/open-chat": "desk",
    "POST /desk/customer/send-link": "desk",
    "POST /desk/customer/send-receipt": "desk",
    "GET /desk/customers": "desk",
    "GET /desk/events": "desk",
    "GET /desk/numbers": "desk",
    "GET /desk/payments": "desk",
    "POST /desk/payments/pause": "desk",
    "GET /desk/payments/{reference}": "desk",
    "POST /desk/payments/{reference}/receipt": "desk",
    "POST /desk/payments/{reference}/refund": "desk",
    "GET /desk/queue": "desk",
    "GET /desk/report": "desk",
    "POST /desk/report/export": "desk",
    "GET /desk/sign-in": "public",
    "POST /desk/sign-in": "desk",
    "POST /desk/sign-out": "desk",
    "GET /desk/team": "desk",
    "POST /desk/team/add": "desk",
    "POST /desk/team/{agent:int}/disable": "desk",
    "POST /desk/team/{agent:int}/password": "desk",
    "POST /desk/team/{agent:int}/role": "desk",
    "POST /desk/team/{agent:int}/unlock": "desk",
}

# Of channels that are off until they are set. `signed`: by the other side's secret, in a header.
MESSENGERS = {
    "POST /webhooks/telegram": "signed",
    "POST /webhooks/callback/webhook": "front end",
    "POST /webhooks/whatsapp": "signed",
    "GET /webhooks/whatsapp": "verified",  # echoes what it is asked for to whoever knows the token of the settings
}


def routed(app: object) -> set[str]:
    """Every way in of the application, whoever put it there."""
    found: set[str] = set()
    for route in getattr(app, "routes", []):
        inner = getattr(route, "app", None) if getattr(route, "methods", None) is None else None
        nested = getattr(route, "original_router", None) or inner
        if nested is not None and getattr(nested, "routes", None):
            found |= routed(nested)
        for method in (getattr(route, "methods", None) or set()) - {"HEAD"}:
            found.add(f"{method} {route.path}")
    return found


def the(guard: str) -> list[tuple[str, str]]:
    return [(way.split()[0], way.split()[1]) for way, by in GUARDS.items() if by == guard]


def front(town: Town, client: str = "203.0.113.7") -> httpx.AsyncClient:
    app = httpx.ASGITransport(town.world._assistant, client=(client, 4242), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=app, base_url=HANDOFF)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_every_route_says_what_opens_it(town: Town):
    ways = routed(town.world._assistant.app._app)
    missing = ways - set(GUARDS)
    assert not missing, f"say in GUARDS of {__file__} what opens {missing}"
    assert ways == set(GUARDS), "an entry is left of what is gone"


async def test_every_route_of_a_messenger_says_what_opens_it_and_lets_nobody_else_in(tmp_path):
    whatsapp = {"token": "t", "phone_number_id": "1", "app_secret": "a-secret", "verify_token": "v-token"}
    telegram = {"token": "123456:a-token", "mode": "polling"}
    rasa = {"callback_url": "http://front/hook"}
    async with World(tmp_path, telegram=telegram, rasa=rasa, whatsapp=whatsapp) as world:
        town = Town(world)
        ways = routed(world._assistant.app._app)
        assert ways == set(GUARDS) | set(MESSENGERS), "say in MESSENGERS what opens it"
        before = await town.dump()
        for way in MESSENGERS:
            method, path = way.split()
            asked = f"{path}?hub.mode=subscribe&hub.challenge=c&hub.verify_token=&token=x"
            for headers in ({}, bearer(TOKEN), {"X-Hub-Signature-256": "sha256=00"}):
                refused = await front(town).request(method, asked, headers=headers, content=b"{}" * (method == "POST"))
                assert refused.status_code in (401, 403), way
        assert await town.dump() == before


async def test_a_channel_that_is_switched_on_says_what_opens_it(tmp_path):
    """Chatwoot's events are signed; whoever else posts one moves nothing."""
    chatwoot = {"url": "http://chatwoot.test", "token": "t", "secret": "s", "account": 1}
    async with World(tmp_path, chatwoot=chatwoot) as world:
        assert routed(world._assistant.app._app) - set(GUARDS) == {"POST /webhooks/chatwoot"}
        town = await Town(world).build()
        before = await town.dump()
        conversation = {"id": 7, "status": "pending"}
        event = {"event": "message_created", "id": 1, "message_type": "incoming", "content": "what do I owe?"}
        for headers in ({}, {"X-Chatwoot-Signature": "sha256=00", "X-Chatwoot-Timestamp": "1772465400"}):
            told = await front(town).post(
                "/webhooks/chatwoot", json=event | {"conversation": conversation}, headers=headers
            )
            assert told.status_code == 401
        assert await town.dump() == before


# --- the token of a conversation -------------------------------------------------------------------------------------------


def _tokens(town: Town, chat: str, keys: int) -> dict[str, dict[str, str]]:
    secret = town.world.remit.secret
    own = widget.token_of(chat, secret, keys)
    return {
        "none": {},
        "another's": bearer(widget.token_of("marco", secret, 1)),
        "replaced": bearer(widget.token_of(chat, secret, keys - 1)),
        "tampered": bearer(own[:-2] + ("AA" if own[-2:] != "AA" else "BB")),
        "of another number": bearer(f"{keys + 1}{own[own.index('.') :]}"),
        "another scheme": {"Authorization": f"Basic {own}"},
        "the office's": bearer(TOKEN),
        "a browser's": bearer(town.goods["dana"].browser),
        "in the address": {},
    }


async def test_a_conversation_opens_by_its_own_token_of_now(town: Town):
    keys, before = (await town.talk("dana")).keys, await town.dump()
    for method, path in the("chat"):
        await _refuses(town, method, path, keys)
    assert await town.dump() == before
    assert (await town.talk("dana")).keys == keys


async def _refuses(town: Town, method: str, path: str, keys: int) -> None:
    http, last = front(town), {"Last-Event-ID": "0"}
    for name, headers in _tokens(town, "dana", keys).items():
        at = path.format(id="dana") + (
            f"?token={widget.token_of('dana', town.world.remit.secret, keys)}" * (name == "in the address")
        )
        refused = await http.request(method, at, headers=headers | last, json={"id": "m1", "text": "/invoices"})
        assert refused.status_code == 401, f"{name}: {refused.text}"
        nowhere = await http.request(method, path.format(id="nowhere"), headers=headers | last, json={"id": "m1"})
        assert (nowhere.status_code, nowhere.content) == (refused.status_code, refused.content), name
        assert not {secret for secret in town.secrets("dana", "stranger") if secret in refused.text}


async def test_no_cookie_opens_anything_and_no_other_origin_may_ask(town: Town):
    """A page of somebody else cannot act in a reader's name: what opens a chat is no ambient right of the browser."""
    http, secret = front(town), town.world.remit.secret
    token = widget.token_of("dana", secret, (await town.talk("dana")).keys)
    begun = await http.post(API, json={}, headers={"Origin": "https://evil.example"})
    assert "set-cookie" not in begun.headers
    assert "access-control-allow-origin" not in begun.headers
    refused = await http.post(
        f"{API}/dana/messages", json={"id": "m", "text": "hi"}, headers={"Cookie": f"token={token}"}
    )
    assert refused.status_code == 401
    elsewhere = await http.post(API, json={"page": "https://evil.example/pay"})
    assert elsewhere.status_code == 403


# --- tokens in a body --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["browser", "visitor", "pay_link"])
async def test_what_opens_nothing_begins_a_stranger_s_chat(town: Town, name):
    http, goods = front(town), town.goods["dana"]
    nothing = (await http.post(API, json={name: "A" * 22})).json()["messages"]
    wrong = [goods.browser[::-1], goods.browser.lower(), goods.invoice, goods.customer, goods.payment, TOKEN]
    wrong += [goods.browser] if name != "browser" else []
    for token in wrong:
        begun = (await http.post(API, json={name: token})).json()
        assert [m["text"] for m in begun["messages"]] == [m["text"] for m in nothing], token
        assert not isinstance((await town.world.store.load(f"web:{begun['id']}", "")).talk.scope, Customer)


async def test_no_token_of_anybody_else_is_a_key(town: Town):
    before, chat = await town.dump(), widget.token_of("dana", town.world.remit.secret, 1)
    asked = {"conversation": "dana", "invoices": ["INV-1042"], "amount_minor": 100, "currency": "USD"}
    for method, path in the("key"):
        for token in ("", chat, town.goods["dana"].browser, TOKEN):
            body = {"json": asked} if method == "POST" else {}
            refused = await front(town).request(method, path.format(id=1), headers=bearer(token), **body)
            assert refused.status_code == 401, path
    assert await town.dump() == before


# --- the command line's ------------------------------------------------------------------------------------------------------


async def test_what_the_command_line_may_is_for_nobody_else(town: Town):
    before, chat = await town.dump(), widget.token_of("dana", town.world.remit.secret, 1)
    for (method, path), client in product(the("office"), ("203.0.113.7", "127.0.0.1")):
        for headers in ({}, bearer(chat), bearer(town.goods["dana"].browser), bearer(TOKEN[:-1]), bearer(f"x{TOKEN}")):
            refused = await front(town, client).request(
                method, path, headers=headers, json={"chat": "web:dana", "seq": 0}
            )
            assert refused.status_code == 401, path
    assert await town.dump() == before


async def test_a_front_end_of_rasa_speaks_with_its_token_or_from_this_machine(town: Town):
    body = {"sender": "dana", "message": "what do I owe?"}
    assert (await front(town).post("/webhooks/rest/webhook", json=body)).status_code == 401
    for header in ({"Origin": "https://evil.example"}, {"X-Forwarded-For": "127.0.0.1"}):
        asked = await front(town, "127.0.0.1").post("/webhooks/rest/webhook", json=body, headers=header)
        assert asked.status_code == 401, header
    for sender in ("dana", "web:dana", "../web:dana"):
        told = await front(town, "127.0.0.1").post("/webhooks/rest/webhook", json=body | {"sender": sender})
        assert told.status_code == 200
        assert not {secret for secret in town.secrets("dana", "stranger") if secret in told.text}


async def test_only_the_provider_tells_what_was_paid(town: Town):
    before = await town.dump()
    for headers in ({}, {"Sandbox-Signature": "t=1,v1=00"}):
        told = await front(town).post("/webhooks/payments/sandbox", content=b"{}", headers=headers)
        assert told.status_code == 401
    assert (await front(town).post("/webhooks/payments/other", content=b"{}")).status_code == 404
    assert await town.dump() == before


# --- capabilities ------------------------------------------------------------------------------------------------------------


async def test_a_name_in_an_address_opens_nothing_unless_it_is_the_one(town: Town):
    link = await town.world.link("INV-1042")
    before = await town.dump()
    for method, path in the("capability"):
        await _opens_nothing(town, method, path, link)
    assert await town.dump() == before


async def _opens_nothing(town: Town, method: str, path: str, link: str) -> None:
    goods = town.goods["dana"]
    paper = documents.token_of(goods.invoice, town.world.clock(), town.world.remit.secret)
    http = front(town)
    of_nothing = await http.request(method, path.format(token="A" * 22, chat="web:nowhere"))
    wrong = [link[::-1], paper[::-1], goods.invoice, goods.payment, goods.browser, TOKEN, "web:marco"]
    for token in wrong:
        answered = await http.request(method, path.format(token=token, chat=token))
        assert answered.status_code == of_nothing.status_code, token
        assert not {secret for secret in town.secrets("dana", "stranger") if secret in answered.text}, token
        assert b"%PDF" not in answered.content


async def test_a_pay_link_shows_its_own_invoice_and_nothing_else_of_its_customer(town: Town):
    bill = await front(town).get(f"/i/{await town.world.link('INV-1042')}")
    assert bill.status_code == 200
    assert "INV-1042" in bill.text
    assert not {secret for secret in town.secrets("dana", "link") if secret in bill.text}
    assert not {secret for secret in town.secrets("marco", "link") if secret in bill.text}


async def test_what_is_public_shows_nobody_s_things(town: Town):
    for (method, path), owner in product(the("public"), town.goods):
        answered = await front(town).request(
            method, path.format(topic="privacy", name="desk.css"), json={} if method == "POST" else None
        )
        assert answered.status_code in (200, 201, 303, 307, 308), answered.text
        assert not {secret for secret in town.secrets(owner, "stranger") if secret in answered.text}
