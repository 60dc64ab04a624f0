"""One customer's conversations handed out and erased where they are kept in Redis."""

import dataclasses
import json

from msgspec.structs import replace
from turns import TALK, a_worker, turn

from bot import privacy
from bot.privacy import Asked
from services.schema import account


async def test_a_customer_is_handed_out_and_erased_on_redis(world, redis_url):
    with world.engine.begin() as conn:
        conn.execute(account.insert().values(customer="portal:dana", first_at=1, last_at=1))
    async with a_worker(redis_url) as store:
        remit = dataclasses.replace(world.remit, store=store)
        await store.commit(turn(replace(TALK, owner="portal:dana"), text="marigold"))
        await store.commit(turn(replace(TALK, chat="rasa:two", owner="portal:marco"), text="goldenrod"))
        pieces = [piece async for piece in await privacy.document(remit, Asked("portal:dana"))]
        (chat,) = json.loads(b"".join(pieces))["chats"]
        assert [(line["at"], line["text"]) for line in chat["messages"]] == [(None, "hi"), (None, "marigold")]
        told = await privacy.erase(remit, Asked("portal:dana"), dry_run=False)
        assert told.chats == ("rasa:one",)
        assert (await store.load("rasa:one", "")).talk is None
        assert len(await store.since("rasa:two", 0)) == 2
