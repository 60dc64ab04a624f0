"""How far messages have gone out to chats that are called, and updates of Telegram: on either database."""

from datetime import timedelta

from services import deliveries, telegram_updates
from services.deliveries import Held, Not
from services.telegram_updates import Pending

CHAT = "telegram:vvv"
LEASE = timedelta(seconds=60)


async def take(world):
    """The number of the last message that was sent, where the chat is ours now; or why it is not."""
    found = await taken(world)
    return found.sent if isinstance(found, Held) else found


def taken(world):
    return world.transact(lambda conn: deliveries.take(conn, CHAT, world.at, LEASE))


def sent(world, held, seq):
    return world.transact(lambda conn: deliveries.sent(conn, held, seq, world.at, LEASE))


async def later(world, held, **span):
    due = world.at + timedelta(**span)
    await world.transact(lambda conn: deliveries.later(conn, held, due))
    return due


async def began(world):
    await world.transact(lambda conn: deliveries.begin(conn, CHAT))


async def test_a_chat_that_is_not_called_is_never_taken(world):
    assert await take(world) is Not.EVER


async def test_of_two_workers_one_carries_and_the_other_waits_until_the_lease_is_over(world):
    await began(world)
    held = await taken(world)
    assert held.sent == 0
    assert await take(world) is Not.NOW
    assert (await sent(world, held, 3)).sent == 3
    world.passes(seconds=59)
    assert await take(world) is Not.NOW  # each message that went out makes the lease begin anew
    world.passes(seconds=1)
    assert await take(world) == 3


async def test_who_was_too_slow_takes_nothing_from_whoever_is_at_it_now(world):
    await began(world)
    slow = await taken(world)
    world.passes(seconds=61)
    quick = await taken(world)
    await world.transact(lambda conn: deliveries.free(conn, slow))
    await later(world, slow, minutes=5)
    await world.transact(lambda conn: deliveries.left(conn, slow, world.at))
    assert await take(world) is Not.NOW  # neither given back, nor put off, nor gone
    assert await sent(world, slow, 1) is None
    assert (await sent(world, quick, 2)).sent == 2
    assert await sent(world, slow, 1) is None
    await world.transact(lambda conn: deliveries.free(conn, slow))
    assert await take(world) is Not.NOW
    world.passes(seconds=61)
    assert await take(world) == 2  # a number never goes back


async def test_where_we_are_stays_when_the_customer_writes_again(world):
    await began(world)
    held = await sent(world, await taken(world), 5)
    await world.transact(lambda conn: deliveries.free(conn, held))
    await began(world)
    assert await take(world) == 5


async def test_a_chat_that_asked_to_wait_is_taken_when_it_is_time_and_its_tries_are_counted(world):
    await began(world)
    for tries in (0, 1):
        held = await taken(world)
        assert held.attempts == tries
        due = await later(world, held, seconds=7)
        assert await take(world) == due
        world.passes(seconds=7)
    held = await taken(world)
    assert held.attempts == 2
    held = await sent(world, held, 1)
    await world.transact(lambda conn: deliveries.free(conn, held))
    assert (await taken(world)).attempts == 0


async def test_a_clock_that_was_set_back_makes_no_chat_wait_until_it_is_there_again(world):
    await began(world)
    await taken(world)
    world.passes(hours=-3)
    held = await taken(world)
    assert held.sent == 0  # the lease
    await later(world, held, minutes=5)
    world.passes(hours=-3)
    assert await take(world) == 0  # the pause


async def test_who_is_gone_is_left_alone_until_they_are_back_or_write(world):
    for returns in (deliveries.back, deliveries.begin):
        await began(world)
        await taken(world)
        await world.transact(lambda conn: deliveries.gone(conn, CHAT, world.at))
        assert await take(world) is Not.EVER
        assert await world.transact(lambda conn: deliveries.following(conn, "", 9)) == []
        await world.transact(lambda conn, returns=returns: returns(conn, CHAT))
        assert await world.transact(lambda conn: deliveries.following(conn, "", 9)) == [(CHAT, 0)]
        held = await taken(world)
        assert held.sent == 0
        await world.transact(lambda conn, held=held: deliveries.free(conn, held))


async def test_who_came_back_while_a_call_found_nobody_is_not_left_alone(world):
    await began(world)
    held = await taken(world)
    await world.transact(lambda conn: deliveries.back(conn, CHAT))
    await world.transact(lambda conn: deliveries.left(conn, held, world.at))
    assert await take(world) == 0


async def test_chats_are_listed_page_by_page(world):
    for nth in range(5):
        await world.transact(lambda conn, nth=nth: deliveries.begin(conn, f"c:{nth}"))
    pages, after = [], ""
    while page := await world.transact(lambda conn, after=after: deliveries.following(conn, after, 2)):
        pages.append([chat for chat, _ in page])
        after = page[-1][0]
    assert pages == [["c:0", "c:1"], ["c:2", "c:3"], ["c:4"]]


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
