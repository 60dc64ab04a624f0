"""The bill behind a pay link: what a customer reads in every state, and what a stranger never does."""

import html
import re
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace
from starlette.applications import Starlette

from bot.pages import bill, reading
from bot.settings import CONFIG
from bot.wording import Wording
from services.errors import Uncertain
from services.model import Fee, InvoiceState, Method, Money, Rules

PERSONAL = ("INV-1042", "Dana", "120.00", "94107", "dana.whitfield")


def words(page):
    """The page as a person reads it."""
    return " ".join(
        html.unescape(re.sub(r"<svg.*?</svg>|<[^>]+>", " ", page)).split()
    )  # which splits at no-break spaces too


@pytest.fixture
def open_bill(world, site):
    async def opened(number):
        return await site.get(f"/i/{await world.link(number)}")

    return opened


@pytest.fixture
async def expired(world):
    token = await world.link("INV-1042")
    world.clock.advance(days=61)
    return token


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        ("INV-1042", ["Open", "Dana Whitfield", "To pay $120.00", "Due Mar 16, 2026", "Total $120.00", "Pay now"]),
        ("INV-1031", ["Overdue", "To pay $86.50", "was due Feb 9, 2026", "Pay now"]),
        ("INV-1044", ["Partly paid", "To pay $150.00", "Total $210.00", "Paid so far $60.00", "Balance $150.00"]),
        ("INV-1027", ["Paid $95.00", "Nothing is left to pay", "Paid so far $95.00"]),
        ("INV-1039", ["Void", "Was for $150.00", "nothing to pay"]),
        ("CN-2003", ["Credit note", "Credit to you $25.00", "nothing to pay"]),
        ("INV-1045", ["To pay €489.90"]),
        ("INV-1046", ["To pay ¥36,000"]),
    ],
)
async def test_a_bill_says_in_words_where_it_stands(open_bill, number, parts):
    shown = await open_bill(number)
    assert shown.status_code == 200
    text = words(shown.text)
    for part in [f"Invoice {number}", "Green Lane Lawn Care", "+1 415 555 0142", *parts]:
        assert part in text


@pytest.mark.parametrize("number", ["INV-1027", "INV-1039", "CN-2003"])
async def test_what_cannot_be_paid_offers_no_pay_now_and_no_code(open_bill, number):
    shown = await open_bill(number)
    assert "Pay now" not in shown.text
    assert "<svg" not in shown.text


async def test_pay_now_is_a_plain_link_into_the_chat_that_knows_the_invoice(world, site):
    token = await world.link("INV-1042")
    shown = await site.get(f"/i/{token}")
    assert f'<a class="button" id="pay-now" href="../chat?i={token}">Pay now</a>' in shown.text
    assert "<script" not in shown.text


async def test_the_day_it_is_due_is_the_day_in_the_business_time_zone(world, site):
    token = await world.link("INV-1042")
    world.clock.at = world.clock.at.replace(day=17, hour=5)  # in California it is still the 16th
    assert "Due today" in words((await site.get(f"/i/{token}")).text)
    world.clock.advance(hours=3)
    assert "Overdue" in words((await site.get(f"/i/{token}")).text)


async def test_a_payment_on_its_way_is_not_called_paid(world, site, open_bill):
    invoice = (await world.remit.invoices.find("INV-1044"))[0]
    text = Wording.load(CONFIG / "pages" / "en.toml", world.settings.zone)
    part = reading.read(replace(invoice, processing=5000), Rules(), world.clock.at.date(), text)
    rows = {row.name: row.value for row in part.rows}
    assert rows["Paid so far"] == "$60.00"
    assert (rows["Being processed"], rows["Left to pay"], part.hero.value) == ("$50.00", "$100.00", "$100.00")
    assert part.payable
    whole = reading.read(replace(invoice, processing=15000), Rules(), world.clock.at.date(), text)
    assert (whole.state, whole.hero.name, whole.payable) == ("processing", "Being processed", False)


