"""Letters about receipts: once per cause in any order of facts, to the address on file alone, and only where they are wanted."""

import io
import itertools
import re
from datetime import timedelta

import pytest
from msgspec.structs import replace
from pypdf import PdfReader
from sqlalchemy import select
from test_receipt_page import RETURNS, give_back, pay
from world import World

from services.errors import Unavailable
from services.mail import Smtp
from services.model import Notices, Revision
from services.payments import receipt_letters
from services.payments.gateways.base import Fact, FactKind
from services.schema import fact, letter

FAILS = "000111111116"


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, chat={"locales": ["en", "es"]}) as made:
        yield made


async def wanted(world):
    rows = await world.remit.transact(lambda conn: conn.execute(select(letter).order_by(letter.c.id)).all())
    return [(row.key, row.kind, row.state) for row in rows]


async def on_file(world, **revision):
    (invoice,) = await world.remit.invoices.find("INV-1042")
    await world.remit.books.save(invoice.customer, Revision(**revision), world.chance.randbytes(8).hex())
    return invoice.customer


async def test_a_card_payment_is_followed_by_one_letter_with_the_receipt(world):
    reference = await pay(world)
    assert await wanted(world) == [(f"receipt:{reference}", "receipt", "sent")]
    (sent,) = world.mail.letters
    assert sent.to == "dana.whitfield@example.com"
    assert sent.subject == f"Receipt {reference} from Green Lane Lawn Care"
    assert "$120.00 by Visa ending in 4242 arrived on Mar 2, 2026, for invoice INV-1042." in sent.text
    (paper,) = sent.attachments
    assert (paper.name, paper.kind) == (f"receipt-{reference}.pdf", "application/pdf")
    assert reference in PdfReader(io.BytesIO(paper.content)).pages[0].extract_text()
    url = re.search(r"http://remit/r/\S+", sent.text)[0]
    assert reference in (await world.browser.get(url)).text


async def test_the_letter_leaves_as_a_message_with_the_pdf_attached(world):
    await pay(world)
    smtp = Smtp(host="m", port=25, sender="a@b.example", name="N", clock=world.clock, random=world.chance.randbytes)
    message = smtp._message(world.mail.letters[0])
    (attached,) = message.iter_attachments()
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_content() == world.mail.letters[0].attachments[0].content
    assert message.get_body(("plain",)) is not None
    assert message.get_body(("html",)) is not None


async def test_a_bank_payment_is_told_on_its_way_then_its_receipt_then_that_it_is_void(world):
    reference = await pay(world, "bank", RETURNS)
    assert [each.subject for each in world.mail.letters] == ["Your bank payment to Green Lane Lawn Care is on its way"]
    assert world.mail.letters[0].attachments == ()
    await world.wait(days=3, hours=1)
    assert [key for key, *_ in await wanted(world)] == [f"processing:{reference}", f"receipt:{reference}"]
    await world.wait(days=3)
    assert [key for key, *_ in await wanted(world)][2:] == [f"returned:{reference}"]
    last = world.mail.letters[-1]
    assert last.subject == "Your payment to Green Lane Lawn Care came back"
    assert f"Its receipt {reference} is void" in last.text
    assert last.attachments == ()


async def test_a_bank_payment_that_fails_has_no_receipt_and_its_customer_hears_why(world):
    reference = await pay(world, "bank", FAILS)
    await world.wait(days=3, hours=1)
    assert [key for key, *_ in await wanted(world)] == [f"processing:{reference}", f"returned:{reference}"]
    assert "Nothing was paid, and there is no receipt." in world.mail.letters[-1].text


async def test_a_decline_and_a_page_that_ends_are_followed_by_no_letter(world):
    await pay(world, number="4000000000000002")
    await world.wait(hours=30)
    assert await wanted(world) == []
    assert world.mail.letters == []


async def test_each_refund_has_its_own_letter(world):
    reference = await pay(world)
    await give_back(world, reference, 2000)
    world.clock.advance(days=1)
    await give_back(world, reference, 10000)
    keys = [key for key, *_ in await wanted(world)]
    assert keys[0] == f"receipt:{reference}"
    assert len(keys) == 3
    assert all(key.startswith("refunded:RF-") for key in keys[1:])
    assert "On Mar 2, 2026 we gave $20.00 of your payment" in world.mail.letters[1].text
    assert "On Mar 3, 2026 we gave $100.00 of your payment" in world.mail.letters[2].text


