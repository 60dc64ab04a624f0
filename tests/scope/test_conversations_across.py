"""Every button there is, and every task, said by everybody with the names of what is somebody else's.

Through the real runtime, ledger and sandbox. The buttons come from the table that reads them, the tasks and acts from their
unions: one that nobody says here fails.
"""

from typing import get_args

import pytest

from dialogs.conversation import TASKS, Conversation
from dialogs.draft import Draft
from dialogs.model import Act, Slot, Tell
from dialogs.reading import buttons
from dialogs.reading.buttons import from_button
from dialogs.repair import heard
from services.model import Customer, key_of
from tests.scope.test_look_ups_and_effects import ACROSS
from tests.scope.town import NAMES, Goods, Town, shown

# Said last, and each for itself: they end what the others need.
_ENDS = ("/sign-out", "/sign-out everywhere")
# Acts that no button has: they are read from words, and name nothing of anybody's.
_IN_WORDS = {"Guess", "Unanswered"}
# What each task is entered by, with a key where it takes one.
ENTERS = {
    "PayInvoice": "/pay",
    "TellStatus": "/status",
    "TellHistory": "/history",
    "CallPerson": "/human",
    "SignIn": "/sign-in",
    "LeaveAccount": "/sign-out",
    "StayHere": "/remember",
    "SeeInvoices": "/invoices",
    "SeeInvoice": "/see {invoice}",
    "SeeMethods": "/methods",
    "ChangeMethod": "/remove {method}",
    "SeeAutopay": "/autopay",
    "EnrolAutopay": "/autopay change",
    "AlterAutopay": "/autopay leave",
    "SeeDetails": "/details",
    "ChangeDetails": "/pick detail zip",
    "AskPerson": "/pick why {invoice}",
    "SeeRequests": "/requests",
    "TellArticle": "/help privacy",
    "TellReceipt": "/receipt {payment}",
    "SetReminders": "/stop-reminders",
}


def keyed(goods: Goods) -> list[str]:
    """The buttons that name one thing among several, with the keys of what is somebody else's."""
    invoice, method, payment = key_of(goods.invoice), key_of(goods.method), key_of(goods.payment)
    account, question = key_of(goods.customer), key_of(f"remove {goods.method}")
    return [
        *(f"/pick {slot} {key}" for slot in PICKED for key in (invoice, method, payment, account)),
        *(f"/{what} {method}" for what in ("remove", "favorite", "nickname")),
        f"/remove {method}",
        f"/sure {question}",
        *(f"/sure {key_of(f'leave {each}')}" for each in (1, 2)),
        "yes",
        f"/see {invoice}",
        f"/pay {invoice}",
        f"/pay {invoice} {key_of('portal:inv-1031')}",
        f"/agree {goods.digest}",
        "yes",
        f"/pick method {method}",
        f"/agree {goods.digest}",
        "/refund",
        f"/pick payment {payment}",
        f"/receipt {payment}",
        f"/mail-receipt {payment}",
        "/why twice",
        "/dispute",
        f"/pick why {invoice}",
        "/why work",
        "/cancel",
        "/pick detail zip",
        "/cancel",
        "/help privacy",
        "/helped privacy",
        "/unhelped privacy",
        "/stars 1 5",
    ]


PICKED = ("invoice", "method", "account", "payment", "detail", "why", "days")
SENTENCES = [
    "what do I owe?",
    "show me all invoices",
    "what's overdue?",
    "the one from last month",
    "did you get my payment?",
    "which cards do you have?",
    "use the card on file",
    "use my Visa ending 4242",
    "use my Mastercard ending 4444",
    "what address do you have?",
    "what is my phone number?",
    "send me the receipt",
    "the pdf please",
    "what was it for?",
    "show me the details of {number}",
    "pay {number}",
    "00000",
    "pay {number} and INV-1031",
    "pay $40 to the oldest",
    "I want my money back for {number}",
    "{number} is wrong",
    "my reference is {payment}",
    "what became of my request?",
    "{email}",
    "000000",
    "change my email",
    "{email}",
    "yes",
    "000000",
    "cancel",
    "who am I?",
    "repeat",
    "help",
    "/start {browser}",
    "/start {invoice}",
]