async def test_a_bank_payment_shows_as_processing_then_paid_then_owed_again(world, site):
    token = await world.link("INV-1042")
    await world.say("web:a", "hi", pay_link=token)
    for said in ("pay it all from my bank account", "yes", "yes"):
        messages = await world.say("web:a", said)
        if messages[-1].link:
            break
    await world.pay_by_bank(await world.page(messages[-1].link.url), "000555555559")
    await world.work()
    text = words((await site.get(f"/i/{token}")).text)
    assert "Processing" in text
    assert "Paid so far" not in text
    await advance(world, days=3, hours=1)
    assert "Nothing is left to pay" in words((await site.get(f"/i/{token}")).text)
    await advance(world, days=3)
    assert "To pay $120.00" in words((await site.get(f"/i/{token}")).text)


async def advance(world, **step):
    world.clock.advance(**step)
    await world.work()


@pytest.mark.parametrize(
    ("change", "rules", "payable", "hero"),
    [
        ({}, Rules(currencies=("EUR",)), False, "Balance"),
        ({}, Rules(methods=(Method.BANK,), ach_currencies=("EUR",)), False, "Balance"),
        ({"due": Money(13000, "USD")}, Rules(), True, "To pay"),  # a late fee: more is due than the total
        ({"due": Money(-500, "USD"), "state": InvoiceState.PAID}, Rules(), False, "Paid"),
        ({"due_date": None}, Rules(), True, "To pay"),
    ],
)
async def test_odd_invoices_still_read_as_bills(world, change, rules, payable, hero):
    invoice = (await world.remit.invoices.find("INV-1042"))[0]
    text = Wording.load(CONFIG / "pages" / "en.toml", world.settings.zone)
    read = reading.read(replace(invoice, **change), rules, world.clock.at.date(), text)
    assert (read.payable, read.hero.name) == (payable, hero)
    assert not any("-" in row.value for row in read.rows)
    if not payable and hero == "Balance":
        assert "can't be paid online" in " ".join(read.sentences)


@pytest.mark.parametrize(("rules", "exempt", "said"), [
    (Rules(), False, ""),
    (Rules(fee=Fee(250)), True, ""),
    (Rules(fee=Fee(250), methods=(Method.BANK,)), False, ""),
    (Rules(fee=Fee(250)), False, "adds a program fee of $3.00; from a bank account there is none."),
    (Rules(fee=Fee(250), methods=(Method.CARD,)), False, "adds a program fee of $3.00."),
])  # fmt: skip
async def test_a_bill_says_what_a_card_costs_beside_it(world, rules, exempt, said):
    invoice = (await world.remit.invoices.find("INV-1042"))[0]
    text = Wording.load(CONFIG / "pages" / "en.toml", world.settings.zone)
    sentences = " ".join(
        reading.read(replace(invoice, fee_exempt=exempt), rules, world.clock.at.date(), text).sentences
    )
    assert said in sentences
    assert ("program fee" in sentences) is bool(said)


def test_every_sentence_of_the_page_is_used_and_every_used_one_is_there(world):
    every = Wording.load(CONFIG / "pages" / "en.toml", world.settings.zone).keys()
    others = (
        "receipt_",
        "go_",
        "stop",
    )  # pages of their own: test_receipt_page.py, test_hand_off.py, test_unsubscribe.py
    known = {key for key in every if not key.startswith(others)}
    files = ("bill.py", "bill.html", "reading.py", "worded.py", "worded.html")
    sources = "".join((CONFIG.parent / "bot" / "pages" / f).read_text() for f in files)
    named = set(re.findall(r'"([a-z_]+)"', sources)) | set(re.findall(r"say\('([a-z_]+)'", sources))
    states = ("open", "today", "overdue", "part", "processing", "paid", "void", "credit")
    built = {f"{kind}_{state}" for kind in ("state", "says") for state in states} | {"hero_void", "hero_paid"}
    built |= {f"pay_{method}" for method in Method}
    notes = {f"{note}_title" for note in ("expired", "sent", "often", "unknown", "gone", "away")}
    assert known == {key for key in known if key in named | built | notes}
    assert (built | notes) <= known


