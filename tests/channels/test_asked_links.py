"""A pay link that somebody asks a front end for: it goes to the address on file, and the answer tells nothing."""

import httpx
import pytest
from world import HANDOFF, World

from bot import asked_links
from bot.web import PAY_LINK
from services.errors import Unavailable

URL = f"{HANDOFF}{PAY_LINK}"


async def ask(world: World, invoice: object) -> httpx.Response:
    return await world.browser.post(URL, json={"invoice": invoice})


async def test_the_link_goes_to_the_address_on_file(world):
    answer = await ask(world, "INV-1042")
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    (letter,) = world.mail.letters
    assert letter.to == "dana.whitfield@example.com"
    token = letter.text.split("/i/")[1].split()[0]
    assert (await world.browser.get(f"{HANDOFF}/i/{token}")).status_code == 200


async def test_the_answer_is_the_same_whether_there_is_such_an_invoice(world):
    there, not_there = await ask(world, "INV-1042"), await ask(world, "INV-9999")
    assert (there.status_code, there.content) == (not_there.status_code, not_there.content)
    assert len(world.mail.letters) == 1


async def test_an_invoice_has_one_letter_a_day_however_often_it_is_asked_for(world):
    for _ in range(5):
        assert (await ask(world, "INV-1042")).status_code == 202
    assert len(world.mail.letters) == 1
    world.clock.advance(days=1)
    await ask(world, "INV-1042")
    assert len(world.mail.letters) == 2


async def test_who_goes_through_the_numbers_is_stopped(world, monkeypatch):
    monkeypatch.setattr(asked_links, "ASKED_PER_DAY", 3)
    statuses = [(await ask(world, f"INV-{number}")).status_code for number in range(1040, 1045)]
    assert statuses == [202, 202, 202, 429, 429]
    world.clock.advance(days=1)
    assert (await ask(world, "INV-1042")).status_code == 202


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"invoice": ""}', b'{"invoice": 7}', b"\xff", b'{"invoice": "a\\u0000"}']
)
async def test_what_names_no_invoice_is_malformed(world, body):
    answer = await world.browser.post(URL, content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")


async def test_what_is_too_large_is_refused(world):
    assert (await ask(world, "x" * asked_links.LARGEST)).status_code == 413
    assert (await ask(world, "x" * 61)).status_code == 400


async def test_only_a_front_end_may_ask(world):
    app = httpx.ASGITransport(world._assistant, client=("203.0.113.7", 4242))
    async with httpx.AsyncClient(transport=app) as http:
        assert (await http.post(URL, json={"invoice": "INV-1042"})).status_code == 401
    assert world.mail.letters == []


async def test_without_a_mail_server_it_is_said_to_the_front_end(tmp_path):
    async with World(tmp_path, mail={"host": ""}) as world:
        assert (await ask(world, "INV-1042")).status_code == 409


async def test_books_that_are_away_make_no_letter_and_no_error(world, monkeypatch, caplog):
    async def away(_number):
        raise Unavailable("the books are away")

    monkeypatch.setattr(world.remit.books, "find", away)
    assert (await ask(world, "INV-1042")).status_code == 202
    assert world.mail.letters == []
    assert "the books are away" in caplog.text
