"""A chat that goes on in Telegram, and back: without losing the place, doing anything twice, or telling it to anybody else.

The Telegram side is what its adapter hands to the runtime: a chat, a message id, and `/start TOKEN`.
"""

import asyncio

import pytest
from sqlalchemy import select
from world import World

from bot.channels import widget
from bot.channels.base import Inbound
from bot.stores.base import Message
from dialogs.flows.pay import PayInvoice
from services.errors import Unavailable
from services.model import Bearer, Customer, Method, Stranger
from services.payments import requests
from services.payments.cases import open_cases
from services.schema import hop, payment
from services.tokens import token_hash

BOT = {"bot": "green_lane_bot"}
WEB, PHONE = "web:one", "telegram:777"
DANA = "dana.whitfield@example.com"
OK, OK_BANK, RETURNED = "4242424242424242", "000123456789", "000555555559"
GONE = "We went on in Telegram."
HERE = "Here we are."


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path, telegram=BOT) as made:
        yield made


def texts(messages: list[Message]) -> list[str]:
    return [message.text for message in messages]


def titles(messages: list[Message]) -> list[str]:
    return [choice.title for message in messages for choice in message.choices]


def token_in(messages: list[Message]) -> str:
    (link,) = [message.link for message in messages if message.link is not None and message.link.kind == "hop"]
    return link.url.partition("=")[2]


async def talk_of(world, chat):
    return (await world.store.load(chat, "")).talk


async def log_of(world, chat):
    return [message for message in await world.store.since(chat, 0) if message.sender != "customer"]


async def press(world, chat, title):
    shown = [choice for message in await log_of(world, chat) for choice in message.choices if choice.title == title]
    return await world.say(chat, shown[-1].payload)


async def opens(world, number="INV-1042", chat=WEB):
    return await world.say(chat, "/start", pay_link=await world.link(number))


async def asks(world, chat=WEB):
    """The token of the link that moves this chat."""
    return token_in(await world.say(chat, "/telegram" if chat.startswith("web") else "/web"))


async def follows(world, token, chat=PHONE, update=""):
    return await world.say(chat, f"/start {token}", id=update)


async def moves(world, chat=WEB, to=PHONE):
    return await follows(world, await asks(world, chat), to)


async def signs_in(world, chat):
    await world.say(chat, "/sign-in")
    await world.say(chat, DANA)
    return await world.say(chat, world.mail.code(DANA))


async def took(world):
    return sum(row["amount_minor"] for row in await world.book() if row["state"] in ("succeeded", "processing"))


# --- there and back ------------------------------------------------------------------------------------------------


async def test_a_quote_on_the_screen_is_shown_again_and_needs_its_own_yes(world):
    await opens(world)
    await world.say(WEB, "pay 50 by card")
    said = await world.say(WEB, "can we continue in telegram?")
    assert said[-1].link.url.startswith("https://t.me/green_lane_bot?start=")
    arrived = await follows(world, token_in(said))
    assert arrived[0].text.startswith(HERE)
    assert "$50.00" in arrived[-1].text
    assert not (await talk_of(world, PHONE)).payments
    assert await took(world) == 0
    agreed = await press(world, PHONE, "Yes, pay $50.00")
    await world.pay_by_card(await world.page(agreed[-1].link.url), OK)
    await world.work()
    assert (await took(world), (await world.invoice("INV-1042"))["due_minor"]) == (5000, 7000)


async def test_in_the_middle_of_choosing_nothing_is_asked_twice(world):
    await opens(world)
    await world.say(WEB, "pay 50")
    arrived = await moves(world)
    assert "Card" in titles(arrived)
    assert "$50.00" in arrived[-1].text
    back = await moves(world, PHONE, WEB)
    assert back[-1].text.startswith(arrived[-1].text[:30])
    assert "$50.00" in (await world.say(WEB, "card"))[-1].text


