"""What every conversation store must do. One suite, run on each implementation; what only one can suffer is beside it."""

import asyncio
import shutil
import sqlite3
import time
from datetime import timedelta

import pytest
from msgspec.structs import replace
from turns import TALK, a_worker, turn
from world import NOW

from bot.stores.base import FIRST_LEASE_SECONDS, LOG_KEPT, Message
from bot.stores.sqlite import LOCKED_MS, SqliteStore
from dialogs.model import CallAgent, CloseCheckout, ProveInvoice
from services.errors import Unavailable


@pytest.fixture(params=["threaded", "inline"])
async def sqlite(request, tmp_path):
    made = SqliteStore(str(tmp_path / "conversations.db"), inline=request.param == "inline")
    yield made
    made.close()


@pytest.fixture(params=["threaded", "inline", "redis", "cluster"])
async def store(request, tmp_path):
    if request.param in ("threaded", "inline"):
        made = SqliteStore(str(tmp_path / "conversations.db"), inline=request.param == "inline")
        yield made
        made.close()
    else:
        async with a_worker(request.getfixturevalue(f"{request.param}_url")) as worker:
            yield worker


async def test_a_new_conversation_is_found_again(store):
    assert (await store.load("rasa:one", "m1")).talk is None
    assert await store.commit(turn())
    found = await store.load("rasa:one", "m2")
    assert found.talk == replace(TALK, version=1)
    assert (found.seq, found.given) == (2, 2)


async def test_two_turns_on_one_version_and_only_one_is_kept(store):
    assert await store.commit(turn())
    answers = await asyncio.gather(
        *(store.commit(turn(message=f"n{n}", before=1, seq=2, text=f"Answer {n}")) for n in range(5))
    )
    assert sorted(answers) == [False, False, False, False, True]
    assert len(await store.since("rasa:one", 2)) == 2


async def test_the_same_message_is_taken_in_once_even_on_a_newer_version(store):
    assert await store.commit(turn())
    assert not await store.commit(turn(before=1, seq=2, text="Again?"))
    assert (await store.load("rasa:one", "m1")).answered
    assert [m.text for m in await store.answer("rasa:one", "m1")] == ["Hello."]


async def test_a_follow_up_extends_the_answer_and_a_notice_does_not(store):
    await store.commit(turn())
    await store.commit(turn(before=1, seq=2, text="Your page.", first=False))
    await store.commit(turn(before=2, seq=3, text="Paid.", message="", first=False, given=3))
    assert [m.text for m in await store.answer("rasa:one", "m1")] == ["Hello.", "Your page."]
    assert [m.text for m in await store.since("rasa:one", 3)] == ["Paid."]


async def test_what_was_said_while_nobody_listened_belongs_to_the_next_answer(store):
    await store.commit(turn())
    await store.commit(turn(before=1, seq=2, text="Paid.", message="", first=False, given=2))
    late = replace(turn(before=2, seq=3, message="m2", text="Anything else?"), from_seq=3)
    assert await store.commit(late)
    assert [m.text for m in await store.answer("rasa:one", "m2")] == ["Paid.", "Anything else?"]


async def test_news_that_came_between_an_answer_and_its_follow_up_belongs_to_the_answer(store):
    await store.commit(turn())
    await store.commit(turn(before=1, seq=2, text="On its way.", message="", first=False, given=2))
    await store.commit(turn(before=2, seq=3, text="Too late to change.", first=False))
    assert [m.text for m in await store.answer("rasa:one", "m1")] == ["Hello.", "On its way.", "Too late to change."]


async def test_an_effect_waits_in_the_outbox_until_its_answer_is_committed(store):
    effect = CloseCheckout("RM-1")
    await store.commit(turn(effects=(("e/1/0", effect),)))
    assert await store.claim(NOW, 60, 10) == []  # its own process works on it
    later = NOW + timedelta(seconds=FIRST_LEASE_SECONDS)
    (waiting,) = await store.claim(later, 60, 10)
    assert (waiting.key, waiting.chat, waiting.cause, waiting.effect) == ("e/1/0", "rasa:one", "m1", effect)
    assert await store.claim(later, 60, 10) == []  # on a lease
    await store.postpone("e/1/0", later)
    assert len(await store.claim(later, 60, 10)) == 1
    await store.commit(turn(before=1, seq=2, first=False, done="e/1/0"))
    assert await store.claim(later + timedelta(days=1), 60, 10) == []


