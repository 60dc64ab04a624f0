"""What people at the desk do to a conversation: once, in order, whoever dies in between, and never in two voices."""

import asyncio
import json

import pytest
from world import World

from dialogs.model import AgentSpoke, AgentTook
from services.desk import audit, errands, handoffs, proposals, transcripts
from services.desk.handoffs import State, TakenBy
from services.errors import Unavailable
from services.model import Money

CHAT = "rasa:one"


@pytest.fixture
async def world(tmp_path):
    async with World(tmp_path) as made:
        yield made


async def asked_for(world: World, chat: str = CHAT) -> int:
    """A chat in the middle of a payment, whose customer asks for a person."""
    await world.say(chat, f"/start {await world.link('INV-1042')}")
    await world.say(chat, "card")
    await world.say(chat, "human")
    await world.work()
    found = await world.remit.transact(lambda conn: handoffs.of_chat(conn, chat))
    assert found is not None
    return found.id


async def texts(world: World, chat: str = CHAT) -> list[str]:
    return [message.text for message in await world.store.since(chat, 0) if message.sender != "customer"]


async def state(world: World, handoff: int) -> State:
    found = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    assert found is not None
    return found.state


async def test_of_two_who_take_a_chat_at_the_same_instant_one_gets_it_and_the_other_is_told_who(world):
    handoff = await asked_for(world)
    maria, ben = await world.agent("Maria"), await world.agent("Ben")
    done = await asyncio.gather(world.remit.desk.take(maria, handoff), world.remit.desk.take(ben, handoff))
    assert sorted(done, key=str) == [None, TakenBy("Maria")] or sorted(done, key=str) == [None, TakenBy("Ben")]
    assert sum("is here now" in text for text in await texts(world)) == 1


async def test_taking_again_what_is_ones_own_says_nothing_twice(world):
    handoff, maria = await asked_for(world), await world.agent()
    assert await world.remit.desk.take(maria, handoff) is None
    before = await texts(world)
    assert await world.remit.desk.take(maria, handoff) is None
    assert await texts(world) == before


async def test_a_form_that_is_sent_twice_is_one_message(world):
    handoff, maria = await asked_for(world), await world.agent()
    await world.remit.desk.take(maria, handoff)
    for _ in range(3):
        assert await world.remit.desk.say(maria, handoff, "hello", "key-1")
    assert (await texts(world)).count("hello") == 1
    assert await world.remit.desk.say(maria, handoff, "hello", "key-2")
    assert (await texts(world)).count("hello") == 2


async def test_nobody_speaks_in_a_chat_that_is_not_theirs(world):
    handoff = await asked_for(world)
    maria, ben = await world.agent("Maria"), await world.agent("Ben")
    assert not await world.remit.desk.say(maria, handoff, "not taken yet", "a")
    await world.remit.desk.take(maria, handoff)
    for refused in (
        world.remit.desk.say(ben, handoff, "mine!", "b"),
        world.remit.desk.lend(ben, handoff),
        world.remit.desk.resolve(ben, handoff),
        world.remit.desk.assign(ben, handoff, ben),
    ):
        assert not await refused
    assert await world.remit.desk.propose(ben, handoff, ["book:1"], Money(1, "USD"), "") == "no_invoice"
    await world.remit.desk.lend(maria, handoff)
    assert not await world.remit.desk.say(maria, handoff, "while the assistant speaks", "c")


async def test_a_supervisor_gives_a_chat_to_somebody_else_and_the_customer_hears_the_new_name(world):
    handoff = await asked_for(world)
    maria, ben = await world.agent("Maria"), await world.agent("Ben")
    chief = await world.agent("Chris", "supervisor")
    await world.remit.desk.take(maria, handoff)
    assert await world.remit.desk.assign(chief, handoff, ben)
    assert "Ben from Green Lane Lawn Care is here now." in await texts(world)
    assert not await world.remit.desk.say(maria, handoff, "still here?", "a")
    assert await world.remit.desk.say(ben, handoff, "I am Ben", "a")