async def test_where_it_was_a_signpost_says_where_to_and_nothing_happens_any_more(world):
    await opens(world)
    quote = await world.say(WEB, "pay 50 by card")
    await moves(world)
    signpost = (await log_of(world, WEB))[-1]
    assert (signpost.text.startswith(GONE), signpost.sender) == (True, "notice")
    assert [choice.title for choice in signpost.choices] == ["Come back here"]
    agreed = await world.say(WEB, next(c.payload for c in quote[-1].choices if c.title.startswith("Yes")))
    assert agreed[-1].link is None
    assert (await talk_of(world, WEB)).tasks == ()
    told = await press(world, WEB, "Come back here")
    assert 'Write "back to the web page" there' in told[-1].text
    assert (await talk_of(world, PHONE)).task.amount.minor == 5000  # nobody fetched it without its link


async def test_the_words_for_coming_back_bring_the_link_to_the_page(world):
    await opens(world)
    await moves(world)
    said = await world.say(PHONE, "back to the web page")
    assert said[-1].link.url.startswith("http://remit/chat?i=")
    back = await follows(world, token_in(said), WEB)
    assert [text[:12] for text in texts(back)[:2]] == [GONE[:12], HERE[:12]]  # the signpost was not seen before
    assert (await log_of(world, PHONE))[-1].text.startswith("We went on on the web page.")
    assert (await talk_of(world, PHONE)).tasks == ()


async def test_in_spanish_too(world):
    await world.say(WEB, "/start", pay_link=await world.link("INV-1042"))
    await world.say(WEB, "quiero pagar con tarjeta")
    said = await world.say(WEB, "mejor seguimos en telegram")
    assert said[-1].text.startswith("Por aquí se va a Telegram.")
    arrived = await follows(world, token_in(said))
    assert arrived[0].text.startswith("Aquí estamos.")
    assert (await log_of(world, WEB))[-1].text.startswith("Seguimos en Telegram.")
    assert (await world.say(PHONE, "volver a la página web"))[-1].link.kind == "hop"


async def test_an_open_page_goes_on_and_its_result_is_told_where_the_chat_is(world):
    await opens(world)
    agreed = await world.say(WEB, "pay all of it by card")
    agreed = await world.say(WEB, "yes")
    page = await world.page(agreed[-1].link.url)
    arrived = await moves(world)
    assert await world.page(arrived[-1].link.url) == page  # the very same page, by a link of this chat
    before = len(await log_of(world, WEB))
    await world.pay_by_card(page, OK)
    await world.work()
    told = (await log_of(world, PHONE))[-1]
    assert (told.sender, told.card["state"]) == ("notice", "succeeded")
    assert len(await log_of(world, WEB)) == before
    assert "nothing" in (await world.say(WEB, "cancel"))[-1].text  # not a word of a payment that is not here any more


async def test_a_return_that_comes_days_later_arrives_where_the_chat_went(world):
    await opens(world)
    await world.say(WEB, "pay all of it from my bank account")
    agreed = await world.say(WEB, "yes")
    await world.pay_by_bank(await world.page(agreed[-1].link.url), RETURNED)
    await world.work()
    await moves(world)
    before = len(await log_of(world, WEB))
    for _ in range(5):
        await world.wait(days=1)
    told = [message for message in await log_of(world, PHONE) if message.sender == "notice"]
    assert told[-1].card["state"] == "returned"
    assert len(await log_of(world, WEB)) == before


async def test_after_coming_back_results_are_told_at_home_again(world):
    await opens(world)
    await world.say(WEB, "pay all of it from my bank account")
    agreed = await world.say(WEB, "yes")
    await moves(world)
    await moves(world, PHONE, WEB)
    silent = len(await log_of(world, PHONE))
    await world.pay_by_bank(await world.page(agreed[-1].link.url), RETURNED)
    await world.work()
    for _ in range(5):
        await world.wait(days=1)
    states = [
        message.card["state"]
        for message in await log_of(world, WEB)
        if message.card and message.card["kind"] == "receipt"
    ]
    assert states == ["processing", "succeeded", "returned"]
    assert len(await log_of(world, PHONE)) == silent


async def test_an_answer_of_a_person_goes_along_as_well(world):
    await opens(world)
    await world.say(WEB, "this invoice is wrong, I want to dispute it")
    await world.say(WEB, "the work was never done")
    await moves(world)
    (case,) = await world.remit.transact(open_cases)
    assert await world.remit.transact(lambda conn: requests.answer(conn, case.id, "We come again.", world.clock()))
    await world.work()
    assert "We come again." in (await log_of(world, PHONE))[-1].text
    assert not any("We come again." in text for text in texts(await log_of(world, WEB)))


