"""Who leads a conversation: the assistant while it is pending, and a person otherwise."""

import logging

from deskside import Office

from bot.stores.base import Message
from services import chatwoot_conversations


async def test_a_conversation_that_calls_a_person_is_given_to_one_with_a_note(office: Office):
    await office.opens()
    await office.presses("Card")
    said = await office.says("I want to talk to a human")
    assert len(said) == 1
    assert "I've passed this on to a person" in said[0]
    assert office.talk.status == "open"
    calls = [(path, told.get("private"), told.get("status")) for path, told in office.desk.calls[-3:]]
    assert calls == [("messages", True, None), ("messages", False, None), ("toggle_status", None, "open")]
    (note,) = office.notes
    lines = note.split("\n")
    assert lines[1] == "Why: the customer asks for a person"
    assert lines[2] == "Where it stands: invoice INV-1042, by card, not started"
    assert lines[-1] == "Language: en"


async def test_where_a_payment_stands_is_in_the_note(office: Office):
    await office.opens()
    await office.presses("Card")
    await office.presses("Yes, pay $120.00")
    await office.says("let me talk to a person")
    (row,) = await office.world.book()
    assert f"payment {row['reference']} open" in office.notes[0]
    assert f"Last payment here: {row['reference']}" in office.notes[0]


async def test_too_many_wrong_proofs_call_a_person(office: Office):
    await office.says("I want to pay INV-1042")
    for code in ("10001", "10002", "10003"):
        await office.says(code)
    assert office.talk.status == "open"
    assert "Why: too many wrong invoice numbers or zips" in office.notes[0]


async def test_while_a_person_leads_nothing_is_answered_or_done(office: Office):
    await office.opens()
    await office.presses("Card")
    await office.turns("open")
    assert await office.says("yes") == []
    assert await office.presses("Yes, pay $120.00") == []
    assert await office.says(f"/start {await office.world.link('INV-1044')}") == []
    assert await office.world.book() == []
    talk = (await office.world.store.load(office.chat, "")).talk
    assert talk.quote_shown  # it waits where it was


async def test_what_persons_say_and_note_is_not_for_the_assistant(office: Office):
    await office.opens()
    before = (await office.world.store.load(office.chat, "")).talk
    office.desk.person_says(office.talk, "card")
    office.desk.person_says(office.talk, "bank", private=True)
    await office.settle()
    assert (await office.world.store.load(office.chat, "")).talk == before


async def test_back_with_the_assistant_it_goes_on_and_a_yes_to_the_person_agrees_to_nothing(office: Office):
    await office.opens()
    await office.presses("Card")
    await office.turns("open")
    office.desk.person_says(office.talk, "Shall I hand you back to our assistant?")
    await office.settle()
    await office.turns("pending")
    told = await office.says("yes")
    assert told[-1].startswith("Please check: $120.00")  # shown again, and asked again
    assert await office.world.book() == []
    (page,) = await office.says("yes")
    assert "/go/" in page


async def test_a_press_that_was_ignored_agrees_to_nothing_when_its_message_is_told_again(office: Office):
    await office.opens()
    await office.presses("Card")
    await office.turns("open")
    await office.presses("Yes, pay $120.00")
    await office.turns("pending")
    pressed = next(shown for shown in office.talk.messages if shown.submitted and "Yes" in shown.submitted[0]["title"])
    await office.tell(office.desk.updated(office.talk, pressed))  # it was read, say
    await office.settle()
    assert await office.world.book() == []


async def test_a_resolved_conversation_that_is_written_in_again_is_the_assistant_s(office: Office):
    await office.opens()
    await office.turns("resolved")
    assert await office.presses("Card") == []
    assert await office.says("card")
    assert office.talk.status == "pending"


async def test_an_answer_that_comes_after_a_person_took_over_is_not_said(office: Office):
    await office.opens()
    assert await office.tell(office.desk.says(office.talk, "card")) == 200
    before = len(office.texts)
    office.desk.turn(office.talk, "open")
    while office.desk.events:
        await office.tell(office.desk.events.pop(0))
    office.world.crash()
    await office.settle()
    assert len(office.texts) == before


