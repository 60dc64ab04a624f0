"""The receipt behind its link: what it says in every state and language, on the page and on paper, and what it never does."""

import html
import io
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace
from pypdf import PdfReader
from sqlalchemy import update
from starlette.applications import Starlette
from world import HANDOFF, World

from bot.pages import bill, receipt
from bot.pages.qr import rows
from bot.pages.receipt_paper import Printed, receipt_pdf
from bot.pages.receipt_words import receipt_words
from bot.settings import CONFIG
from bot.wording import Wording
from services.model import Method, Money
from services.payments import receipt_links, receipts
from services.payments.giving_back import refund
from services.payments.receipts import Back, Part, Receipt, Standing
from services.payments.refunds import RefundOrder
from services.schema import payment

PRIVATE = ("94107", "Dana", "Whitfield", "dana.whitfield", "Larkfield", "415 555 0117")
SPANISH = {"accept-language": "es-MX,es;q=0.9"}
RETURNS, FAILS = "000555555559", "000111111116"  # accounts of the sandbox
AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
PAID = Receipt(
    "RM-7KQ2-9XTD",
    Standing.PAID,
    Money(12350, "USD"),
    Money(350, "USD"),
    (Part("INV-1042", Money(7000, "USD")), Part("INV-1031", Money(5000, "USD"))),
    Method.CARD,
    "visa",
    "4242",
    AT,
    AT,
)