async def test_an_errand_that_a_dead_process_left_is_done_by_the_next_one_in_order_and_once(world, monkeypatch):
    handoff, maria = await asked_for(world), await world.agent()
    with monkeypatch.context() as away:

        async def dies(*_: object) -> None:
            raise Unavailable("the store is away")

        away.setattr(world.remit.runtime, "heed", dies)
        assert await world.remit.desk.take(maria, handoff) is None
        assert await world.remit.desk.say(maria, handoff, "first", "1")
        assert await world.remit.desk.say(maria, handoff, "second", "2")
    assert "first" not in await texts(world)
    world.crash()
    await world.work()
    said = await texts(world)
    assert said[-3:] == ["Maria from Green Lane Lawn Care is here now.", "first", "second"]
    await world.work()
    assert await texts(world) == said


async def test_an_errand_done_by_two_workers_at_once_is_done_once(world):
    handoff, maria = await asked_for(world), await world.agent()
    await world.remit.desk.take(maria, handoff)
    word = json.dumps({"type": "spoke", "text": "once", "agent": "Maria"})
    await world.remit.transact(lambda conn: errands.add(conn, CHAT, word, world.clock()))
    await asyncio.gather(*(world.remit.desk.do(CHAT) for _ in range(4)))
    assert (await texts(world)).count("once") == 1


async def test_an_older_errand_changes_nothing(world):
    await asked_for(world)
    await world.remit.runtime.heed(CHAT, 7, AgentTook(1, "Maria"))
    before = await texts(world)
    await world.remit.runtime.heed(CHAT, 6, AgentSpoke("late", "Maria"))
    await world.remit.runtime.heed(CHAT, 7, AgentTook(1, "Maria"))
    assert await texts(world) == before


@pytest.mark.parametrize(
    ("minor", "problem"), [(0, "no_invoice"), (-5, "no_invoice"), (12001, "too_much"), (10001, "over_limit")]
)
async def test_what_may_not_be_proposed_is_refused_by_name(tmp_path, minor, problem):
    async with World(tmp_path, desk={"agent_limit_minor": 10000}) as world:
        handoff, maria = await asked_for(world), await world.agent()
        (invoice,) = await world.remit.invoices.find("INV-1042")
        await world.remit.desk.take(maria, handoff)
        assert await world.remit.desk.propose(maria, handoff, [invoice.id], Money(minor, "USD"), "") == problem
        assert await world.remit.desk.propose(maria, handoff, ["book:none"], Money(1, "USD"), "") == "no_invoice"
        assert await state(world, handoff) is State.HELD


async def test_a_supervisor_is_not_bound_by_the_limit_of_agents(tmp_path):
    async with World(tmp_path, desk={"agent_limit_minor": 10000}) as world:
        handoff, chief = await asked_for(world), await world.agent("Chris", "supervisor")
        (invoice,) = await world.remit.invoices.find("INV-1042")
        await world.remit.desk.take(chief, handoff)
        assert isinstance(await world.remit.desk.propose(chief, handoff, [invoice.id], Money(12000, "USD"), ""), int)


async def test_a_payment_under_way_keeps_its_invoice_from_being_proposed(world):
    handoff, maria = await asked_for(world), await world.agent()
    for _ in range(2):  # the first shows the quote again: a person was asked for in between
        await world.say(CHAT, "yes")
    await world.work()
    (invoice,) = await world.remit.invoices.find("INV-1042")
    await world.remit.desk.take(maria, handoff)
    assert await world.remit.desk.propose(maria, handoff, [invoice.id], Money(100, "USD"), "") == "under_way"


async def test_what_was_confirmed_cannot_be_withdrawn_or_changed(world):
    handoff, maria = await asked_for(world), await world.agent()
    (invoice,) = await world.remit.invoices.find("INV-1042")
    await world.remit.desk.take(maria, handoff)
    made = await world.remit.desk.propose(maria, handoff, [invoice.id], Money(8000, "USD"), "half")
    assert isinstance(made, int)
    for text in ("card", "yes"):
        await world.say(CHAT, text)
    await world.work()
    assert not await world.remit.desk.withdraw(maria, handoff, made)
    assert await world.remit.desk.take(maria, handoff) is None  # takes the chat, and not the payment
    found = await world.remit.transact(lambda conn: proposals.find(conn, made))
    assert found is not None
    assert found.state == "confirmed"
    paid = await world.remit.checkout.latest(CHAT)
    assert (paid.reference, paid.amount) == (found.payment, Money(8000, "USD"))


