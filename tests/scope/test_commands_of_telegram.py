"""Every command of the bot, in every state that a chat can bring along, in both languages: what a thief's phone is told.

The link that moves everybody's chat is followed from somebody else's phone, and each command and each sign of the messenger is
sent there as Telegram sends it.
"""

import itertools

import httpx
import msgspec
import pytest
from world import HANDOFF, World

from bot.app import _webhook_secret
from bot.channels.telegram import COMMANDS, name_of
from bot.stores.base import Message
from services.model import Customer
from tests.scope.test_hops import shown_by_link
from tests.scope.town import NAMES, OPEN, Town, shown

PHONE = 666
LANGUAGES = {"en": ("invoices", "payment"), "es": ("facturas", "pago")}  # words of which one is said to "/help"
SECRET = _webhook_secret(b"test-secret-of-conversations")
SIGNS = (
    "/web",
    "/back",
    "/telegram",
    "/methods",
    "/details",
    "/history",
    "/receipt",
    "/pay all",
    "/saved",
    "yes",
    "sí",
)
_NUMBERS = itertools.count(1)


async def _nobody_is_called(_scope: object, _receive: object, send: object) -> None:
    """A Bot API that takes whatever it is told."""
    assert callable(send)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"ok":true,"result":true}'})


@pytest.fixture
async def world(tmp_path):
    telegram = {"bot": "green_lane_bot", "token": "123456:test-token", "mode": "polling"}
    async with World(tmp_path, bot_api=_nobody_is_called, telegram=telegram) as made:
        yield made


def update(text: str, language: str, phone: int = PHONE) -> bytes:
    """Somebody writes this."""
    chat = {"id": phone, "type": "private", "first_name": "T"}
    who = {"id": phone, "is_bot": False, "first_name": "T", "language_code": language}
    message = {"message_id": next(_NUMBERS), "date": 1772465400, "chat": chat, "from": who, "text": text}
    return msgspec.json.encode({"update_id": next(_NUMBERS), "message": message})


async def told(town: Town, text: str, language: str) -> list[Message]:
    """What the log of the phone's chat says after this, and had not before."""
    intake, store, chat = town.world.remit.telegram, town.world.store, name_of(PHONE)
    assert intake is not None
    before = max((each.seq for each in await store.since(chat, 0)), default=0)
    await intake.take(update(text, language))
    await intake.answer_pending(chat)
    town.world.clock.advance(seconds=30)
    return await store.since(chat, before)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("owner", NAMES)
async def test_no_command_tells_more_than_the_link_of_the_invoice_in_hand(town: Town, owner, language):
    asked = await town.world.say(f"web:{owner}", "/telegram")
    token = asked[-1].link.url.partition("=")[2]
    if language == "es":
        await town.world.say(f"web:{owner}", "/spanish")
    said = await told(town, f"/start {token}", language)
    assert len(said) > 1
    for text in (
        *(f"/{command}" for command in COMMANDS),
        *SIGNS,
        *(f"/{command}@green_lane_bot" for command in COMMANDS),
    ):
        said += (answer := await told(town, text, language))
        assert any(each.sender == "bot" for each in answer), f"{text} is not answered"
    talk = (await town.world.store.load(name_of(PHONE), "")).talk
    assert talk is not None
    assert talk.locale == language
    assert not isinstance(talk.scope, Customer)
    for customer in OPEN:
        secret = town.secrets(customer, owner) - (shown_by_link(town, customer) if customer == owner else set())
        leaked = {each for each in secret if each in shown(said)}
        assert not leaked, f"the link of {owner}'s chat tells {leaked}"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_phone_without_a_link_is_a_stranger_to_every_command(town: Town, language):
    before = await town.dump()
    said: list[Message] = []
    for text in (*(f"/{command}" for command in COMMANDS if command != "human"), *SIGNS):
        said += await told(town, text, language)
    for customer in OPEN:
        assert not {each for each in town.secrets(customer, "stranger") if each in shown(said)}
    after = await town.dump()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"telegram_update", "delivery", "hop"}
    assert any(word in shown(said).lower() for word in LANGUAGES[language])


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], SECRET.upper()])
async def test_only_telegram_says_what_somebody_wrote(town: Town, secret):
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
    answered = await town.world.browser.post(
        f"{HANDOFF}/webhooks/telegram", content=update("/status", "en"), headers=headers
    )
    assert answered.status_code == httpx.codes.FORBIDDEN
    assert await town.world.store.since(name_of(PHONE), 0) == []
