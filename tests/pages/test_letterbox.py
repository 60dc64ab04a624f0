"""Letters of the letter box over a real SMTP line to a server that refuses, is late, hangs up, or is not there."""

import asyncio
from email import message_from_bytes, policy

import pytest
from test_mail import Server, listening, smtp

from bot.letterbox import LetterBox
from services import letterbox
from services.errors import Unavailable, Uncertain
from services.letterbox import State, Wanted
from services.mail import Letter

RECEIPT = Wanted("receipt:RM-1", "receipt", "portal:dana", {"payment": "RM-1"})


async def receipt(wanted):
    return Letter("dana@example.com", f"Receipt {wanted.about['payment']}", "Thank you.\n", "<p>Thank you.</p>")


def box(world, mail, **composers):
    known = {"receipt": receipt} | composers
    return LetterBox(
        transact=world.remit.transact, mail=mail, composers=known, clock=world.clock, secret=world.remit.secret
    )


@pytest.fixture
def wanted(world):
    """Have a letter wanted; then how the letters stand."""

    async def want(letter=RECEIPT):
        await world.remit.transact(lambda conn: letterbox.want(conn, letter, world.clock()))

    return want


async def standing(world):
    found = await world.remit.transact(lambda conn: letterbox.listed(conn, list(State), 20))
    return {each.key: (each.state, each.code) for each in found}


def names(handler):
    return [message_from_bytes(each.content, policy=policy.default)["Message-ID"] for each in handler.taken]


async def test_a_letter_goes_out_once_and_is_written_down_as_sent(world, wanted):
    handler = Server()
    async with listening(handler) as port:
        letters = box(world, smtp(port))
        await wanted()
        assert await letters.work()
        assert not await letters.work()
    assert names(handler) == [f"<{letters.name_of(RECEIPT.key)}@example.com>"]
    assert await standing(world) == {RECEIPT.key: (State.SENT, "")}


async def test_the_worker_sends_what_is_wanted_by_itself(world, wanted):
    world.remit.letterbox._composers["receipt"] = receipt
    await wanted()
    await world.work()
    assert [letter.subject for letter in world.mail.letters] == ["Receipt RM-1"]
    assert await standing(world) == {RECEIPT.key: (State.SENT, "")}


async def test_a_server_that_says_later_gets_it_later(world, wanted):
    handler = Server(rcpt="451 4.7.1 greylisted")
    async with listening(handler) as port:
        letters = box(world, smtp(port))
        await wanted()
        await letters.work()
        assert await standing(world) == {RECEIPT.key: (State.WAITING, "")}
        assert not await letters.work()
        handler.answers.clear()
        world.clock.advance(minutes=2)
        assert await letters.work()
    assert len(handler.taken) == 1
    assert await standing(world) == {RECEIPT.key: (State.SENT, "")}


@pytest.mark.parametrize("step", ["rcpt", "data"])
async def test_a_no_for_good_is_not_asked_twice(world, wanted, step):
    handler = Server(**{step: "550 5.1.1 no such user"})
    async with listening(handler) as port:
        letters = box(world, smtp(port))
        await wanted()
        await letters.work()
        world.clock.advance(days=1)
        assert not await letters.work()
    assert await standing(world) == {RECEIPT.key: (State.REFUSED, "5.1.1")}


async def test_a_line_that_drops_after_the_letter_repeats_it_once_as_the_same_message(world, wanted):
    handler = Server(data="hang up")
    async with listening(handler) as port:
        letters = box(world, smtp(port))
        await wanted()
        for _ in range(6):
            await letters.work()
            world.clock.advance(hours=1)
    assert len(names(handler)) == 2
    assert len(set(names(handler))) == 1
    dates = {str(message_from_bytes(each.content)["Date"]) for each in handler.taken}
    assert len(dates) == 1
    assert await standing(world) == {RECEIPT.key: (State.UNSURE, "")}


async def test_a_server_that_takes_its_time_with_the_letter_gets_it_once(world, wanted):
    class Slow(Server):
        async def handle_DATA(self, *told):  # noqa: N802  # aiosmtpd's name
            await asyncio.sleep(0.3)
            return await super().handle_DATA(*told)

    handler = Slow()
    async with listening(handler) as port:
        letters = box(world, smtp(port))
        await wanted()
        await asyncio.gather(letters.work(), letters.work(), letters.work())
    assert len(handler.taken) == 1
    assert await standing(world) == {RECEIPT.key: (State.SENT, "")}


async def test_a_process_that_dies_after_handing_over_leaves_a_letter_that_is_sent_once_more(world, wanted):
    class Dies(Server):
        async def send(self, letter):
            self.taken.append(letter)
            raise asyncio.CancelledError

    first, second = Dies(), world.mail
    await wanted()
    with pytest.raises(asyncio.CancelledError):
        await box(world, first).work()
    assert not await box(world, second).work(), "its lease holds still"
    at = world.clock()
    world.clock.advance(minutes=5)
    await box(world, second).work()
    assert [(letter.id, letter.dated) for letter in second.letters] == [(first.taken[0].id, at)]


@pytest.mark.parametrize("trouble", [Unavailable("the portal is away"), Uncertain("no answer"), ZeroDivisionError()])
async def test_a_letter_that_cannot_be_written_now_waits_and_holds_up_no_other(world, wanted, trouble):
    async def fails(_wanted):
        raise trouble

    await wanted(Wanted("fails:1", "fails", "portal:dana"))
    await wanted()
    await box(world, world.mail, fails=fails).work()
    assert [letter.subject for letter in world.mail.letters] == ["Receipt RM-1"]
    assert await standing(world) == {"fails:1": (State.WAITING, ""), RECEIPT.key: (State.SENT, "")}
    world.clock.advance(minutes=2)
    await box(world, world.mail, fails=receipt_of_nothing).work()
    assert (await standing(world))["fails:1"] == (State.MOOT, "nothing to send")


async def receipt_of_nothing(_wanted):
    return None


@pytest.mark.parametrize("address", ["", "dana", "dana@example.com\nBcc: eve@example.com"])
async def test_a_customer_without_a_usable_address_gets_none(world, wanted, address):
    async def to_nowhere(_wanted):
        return Letter(address, "s", "t", "h")

    await wanted()
    await box(world, world.mail, receipt=to_nowhere).work()
    assert world.mail.letters == []
    assert await standing(world) == {RECEIPT.key: (State.MOOT, "no address")}


async def test_a_kind_that_this_process_does_not_know_waits_for_one_that_does(world, wanted):
    await wanted(Wanted("new:1", "new", "portal:dana"))
    await box(world, world.mail).work()
    assert await standing(world) == {"new:1": (State.WAITING, "")}
    world.clock.advance(minutes=2)
    await box(world, world.mail, new=receipt_of_nothing).work()
    assert (await standing(world))["new:1"][0] is State.MOOT


async def test_without_a_mail_server_letters_wait(world, wanted):
    await wanted()
    assert not await box(world, None).work()
    assert await standing(world) == {RECEIPT.key: (State.WAITING, "")}


def test_nobody_can_guess_the_name_of_a_message(world):
    other = LetterBox(transact=world.remit.transact, mail=None, composers={}, clock=world.clock, secret=b"another")
    assert world.remit.letterbox.name_of(RECEIPT.key) != other.name_of(RECEIPT.key)
    assert world.remit.letterbox.name_of(RECEIPT.key) != world.remit.letterbox.name_of("receipt:RM-2")
