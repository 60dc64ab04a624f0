"""The bill and the letters in Spanish: for whoever asks for it, and for customers whose language it is on file."""

import re

import httpx
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from world import HANDOFF, World

from bot.pages import bill
from bot.pages.languages import language_for
from bot.send_links import Fate, send_links

SPANISH = {"accept-language": "es-MX,es;q=0.9,en;q=0.8"}


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, chat={"locales": ["en", "es"]}) as made:
        yield made


@pytest.fixture
def speaks(world):
    """Puts a language on file for the customer of the demo."""

    def put(language):
        customers = world.sandbox.portal.customers
        invoice = world.sandbox.portal.invoices["inv-1042"]
        customers[invoice.customer.id] = replace(customers[invoice.customer.id], language=language)

    return put


async def test_a_browser_in_spanish_gets_the_bill_in_spanish(world, site):
    shown = await site.get(f"/i/{await world.link('INV-1042')}", headers=SPANISH)
    assert shown.headers["content-language"] == "es"
    assert "accept-language" in shown.headers["vary"].lower()
    assert '<html lang="es">' in shown.text
    for said in (
        "Factura INV-1042",
        "Vence el 16 mar 2026.",
        "Pagar ahora",
        "$120.00",
        "¿Preguntas? Llame a Green Lane",
    ):
        assert said in shown.text
    assert "Pay now" not in shown.text


async def test_the_address_wins_over_the_browser_and_is_carried_on(world, site):
    token = await world.link("INV-1042")
    shown = await site.get(f"/i/{token}?lang=en", headers=SPANISH)
    assert "Pay now" in shown.text
    assert f'href="../chat?i={token}&amp;lang=en"' in shown.text
    assert '<a href="?lang=es" hreflang="es" lang="es">Español</a>' in shown.text
    plain = await site.get(f"/i/{token}", headers=SPANISH)
    assert f'href="../chat?i={token}"' in plain.text  # the chat asks the same browser


async def test_an_expired_link_asks_for_another_in_the_language_of_its_page(world, site):
    token = await world.link("INV-1042")
    world.clock.advance(days=61)
    shown = await site.get(f"/i/{token}?lang=es")
    assert shown.status_code == 410
    assert "Este enlace venció" in shown.text
    (action,) = re.findall(r'action="([^"]+)"', shown.text)
    assert action == f"{token}/fresh?lang=es"
    answer = await site.submit(f"/i/{action}")
    assert answer.headers["location"] == f"../{token}?sent=1&lang=es"
    sent = await site.get(f"/i/{token}?sent=1&lang=es")
    assert "Revise su correo" in sent.text
    assert '<a href="?sent=1&amp;lang=en" hreflang="en" lang="en">English</a>' in sent.text


async def test_a_page_that_answers_a_press_offers_no_address_that_it_does_not_have(site):
    shown = await site.submit("/i/forged/fresh?lang=es")
    assert "No conocemos este enlace" in shown.text
    assert "hreflang" not in shown.text


async def test_a_business_of_one_language_offers_no_other(tmp_path, post):
    folder = tmp_path / "one"
    folder.mkdir()
    async with World(folder, chat={"locales": ["en"]}) as world:
        app = Starlette(routes=bill.routes(world.remit, post))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HANDOFF, trust_env=False) as http:
            shown = await http.get(f"/i/{await world.link('INV-1042')}?lang=es", headers=SPANISH)
    assert "Pay now" in shown.text
    assert "hreflang" not in shown.text


@pytest.mark.parametrize(("language", "subject"), [
    ("es", "Factura INV-1042 de Green Lane Lawn Care"),
    ("", "Invoice INV-1042 from Green Lane Lawn Care"),
    ("tlh", "Invoice INV-1042 from Green Lane Lawn Care"),
])  # fmt: skip
async def test_a_pay_link_goes_out_in_the_language_on_file(world, post, speaks, language, subject):
    speaks(language)
    outcome = await send_links(world.remit, post, ["INV-1042"])
    assert [each.fate for each in outcome.letters] == [Fate.SENT]
    (letter,) = post.letters
    assert letter.subject == subject
    assert ("vence el 16 mar 2026" in letter.text) is (language == "es")


async def test_a_letter_goes_out_though_no_language_can_be_read(world, post, speaks):
    speaks("x" * 99)  # longer than the contract allows: the portal's answer is refused
    outcome = await send_links(world.remit, post, ["INV-1042"])
    assert [each.fate for each in outcome.letters] == [Fate.SENT]


@pytest.mark.parametrize(("header", "language"), [
    ("es", "es"), ("es-419, en", "es"), ("fr, es;q=0.5", "es"), ("fr", "en"), ("", "en"), ("en, es", "en"), ("ES", "es"),
    ("es;q=0, fr", "en"), ("*", "en"), (",;,;q=1", "en"), ("fr," * 5000 + "es", "en"),
])  # fmt: skip
def test_the_browser_names_the_best_language_first(header, language):
    headers = [(b"accept-language", header.encode())]
    request = Request({"type": "http", "headers": headers, "query_string": b"lang=fr"})
    assert language_for(request, ("en", "es")) == language