async def test_a_turn_that_fails_leaves_nothing_of_itself_and_spoils_no_other(store):
    await store.commit(turn())
    other = replace(TALK, chat="rasa:two")
    bad = turn(before=1, seq=0, message="bad")  # its message numbers are taken
    results = await asyncio.gather(store.commit(bad), store.commit(turn(other)), return_exceptions=True)
    assert isinstance(results[0], Exception)
    assert results[1] is True
    assert (await store.load("rasa:one", "bad")).talk == replace(TALK, version=1)
    assert not (await store.load("rasa:one", "bad")).answered


async def test_hundreds_of_conversations_at_once_are_all_kept(store):
    talks = [replace(TALK, chat=f"rasa:{n}") for n in range(300)]
    assert all(await asyncio.gather(*(store.commit(turn(talk)) for talk in talks)))
    assert {(await store.load(talk.chat, "x")).seq for talk in talks} == {2}


async def test_a_message_is_pending_until_everything_it_caused_is_answered(store):
    await store.commit(turn(effects=(("e/1/0", CloseCheckout("RM-1")),)))
    assert await store.pending("rasa:one", "m1")
    assert not await store.pending("rasa:one", "m2")
    another = (("e/2/0", CloseCheckout("RM-2")),)
    await store.commit(turn(before=1, seq=2, first=False, done="e/1/0", effects=another))
    assert await store.pending("rasa:one", "m1")
    await store.commit(turn(before=2, seq=3, first=False, done="e/2/0"))
    assert not await store.pending("rasa:one", "m1")


async def test_an_answer_that_comes_twice_is_pending_no_less(store):
    two = (("e/1/0", CloseCheckout("RM-1")), ("e/1/1", CloseCheckout("RM-2")))
    await store.commit(turn(effects=two))
    for before in (1, 2):
        assert await store.commit(turn(before=before, seq=1 + before, first=False, done="e/1/0"))
    assert await store.pending("rasa:one", "m1")


async def test_a_log_that_begins_high_is_read_from_any_number(store):
    base = 1_772_465_400_000
    await store.commit(turn(seq=base))
    assert [m.seq for m in await store.since("rasa:one", 7)] == [base + 1, base + 2]
    assert [m.seq for m in await store.since("rasa:one", 0, 1)] == [base + 1]
    assert [m.seq for m in await store.since("rasa:one", base + 1)] == [base + 2]
    assert await store.since("rasa:one", base + 2) == []
    assert await store.since("rasa:nobody", 0) == []


async def test_what_waits_longest_is_claimed_first_and_no_more_than_asked_for(store):
    for n in range(6):
        talk = replace(TALK, chat=f"rasa:{n}")
        await store.commit(replace(turn(talk, effects=((f"{n}/1/0", CloseCheckout("RM-1")),)), at=NOW + timedelta(n)))
    late = NOW + timedelta(days=30)
    first = [waiting.key for waiting in await store.claim(late, 60, 4)]
    second = [waiting.key for waiting in await store.claim(late, 60, 4)]
    assert first[0] == "0/1/0"
    assert (len(first), len(second)) == (4, 2)
    assert {*first, *second} == {f"{n}/1/0" for n in range(6)}


async def test_another_life_of_the_store_knows_everything(sqlite, tmp_path):
    await sqlite.commit(turn(effects=(("e/1/0", CloseCheckout("RM-1")),)))
    again = SqliteStore(str(tmp_path / "conversations.db"))
    again.release_leases()
    assert (await again.load("rasa:one", "m1")).answered
    assert [w.key for w in await again.claim(NOW, 60, 10)] == ["e/1/0"]
    again.close()


async def test_a_locked_file_is_a_clear_no_and_nothing_is_half_written(sqlite, tmp_path):
    await sqlite.commit(turn())
    blocker = SqliteStore(str(tmp_path / "conversations.db"), inline=True)
    blocker._write.execute("BEGIN IMMEDIATE")
    sqlite._write.execute("PRAGMA busy_timeout=50")
    with pytest.raises(Unavailable):
        await sqlite.commit(turn(before=1, seq=2, message="m2"))
    blocker._write.execute("ROLLBACK")
    blocker.close()
    assert (await sqlite.load("rasa:one", "m2")).talk.version == 1
    assert await sqlite.commit(turn(before=1, seq=2, message="m2"))