async def test_the_desk_reads_who_it_is_what_was_tried_and_a_log_without_numbers(world):
    handoff, maria = await asked_for(world), await world.agent()
    await world.say(CHAT, "my card is 4242 4242 4242 4242")
    await world.say(CHAT, "4000 0566")
    await world.say(CHAT, "5566 5556")
    await world.remit.copying.work()
    found = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    assert (found.brief.name, found.brief.proof, found.brief.invoices) == ("Dana Whitfield", "link", ("INV-1042",))
    assert (found.brief.step, found.brief.channel, found.brief.language) == ("consent", "rasa", "en")
    assert found.waits_since is not None
    lines = await world.remit.transact(lambda conn: transcripts.of(conn, CHAT))
    assert [line.seq for line in lines] == [message.seq for message in await world.store.since(CHAT, 0)]
    whole = "\n".join(line.text for line in lines)
    assert "removed]" in whole
    for digits in ("4242", "4000 0566", "5566 5556"):
        assert digits not in whole
    await world.remit.desk.take(maria, handoff)
    await world.remit.desk.say(maria, handoff, "I can see it", "k")
    await world.remit.copying.work()
    found = await world.remit.transact(lambda conn: handoffs.find(conn, handoff))
    assert found.waits_since is None
    (last,) = await world.remit.transact(lambda conn: transcripts.of(conn, CHAT, lines[-1].seq + 1))
    assert (last.sender, last.name, last.text) == ("agent", "Maria", "I can see it")


async def test_pieces_that_were_copied_before_the_last_one_came_are_taken_out_of_the_copy_too(world):
    await asked_for(world)
    await world.say(CHAT, "4000 0566")
    await world.remit.copying.work()
    await world.say(CHAT, "5566 5556")
    await world.remit.copying.work()
    whole = "\n".join(line.text for line in await world.remit.transact(lambda conn: transcripts.of(conn, CHAT)))
    assert "0566" not in whole
    assert "5566" not in whole


async def test_everything_that_was_done_is_in_the_audit_and_none_of_what_was_said(world):
    handoff, maria = await asked_for(world), await world.agent()
    (invoice,) = await world.remit.invoices.find("INV-1042")
    desk = world.remit.desk
    await desk.take(maria, handoff)
    await desk.say(maria, handoff, "a private word", "1")
    made = await desk.propose(maria, handoff, [invoice.id], Money(8000, "USD"), "a private reason")
    await desk.withdraw(maria, handoff, made)
    await desk.lend(maria, handoff)
    await desk.resolve(maria, handoff)
    found = await world.remit.transact(lambda conn: audit.newest(conn, 50))
    assert [each.what for each in reversed(found)] == ["took", "wrote", "proposed", "withdrew", "returned", "resolved"]
    assert all(each.agent == maria.id and each.chat == CHAT for each in found)
    assert "private" not in str(found)


async def test_outside_opening_hours_the_customer_hears_when_somebody_comes(tmp_path):
    async with World(tmp_path, desk={"hours": ["mon-fri 09:00-17:00"]}) as world:  # it is Monday, 7:30
        assert (await world.say(CHAT, "human"))[-1].text.startswith(
            "Nobody is at Green Lane Lawn Care right now. I've passed this on with what we have so far; a person will look "
            "at it from Mar 2, 2026, 09:00."
        )
        world.clock.advance(hours=2)
        assert "they will get back to you" in (await world.say("rasa:two", "human"))[-1].text


