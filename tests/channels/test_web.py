"""The routes under bad weather: whatever arrives, a clear answer comes back, and nothing is lost or half-written."""

import json
import sqlite3
import string

import httpx
import pytest
from front_end import URL, words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from world import World

LOOPBACK, ELSEWHERE = ("127.0.0.1", 4242), ("203.0.113.80", 4242)


def said(message: object, **other: object) -> bytes:
    return json.dumps({"sender": "u1", "message": message} | other).encode()


def deep(levels: int) -> bytes:
    return b'{"metadata":' + b'{"x":' * levels + b"1" + b"}" * levels + b"}"


NOT_MESSAGES = {
    "empty": b"",
    "not JSON": b"hello",
    "cut off": b'{"sender": "u1", "mess',
    "an array": b"[]",
    "a number": b"5",
    "null": b"null",
    "a message that is a number": said(5),
    "a message that is a list": said(["pay"]),
    "a sender that is an object": said("hi", sender={}),
    "metadata that is a list": said("hi", metadata=[]),
    "a message id that is a number": said("hi", metadata={"message_id": 5}),
    "nested arrays": b"[" * 60_000,
    "nested objects": deep(10_000),
    "nested in a key nobody reads": b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a lone surrogate": b'{"sender":"u1","message":"\\ud800"}',
    "a lone surrogate as bytes": b'{"sender":"u1","message":"\xed\xa0\x80"}',
    "a sender with a lone surrogate": b'{"sender":"\\udfff","message":"hi"}',
    "bytes that are not UTF-8": b'{"sender":"u1","message":"\xff"}',
    "a sender of 10 kB": said("hi", sender="s" * 10_000),
    "a message id of 10 kB": said("hi", metadata={"message_id": "m" * 10_000}),
}
STRANGE_WORDS = {
    "nothing": "",
    "spaces": " \t\n ",
    "NUL": "\0",
    "control characters": "\x01\x02\x1b[31m",
    "marks of right-to-left": "\u202epay\u200f \u2067INV-1042\u2069",
    "emoji": "😀👩‍👩‍👧‍👦🏳️‍🌈",
    "combining marks": "a" + "\u0301" * 3000,
    "60 kB": "x" * 60_000,
    "a slash": "/",
    "an unknown button": "/fly to the moon",
    "a button with too much": "/agree " + "a" * 3000,
    "markup": "<script>alert()</script>",
    "SQL": "'; DROP TABLE payment; --",
    "digits": "9" * 3000,
    "a number with a huge exponent": "pay $1e999999999",
    "an amount of many digits": "pay " + "9" * 400 + " dollars",
    "Arabic digits": "ادفع ١٢٠",
}
STRANGE_SENDERS = ["", " ", "a\nb", "../../etc/passwd", "rasa:u1", "u1:u2", "😀", "\u202eu1", "%00", "s" * 120]


def refused(answer: httpx.Response, status: int, code: str, what: str = "") -> None:
    """The one shape of every error."""
    assert answer.status_code == status, f"{what}: {answer.text}"
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.json()["error"]["code"] == code


def rows(world: World) -> dict[str, int]:
    """How much stands in each table of both databases."""
    with world.engine.begin() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        found = {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}
    with sqlite3.connect(world.folder / "conversations.db") as db:
        talks = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found |= {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in talks}
    return found


# --- what is not a message ------------------------------------------------------------------------------------------


async def test_what_is_no_message_is_refused_and_leaves_no_trace(front):
    before = rows(front.world)
    for name, body in NOT_MESSAGES.items():
        refused(await front.post(body), 400, "malformed", name)
    assert rows(front.world) == before


@pytest.mark.parametrize("size", [100_000, 1_000_000])
async def test_a_body_that_is_too_large_is_refused(front, size):
    refused(await front.post(said("x" * size)), 413, "too_large")


async def test_a_body_that_does_not_say_how_large_it_is_is_cut_off(front):
    async def endless():
        for _ in range(1000):
            yield b" " * 1000

    answer = await front.world.browser.post(URL, content=endless())
    refused(answer, 413, "too_large")


