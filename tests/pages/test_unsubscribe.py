"""One tap to stop reminders: by a mail program's one click, by the button of the page, and by no scanner."""

from email import message_from_bytes, policy

import httpx
import pytest
from msgspec.structs import replace
from test_mail import LETTER, Server, listening, smtp
from world import HANDOFF

from bot import unsubscribe
from services.model import Notices

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def url(world, customer="portal:dana"):
    return unsubscribe.stop_url(HANDOFF, customer, world.remit.secret)


async def notices(world, customer="portal:dana"):
    return (await world.remit.books.details(customer)).notices


@pytest.fixture
async def http(world):
    app = httpx.ASGITransport(world._assistant, client=("203.0.113.7", 4242))
    async with httpx.AsyncClient(transport=app, base_url=HANDOFF, trust_env=False) as made:
        yield made


async def test_a_link_that_is_only_looked_at_stops_nothing(world, http):
    for method in ("GET", "HEAD"):
        shown = await http.request(method, url(world))
        assert shown.status_code == 200
    page = await http.get(url(world))
    assert page.text.count("<button") == 1
    assert "dana" not in page.text.lower()
    assert (await notices(world)).reminders


@pytest.mark.parametrize("body", [ONE_CLICK, {}])
async def test_one_click_stops_them_and_leaves_receipts_alone(world, http, body):
    for _ in range(2):
        stopped = await http.post(url(world), data=body)
        assert stopped.status_code == 200
    assert "Done: no more reminders" in stopped.text
    assert await notices(world) == Notices(receipts=True, reminders=False)


async def test_who_turned_them_on_again_may_stop_them_by_the_same_letter(world, http):
    await http.post(url(world), data=ONE_CLICK)
    await unsubscribe.set_reminders(world.remit.books, "portal:dana", on=True, key="again")
    assert (await notices(world)).reminders
    await http.post(url(world), data=ONE_CLICK)
    assert not (await notices(world)).reminders


@pytest.mark.parametrize("token", ["A" * 22, "x", "", "A" * 500, "%00", "ñ"])
async def test_a_link_that_is_none_stops_nothing(world, http, token):
    for method in ("GET", "POST"):
        assert (await http.request(method, f"/mail/stop/{token}")).status_code == 404
    genuine = url(world)
    changed = genuine[:-2] + ("AA" if genuine[-2:] != "AA" else "BB")
    assert (await http.post(changed)).status_code == 404
    assert (await http.post(url(world, "portal:nobody"))).status_code == 404
    assert (await notices(world)).reminders


async def test_the_page_speaks_the_browser_s_language_and_lets_nothing_in(world, http):
    page = await http.get(url(world), headers={"Accept-Language": "es-MX"})
    assert "Detener los recordatorios" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_a_mail_program_finds_both_headers_whole_however_long_the_address_is():
    handler = Server()
    stop = "https://pay.example.com/mail/stop/" + "aB3-" * 60
    async with listening(handler) as port:
        await smtp(port).send(replace(LETTER, stop=stop))
        await smtp(port).send(replace(LETTER, stop=stop.replace("https:", "http:")))
        await smtp(port).send(LETTER)
    raw = [envelope.content for envelope in handler.taken]
    assert f"List-Unsubscribe: <{stop}>\r\n".encode() in raw[0]
    posts = [message_from_bytes(each, policy=policy.default)["List-Unsubscribe-Post"] for each in raw]
    assert posts == ["List-Unsubscribe=One-Click", None, None]  # RFC 8058 wants https
    assert b"List-Unsubscribe" not in raw[2]
