"""Reminders over a whole business: who gets one and when, who does not and why, and what it says."""

import re
from datetime import timedelta

import pytest
from msgspec.structs import replace
from world import HANDOFF, TOKEN, World

from bot.reminders import Fate
from bot.send_links import send_links
from bot.unsubscribe import set_reminders
from services import letterbox
from services.errors import Unavailable
from services.letterbox import State
from services.payments.cases import Trouble, open_case
from services.reminders import KIND

ON = {"on": True, "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}


@pytest.fixture
async def world(tmp_path):
    """Ten in the morning of a Monday; nothing is due on a day of reminders until a test says so."""
    async with World(tmp_path, reminders=ON) as made:
        made.clock.at = made.clock.at.replace(hour=18, minute=0)
        for invoice in made.sandbox.portal.invoices.values():
            invoice.due_date = None
        yield made


def due(world, number, days):
    """This invoice is due in so many days."""
    today = world.clock().astimezone(world.settings.zone).date()
    world.sandbox.portal.invoices[number.lower()].due_date = today + timedelta(days=days)


async def fates(world, **how):
    return {each.number: each.fate for each in await world.remit.reminders.run(**how)}


@pytest.mark.parametrize(
    ("days", "subject", "says"),
    [
        (3, "Reminder: invoice INV-1042 from Green Lane Lawn Care is due soon", "$120.00, due Mar 5, 2026"),
        (0, "Reminder: invoice INV-1042 from Green Lane Lawn Care is due today", "$120.00, due today"),
        (-10, "Reminder: invoice INV-1042 from Green Lane Lawn Care is overdue", "$120.00, overdue since Feb 20, 2026"),
    ],
)
async def test_one_invoice_is_reminded_of_with_a_link_that_opens_it(world, days, subject, says):
    due(world, "INV-1042", days)
    await world.work()
    (letter,) = world.mail.letters
    assert (letter.to, letter.subject) == ("dana.whitfield@example.com", subject)
    for part in (letter.text, letter.html):
        assert says in part
        assert letter.stop in part
    (link,) = re.findall(r"http://remit/i/\S+", letter.text)
    assert "Invoice INV-1042" in (await world.browser.get(link)).text
    await world.wait(hours=5)
    await world.wait(days=1)
    assert len(world.mail.letters) == 1


async def test_all_that_are_due_come_in_one_letter(world):
    for number in ("INV-1042", "INV-1031"):
        due(world, number, 0)
    due(world, "INV-1045", -3)
    await world.work()
    letters = {letter.to: letter for letter in world.mail.letters}
    assert len(letters) == len(world.mail.letters) == 2
    dana = letters["dana.whitfield@example.com"]
    assert dana.subject == "Reminder: 2 open invoices from Green Lane Lawn Care"
    links = re.findall(r"http://remit/i/\S+", dana.text)
    pages = [(await world.browser.get(link)).text for link in links]
    assert [("Invoice INV-1031" in page, "Invoice INV-1042" in page) for page in pages] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.parametrize("several", [False, True])
async def test_a_reminder_is_written_in_the_customer_s_language(world, several):
    customers = world.sandbox.portal.customers
    customers["dana"] = replace(customers["dana"], language="es")
    for number in ("INV-1042", *(["INV-1031"] if several else [])):
        due(world, number, 0)
    await world.work()
    (letter,) = world.mail.letters
    assert letter.subject.startswith("Recordatorio: ")
    assert "vence hoy" in letter.text
    assert "Detener estos recordatorios" in letter.html


async def test_a_business_that_has_not_switched_them_on_writes_to_nobody(tmp_path):
    async with World(tmp_path) as world:
        due(world, "INV-1042", 0)
        await world.wait(hours=4)
        assert world.mail.letters == []
        assert (await fates(world, dry_run=True))["INV-1042"] is Fate.WOULD_SEND


async def test_nobody_is_written_to_by_night_and_everybody_in_the_morning(world):
    world.clock.at = world.clock.at.replace(hour=5) + timedelta(days=1)  # 21:00 in Los Angeles, the 2nd
    due(world, "INV-1042", 0)
    await world.work()
    assert world.mail.letters == []
    await world.wait(hours=11)
    assert world.mail.letters == []
    await world.wait(hours=1)  # 9:00
    assert len(world.mail.letters) == 1
    assert "overdue since" in world.mail.letters[0].text, "it says what is true when it goes out"


async def test_a_mail_server_that_comes_back_by_night_gets_the_letter_in_the_morning(world):
    due(world, "INV-1042", 0)
    straight = world.remit.mail._mail
    world.remit.mail._mail = Away()
    await world.work()
    world.remit.mail._mail = straight
    world.clock.at += timedelta(hours=11)  # 21:00
    await world.work()
    assert world.mail.letters == []
    world.clock.at += timedelta(hours=12)
    await world.work()
    assert len(world.mail.letters) == 1


class Away:
    async def send(self, _letter):
        raise Unavailable("the mail server cannot be reached")


async def test_days_that_were_missed_bring_the_newest_stage_alone(world):
    due(world, "INV-1042", 3)
    world.clock.advance(days=14)  # due eleven days ago by now
    await world.work()
    (letter,) = world.mail.letters
    assert "overdue since" in letter.text
    assert await fates(world) == {"INV-1042": Fate.REMINDED}


async def test_a_due_date_that_moves_begins_anew(world):
    due(world, "INV-1042", 0)
    await world.work()
    world.clock.advance(days=1)
    due(world, "INV-1042", 3)
    await world.wait(hours=2)
    assert [letter.subject.rsplit(" is ")[-1] for letter in world.mail.letters] == ["due today", "due soon"]


async def test_who_had_a_letter_today_has_the_next_one_tomorrow(world):
    due(world, "INV-1042", 0)
    await world.work()
    due(world, "INV-1031", 0)
    assert await fates(world) == {"INV-1042": Fate.REMINDED, "INV-1031": Fate.SENT_TODAY}
    await world.wait(days=1)
    assert len(world.mail.letters) == 2


async def test_who_was_sent_the_link_today_is_reminded_tomorrow(world):
    due(world, "INV-1042", 0)
    await send_links(world.remit, world.remit.mail, ["INV-1042"])
    assert await fates(world) == {"INV-1042": Fate.SENT_TODAY}
    await world.wait(days=1)
    assert ["overdue" in letter.subject for letter in world.mail.letters] == [False, True]


# --- who gets none ---------------------------------------------------------------------------------------------------


async def dispute(world):
    def work(conn):
        open_case(
            conn, "d", Trouble.DISPUTE_WANTED, "s", world.clock(), invoice="portal:inv-1042", customer="portal:dana"
        )

    await world.remit.transact(work)


async def stop(world):
    await set_reminders(world.remit.books, "portal:dana", on=False, key="k")


async def leave(world):
    customers = world.sandbox.portal.customers
    customers["dana"] = replace(customers["dana"], email="")


async def pay_by_bank(world):
    link = await world.link("INV-1042")
    await world.say("rasa:payer", "hi", pay_link=link)
    for words in ("bank account", "yes"):
        told = await world.say("rasa:payer", words)
    page = await world.page(next(each.link.url for each in reversed(told) if each.link is not None))
    await world.pay_by_bank(page, "000123456789")
    for _ in range(3):
        await world.sandbox.pump()
        await world.remit.worker._work_off()


async def shrink(world):
    await world.change("INV-1042", total_minor=99)


@pytest.mark.parametrize(
    ("happens", "fate"),
    [
        (dispute, Fate.DISPUTED),
        (stop, Fate.STOPPED),
        (leave, Fate.NO_ADDRESS),
        (pay_by_bank, Fate.PROCESSING),
        (shrink, Fate.TOO_SMALL),
    ],
)
async def test_who_is_not_reminded_and_why(world, happens, fate):
    due(world, "INV-1042", 0)
    await happens(world)
    assert await fates(world, dry_run=True) == {"INV-1042": fate}
    assert await fates(world) == {"INV-1042": fate}


@pytest.mark.parametrize("happens", [dispute, stop, pay_by_bank, shrink])
async def test_what_is_no_longer_true_when_it_would_go_out_is_not_sent(world, happens):
    world.clock.at = world.clock.at.replace(hour=16)  # 8:00: the quiet lasts until 9
    due(world, "INV-1042", 0)
    assert await fates(world) == {"INV-1042": Fate.WANTED}
    await happens(world)
    world.clock.advance(hours=2)
    await world.remit.letterbox.work()
    assert [each for each in world.mail.letters if each.stop] == []  # another one is about the payment itself
    listed = await world.remit.transact(lambda conn: letterbox.listed(conn, list(State), 9))
    assert [each.state for each in listed if each.kind == KIND] == [State.MOOT]


async def test_what_is_charged_by_itself_is_not_reminded_of(world):
    world.remit.reminders._covered = lambda _conn, invoices: set(invoices)
    due(world, "INV-1042", 0)
    assert await fates(world) == {"INV-1042": Fate.AUTOPAY}


async def test_paid_void_and_credited_are_never_reminded_of(world):
    for number in ("INV-1027", "INV-1039", "CN-2003"):
        due(world, number, 0)
    assert set((await fates(world, dry_run=True)).values()) <= {Fate.NOT_PAYABLE}
    await world.wait(days=1)
    assert world.mail.letters == []


async def test_books_that_are_away_are_asked_again_an_hour_later(world, monkeypatch):
    async def away():
        raise Unavailable("the portal is away")

    due(world, "INV-1042", 0)
    with monkeypatch.context() as patch:
        patch.setattr(world.remit.books, "list_open", away)
        await world.work()
    assert world.mail.letters == []
    await world.wait(hours=1)
    assert len(world.mail.letters) == 1


# --- one tap -----------------------------------------------------------------------------------------------------------


async def test_the_link_in_a_reminder_ends_them(world):
    due(world, "INV-1042", 3)
    await world.work()
    (letter,) = world.mail.letters
    await world.browser.post(letter.stop, data={"List-Unsubscribe": "One-Click"})
    await world.wait(days=3)
    assert len(world.mail.letters) == 1
    assert await fates(world) == {"INV-1042": Fate.STOPPED}


async def test_the_command_names_customers_and_invoices_and_no_address(world):
    due(world, "INV-1042", 0)
    for dry_run in (True, True, False):
        told = await world.browser.post(
            f"{HANDOFF}/internal/remind", json={"dry_run": dry_run}, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        (judged,) = told.json()
        assert judged["fate"] == ("would_send" if dry_run else "wanted")
        assert (judged["customer"], judged["number"], judged["stage"]) == ("portal:dana", "INV-1042", "due")
        assert "@" not in told.text