async def test_only_the_chat_that_was_helped_rates_and_only_once_it_is_over(world):
    handoff, maria = await asked_for(world), await world.agent()
    await world.remit.desk.take(maria, handoff)
    await world.remit.desk.lend(maria, handoff)
    for chat in (CHAT, "rasa:somebody-else"):
        await world.say(chat, f"/stars {handoff} 1")
    await world.remit.desk.resolve(maria, handoff)
    await world.say("rasa:somebody-else", f"/stars {handoff} 2")
    await world.work()
    assert (await world.remit.transact(lambda conn: handoffs.find(conn, handoff))).stars is None
    await world.say(CHAT, "4")
    await world.work()
    assert (await world.remit.transact(lambda conn: handoffs.find(conn, handoff))).stars == 4


async def proposed(world: World, minor: int = 8000) -> tuple[int, int]:
    """A chat whose person proposes to pay a part of its invoice; the handoff, and the proposal."""
    handoff, maria = await asked_for(world), await world.agent()
    (invoice,) = await world.remit.invoices.find("INV-1042")
    await world.remit.desk.take(maria, handoff)
    made = await world.remit.desk.propose(maria, handoff, [invoice.id], Money(minor, "USD"), "")
    assert isinstance(made, int)
    return handoff, made


async def became(world: World, number: int) -> tuple[str, str | None]:
    """What became of a proposal, and the payment it led to."""
    found = await world.remit.transact(lambda conn: proposals.find(conn, number))
    assert found is not None
    return found.state, found.payment


async def test_a_proposal_is_taken_back_when_its_chat_is_resolved_before_the_customer_has_decided(world):
    handoff, made = await proposed(world)
    assert await world.remit.desk.resolve(await world.agent(), handoff)
    await world.work()
    assert await became(world, made) == ("withdrawn", None)
    assert "$80.00" not in (await world.say(CHAT, "pay"))[-1].text, "what was proposed is not payable any more"


async def test_a_payment_of_another_sum_confirms_no_proposal(world):
    handoff, made = await proposed(world)
    for text in ("card", "no, $20", "yes"):
        last = (await world.say(CHAT, text))[-1]
    await world.work()
    assert await became(world, made) == ("offered", None)
    assert last.link is not None
    await world.pay_by_card(await world.page(last.link.url), "4242424242424242")
    await world.work()
    assert (await world.remit.checkout.latest(CHAT)).amount == Money(2000, "USD")
    assert await became(world, made) == ("declined", None)
    assert await state(world, handoff) is State.HELD
    assert (await texts(world))[-1] == "Maria is with you again."


async def test_a_proposal_of_which_nothing_is_due_by_the_time_it_is_shown_gives_the_chat_back_at_once(
    world, monkeypatch
):
    with monkeypatch.context() as away:

        async def dies(*_: object) -> None:
            raise Unavailable("the store is away")

        handoff, maria = await asked_for(world), await world.agent()
        (invoice,) = await world.remit.invoices.find("INV-1042")
        away.setattr(world.remit.runtime, "heed", dies)
        await world.remit.desk.take(maria, handoff)
        made = await world.remit.desk.propose(maria, handoff, [invoice.id], Money(8000, "USD"), "")
        assert isinstance(made, int)
    await world.change("INV-1042", status="void")
    world.clock.advance(minutes=5)  # what was read before counts for one
    await world.work()
    assert await became(world, made) == ("blocked", None)
    assert await state(world, handoff) is State.HELD
    assert (await texts(world))[-1] == "Maria is with you again."


async def test_a_lost_conversation_goes_on_above_what_the_desk_has_read_where_a_clock_was_set_back(world):
    await asked_for(world)
    for _ in range(2):  # the second life of the conversation counts from the clock, an hour ahead of the third one's
        world.forget(CHAT)
        world.clock.advance(hours=1)
        await world.say(CHAT, "hello")
        await world.remit.copying.work()
    world.forget(CHAT)
    world.clock.advance(hours=-2)
    await world.say(CHAT, "are you there?")
    await world.remit.copying.work()
    lines = await world.remit.transact(lambda conn: transcripts.of(conn, CHAT))
    assert "are you there?" in [line.text for line in lines][-4:]