# --- whoever follows the link ------------------------------------------------------------------------------------------


async def test_a_link_moves_one_chat_once(world):
    await opens(world)
    token = await asks(world)
    await follows(world, token)
    stolen = await follows(world, token, "telegram:666")
    assert stolen[0].text.startswith("This link has done its work")
    assert not any("120.00" in text for text in texts(stolen))
    assert isinstance((await talk_of(world, "telegram:666")).scope, Stranger)
    assert "Sign in" in titles(stolen)  # a way on: sign in, the link of the invoice, or its number


async def test_with_one_link_used_the_others_of_its_chat_are_over(world):
    await opens(world)
    first, second = await asks(world), await asks(world)
    await follows(world, second)
    assert (await follows(world, first, "telegram:666"))[0].text.startswith("This link has done its work")


async def test_a_link_works_for_ten_minutes(world):
    await opens(world)
    token = await asks(world)
    world.clock.advance(minutes=10)
    assert (await follows(world, token))[0].text.startswith("This link no longer works")
    assert (await talk_of(world, WEB)).tasks
    assert (await follows(world, await asks(world)))[0].text.startswith(HERE)


async def test_a_link_works_only_where_it_leads_to(world):
    await opens(world)
    token = await asks(world)
    assert (await follows(world, token, "web:two"))[0].text.startswith("This link no longer works")
    assert (await follows(world, token, "rasa:mallory"))[0].text.startswith("This link no longer works")
    assert (await follows(world, token))[0].text.startswith(HERE)


async def test_no_token_is_kept_readably_in_the_ledger(world):
    token = await asks(world) if await opens(world) else ""
    with world.engine.begin() as conn:
        assert conn.execute(select(hop.c.token_hash)).scalars().all() == [token_hash(token)]
    assert token.encode() not in (world.folder / "ledger.db").read_bytes()


async def test_whoever_planted_a_chat_gets_nothing_of_it_once_somebody_signs_in(world):
    token = await asks(world) if await opens(world) else ""
    await signs_in(world, WEB)
    stolen = await follows(world, token, "telegram:666")
    assert stolen[0].text.startswith("This link no longer works")
    assert not any("$" in text for text in texts(stolen))


async def test_a_sign_in_stays_where_it_was_proved(world):
    await signs_in(world, WEB)
    await world.say(WEB, "INV-1042")
    await world.say(WEB, "by card")
    arrived = await moves(world)
    assert "You are not signed in in this chat" in arrived[0].text
    assert (await talk_of(world, PHONE)).scope == Bearer("portal:inv-1042", "link")
    assert "INV-1042" in arrived[-1].text  # the place is kept
    listed = await world.say(PHONE, "show my invoices")
    assert "INV-1031" not in "".join(texts(listed))
    assert await world.say(PHONE, "what is my phone number on file")
    assert isinstance((await talk_of(world, WEB)).scope, Customer)


async def test_of_a_customer_with_nothing_in_hand_nothing_goes_along(world):
    await signs_in(world, WEB)
    await world.say(WEB, "show my invoices")
    arrived = await moves(world, WEB)
    talk = await talk_of(world, PHONE)
    assert (talk.scope, talk.payments, talk.name) == (Stranger(), (), "")
    assert not any(secret in text for text in texts(arrived) for secret in ("$", "Dana", "INV-"))


async def test_several_invoices_are_shown_only_to_who_proves_to_be_their_owner(world):
    await signs_in(world, WEB)
    await world.say(WEB, "pay all of them by card")
    arrived = await moves(world)
    assert not any(secret in text for text in texts(arrived) for secret in ("$", "Dana", "INV-"))
    assert (await talk_of(world, PHONE)).scope == Stranger()
    await world.say(PHONE, DANA)
    shown = await world.say(PHONE, world.mail.code(DANA))
    assert any("INV-1031" in text and "INV-1042" in text for text in texts(shown))  # and the choice was not lost


