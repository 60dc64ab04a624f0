"""How far messages have gone out to chats that are called, and updates of Telegram: on either database."""

from datetime import timedelta

from services import deliveries, telegram_updates
from services.deliveries import Not
from services.telegram_updates import Pending

CHAT = "telegram:vvv"
LEASE = timedelta(seconds=60)


def take(world, at=None):
    return world.transact(lambda conn: deliveries.take(conn, CHAT, at or world.at, LEASE))


async def began(world):
    await world.transact(lambda conn: deliveries.begin(conn, CHAT))


async def test_a_chat_that_is_not_called_is_never_taken(world):
    assert await take(world) is Not.EVER


async def test_of_two_workers_one_carries_and_the_other_waits_until_the_lease_is_over(world):
    await began(world)
    assert await take(world) == 0
    assert await take(world) is Not.NOW
    await world.transact(lambda conn: deliveries.sent(conn, CHAT, 3, world.at, LEASE))
    world.passes(seconds=59)
    assert await take(world) is Not.NOW  # each message that went out makes the lease begin anew
    world.passes(seconds=1)
    assert await take(world) == 3


async def test_a_number_never_goes_back(world):
    await began(world)
    await take(world)
    for seq in (5, 4):
        await world.transact(lambda conn, seq=seq: deliveries.sent(conn, CHAT, seq, world.at, LEASE))
    await world.transact(lambda conn: deliveries.free(conn, CHAT))
    await began(world)  # another message of the customer: where we are stays
    assert await take(world) == 5


async def test_a_chat_that_asked_to_wait_is_taken_when_it_is_time_and_its_tries_are_counted(world):
    await began(world)
    for tries in (1, 2):
        await take(world)
        due = world.at + timedelta(seconds=7)
        await world.transact(lambda conn, due=due: deliveries.later(conn, CHAT, due))
        assert await world.transact(lambda conn: deliveries.attempts(conn, CHAT)) == tries
        assert await take(world) is Not.NOW
        world.passes(seconds=7)
    await take(world)
    await world.transact(lambda conn: deliveries.sent(conn, CHAT, 1, world.at, LEASE))
    assert await world.transact(lambda conn: deliveries.attempts(conn, CHAT)) == 0


async def test_who_is_gone_is_left_alone_until_they_are_back(world):
    await began(world)
    await take(world)
    await world.transact(lambda conn: deliveries.gone(conn, CHAT, world.at))
    assert await take(world) is Not.EVER
    assert await world.transact(lambda conn: deliveries.chats(conn, "telegram:")) == []
    await world.transact(lambda conn: deliveries.back(conn, CHAT))
    assert await take(world) == 0
    assert await world.transact(lambda conn: deliveries.chats(conn, "telegram:")) == [CHAT]
    assert await world.transact(lambda conn: deliveries.chats(conn, "tele_ram:")) == []


async def test_an_update_is_kept_once_answered_in_order_and_its_text_is_emptied(world):
    kept = []
    for number in (8, 7, 8):
        pending = Pending(number, CHAT, 100 + number, f"text {number}", "en")
        kept.append(await world.transact(lambda conn, p=pending: telegram_updates.keep(conn, p, world.at)))
    assert kept == [True, True, False]
    assert await world.transact(telegram_updates.newest) == 8
    waiting = await world.transact(lambda conn: telegram_updates.pending(conn, CHAT))
    assert [each.update for each in waiting] == [7, 8]
    assert await world.transact(telegram_updates.waiting) == [CHAT]
    for each in waiting:
        await world.transact(lambda conn, each=each: telegram_updates.done(conn, each.update, world.at))
    assert await world.transact(telegram_updates.waiting) == []
    assert await world.transact(lambda conn: telegram_updates.last_messages(conn, CHAT, 5)) == [108, 107]
    assert await world.rows("SELECT text FROM telegram_update") == [("",), ("",)]


async def test_an_update_is_known_for_as_long_as_telegram_repeats_it(world):
    pending = Pending(7, CHAT, 107, "hello", "en")
    await world.transact(lambda conn: telegram_updates.keep(conn, pending, world.at))
    await world.transact(lambda conn: telegram_updates.done(conn, 7, world.at))
    world.passes(hours=47)
    assert await world.transact(lambda conn: telegram_updates.prune(conn, world.at)) == 0
    assert not await world.transact(lambda conn: telegram_updates.keep(conn, pending, world.at))
    world.passes(hours=2)
    assert await world.transact(lambda conn: telegram_updates.prune(conn, world.at)) == 1