def words(page):
    """The page as a person reads it."""
    return " ".join(html.unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", page)).split())


def read(pdf):
    """The text of a PDF, as another library reads it; no-break spaces are spaces."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def speaks(language="en"):
    return Wording.load(CONFIG / "pages" / f"{language}.toml", UTC)


def printed(of=PAID, *, language="en", business="Green Lane Lawn Care", url=f"{HANDOFF}/r/{'a' * 22}"):
    return Printed.of(of, speaks(language), AT, business, "+1 415 555 0142", url, rows(url))


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, chat={"locales": ["en", "es"]}) as made:
        yield made


@pytest.fixture
async def site(world):
    app = Starlette(routes=[*bill.routes(world.remit, None), *receipt.routes(world.remit)])
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 4242))
    async with httpx.AsyncClient(transport=transport, base_url=HANDOFF, trust_env=False) as http:
        yield http


async def pay(world, how="card", number="4242424242424242", invoice="INV-1042", chat="rasa:one"):
    """Pay an invoice in a chat; the payment's reference."""
    await world.say(chat, f"/start {await world.link(invoice)}")
    await world.say(chat, f"/method {how}")
    await world.say(chat, "yes")
    talk = (await world.store.load(chat, "")).talk
    said = await world.store.since(chat, 0)
    page = await world.page(next(message.link.url for message in reversed(said) if message.link))
    await (world.pay_by_card if how == "card" else world.pay_by_bank)(page, number)
    await world.work()
    assert talk is not None
    paid = await world.remit.checkout.latest(chat)
    assert paid is not None
    return paid.reference


async def link(world, reference):
    share = receipt_links.share
    return f"/r/{await world.remit.transact(lambda conn: share(conn, reference, world.remit.secret, world.clock()))}"


async def give_back(world, reference, minor):
    order = RefundOrder(f"{minor}-{world.clock()}", reference, Money(minor, "USD"), "test")
    await refund(world.remit.checkout, order)
    await world.work()


# --- the page -----------------------------------------------------------------------------------------------------------


async def test_a_card_payment_has_its_receipt_at_once_and_nothing_of_its_customer_on_it(world, site):
    reference = await pay(world)
    shown = await site.get(await link(world, reference))
    assert shown.status_code == 200
    text = words(shown.text)
    for part in ("Receipt", reference, "Paid $120.00", "Mar 2, 2026", "Visa ending in 4242", "Invoice INV-1042"):
        assert part in text
    assert "+1 415 555 0142" in text
    assert "Green Lane Lawn Care" in text
    assert "fee" not in text.lower()
    assert not [told for told in PRIVATE if told in shown.text]


async def test_a_bank_payment_is_a_notice_until_it_has_cleared_and_void_when_it_comes_back(world, site):
    reference = await pay(world, "bank", RETURNS)
    path = await link(world, reference)
    text = words((await site.get(path)).text)
    assert "Payment notice On its way" in text
    assert "no receipt yet" in text
    await world.wait(days=3, hours=1)
    assert "Receipt Paid" in words((await site.get(path)).text)
    await world.wait(days=3)
    text = words((await site.get(path)).text)
    assert "Void: returned" in text
    assert "Was for $120.00" in text
    assert "sent this payment back on Mar" in text


async def test_a_bank_payment_that_never_came_says_that_nothing_was_paid(world, site):
    reference = await pay(world, "bank", FAILS)
    path = await link(world, reference)
    await world.wait(days=3, hours=1)
    text = words((await site.get(path)).text)
    assert "Not paid" in text
    assert "no receipt" in text


async def test_refunds_stand_on_it_with_their_dates_and_what_is_left(world, site):
    reference = await pay(world)
    path = await link(world, reference)
    world.clock.advance(days=2)
    await give_back(world, reference, 2000)
    text = words((await site.get(path)).text)
    for part in ("Partly refunded", "Refund on Mar 4, 2026 -$20.00", "Left after refunds $100.00", "Paid $120.00"):
        assert part in text
    world.clock.advance(days=1)
    await give_back(world, reference, 10000)
    text = words((await site.get(path)).text)
    for part in ("Refunded", "Refund on Mar 5, 2026 -$100.00", "Refunds so far -$120.00", "Left after refunds $0.00"):
        assert part in text


@pytest.mark.parametrize("path", ["", ".pdf"])
@pytest.mark.parametrize("token", ["x" * 22, "x", "A" * 500, "..", "%00", "RM-7KQ2-9XTD"])
async def test_every_wrong_link_is_answered_alike(world, site, token, path):
    await pay(world)
    shown, other = await site.get(f"/r/{token}{path}"), await site.get(f"/r/{'y' * 22}{path}")
    if token == "..":  # the browser's own reading of the address
        assert shown.status_code == 404
        return
    assert (shown.status_code, shown.text) == (404, other.text)
    assert shown.headers["content-security-policy"] == other.headers["content-security-policy"]


async def test_a_payment_that_nobody_made_has_no_receipt(world, site):
    await world.say("rasa:one", f"/start {await world.link('INV-1042')}")
    await world.say("rasa:one", "/method card")
    await world.say("rasa:one", "yes")
    paid = await world.remit.checkout.latest("rasa:one")
    assert (await site.get(await link(world, paid.reference))).status_code == 404
    await world.wait(hours=30)  # the page is over, unpaid
    assert (await site.get(await link(world, paid.reference))).status_code == 404


async def test_a_link_that_was_printed_before_the_secret_changed_still_opens(world, site):
    reference = await pay(world)
    path, now = await link(world, reference), world.clock()
    other = await world.remit.transact(lambda conn: receipt_links.share(conn, reference, b"another", now))
    assert path != f"/r/{other}"
    assert {(await site.get(each)).status_code for each in (path, f"/r/{other}")} == {200}


async def test_the_link_is_the_same_whenever_it_is_shown_and_is_stored_nowhere(world):
    reference = await pay(world)
    first, again = await link(world, reference), await link(world, reference)
    assert first == again
    token = first.removeprefix("/r/").encode()
    assert len(token) == 22
    assert not [file for file in world.folder.glob("ledger.db*") if token in file.read_bytes()]


async def test_it_speaks_the_language_of_its_reader_and_offers_the_other(world, site):
    path = await link(world, await pay(world))
    shown = await site.get(path, headers=SPANISH)
    assert shown.headers["content-language"] == "es"
    assert "Recibo Pagado" in words(shown.text)
    assert "Visa terminada en 4242" in words(shown.text)
    assert '<a href="?lang=en" hreflang="en" lang="en">English</a>' in shown.text
    named = await site.get(f"{path}?lang=es")
    assert ".pdf?lang=es" in named.text
    assert "Recibo" in read((await site.get(f"{path}.pdf?lang=es")).content)


async def test_it_is_private_by_its_headers_and_has_no_script(world, site):
    path = await link(world, await pay(world))
    for each in (await site.get(path), await site.get(f"{path}.pdf")):
        assert each.headers["cache-control"] == "no-store"
        assert each.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in each.headers["x-robots-tag"]
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in (await site.get(path)).text
    assert "style=" not in (await site.get(path)).text


async def test_who_asks_without_end_waits(world, site):
    path = await link(world, await pay(world))
    answers = [(await site.get(path)).status_code for _ in range(70)]
    assert answers[:50] == [200] * 50
    assert 429 in answers
    shown = await site.get(path)
    assert int(shown.headers["retry-after"]) >= 1
    assert "wait a minute" in shown.text


async def test_what_the_books_call_an_invoice_stays_text(world, site):
    reference = await pay(world)
    path = await link(world, reference)
    from services.schema import payment_invoice  # noqa: PLC0415  # for this alone

    hostile = '<img src=x onerror="alert(1)">'
    await world.remit.transact(lambda conn: conn.execute(update(payment_invoice).values(number=hostile)))
    shown = (await site.get(path)).text
    assert hostile not in shown
    assert html.escape(hostile, quote=False).split('"')[0] in shown.replace("&#34;", '"')
    assert hostile in read((await site.get(f"{path}.pdf")).content).replace("alert (1)", "alert(1)")


async def test_a_fee_stands_on_it_when_there_is_one(world, site):
    reference = await pay(world)
    await world.remit.transact(lambda conn: conn.execute(update(payment).values(fee_minor=350)))
    text = words((await site.get(await link(world, reference))).text)
    assert "Program fee $3.50" in text
    assert "Total $120.00" in text


# --- in words, and on paper ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("method", list(Method))
@pytest.mark.parametrize("standing", list(Standing))
def test_every_standing_reads_in_every_language_on_page_and_paper(standing, method, language):
    back = (Back("RF-1", Money(1000, "USD"), AT),)
    told = replace(PAID, standing=standing, method=method, refunds=back, refunded=1000)
    shown = receipt_words(told, "Green Lane", speaks(language), AT)
    for text in (shown.title, shown.heading, shown.state_word, shown.sentence):
        assert text
        assert not re.search(r"[{}_]|None", text)
    assert (standing in receipts.VOID) is shown.void
    text = read(receipt_pdf(printed(told, language=language)))
    for part in (PAID.number, "$123.50", "INV-1031", "$3.50", shown.state_word, "4242"):
        assert part in text


def test_every_sentence_of_a_receipt_is_used():
    known = speaks().keys()
    keys = {key for key in known if key.startswith("receipt_")}
    files = (
        CONFIG.parent / "bot" / "pages" / f
        for f in ("receipt.py", "receipt.html", "receipt_words.py", "receipt_paper.py")
    )
    sources = "".join(file.read_text() for file in files)
    built = {f"receipt_{kind}_{standing}" for kind in ("state", "says") for standing in Standing}
    built |= {f"receipt_{key}" for key in re.findall(r'"([a-z_]+)"', sources)}
    built |= {f"receipt_{kind}{key}" for kind in ("", "notice_") for key in ("title", "heading", "number", "parts")}
    built |= {f"receipt_{note}{part}" for note in ("unknown", "often", "away") for part in ("", "_title")}
    built |= {f"receipt_{kind}{plain}" for kind in ("card", "bank") for plain in ("", "_plain")}
    built |= {f"receipt_hero_{hero}" for hero in ("paid", "void", "on_its_way")}
    named = set(re.findall(r"receipt_[a-z_]+", sources))
    assert keys <= built | named
    assert built & keys >= {f"receipt_says_{standing}" for standing in Standing}


def test_a_paper_tells_its_title_and_language_and_is_the_same_every_time():
    one, other = receipt_pdf(printed()), receipt_pdf(printed())
    assert one == other
    reader = PdfReader(io.BytesIO(one))
    assert reader.metadata.title == "Receipt RM-7KQ2-9XTD · Green Lane Lawn Care"
    assert reader.metadata.author == "Green Lane Lawn Care"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert PdfReader(io.BytesIO(receipt_pdf(printed(language="es")))).trailer["/Root"]["/Lang"] == "es"


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_what_is_set_fits_letter_and_a4(currency):
    told = replace(
        PAID,
        amount=Money(12350, currency),
        fee=Money(0, currency),
        parts=tuple(Part(f"INV-{n}", Money(100, currency)) for n in range(60)),
    )
    reader = PdfReader(io.BytesIO(receipt_pdf(printed(told))))
    assert len(reader.pages) > 1
    narrow, short = 210 / 25.4 * 72, 279.4 / 25.4 * 72  # millimetres to points: A4's width, Letter's height
    for page in reader.pages:
        height, seen = float(page.mediabox.height), []
        page.extract_text(visitor_text=lambda text, _cm, tm, _font, _size, seen=seen: seen.append((text, tm[4], tm[5])))
        for text, left, up in seen:
            if text.strip():
                assert 0 < left < narrow
                assert height - up < short - 30, text


@pytest.mark.parametrize(
    "name",
    [
        "x" * 5000,
        "شركة العناية بالحدائق",
        "גינון ירוק בע״מ",
        "🌱🌳 Lawn 👨‍👩‍👧",
        "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́O̵̹̻̝̳",
        "\u202egnp.exe\u202c",
        "a\x00b\r\nc",
        "हरा लॉन",
        "\ud83d",
        " ",
    ],
)
def test_hostile_names_and_numbers_do_not_break_the_paper(name):
    told = replace(PAID, parts=(Part(name, Money(100, "USD")),) * 3, brand=name[:24])
    text = read(receipt_pdf(printed(told, business=name)))
    assert PAID.number in text
    assert "$123.50" in text


@settings(max_examples=25, deadline=None)
@given(some.text(max_size=300), some.integers(1, 10**12), some.integers(1, 30))
def test_no_text_and_no_sum_breaks_the_paper(text, minor, count):
    told = replace(PAID, amount=Money(minor, "USD"), parts=(Part(text, Money(minor, "USD")),) * count)
    assert PAID.number in read(receipt_pdf(printed(told, business=text)))


def test_a_refund_that_came_back_stands_on_no_receipt():
    assert PAID.refund("RF-1") is None
    assert replace(PAID, refunds=(Back("RF-1", Money(5, "USD"), AT + timedelta(1)),)).refund("RF-1") is not None