async def test_results_of_a_customers_other_payments_stay_in_the_customers_chat(world):
    await signs_in(world, WEB)
    await world.say(WEB, "INV-1031")
    await world.say(WEB, "from my bank account")
    agreed = await world.say(WEB, "yes")
    await world.pay_by_bank(await world.page(agreed[-1].link.url), RETURNED)
    await world.work()
    await world.say(WEB, "pay INV-1042")
    await world.say(WEB, "by card")
    await moves(world)
    heard = len(await log_of(world, PHONE))
    for _ in range(5):
        await world.wait(days=1)
    assert len(await log_of(world, PHONE)) == heard
    assert (await log_of(world, WEB))[-1].card["state"] == "returned"


async def test_an_open_page_of_several_invoices_has_to_be_finished_first(world):
    await signs_in(world, WEB)
    await world.say(WEB, "pay all of them")
    await world.say(WEB, "card")
    await world.say(WEB, "yes")
    assert (await talk_of(world, WEB)).task.running
    refused = await world.say(WEB, "/telegram")
    assert refused[-1].link is None
    assert "still open" in refused[-1].text


async def test_who_signed_out_everywhere_takes_no_invoice_along(world):
    await signs_in(world, WEB)
    await world.say(WEB, "INV-1042")
    token = await asks(world)
    await signs_in(world, "web:two")
    await world.say("web:two", "/sign-out everywhere")
    world.clock.advance(seconds=1)
    arrived = await follows(world, token)
    assert (await talk_of(world, PHONE)).scope == Stranger()
    assert not any(secret in text for text in texts(arrived) for secret in ("$", "Dana", "INV-"))


async def test_a_saved_method_needs_fresh_proof(world):
    await signs_in(world, WEB)
    await world.say(WEB, "INV-1031")
    await world.say(WEB, "card")
    agreed = await world.say(WEB, "yes")
    await world.pay_by_card(await world.page(agreed[-1].link.url), OK, save="yes")
    await world.work()
    assert "Visa" in (await world.say(WEB, "pay INV-1042 with my saved card"))[-1].text
    arrived = await moves(world)
    assert not any("Visa" in text or "4242" in text for text in texts(arrived))
    assert (await talk_of(world, PHONE)).asked.slot == "email"
    charged = await took(world)
    await world.say(PHONE, "yes")
    assert await took(world) == charged
    await world.say(PHONE, DANA)
    shown = await world.say(PHONE, world.mail.code(DANA))
    assert "Visa" in shown[-1].text
    assert "INV-1042" in shown[-1].text
    await world.say(PHONE, "yes")
    await world.work()
    assert await took(world) == charged + 12000


async def test_who_is_signed_in_where_it_goes_stays_so(world):
    await signs_in(world, PHONE)
    await opens(world)
    await world.say(WEB, "pay 50")
    arrived = await moves(world)
    talk = await talk_of(world, PHONE)
    assert isinstance(talk.scope, Customer)
    assert (talk.task.number, talk.task.amount.minor) == ("INV-1042", 5000)
    assert "not signed in" not in arrived[0].text


async def test_moving_gives_nobody_new_tries_to_guess_a_zip(world):
    for code in ("10001", "10002", "10003"):
        await world.say(WEB, f"INV-1042, zip {code}")
    talk = await talk_of(world, WEB)
    assert talk.wrong_proofs == 3
    await moves(world)
    assert (await talk_of(world, PHONE)).wrong_proofs == 3


# --- what is in the way ---------------------------------------------------------------------------------------------------


async def test_while_something_is_under_way_nobody_moves(world):
    await opens(world)
    await world.say(WEB, "pay all of it by card")
    token = await asks(world)
    await world.browser.post("http://sandbox/control/faults", json={"drop": "before"})
    await world.say(WEB, "card")  # back at the quote
    await world.say(WEB, "yes")
    assert (await talk_of(world, WEB)).sent
    refused = await follows(world, token)
    assert refused[-1].text.startswith("One moment")
    assert (await world.say(WEB, "/telegram"))[-1].link is None
    await world.browser.post("http://sandbox/control/faults", json={"drop": None})
    await world.wait(seconds=40)
    assert not (await talk_of(world, WEB)).sent
    arrived = await follows(world, token)  # it was not used up
    assert arrived[-1].link.kind == "checkout"