async def test_ten_thousand_keys_are_read_or_refused_but_never_break(front):
    many = {f"k{n}": 0 for n in range(10_000)}
    refused(await front.post(json.dumps(many).encode()), 413, "too_large")
    few = dict.fromkeys(list(many)[:4000], 0)
    assert (await front.post(json.dumps(few | {"sender": "u1", "message": "hi"}).encode())).status_code == 200


async def test_a_strange_sender_has_a_conversation_of_its_own(front):
    for sender in STRANGE_SENDERS:
        answer = await front.post(said("/start", sender=sender))
        assert answer.status_code == 200, sender
        assert {reply["recipient_id"] for reply in answer.json()} == {sender or "default"}
    with sqlite3.connect(front.world.folder / "conversations.db") as db:
        chats = {chat for (chat,) in db.execute("SELECT chat FROM conversation")}
    assert chats == {f"rasa:{sender or 'default'}" for sender in STRANGE_SENDERS}


# --- what is one, but strange ---------------------------------------------------------------------------------------


async def test_strange_words_in_the_middle_lose_nothing(front):
    for name, strange in STRANGE_WORDS.items():
        front.sender = name
        await front.to_the_quote()
        assert words(await front.send(strange)), name
        assert "Is this right?" in words(await front.send("/repeat")), name
    assert await front.world.book() == []


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=300) | st.text(max_size=300).map(said))
async def test_whatever_arrives_is_answered(front, body):
    answer = await front.post(body)
    assert answer.status_code in (200, 400), answer.text


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    request=st.dictionaries(
        st.sampled_from(["sender", "message", "metadata", "input_channel", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(string.printable, max_size=20),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["message_id", "pay_link", "client_address", "y"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=5,
    )
)
async def test_whatever_shape_it_has_it_is_answered(front, request):
    answer = await front.post(json.dumps(request).encode())
    assert answer.status_code in (200, 400), answer.text


# --- routes that are not there --------------------------------------------------------------------------------------


async def test_an_unknown_route_says_so(world):
    for path in ("/nope", "/webhooks", "/go/", "/webhooks/rest/webhook/x", "/.env", "/internal/"):
        refused(await world.browser.get(f"http://remit{path}"), 404, "not_found", path)


async def test_a_method_that_the_route_does_not_know_is_refused(world):
    for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"):
        refused(await world.browser.request(method, URL), 405, "method_not_allowed", method)


async def test_head_has_no_body(world):
    assert (await world.browser.head(URL)).status_code == 405
    answer = await world.browser.head("http://remit/webhooks/rest/")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_the_command_lines_routes_answer_nobody_else(world):
    for route in ("import", "link", "turn", "since"):
        for token in (b"", b"Bearer ", b"Bearer wrong", b"Bearer \xff", b"Basic dGVzdC10b2tlbg=="):
            headers = {"authorization": token} if token else {}
            answer = await world.browser.post(f"http://remit/internal/{route}", content=b"{}", headers=headers)
            refused(answer, 401, "unauthorized", f"{route} {token!r}")


async def test_the_command_lines_routes_refuse_what_they_cannot_read(world):
    headers = {"authorization": "Bearer test-token"}
    for body in (b"", b"[]", b"\xff", b"[" * 50_000, b'{"number": "INV-1042", "days": 99999999999}'):
        answer = await world.browser.post("http://remit/internal/link", content=body, headers=headers)
        refused(answer, 400, "malformed", repr(body[:40]))


# --- who may speak --------------------------------------------------------------------------------------------------


def caller(world: World, address: tuple[str, int]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant, client=address), base_url="http://remit")


async def test_without_a_token_only_this_machine_is_served(world):
    for address, status in ((LOOPBACK, 200), (("::1", 1), 200), (ELSEWHERE, 401), (("", 1), 401)):
        async with caller(world, address) as client:
            answer = await client.post("/webhooks/rest/webhook", content=said("hi"))
        assert answer.status_code == status, address


async def test_with_a_token_whoever_has_it_is_served(tmp_path):
    wrong = ("?token=wrong", "?token=", "", "?token=%ff", "?Token=right")
    async with World(tmp_path, rasa_token="right") as world:
        for address in (LOOPBACK, ELSEWHERE):
            async with caller(world, address) as client:
                for query in wrong:
                    refused(
                        await client.post(f"/webhooks/rest/webhook{query}", content=said("hi")), 401, "unauthorized"
                    )
                answer = await client.post("/webhooks/rest/webhook?token=right", content=said("hi"))
                assert answer.status_code == 200


# --- tokens and numbers that are not the customer's -----------------------------------------------------------------


async def test_a_forged_pay_link_shows_nothing(front):
    for token in ("", "x", "A" * 22, "A" * 5000, "\0", "../..", "🙂", "' OR 1=1 --", "A" * 21 + "="):
        assert "$" not in words(await front.send(f"/start {token}")), token
        assert "$" not in words(await front.send("", pay_link=token)), token


async def test_an_expired_pay_link_shows_nothing_personal(front):
    token = await front.world.link("INV-1042", days=1)
    front.world.clock.advance(days=2)
    answer = words(await front.send(f"/start {token}"))
    assert "expired" in answer
    assert not any(word in answer for word in ("$", "Dana", "94107", "INV-1042"))


async def test_a_revoked_pay_link_shows_nothing_personal(front):
    token = await front.world.link("INV-1042")
    await front.world.remit.identity.revoke(token)
    answer = words(await front.send(f"/start {token}"))
    assert not any(word in answer for word in ("$", "Dana", "94107", "INV-1042"))


async def test_a_bearer_of_one_invoice_does_not_see_another(front):
    await front.send(f"/start {await front.world.link('INV-1042')}")
    answer = words(await front.send("show me INV-1044"))
    assert not any(word in answer for word in ("$150", "$210", "Marco", "94110"))


async def test_a_forged_handoff_link_leads_nowhere(world):
    for token in ("x", "A" * 22, "A" * 5000, "%00", "%ff", "..%2f..", "%F0%9F%99%82"):
        for method in ("GET", "HEAD"):
            answer = await world.browser.request(method, f"http://remit/go/{token}")
            assert answer.status_code == 404, token
            assert "location" not in answer.headers


# --- when a database is away ----------------------------------------------------------------------------------------


async def test_a_ledger_that_is_away_is_admitted_and_the_message_can_be_sent_again(front, caplog):
    token = await front.world.link("INV-1042")
    with front.world.engine.begin():  # its lock is held, and waited for in vain
        answer = await front.post(said(f"/start {token}", metadata={"message_id": "m1"}))
    refused(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "5"
    assert token not in caplog.text
    assert "INV-1042" in words(await front.send(f"/start {token}", message_id="m1"))


# --- card numbers ---------------------------------------------------------------------------------------------------

TYPED = [
    "4242 4242 4242 4242",
    "my card is 4242424242424242 exp 04/42 cvc 123",
    "/method card 4242-4242-4242-4242",
    "/agree 4242424242424242",
    "/start 4242424242424242",
    "x" * 3985 + "4242424242424242",
    "4242 4242 4242 4242 " + "y" * 5000,
    "\uff14\uff12\uff14\uff12" * 4,
]


async def test_no_card_number_typed_anywhere_stands_in_any_file_or_log(front, caplog):
    caplog.set_level("DEBUG")
    await front.to_the_quote()
    for number, typed in enumerate(TYPED):
        assert words(await front.send(typed, message_id=f"m{number}"))
    await front.send("/change name")
    await front.send("Dana 4242424242424242")
    await front.world.work()
    files = [file for file in front.world.folder.iterdir() if file.is_file()]
    assert {"ledger.db", "conversations.db", "conversations.db-wal"} <= {file.name for file in files}
    kept = b"".join(file.read_bytes() for file in files) + caplog.text.encode()
    for spelled in (b"424242424242", b"4242 4242 4242", b"4242-4242-4242", ("\uff14\uff12" * 6).encode()):
        assert spelled not in kept