async def test_facts_that_come_twice_and_in_any_order_want_each_letter_once(world):
    """All orders of a bank payment's life with a refund, one fact at a time, and everything once more."""
    reference = await pay(world, "bank", "000123456789")
    paid = await world.remit.checkout.view(reference)
    (first,) = await world.remit.transact(lambda conn: conn.execute(select(fact.c.kind)).scalars().all())
    assert first == FactKind.PROCESSING
    at, sum_of_it = world.clock() + timedelta(days=3), paid.amount
    later = [
        Fact("f-paid", reference, FactKind.SUCCEEDED, at, sum_of_it, paid.method, last4="6789"),
        Fact("f-back", reference, FactKind.REFUNDED, at + timedelta(days=1), sum_of_it, paid.method, refund="RF-OURS"),
    ]
    for order in itertools.permutations(later * 2):
        for each in order:
            await world.remit.checkout.take([each])
    assert sorted(key for key, *_ in await wanted(world)) == sorted(
        [f"processing:{reference}", f"receipt:{reference}", "refunded:RF-OURS"]
    )


async def test_a_refund_that_came_back_before_its_letter_left_is_not_told(world):
    reference = await pay(world)
    paid = await world.remit.checkout.view(reference)
    at = world.clock() + timedelta(hours=1)
    told = Fact("f-1", reference, FactKind.REFUNDED, at, replace(paid.amount, minor=500), paid.method, refund="RF-1")
    await world.remit.checkout.take([told, replace(told, id="f-2", kind=FactKind.REFUND_FAILED)])
    await world.remit.checkout.take([replace(told, id="f-3", refund="RF-2")])
    await world.remit.checkout.take([replace(told, id="f-4", refund="RF-2", kind=FactKind.REFUND_FAILED)])
    await world.work()
    states = {key: state for key, _, state in await wanted(world)}
    assert "refunded:RF-1" not in states
    assert states["refunded:RF-2"] == "moot"
    assert len(world.mail.letters) == 1


async def test_who_turned_receipts_off_gets_none_unless_it_is_asked_for(world):
    customer = await on_file(world, notices=Notices(receipts=False, reminders=True))
    reference = await pay(world)
    assert [state for *_, state in await wanted(world)] == ["moot"]
    assert world.mail.letters == []
    again, now = receipt_letters.again, world.clock()
    assert await world.remit.transact(lambda conn: again(conn, reference, customer, "press-1", now))
    assert not await world.remit.transact(lambda conn: again(conn, reference, customer, "press-1", now))
    await world.work()
    (sent,) = world.mail.letters
    assert "receipts by e-mail are on" not in sent.text


async def test_it_is_written_in_the_language_on_file_or_else_in_that_of_the_chat(world):
    await on_file(world, language="es")
    await pay(world)
    assert world.mail.letters[-1].subject.startswith("Recibo RM-")
    assert "lang=es" in world.mail.letters[-1].text
    assert PdfReader(io.BytesIO(world.mail.letters[-1].attachments[0].content)).trailer["/Root"]["/Lang"] == "es"


async def test_whoever_pays_by_a_link_never_reads_the_address_on_file(world):
    await pay(world)
    said = await world.store.since("rasa:one", 0)
    assert "dana.whitfield" not in repr(said)


async def test_a_letter_of_somebody_who_is_not_the_payments_customer_says_nothing(world):
    reference = await pay(world)
    again, now = receipt_letters.again, world.clock()
    assert await world.remit.transact(lambda conn: again(conn, reference, "portal:somebody", "press-2", now))
    await world.work()
    assert len(world.mail.letters) == 1
    assert (await wanted(world))[-1][2] == "moot"


async def test_a_letter_that_waits_while_the_books_are_away_goes_out_later(world, monkeypatch):
    async def away(_books, _customer):
        raise Unavailable("the books do not answer")

    world.remit.letterbox._mail, kept = None, world.remit.letterbox._mail
    reference = await pay(world)
    world.remit.letterbox._mail = kept
    with monkeypatch.context() as down:
        down.setattr(type(world.remit.books), "details", away)
        await world.remit.letterbox.work()
    assert world.mail.letters == []
    await world.wait(hours=1)
    assert [key for key, *_ in await wanted(world)] == [f"receipt:{reference}"]
    assert len(world.mail.letters) == 1


async def test_nobody_hears_on_its_way_once_the_money_is_there(world):
    world.remit.letterbox._mail, kept = None, world.remit.letterbox._mail
    await pay(world, "bank", "000123456789")
    await world.wait(days=3, hours=1)
    world.remit.letterbox._mail = kept
    await world.work()
    assert [each.subject.split()[0] for each in world.mail.letters] == ["Receipt"]