async def test_what_was_going_on_where_it_goes_ends_but_its_open_page_stays_a_payment_there(world):
    await opens(world, "INV-1044", PHONE)
    await world.say(PHONE, "pay all of it by card")
    agreed = await world.say(PHONE, "yes")
    page = await world.page(agreed[-1].link.url)
    await opens(world)
    await world.say(WEB, "pay 50")
    arrived = await moves(world)
    assert "INV-1042" in arrived[-1].text
    await world.pay_by_card(page, OK)
    await world.work()
    assert any(m.card and m.card["invoices"] == "INV-1044" for m in await log_of(world, PHONE) if m.sender == "notice")
    assert (await talk_of(world, PHONE)).task.amount.minor == 5000


async def test_the_link_followed_in_its_own_chat_says_so_and_stays_good(world):
    await opens(world)
    token = await asks(world)
    await follows(world, token, WEB)
    assert (await follows(world, token))[0].text.startswith("Here we are")


async def test_without_a_bot_nobody_is_offered_another_channel(tmp_path):
    async with World(tmp_path) as world:
        await opens(world)
        assert "can't move" in (await world.say(WEB, "/telegram"))[-1].text
        said = await world.say(WEB, "continue in telegram")
        assert all(message.link is None for message in said)
        script = (await world.browser.get("http://remit/widget.js")).text
        assert "const TELEGRAM = false;" in script


async def test_the_widget_offers_it_where_there_is_a_bot(world):
    assert "const TELEGRAM = true;" in (await world.browser.get("http://remit/widget.js")).text


async def test_a_new_chat_on_the_page_can_begin_with_the_link_back(world):
    await opens(world)
    await world.say(WEB, "pay 50")
    await moves(world)
    token = await asks(world, PHONE)
    begun = await world.browser.post("http://remit/api/v1/conversations", json={"pay_link": token})
    assert begun.json()["messages"][0]["text"].startswith(HERE)
    talk = await talk_of(world, widget.chat_of(begun.json()["id"]))
    assert isinstance(talk.task, PayInvoice)
    assert talk.task.amount.minor == 5000


async def test_from_the_hosted_page_the_way_back_leads_to_where_the_chat_is(world):
    await opens(world)
    await world.say(WEB, "pay all of it by card")
    await world.say(WEB, "yes")
    await moves(world)
    answer = await world.browser.get(f"http://remit/back/{WEB}")
    assert answer.headers["location"] == "https://t.me/green_lane_bot"


# --- whatever breaks in between ----------------------------------------------------------------------------------------

POINTS = ["leaving", "forwarding", "landing", "telling"]


def breaks(world, monkeypatch, point):
    """The process dies at this point of a move from WEB to PHONE: what it was about to write is not written."""
    if point == "forwarding":

        async def away(*_args, **_more):
            raise Unavailable("the ledger's database is away")

        monkeypatch.setattr(world.remit.runtime._hops, "forward", away)
        return
    chat, commit, web = PHONE if point == "landing" else WEB, world.store.commit, []

    async def dies(turn):
        if turn.talk.chat == chat:
            web.append(turn)
            if len(web) == (2 if point == "telling" else 1):
                raise Unavailable("the conversation store cannot be written")
        return await commit(turn)

    monkeypatch.setattr(world.store, "commit", dies)