async def test_old_word_of_who_leads_changes_nothing(office: Office):
    """A job of Chatwoot's that is tried again tells the conversation as it was."""
    old = office.desk.says(office.talk, "hello")
    office.world.clock.advance(seconds=5)
    await office.turns("open")
    assert await office.tell(old) == 200
    await office.settle()
    assert office.texts == []


async def test_a_return_days_later_is_told_while_a_person_leads_and_nothing_else_is(office: Office):
    await office.opens()
    await office.presses("Bank account (ACH)")
    await office.says("yes")
    await office.pays("000111111113", "bank")
    await office.turns("open")
    seen, sent = len(office.texts), len(office.desk.calls)
    for _ in range(12):
        await office.world.wait(days=1)
        await office.settle()
    (late,) = office.texts[seen:]
    assert "did not go through" in late
    ((_, told),) = office.desk.calls[sent:]
    assert "content_type" not in told  # nobody would act on a button
    assert office.talk.status == "open"


async def test_a_hand_over_that_stops_half_way_goes_on_where_it_was(office: Office):
    await office.opens()
    office.desk.faults = [("toggle_status", 503)]
    await office.says("I want to talk to a human")
    assert office.talk.status == "pending"
    office.world.clock.advance(minutes=1)
    await office.world.remit.deliverer.work()
    await office.settle()
    assert office.talk.status == "open"
    assert len(office.notes) == 1
    assert sum("passed this on" in text for text in office.texts) == 1


async def test_a_hand_over_is_not_said_again_where_a_process_died_after_it(office: Office):
    await office.opens()
    await office.says("I want to talk to a human")
    before = list(office.texts)
    outlet = office.world.remit.deliverer._lines[0].outlet
    again = Message(99, "bot", before[-1], (), hands_over=True)
    assert await outlet.send(office.chat, again, "en") is None
    assert office.texts == before


# --- when Chatwoot does not take it -----------------------------------------------------------------------------------


async def test_chatwoot_that_asks_for_patience_is_called_later_and_nothing_is_lost(office: Office):
    for status in (429, 500, 503):
        office.desk.faults = [("messages", status)]
        assert await office.says("hello") == []
        office.world.clock.advance(minutes=1)
        before = len(office.texts)
        await office.world.remit.deliverer.work()
        assert len(office.texts) > before, status
        office.desk.events.clear()


async def test_a_token_that_is_not_taken_is_told_and_nothing_is_dropped(office: Office, caplog):
    office.desk.faults = [("messages", 401)]
    with caplog.at_level(logging.ERROR):
        assert await office.says("hello") == []
    assert "Chatwoot does not take [chatwoot] token: status 401" in caplog.text
    assert "token-of-the-agent-bot" not in caplog.text
    office.world.clock.advance(minutes=1)
    await office.world.remit.deliverer.work()
    assert len(office.texts) == 1


async def test_a_message_that_is_refused_holds_up_none_after_it(office: Office, caplog):
    office.desk.faults = [("messages", 422)]
    assert len(await office.opens()) == 1
    assert "Chatwoot refused a call of messages: status 422" in caplog.text


async def test_a_conversation_that_is_gone_is_left_alone(office: Office):
    del office.desk.conversations[office.talk.id]
    assert await office.tell(office.desk.says(office.talk, "hello")) == 200
    await office.settle()
    office.desk.faults = [("messages", 500)] * 3
    await office.settle()
    assert len(office.desk.faults) == 3  # nobody called
    office.desk.faults = []
    office.desk.conversations[office.talk.id] = office.talk  # it was the address that was wrong
    assert await office.says("hello again")


async def test_who_leads_is_the_assistant_until_something_else_is_told(office: Office):
    transact = office.world.remit.transact
    lead = await transact(lambda conn: chatwoot_conversations.lead(conn, "chatwoot:1/999"))
    assert (lead.person, lead.quiet) == (False, False)