async def test_the_bill_offers_each_way_to_pay_where_there_is_a_choice(world, site):
    dollars, euros = await world.link("INV-1042"), await world.link("INV-1045")
    shown = (await site.get(f"/i/{dollars}")).text
    assert all(f'href="../chat?i={dollars}&amp;m={method}"' in shown for method in Method)
    assert "&amp;m=" not in (await site.get(f"/i/{euros}")).text


# --- who may see it -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revoked", [True, False])
async def test_a_link_that_held_once_shows_a_stranger_nothing_of_the_invoice(world, site, revoked):
    token = await world.link("INV-1042")
    if revoked:
        await world.remit.identity.revoke(token)
    else:
        world.clock.advance(days=61)
    shown = await site.get(f"/i/{token}")
    assert shown.status_code == 410
    assert "This link has expired" in words(shown.text)
    assert not any(part in shown.text for part in PERSONAL)
    assert f'href="../chat?i={token}"' in shown.text
    assert f'<form method="post" action="{token}/fresh">' in shown.text


@pytest.mark.parametrize("token", ["x" * 22, "%00", "a b", "☂", "x" * 5000, "..%5Cevil.example", "<script>"])
async def test_a_forged_link_is_a_page_in_the_same_style_and_not_an_error(site, token):
    for shown in (await site.get(f"/i/{token}"), await site.submit(f"/i/{token}/fresh")):
        assert shown.status_code == 404
        assert "We don't know this link" in words(shown.text)
        assert "bill.css" in shown.text
        assert "<script" not in shown.text


async def test_the_pages_are_never_kept_indexed_framed_or_told_to_others(site, open_bill, expired):
    for shown in (await open_bill("INV-1042"), await site.get(f"/i/{expired}"), await site.get("/i/forged")):
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in shown.headers["x-robots-tag"]
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert " style=" not in shown.text


async def test_an_invoice_that_left_the_books_says_so(world, site):
    token = await world.remit.identity.issue("portal:inv-9999", 60)
    shown = await site.get(f"/i/{token}")
    assert shown.status_code == 410
    assert "no longer here" in words(shown.text)


async def test_books_out_of_reach_are_a_page_that_says_nothing_was_charged(world, site):
    token = await world.link("INV-1042")
    remote = world.remit.invoices._sources["portal"]._remote
    remote._pause = None  # no second try
    await world.http.aclose()
    remote._http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _request: httpx.Response(503)))
    shown = await site.get(f"/i/{token}")
    assert shown.status_code == 503
    assert shown.headers["retry-after"]
    assert "Nothing was charged" in words(shown.text)


async def test_the_style_sheet_can_be_kept_because_its_address_changes_with_it(site, open_bill):
    shown = await open_bill("INV-1042")
    (address,) = re.findall(r'href="\.\./(pages/bill\.css\?[0-9a-f]{12})"', shown.text)
    sheet = await site.get(f"/{address}")
    assert sheet.headers["content-type"].startswith("text/css")
    assert "immutable" in sheet.headers["cache-control"]


# --- hostile words ---------------------------------------------------------------------------------------------------

NASTY = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7*7 }}\x00\n'


async def test_hostile_words_on_an_invoice_stay_words(world, site):
    invoice = world.sandbox.portal.invoices["inv-1042"]
    token = await world.link("INV-1042")
    person = replace(invoice.customer, name=NASTY + "W" * 10_000)
    invoice.number, invoice.customer = NASTY[:100], person
    shown = await site.get(f"/i/{token}")
    assert shown.status_code == 200
    assert "<script" not in shown.text
    assert "<img" not in shown.text
    assert "\u202e" not in shown.text
    assert "\x00" not in shown.text
    assert "{{ 7*7 }}" in html.unescape(shown.text)
    assert len(shown.text) < 20_000


# --- a fresh link ------------------------------------------------------------------------------------------------------