async def dying(world, token, monkeypatch, point):
    breaks(world, monkeypatch, point)
    if point == "telling":  # the customer's answer does not wait for that
        await follows(world, token, update="update-1")
    else:
        with pytest.raises(Unavailable):
            await follows(world, token, update="update-1")
    monkeypatch.undo()
    world.crash()


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("repeated", [True, False], ids=["sent again", "by the worker"])
async def test_a_process_that_dies_in_between_loses_and_doubles_nothing(world, monkeypatch, point, repeated):
    await opens(world)
    await world.say(WEB, "pay 50 by card")
    token = await asks(world)
    await dying(world, token, monkeypatch, point)
    if repeated:
        answer = await follows(world, token, update="update-1")
        assert "$50.00" in answer[-1].text
        assert answer == await follows(world, token, update="update-1")
    await world.wait(seconds=40)
    if point == "leaving" and not repeated:  # nothing had left: it is all where it was
        assert (await talk_of(world, WEB)).task.amount.minor == 5000
        assert await talk_of(world, PHONE) is None
        assert (await follows(world, token, "telegram:666"))[0].text.startswith("This link has done its work")
        return
    assert sum(text.startswith(HERE) for text in texts(await log_of(world, PHONE))) == 1
    assert sum(text.startswith(GONE) for text in texts(await log_of(world, WEB))) == 1
    assert (await talk_of(world, WEB)).went.baggage is None
    assert (await talk_of(world, WEB)).sent == ()
    agreed = await press(world, PHONE, "Yes, pay $50.00")
    await world.pay_by_card(await world.page(agreed[-1].link.url), OK)
    await world.work()
    assert await took(world) == 5000


@pytest.mark.parametrize("point", POINTS)
async def test_a_page_that_is_paid_in_that_moment_is_told_once_and_where_the_chat_went(world, monkeypatch, point):
    await opens(world)
    await world.say(WEB, "pay all of it by card")
    agreed = await world.say(WEB, "yes")
    page = await world.page(agreed[-1].link.url)
    token = await asks(world)
    await dying(world, token, monkeypatch, point)
    await world.pay_by_card(page, OK)
    await world.work()
    await follows(world, token, update="update-1")
    for _ in range(3):
        await world.wait(seconds=40)
    told = [
        (chat, message.card["state"])
        for chat in (WEB, PHONE)
        for message in await log_of(world, chat)
        if message.card and message.card["kind"] == "receipt"
    ]
    # before anything had left, home is where it is told; and told again, in answer, where the chat went
    assert told[-1] == (PHONE, "succeeded") if point != "leaving" else (told[0] == (WEB, "succeeded"))
    assert len(told) == 1 if point != "leaving" else len(told) <= 2
    with world.engine.begin() as conn:
        assert conn.execute(select(payment.c.chat)).scalars().all() == [PHONE]


async def test_what_a_dying_worker_took_there_is_not_taken_there_again_by_the_message(world, monkeypatch):
    await opens(world)
    await world.say(WEB, "pay 50 by card")
    token = await asks(world)
    await dying(world, token, monkeypatch, "landing")
    commit = world.store.commit

    async def dies(turn):
        if turn.talk.chat == WEB:  # the worker has landed it, and cannot say so any more
            raise Unavailable("the conversation store cannot be written")
        return await commit(turn)

    monkeypatch.setattr(world.store, "commit", dies)
    await world.wait(seconds=40)
    assert (await talk_of(world, PHONE)).landed
    assert (await talk_of(world, WEB)).went.baggage is not None
    monkeypatch.undo()
    world.crash()
    await world.say(PHONE, "make it 60")
    again = await follows(world, token, update="update-1")
    assert "$60.00" in again[-1].text  # and not what was taken along before
    await world.wait(seconds=40)
    assert sum(text.startswith(HERE) for text in texts(await log_of(world, PHONE))) == 1
    assert (await talk_of(world, WEB)).went.baggage is None


async def test_two_who_follow_one_link_at_once_do_not_both_get_the_chat(world):
    await opens(world)
    token = await asks(world)
    answers = await asyncio.gather(*(follows(world, token, f"telegram:{n}") for n in range(8)))
    assert sum(answer[0].text.startswith(HERE) for answer in answers) == 1
    assert sum(answer[0].text.startswith("This link has done its work") for answer in answers) == 7


async def test_a_chat_that_was_lost_moves_nothing(world):
    await opens(world)
    token = await asks(world)
    world.forget(WEB)
    assert (await follows(world, token))[0].text.startswith("This link no longer works")


async def test_the_same_update_again_gets_the_same_answer(world):
    await opens(world)
    token = await asks(world)
    first = await follows(world, token, update="update-1")
    assert await follows(world, token, update="update-1") == first
    assert await world.remit.runtime.handle(Inbound(PHONE, "update-1", f"/start {token}")) == first
    assert (await talk_of(world, PHONE)).task.method in (None, *Method)
