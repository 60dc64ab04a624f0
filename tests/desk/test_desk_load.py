"""Two hundred open chats and twenty people at the desk on one worker: what is said can be read there within a second.

Measured up to the read that a screen is made of; what a browser does with it comes on top.
"""

import asyncio
import contextlib
import time
import tracemalloc

from world import World

from bot.desk.copying import DESK
from services.desk import handoffs, transcripts

CHATS, AGENTS, MESSAGES, A_SECOND = 200, 20, 200, 20
NOTHING_S = 5.0  # after which a message counts as lost


async def test_a_message_is_on_every_screen_within_a_second_with_two_hundred_chats_open(tmp_path):
    async with World(tmp_path) as world:
        chats = [f"rasa:c{nth}" for nth in range(CHATS)]
        for chat in chats:
            await world.say(chat, "human")
        people = [await world.agent(f"Agent{nth}") for nth in range(AGENTS)]
        queue = await world.remit.transact(handoffs.queue)
        for nth, handoff in enumerate(queue):
            assert await world.remit.desk.take(people[nth % AGENTS], handoff.id) is None
        await world.work()
        await world.remit.copying.work()

        said: dict[str, float] = {}  # text -> when it was handed in
        seen: list[dict[str, float]] = [{} for _ in people]
        whole = asyncio.Event()

        async def watch(nth: int) -> None:
            """One screen: the queue, and the chats of this person, read again whenever the bell rings."""
            mine, last = chats[nth::AGENTS], dict.fromkeys(chats[nth::AGENTS], 0)
            with world.remit.bell.listen(DESK) as woken:
                while True:
                    await woken.wait()
                    woken.clear()
                    await world.remit.transact(handoffs.queue)
                    for chat in mine:
                        lines = await world.remit.transact(lambda conn, c=chat: transcripts.of(conn, c, last[c]))
                        for line in lines:
                            last[chat] = line.seq
                            seen[nth].setdefault(line.text, time.monotonic())
                    if len(said) == MESSAGES and said.keys() <= set().union(*seen):
                        whole.set()

        going = [asyncio.create_task(world.remit.copying.run())]
        going += [asyncio.create_task(watch(nth)) for nth in range(AGENTS)]
        await asyncio.sleep(0)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for nth in range(MESSAGES):
                text = f"where is my invoice, message {nth}?"
                said[text] = time.monotonic()
                await world.say(chats[nth * 7 % CHATS], text)
                await asyncio.sleep(1 / A_SECOND)
            with contextlib.suppress(TimeoutError):  # what is missing then is told below
                async with asyncio.timeout(NOTHING_S):
                    await whole.wait()
            grew = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
            for task in going:
                task.cancel()
            for task in going:
                with contextlib.suppress(asyncio.CancelledError):
                    await task

        first = {text: min((each[text] for each in seen if text in each), default=None) for text in said}
        assert [text for text, at in first.items() if at is None] == []
        waits = sorted(first[text] - said[text] for text in said)
        print(
            f"p50 {waits[len(waits) // 2]:.3f} s, p95 {waits[int(len(waits) * 0.95)]:.3f} s, grew {grew / 1e6:.1f} MB"
        )
        assert waits[int(len(waits) * 0.95)] < 1.0
        assert grew < 30_000_000
