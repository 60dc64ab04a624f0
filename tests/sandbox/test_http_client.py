"""The shared HTTP client: whether something surely did not happen, or may have, is never told wrongly."""

import asyncio

import httpx
import pytest

from services.errors import Unavailable, Uncertain
from services.http import PAUSES, Remote, open_http

NOT_SENT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout]
MAYBE_SENT = [httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError]


class Line(httpx.AsyncBaseTransport):
    """Answers each request with the next of a script; an exception is raised, a number is a status."""

    def __init__(self, *script):
        self.script = list(script)
        self.requests = []

    async def handle_async_request(self, request):
        self.requests.append(request)
        step = self.script.pop(0)
        if isinstance(step, int):
            return httpx.Response(step, json={})
        raise step("a secret detail of the line")


class Pauses:
    def __init__(self):
        self.taken = []

    async def __call__(self, seconds):
        self.taken.append(seconds)


def remote(line, pause=None):
    return Remote("the bank", open_http(line), "http://bank.example/base/", "token-1", pause=pause)


async def test_taking_a_thing_away_may_be_sent_twice_and_is_uncertain_when_no_answer_comes():
    line = Line(httpx.ReadTimeout, 200)
    assert (await remote(line, Pauses()).delete("/methods/pm_a")).status_code == 200
    assert [(sent.method, sent.url.path) for sent in line.requests] == [("DELETE", "/base/methods/pm_a")] * 2
    with pytest.raises(Uncertain):
        await remote(Line(httpx.ReadTimeout)).delete("/methods/pm_a")


@pytest.mark.parametrize("error", NOT_SENT)
async def test_a_write_that_never_left_surely_did_not_happen(error):
    with pytest.raises(Unavailable):
        await remote(Line(error)).post("/x", b"{}", key="k")


@pytest.mark.parametrize("error", MAYBE_SENT)
async def test_a_write_without_an_answer_may_have_happened(error):
    with pytest.raises(Uncertain):
        await remote(Line(error)).post("/x", b"{}", key="k")


@pytest.mark.parametrize("error", NOT_SENT + MAYBE_SENT)
async def test_a_read_without_an_answer_can_be_asked_again(error):
    with pytest.raises(Unavailable):
        await remote(Line(error)).get("/x")


@pytest.mark.parametrize(
    ("status", "error"), [(429, Unavailable), (503, Unavailable), (500, Uncertain), (504, Uncertain)]
)
async def test_a_write_that_was_answered_with_a_failure(status, error):
    with pytest.raises(error):
        await remote(Line(status)).post("/x", b"{}", key="k")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_read_that_was_answered_with_a_failure_can_be_asked_again(status):
    with pytest.raises(Unavailable):
        await remote(Line(status)).get("/x")


@pytest.mark.parametrize("status", [200, 201, 303, 400, 401, 404, 409])
async def test_every_other_answer_is_handed_back(status):
    assert (await remote(Line(status)).post("/x", b"{}")).status_code == status


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ReadError, 503, 500])
async def test_a_safe_call_is_tried_three_times_with_pauses_and_the_same_key(trouble):
    pauses, line = Pauses(), Line(trouble, trouble, 200)
    assert (await remote(line, pauses).post("/x", b"{}", key="k-1")).status_code == 200
    assert pauses.taken == list(PAUSES)
    assert {request.headers["idempotency-key"] for request in line.requests} == {"k-1"}
    assert [request.content for request in line.requests] == [b"{}"] * 3


async def test_a_call_is_never_tried_more_than_three_times():
    line = Line(503, 503, 503, 200)
    with pytest.raises(Unavailable):
        await remote(line, Pauses()).get("/x")
    assert len(line.requests) == 3


async def test_a_write_without_a_key_is_never_tried_again():
    line = Line(httpx.ConnectError, 200)
    with pytest.raises(Unavailable):
        await remote(line, Pauses()).post("/x", b"{}")
    assert len(line.requests) == 1


async def test_a_refusal_after_a_lost_answer_does_not_hide_that_it_may_have_happened():
    for last in (httpx.ConnectError, 503):
        with pytest.raises(Uncertain):
            await remote(Line(httpx.ReadTimeout, 504, last), Pauses()).post("/x", b"{}", key="k")


@pytest.mark.parametrize("trouble", [httpx.ConnectError, httpx.ReadTimeout, 500, 503])
async def test_no_address_token_or_body_stands_in_an_error(trouble):
    with pytest.raises((Unavailable, Uncertain)) as caught:
        await remote(Line(trouble)).post("/path-1", b'{"name": "Dana"}', key="key-1")
    told = repr(caught.value) + repr(caught.value.__cause__)
    for secret in ("bank.example", "path-1", "token-1", "key-1", "Dana", "secret detail"):
        assert secret not in told


async def test_the_token_goes_to_the_service_and_redirects_are_not_followed():
    line = Line(302)
    assert (await remote(line).get("/x", {"q": "a b"})).status_code == 302
    assert line.requests[0].headers["authorization"] == "Bearer token-1"
    assert str(line.requests[0].url) == "http://bank.example/base/x?q=a+b"


def test_nobody_waits_longer_than_agreed():
    timeout = open_http().timeout
    assert (timeout.connect, timeout.read) == (2.0, 10.0)


@pytest.mark.parametrize("status", [401, 404, 422])
async def test_a_no_after_a_try_without_an_answer_does_not_mean_that_nothing_happened(status):
    with pytest.raises(Uncertain, match="earlier"):
        await remote(Line(httpx.ReadTimeout, status), Pauses()).post("/x", b"{}", key="k")


@pytest.mark.parametrize(("token", "sent"), [("", None), ("token-1", b"bearer token-1")])
async def test_a_service_that_wants_no_token_is_sent_none_over_a_real_line(token, sent):
    """An empty bearer is refused by the library itself, and only where the line is a real one."""
    heard = []

    async def answer(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server, open_http() as http:
        port = server.sockets[0].getsockname()[1]
        assert (await Remote("it", http, f"http://127.0.0.1:{port}", token).post("", b"")).status_code == 200
    lines = [line for line in heard[0].lower().split(b"\r\n") if line.startswith(b"authorization")]
    assert lines == ([b"authorization: " + sent] if sent else [])
