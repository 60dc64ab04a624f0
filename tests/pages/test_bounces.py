"""Reports that letters did not arrive: which are believed, what follows from them, and that hostile ones break nothing."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from test_letterbox import RECEIPT, box, standing
from world import HANDOFF, TOKEN

from bot.send_links import Fate, LinkSender
from services import bounces, letterbox, mail_refusals
from services.bounces import Report, Verdict
from services.letterbox import State, Wanted
from services.mail import Letter, Refused

FOLDER = Path(__file__).parent.parent / "payloads" / "mail"
DANA = "dana.whitfield@example.com"


def report(name, letter_id="6f1c6f1c6f1c"):
    return (FOLDER / f"{name}.eml").read_bytes().replace(b"LETTER", letter_id.encode())


async def to_dana(wanted):
    return Letter(DANA, "Your receipt", "Thank you.\n", "<p>Thank you.</p>")


async def sent(world, wanted=RECEIPT):
    """A letter went out to Dana; its id."""
    await world.remit.transact(lambda conn: letterbox.want(conn, wanted, world.clock()))
    await box(world, world.remit.mail, receipt=to_dana).work()
    return world.mail.letters[-1].id


async def take_in(world, raw):
    """As `remit bounce` hands it to the server."""
    told = await world.browser.post(
        f"{HANDOFF}/internal/bounce", content=raw, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert told.status_code == 200, told.text
    return told.json()["verdict"]


@pytest.mark.parametrize(
    ("name", "status", "addresses"),
    [
        ("user_unknown", "5.1.1", (DANA,)),
        ("headers_only", "5.1.1", (DANA,)),
        ("mailbox_full", "5.2.2", (DANA,)),
        ("forwarded", "5.1.1", (DANA, "dana@elsewhere.example")),
    ],
)
def test_a_report_says_which_letter_failed_for_whom_and_why(name, status, addresses):
    assert bounces.read(report(name)) == (Report("6f1c6f1c6f1c", addresses, status),)


@pytest.mark.parametrize("name", ["delayed", "delivered", "gave_up", "without_the_letter", "out_of_office"])
def test_what_is_no_failure_for_good_says_nothing(name):
    assert bounces.read(report(name)) == ()


@given(st.integers(0, 2**32))
def test_a_report_that_was_mangled_on_its_way_is_read_without_harm(seed):
    chance, raw = random.Random(seed), bytearray(report("user_unknown"))
    for _ in range(chance.randrange(1, 40)):
        at = chance.randrange(len(raw))
        raw[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
    for each in bounces.read(bytes(raw)):
        assert each.status.startswith("5.")


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_harm(raw):
    assert bounces.read(b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n" + raw) == ()


@pytest.mark.parametrize(
    ("code", "is_bad"),
    [("5.1.1", True), ("5.0.0", True), ("5.2.1", True), ("5.1.10", True), ("5.4.4", True)]
    + [(code, False) for code in ("5.2.2", "5.7.1", "5.3.4", "5.1.7", "5.1.8", "550", "4.1.1", "")],
)
def test_only_a_status_about_the_address_speaks_against_it(code, is_bad):
    assert mail_refusals.is_of_address(code) is is_bad


async def test_an_unknown_user_is_written_to_no_more_but_for_codes(world):
    letter_id = await sent(world)
    assert await take_in(world, report("user_unknown", letter_id)) == Verdict.MARKED
    assert await standing(world) == {RECEIPT.key: (State.REFUSED, "5.1.1")}
    before = len(world.mail.letters)
    again = Wanted("receipt:RM-2", "receipt", "portal:dana")
    await world.remit.transact(lambda conn: letterbox.want(conn, again, world.clock()))
    await box(world, world.remit.mail, receipt=to_dana).work()
    assert (await standing(world))["receipt:RM-2"] == (State.REFUSED, "5.1.1")
    sender = LinkSender(world.remit, world.remit.mail)
    assert [each.fate for each in (await sender.send_links(["INV-1042"], dry_run=True)).letters] == [Fate.REFUSED]
    assert [each.fate for each in (await sender.send_links(["INV-1042"])).letters] == [Fate.REFUSED]
    assert len(world.mail.letters) == before
    await world.say("web:dana", "sign in")
    await world.say("web:dana", DANA)
    assert world.mail.letters[-1].to == DANA, "a code"


async def test_a_new_address_on_file_is_written_to_again(world):
    await take_in(world, report("user_unknown", await sent(world)))
    customers = world.sandbox.portal.customers
    customers["dana"] = replace(customers["dana"], email="dana@new.example")
    sender = LinkSender(world.remit, world.remit.mail)
    assert [each.fate for each in (await sender.send_links(["INV-1042"])).letters] == [Fate.SENT]


async def test_a_full_mailbox_is_this_letter_s_trouble_alone(world):
    assert await take_in(world, report("mailbox_full", await sent(world))) == Verdict.NOTED
    assert await standing(world) == {RECEIPT.key: (State.REFUSED, "5.2.2")}
    assert await sent(world, Wanted("receipt:RM-2", "receipt", "portal:dana"))


@pytest.mark.parametrize("letter_id", ["6f1c6f1c6f1c", "6f1c6f1c6f1c.6f1c6f1c6f1c6f1c6f1c6f1c", "x" * 40])
async def test_a_report_about_no_letter_of_ours_is_not_believed(world, letter_id):
    await sent(world)
    assert await take_in(world, report("user_unknown", letter_id)) == Verdict.NOT_OURS
    assert await standing(world) == {RECEIPT.key: (State.SENT, "")}
    assert await sent(world, Wanted("receipt:RM-2", "receipt", "portal:dana"))


async def test_a_pay_link_s_letter_is_known_by_its_id_and_for_its_own_address_alone(world):
    sender = LinkSender(world.remit, world.remit.mail)
    await sender.send_links(["INV-1042"])
    letter_id = world.mail.letters[-1].id
    other = report("user_unknown", letter_id).replace(b"dana.whitfield@", b"eve@")
    assert await take_in(world, other) == Verdict.NOT_OURS
    assert await take_in(world, report("user_unknown", letter_id)) == Verdict.MARKED
    assert await take_in(world, report("user_unknown", letter_id)) == Verdict.MARKED


async def test_a_no_on_the_line_that_is_about_the_address_spares_it_too(world):
    class No:
        asked = 0

        async def send(self, letter):
            self.asked += 1
            raise Refused("no", "5.1.1")

    straight = No()
    world.remit.mail._mail = straight
    for _ in range(2):
        with pytest.raises(Refused):
            await world.remit.mail.send(Letter(DANA, "s", "t", "h"))
    assert straight.asked == 1


async def test_the_owner_sees_what_did_not_arrive_and_may_forgive_an_address(world):
    await take_in(world, report("user_unknown", await sent(world)))

    async def ask(**order):
        told = await world.browser.post(
            f"{HANDOFF}/internal/letters", json=order, headers={"Authorization": f"Bearer {TOKEN}"}
        )
        return told.json()

    (listed,) = await ask()
    assert (listed["key"], listed["state"], listed["code"]) == (RECEIPT.key, "refused", "5.1.1")
    assert await ask(states=["waiting"]) == []
    assert DANA not in str(listed)
    assert await ask(forgive=DANA.upper()) == {"forgiven": True}
    assert await ask(forgive=DANA) == {"forgiven": False}
    assert await sent(world, Wanted("receipt:RM-2", "receipt", "portal:dana"))