async def test_whoever_talks_without_end_fills_nothing_and_the_last_five_hundred_lines_are_kept(store):
    base, each = 1_772_465_400_000, 100
    seq, before = base, 0
    for n in range(7):
        lines = tuple(Message(seq + 1 + k, "bot", f"line {n}.{k}", ()) for k in range(each))
        said = replace(turn(before=before, seq=seq, message=f"m{n}"), messages=lines, seq=seq + each, given=seq + each)
        assert await store.commit(said)
        seq, before = seq + each, before + 1
    kept = [message.seq for message in await store.since("rasa:one", 0)]
    assert kept == list(range(seq - LOG_KEPT - each + 1, seq + 1))
    assert [m.text for m in await store.since("rasa:one", 0, 1)] == ["line 1.0"]
    assert await store.answer("rasa:one", "m0") == []
    assert len(await store.answer("rasa:one", "m6")) == each


async def test_a_talk_that_was_silent_for_months_is_forgotten_whole_and_no_other(sqlite, monkeypatch):
    monkeypatch.setattr("bot.stores.sqlite.PIECE", 2)
    silent = [replace(TALK, chat=f"rasa:silent{n}") for n in range(5)]
    waiting = replace(TALK, chat="rasa:b")
    for talk in silent:
        await sqlite.commit(turn(talk))
    await sqlite.commit(turn(waiting, effects=(("e/1/0", CloseCheckout("RM-1")),)))
    await sqlite.commit(replace(turn(), at=NOW + timedelta(days=1)))
    assert await sqlite.prune(NOW) == 0
    assert await sqlite.prune(NOW + timedelta(hours=1)) == 5
    for table in ("conversation", "inbox", "message"):
        left = sqlite._write.execute(f"SELECT DISTINCT chat FROM {table} ORDER BY chat").fetchall()
        assert left == [("rasa:b",), ("rasa:one",)], table
    assert (await sqlite.load("rasa:silent0", "m1")).talk is None
    assert await sqlite.commit(turn(silent[0])), "who comes back begins anew"


def said(seq, text, before):
    """A turn in which the customer said just this."""
    lines = (Message(seq + 1, "customer", text, ()), Message(seq + 2, "bot", f"You said {text}.", ()))
    return replace(turn(before=before, seq=seq, message=f"m{seq}"), messages=lines)


async def test_what_the_customer_said_last_is_found_and_nothing_that_was_told_them(store):
    assert await store.said("rasa:one", 5) == []
    base = 1_772_465_400_000
    for n in range(8):
        await store.commit(said(base + 2 * n, f'word {n} "from":"customer"', n))
    found = await store.said("rasa:one", 5)
    assert [line.seq for line in found] == [base + 2 * n + 1 for n in range(3, 8)]
    assert {line.sender for line in found} == {"customer"}
    assert await store.said("rasa:nobody", 5) == []


async def test_lines_that_are_overwritten_say_something_else_everywhere_and_keep_their_places(store):
    for n in range(3):
        await store.commit(said(2 * n, f"piece{n}", n))
    fresh = (Message(1, "customer", "[removed]", ()), Message(4, "bot", "You said [removed].", ()))
    last = replace(said(6, "[removed]", 3), overwritten=(*fresh, Message(999, "customer", "never said", ())))
    assert await store.commit(last)
    log = await store.since("rasa:one", 0)
    assert [line.seq for line in log] == list(range(1, 9))
    assert [line.text for line in log][:5] == [
        "[removed]", "You said piece0.", "piece1", "You said [removed].", "piece2",
    ]  # fmt: skip
    assert [line.text for line in await store.answer("rasa:one", "m2")] == ["You said [removed]."]
    assert [line.text for line in await store.said("rasa:one", 2)] == ["piece2", "[removed]"]


async def test_a_turn_that_comes_too_late_overwrites_nothing(store):
    await store.commit(said(0, "piece", 0))
    late = replace(said(2, "more", 0), overwritten=(Message(1, "customer", "[removed]", ()),))
    assert not await store.commit(late)
    assert [line.text for line in await store.since("rasa:one", 0)] == ["piece", "You said piece."]