def said(goods: Goods) -> list[str]:
    plain = [text for text in buttons._WORDS if text not in _ENDS]
    names = {name: str(value) for name, value in vars(goods).items()}
    return [*plain, *keyed(goods), *plain, *(text.format(**names) for text in SENTENCES)]


@pytest.mark.parametrize(("who", "owner"), ACROSS)
async def test_nobody_talks_their_way_across(town: Town, who, owner):
    world, chat, goods = town.world, f"web:{who}", town.goods[owner]
    secrets, typed, before, letters = town.secrets(owner, who), "", await town.dump(who), len(world.mail.letters)
    for text in said(goods):
        world.clock.advance(seconds=30)
        typed += f" {text}"
        told = shown(await world.say(chat, text))
        leaked = {secret for secret in secrets if secret in told and secret.lower() not in typed.lower()}
        assert not leaked, f"{text!r} of {who} is answered with {leaked}: {told}"
    await world.remit.runtime.drain()
    assert await town.dump(who) == before
    # a code may go to an address that was typed: to its owner
    mine = "" if who not in town.goods else town.goods[who].email
    allowed = {mine, goods.email, "dana.whitfield@example.com" if who == "link" else ""}
    assert {letter.to for letter in world.mail.letters[letters:]} <= allowed
    assert (await town.talk(owner)).quote_shown == goods.digest
    for text in _ENDS:
        await world.say(chat, text)
        scope = await town.scope(owner)
        assert isinstance(scope, Customer)
        assert await world.remit.visitors.holds(scope), f"{text!r} of {who} signed {owner} out"
        assert await world.remit.visitors.by_browser(goods.browser, goods.chat) is not None


# --- that all of it is said ----------------------------------------------------------------------------------------------


def test_every_task_is_entered_here_by_a_button():
    names = {task.__name__ for task in TASKS}
    assert names - set(ENTERS) == set(), f"say in ENTERS of {__file__} by which button it is entered"
    assert set(ENTERS) == names, "an entry is left of what is gone"


async def test_the_button_of_a_task_enters_it_and_is_said(town: Town):
    goods = town.goods["dana"]
    house, now, keys = town.world.remit.runtime._house, town.world.clock(), vars(goods)
    keyed_by = {name: key_of(str(value)) for name, value in keys.items()}
    talk = Conversation("web:x", "e", scope=by_a_page(await town.scope("dana")))
    for name, button in ENTERS.items():
        text = button.format(**keyed_by)
        act = from_button(text)
        assert act is not None
        assert text in (*said(goods), *_ENDS)
        entered = heard(Draft(talk), (act,), talk.view(house, now)).talk.tasks
        assert [type(task).__name__ for task in entered] == [name]


def by_a_page(scope: object) -> Customer:
    """A customer who may be asked to sign in again: by the word of a page, in this chat."""
    assert isinstance(scope, Customer)
    return Customer(scope.id, scope.proved_at, "web:x", scope.until, "page")


async def test_every_act_is_said(town: Town):
    acts = [act for text in (*said(town.goods["dana"]), *_ENDS) if (act := from_button(text)) is not None]
    missing = {kind.__name__ for kind in get_args(Act)} - {type(act).__name__ for act in acts} - _IN_WORDS
    assert not missing, f"say in keyed() of {__file__} which button names somebody else's thing by {missing}"


async def test_every_pick_is_said(town: Town):
    """The slots whose buttons carry a key are those that a button with any key is read for."""
    read = {slot.value for slot in Slot if from_button(f"/pick {slot} abcdef") is not None}
    assert read == set(PICKED), "say in PICKED which keys there are"
    assert all(isinstance(from_button(f"/amount {share}"), Tell) for share in ("all", "half"))
    assert {f"web:{name}" for name in NAMES} >= {goods.chat for goods in town.goods.values()}
