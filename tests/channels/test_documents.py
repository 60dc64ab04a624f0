"""Invoices on paper: a link from the chat opens one PDF, for half an hour, and nothing else."""

import base64

import httpx
import pytest
from test_api import API, say
from world import HANDOFF, NOW, World

from bot import documents

SECRET = b"a secret of this installation"


def front_end(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(world._assistant), base_url=HANDOFF)


async def paper(world: World, http: httpx.AsyncClient, number: str = "INV-1042") -> str:
    """The address of the PDF that the chat of a pay link shows."""
    begun = (await http.post(API, json={"pay_link": await world.link(number)})).json()
    key = {"Authorization": f"Bearer {begun['token']}"}
    answer = (await say(http, begun, key, "the pdf please", "m1")).json()
    (link,) = [message["link"] for message in answer["messages"] if message.get("link")]
    assert link["kind"] == "document"
    return str(link["url"])


async def test_the_chat_gives_out_the_invoice_that_its_link_is_for(world):
    http = front_end(world)
    answer = await http.get(await paper(world, http))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.startswith(b"%PDF-")


async def test_who_proved_number_and_zip_alone_gets_no_paper_with_name_and_address(world):
    http = front_end(world)
    begun = (await http.post(API, json={})).json()
    key = {"Authorization": f"Bearer {begun['token']}"}
    await say(http, begun, key, "pay INV-1042, zip 94107", "m1")
    shown = (await say(http, begun, key, "the pdf please", "m2")).json()["messages"]
    assert shown[0]["text"].startswith("Invoice INV-1042 of")
    assert not [message for message in shown if message.get("link")]


async def test_a_link_to_a_document_is_over_after_half_an_hour_and_says_so(world):
    http = front_end(world)
    address = await paper(world, http)
    world.clock.advance(minutes=29, seconds=59)
    assert (await http.get(address)).status_code == 200
    world.clock.advance(seconds=1)
    late = await http.get(address)
    assert late.status_code == 410
    assert "ask for the invoice again" in late.text


async def test_a_link_for_one_invoice_cannot_be_made_into_one_for_another(world):
    http = front_end(world)
    token = (await paper(world, http)).rpartition("/")[2]
    whole = base64.urlsafe_b64decode(token + "==")
    for other in (b"inv-1031", b"inv-1053"):
        forged = base64.urlsafe_b64encode(whole.replace(b"inv-1042", other)).decode().rstrip("=")
        assert forged != token
        assert (await http.get(f"/d/{forged}")).status_code == 410
    longer = base64.urlsafe_b64encode(whole[:16] + b"9" + whole[16:]).decode().rstrip("=")
    assert (await http.get(f"/d/{longer}")).status_code == 410


@pytest.mark.parametrize("token", ["", "x", "AAAA", "é", "A" * 401, "A" * 400, "%00", "_" * 64, "a=b=c"])
async def test_what_is_no_link_to_a_document_opens_none(world, token):
    answer = await front_end(world).get(f"/d/{token}")
    assert answer.status_code in (404, 410)
    assert b"%PDF" not in answer.content


async def test_an_invoice_that_is_gone_has_no_document(world):
    http = front_end(world)
    token = documents.token_of("portal:none", world.clock(), world.remit.secret)
    answer = await http.get(f"/d/{token}")
    assert answer.status_code == 404
    assert "no document" in answer.text


def test_a_token_opens_nothing_under_another_secret():
    token = documents.token_of("portal:inv-1042", NOW, SECRET)
    assert documents.opened(token, NOW, SECRET) == "portal:inv-1042"
    assert documents.opened(token, NOW, SECRET + b"!") is None


@pytest.mark.parametrize("place", range(0, 44, 3))
def test_no_single_letter_of_a_token_may_be_another_one(place):
    token = documents.token_of("portal:inv-1042", NOW, SECRET)
    wrong = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    assert documents.opened(wrong, NOW, SECRET) is None