async def test_effects_in_the_outbox_become_harmless_or_go_with_the_turn_that_says_so(store):
    wish, proof = CallAgent("asked", "invoice 4242"), ProveInvoice("4242", "42424")
    await store.commit(turn(effects=((f"{TALK.epoch}/1/0", wish), (f"{TALK.epoch}/1/1", proof))))
    other = replace(TALK, chat="rasa:two", epoch="f" * 32)
    await store.commit(turn(other, effects=((f"{other.epoch}/1/0", wish),)))
    left = await store.waiting(TALK)
    assert [(each.key, each.chat, each.cause, each.effect) for each in left] == [
        (f"{TALK.epoch}/1/0", "rasa:one", "m1", wish),
        (f"{TALK.epoch}/1/1", "rasa:one", "m1", proof),
    ]
    await store.commit(
        replace(turn(before=1, seq=2, message="m2"), harmless=((left[0], CallAgent("asked", "")), (left[1], None)))
    )
    assert [each.effect for each in await store.waiting(TALK)] == [CallAgent("asked", "")]
    due = {each.key: each.effect for each in await store.claim(NOW + timedelta(days=1), 60, 10)}
    assert due == {f"{TALK.epoch}/1/0": CallAgent("asked", ""), f"{other.epoch}/1/0": wish}
    assert await store.pending("rasa:one", "m1")
    await store.commit(turn(before=2, seq=4, first=False, done=f"{TALK.epoch}/1/0"))
    assert not await store.pending("rasa:one", "m1")


def files_with(folder, words):
    return [file.name for file in folder.iterdir() if words in file.read_bytes()]


async def test_no_file_holds_what_was_overwritten_once_its_turn_is_answered(sqlite, tmp_path):
    for n in range(4):
        await sqlite.commit(said(2 * n, f"piece-{n}-of-it", n))
    assert files_with(tmp_path, b"piece-2-of-it")
    fresh = tuple(Message(seq, "customer" if seq % 2 else "bot", "gone", ()) for seq in range(1, 9))
    await sqlite.commit(replace(said(8, "gone", 4), overwritten=fresh))
    for n in range(4):
        assert not files_with(tmp_path, b"piece-%d-of-it" % n)
    assert files_with(tmp_path, b"gone")


async def test_a_reader_that_holds_the_write_ahead_log_is_waited_for_by_a_later_commit_and_by_no_customer(
    sqlite, tmp_path
):
    await sqlite.commit(said(0, "piece-of-it", 0))
    reader = sqlite3.connect(tmp_path / "conversations.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM message").fetchone()
    await sqlite.commit(
        replace(said(2, "gone", 1), overwritten=(Message(1, "customer", "gone", ()), Message(2, "bot", "gone", ())))
    )
    assert files_with(tmp_path, b"piece-of-it"), "the reader may still look at it"
    began = time.monotonic()
    await sqlite.commit(turn(replace(TALK, chat="rasa:two")))
    assert time.monotonic() - began < LOCKED_MS / 1000, "somebody else's turn waited for the reader"
    reader.execute("ROLLBACK")
    reader.close()
    await sqlite.claim(NOW, 60, 10)  # as the worker does every second
    assert not files_with(tmp_path, b"piece-of-it")


async def test_what_a_process_left_that_died_before_it_could_empty_the_log_goes_when_the_file_is_opened(
    sqlite, tmp_path
):
    await sqlite.commit(said(0, "piece-of-it", 0))
    reader = sqlite3.connect(tmp_path / "conversations.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM message").fetchone()
    await sqlite.commit(
        replace(said(2, "gone", 1), overwritten=(Message(1, "customer", "gone", ()), Message(2, "bot", "gone", ())))
    )
    copied = tmp_path / "after"
    copied.mkdir()
    for name in ("conversations.db", "conversations.db-wal"):
        shutil.copy(tmp_path / name, copied / name)
    reader.close()
    assert files_with(copied, b"piece-of-it")
    again = SqliteStore(str(copied / "conversations.db"))
    assert not files_with(copied, b"piece-of-it")
    assert [line.text for line in await again.since("rasa:one", 0)][:2] == ["gone", "gone"]
    again.close()


async def test_a_redis_forgets_by_itself(redis_url):
    async with a_worker(redis_url) as store:
        await store.commit(turn())
        assert await store.prune(NOW + timedelta(days=400)) == 0
        assert (await store.load("rasa:one", "m1")).answered