async def test_a_fresh_link_goes_to_the_address_on_file_and_opens_the_bill(site, expired, links):
    answer = await site.submit(f"/i/{expired}/fresh")
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{expired}?sent=1")
    told = await site.get(f"/i/{expired}?sent=1")
    assert "a fresh link is on its way" in words(told.text)
    assert not any(part in told.text for part in PERSONAL)
    (letter,) = site.post.letters
    assert letter.to == "dana.whitfield@example.com"
    assert "You asked for a fresh link" in letter.text
    (fresh,) = links(letter)
    assert "To pay $120.00" in words((await site.get(fresh)).text)
    assert (await site.get(f"/i/{expired}")).status_code == 410  # the old one stays closed


async def test_nobody_learns_whether_there_is_an_address_on_file(world, site, expired):
    with_one = await site.submit(f"/i/{expired}/fresh")
    customer = world.sandbox.portal.customers["dana"]
    world.sandbox.portal.customers["dana"] = replace(customer, email="")
    without = await site.submit(f"/i/{expired}/fresh")
    assert (without.status_code, without.headers, without.content) == (
        with_one.status_code,
        with_one.headers,
        with_one.content,
    )
    assert len(site.post.letters) == 1


async def test_a_button_pressed_all_day_fills_nobodys_mailbox(world, site, expired):
    answers = [await site.submit(f"/i/{expired}/fresh") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 3 + [429] * 3
    assert "asked for often" in words(answers[-1].text)
    assert 'href="../../pages/bill.css' in answers[-1].text
    assert len(site.post.letters) == 3
    world.clock.advance(days=1)
    assert (await site.submit(f"/i/{expired}/fresh")).status_code == 303


async def test_one_caller_cannot_press_the_button_of_every_invoice(world, site):
    tokens = [await world.link(number) for number in ("INV-1042", "INV-1031", "INV-1044", "INV-1047", "INV-1050") * 2]
    tokens += [await world.link(number) for number in ("INV-1045", "INV-1046", "INV-1027", "INV-1039", "CN-2003") * 3]
    world.clock.advance(days=61)
    statuses = [(await site.submit(f"/i/{token}/fresh")).status_code for token in tokens]
    assert statuses == [303] * 20 + [429] * 5
    async with site.browser("203.0.113.8") as other:
        assert (await other.post(f"/i/{tokens[-1]}/fresh")).status_code == 303


async def test_a_link_that_still_holds_mails_nothing(world, site):
    token = await world.link("INV-1042")
    answer = await site.submit(f"/i/{token}/fresh")
    assert (answer.status_code, answer.headers["location"]) == (303, f"../{token}")
    assert site.post.letters == []


async def test_a_mail_server_that_is_away_costs_no_try(site, expired, caplog):
    site.post.break_down()
    for _ in range(4):
        assert (await site.submit(f"/i/{expired}/fresh")).status_code == 303
    site.post.refuses = None
    await site.submit(f"/i/{expired}/fresh")
    assert len(site.post.letters) == 1
    assert "a letter was not sent" in caplog.text
    assert not any(part in caplog.text for part in (*PERSONAL, expired))


async def test_a_letter_that_may_have_left_counts_as_a_try(site, expired):
    site.post.refuses = Uncertain("the mail server stopped answering: SMTPServerDisconnected")
    statuses = [(await site.submit(f"/i/{expired}/fresh")).status_code for _ in range(4)]
    assert statuses == [303, 303, 303, 429]


async def test_without_a_mail_server_only_the_chat_is_offered(world, site, expired):
    app = Starlette(routes=bill.routes(world.remit, None))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://remit", trust_env=False) as http:
        shown = await http.get(f"/i/{expired}")
        assert "<form" not in shown.text
        assert "Open the chat" in words(shown.text)
        assert (await http.post(f"/i/{expired}/fresh")).status_code == 303


async def test_a_fresh_link_works_as_long_as_any_other(world, site, expired, links):
    await site.submit(f"/i/{expired}/fresh")
    (fresh,) = links(site.post.letters[0])
    world.clock.at += timedelta(days=59)
    assert (await site.get(fresh)).status_code == 200
    world.clock.at += timedelta(days=2)
    assert (await site.get(fresh)).status_code == 410
