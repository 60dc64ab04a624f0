"""A customer's message, the assistant's reply, a person who takes over and a payment's result, in every order: never two
voices, never a lost message, never a lost result.
"""

import asyncio
import itertools
import random

import pytest
from world import World

from services.desk import handoffs, transcripts

CHAT = "rasa:one"
MOVES = ("customer asks", "customer says yes", "person takes", "person writes", "page is paid", "worker", "crash")
ORDERS = [
    order
    for order in itertools.permutations(MOVES)
    if order.index("person takes") < order.index("person writes")  # nobody writes in a chat that is not theirs
]


async def paying(world: World) -> tuple[int, str]:
    """A chat with an open page whose customer asked for a person; the handoff, and the page's address."""
    await world.say(CHAT, f"/start {await world.link('INV-1042')}")
    await world.say(CHAT, "card")
    messages = await world.say(CHAT, "yes")
    page = await world.page(next(each.link.url for each in messages if each.link is not None))
    await world.say(CHAT, "human")
    await world.work()
    found = await world.remit.transact(lambda conn: handoffs.of_chat(conn, CHAT))
    assert found is not None
    return found.id, page


class Play:
    """The moves, in one world; what each must leave behind is looked at in the end."""

    def __init__(self, world: World, handoff: int, page: str) -> None:
        self.world = world
        self.handoff = handoff
        self.page = page
        self.nth = itertools.count()

    async def make(self, move: str) -> None:
        world, maria = self.world, await self.world.agent()
        match move:
            case "customer asks":
                await world.say(CHAT, "why is it so much?", id=f"m-ask-{next(self.nth)}")
            case "customer says yes":
                await world.say(CHAT, "yes", id="m-yes")
                await world.say(CHAT, "yes", id="m-yes")  # brought twice
            case "person takes":
                assert await world.remit.desk.take(maria, self.handoff) is None
            case "person writes":
                assert await world.remit.desk.say(maria, self.handoff, "We mowed twice.", "k")
                assert await world.remit.desk.say(maria, self.handoff, "We mowed twice.", "k")  # pressed twice
            case "page is paid":
                assert (await world.pay_by_card(self.page, "4242424242424242")).status_code < 400
            case "worker":
                await world.work()
            case _:
                world.crash()

    async def judge(self) -> None:
        world = self.world
        await world.work()
        await world.remit.copying.work()
        log = await world.store.since(CHAT, 0)
        assert [each.seq - log[0].seq for each in log] == list(range(len(log)))
        took = [each.seq for each in log if "is here now" in each.text]
        assert len(took) == 1, "it is said once who is there"
        # from then on the assistant answers nothing; only news of a payment comes, and carries no question
        after = [each for each in log if each.seq > took[0] and each.sender in ("bot", "notice")]
        assert all(each.sender == "notice" and each.text.startswith("Paid:") and not each.choices for each in after)
        texts = [each.text for each in log]
        assert sum(text.startswith("Paid: $120.00") for text in texts) == 1, "the result is told once"
        assert texts.count("We mowed twice.") == 1
        assert sum(each.sender == "customer" and each.text == "yes" for each in log) == 2  # one before, one here
        assert "why is it so much?" in texts
        copied = await world.remit.transact(lambda conn: transcripts.of(conn, CHAT))
        assert [line.seq for line in copied] == [each.seq for each in log]
        taken = [row for row in await world.book() if row["state"] == "succeeded"]
        assert [row["amount_minor"] for row in taken] == [12000]


@pytest.mark.parametrize("order", random.Random(7).sample(ORDERS, 120), ids="-".join)
async def test_in_every_order_there_is_one_voice_and_nothing_is_lost(tmp_path, order):
    async with World(tmp_path) as world:
        play = Play(world, *await paying(world))
        for move in order:
            await play.make(move)
        await play.judge()


@pytest.mark.parametrize("seed", range(40))
async def test_at_the_same_instant_there_is_one_voice_and_nothing_is_lost(tmp_path, seed):
    """All at once, begun in any order; who comes too late finds the conversation moved on, and steps again."""
    chance = random.Random(seed)
    async with World(tmp_path) as world:
        play = Play(world, *await paying(world))
        moves = ["customer asks", "customer says yes", "person takes", "page is paid", "worker"]
        chance.shuffle(moves)
        await asyncio.gather(*(play.make(move) for move in moves))
        await play.make("person writes")
        await play.judge()
