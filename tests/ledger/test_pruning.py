"""What the ledger's database forgets, on both kinds of it, and what it never does."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text

from bot import settings
from services import deliveries, pruning
from services.database import micros
from services.errors import Misconfigured
from services.schema import (
    attempt,
    book_customer,
    book_saved,
    browser,
    delivery,
    go_link,
    handoff_case,
    help_gap,
    hop,
    outbox,
    payment,
    sign_in_code,
    sign_in_guard,
    tried,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD, NEW = NOW - timedelta(days=91), NOW - timedelta(days=89)


@pytest.fixture
def engine(in_files):
    return in_files


@pytest.fixture
def ledger(engine):
    """With one payment, whose jobs and links the tests add."""
    words = dict.fromkeys(("start_key", "chat", "state", "method", "gateway", "gateway_key", "request_hash"), "x")
    more = {"billing_name": "x", "billing_zip": "x", "currency": "USD", "version": 1, "amount_minor": 1}
    with engine.begin() as conn:
        conn.execute(insert(payment).values(reference="RM-1", created_at=1, changed_at=1, **words, **more))
    return engine


def pruned(engine, table) -> tuple[int, int]:
    """Rows that went, and transactions that took."""
    gone, rounds, after = 0, 0, table.first
    while after is not None:
        with engine.begin() as conn:
            some, after = pruning.prune(conn, table, after, NOW)
        gone, rounds = gone + some, rounds + 1
    return gone, rounds


def table_of(wanted):
    (found,) = [table for table in pruning.TABLES if table.table is wanted]
    return found


def job(key, kind, done):
    return {"kind": kind, "payment": "RM-1", "key": key, "body": b"{}", "due_at": 1, "done_at": done}


def test_news_that_was_told_is_forgotten_and_what_was_posted_never_is(ledger):
    with ledger.begin() as conn:
        jobs = [
            *(
                job(f"{kind} {done}", kind, done)
                for kind in ("tell", "post", "refund")
                for done in (micros(OLD), micros(NEW))
            ),
            job("tell waiting", "tell", None),
        ]
        conn.execute(insert(outbox), jobs)
    assert pruned(ledger, table_of(outbox)) == (1, 1)
    with ledger.begin() as conn:
        left = set(conn.execute(select(outbox.c.key)).scalars())
    assert left == {each["key"] for each in jobs} - {f"tell {micros(OLD)}"}


def test_old_tries_and_links_are_forgotten_in_pieces_and_those_that_count_are_kept(ledger, monkeypatch):
    monkeypatch.setattr(pruning, "PIECE", 10)
    hours = {at: micros(at) // pruning.HOUR_MICROS for at in (OLD, NEW)}
    with ledger.begin() as conn:
        for n in range(25):
            for name, at in (("old", OLD), ("new", NEW)):
                conn.execute(insert(tried).values(key=f"{n}:{name}", at=micros(at), answer=b""))
                conn.execute(insert(attempt).values(subject=f"client:{n}", window=hours[at], wrong=3))
                conn.execute(insert(go_link).values(token_hash=f"{n:02}{name}", payment="RM-1", shown_at=micros(at)))
    assert pruned(ledger, table_of(tried)) == (25, 6)
    assert pruned(ledger, table_of(attempt)) == (25, 3)
    assert pruned(ledger, table_of(go_link)) == (25, 6)
    with ledger.begin() as conn:
        assert set(conn.execute(select(tried.c.at)).scalars()) == {micros(NEW)}
        assert set(conn.execute(select(attempt.c.window)).scalars()) == {hours[NEW]}
        assert set(conn.execute(select(go_link.c.shown_at)).scalars()) == {micros(NEW)}


def test_codes_and_browsers_whose_time_is_long_over_are_forgotten_and_wrong_codes_never(engine):
    with engine.begin() as conn:
        conn.execute(insert(book_customer).values(id="c", name="Dana"))
        for name, at in (("old", micros(OLD)), ("new", micros(NEW))):
            code = {"address_hash": "a", "salt": b"", "code_hash": b"", "sent_at": at, "expires_at": at}
            conn.execute(insert(sign_in_code).values(chat=name, purpose="sign_in", **code))
            conn.execute(insert(browser).values(token_hash=name, customer="c", chat=name, proved_at=at, expires_at=at))
            moved = {"chat": "web:1", "keys": 0, "channel": "telegram", "made_at": at}
            conn.execute(insert(hop).values(token_hash=name, expires_at=at, **moved))
            conn.execute(insert(book_saved).values(key=name, customer="c", at=at))
            conn.execute(insert(sign_in_guard).values(address_hash=name, wrong=9, changed_at=at))
    for table, key in ((sign_in_code, "chat"), (browser, "token_hash"), (hop, "token_hash"), (book_saved, "key")):
        assert pruned(engine, table_of(table)) == (1, 1)
        with engine.begin() as conn:
            assert conn.execute(select(table.c[key])).scalars().all() == ["new"]
    with engine.begin() as conn:
        assert len(conn.execute(select(sign_in_guard)).all()) == 2


def test_pruning_nothing_is_quick_and_harmless(ledger):
    assert [pruned(ledger, table) for table in pruning.TABLES] == [(0, 1)] * len(pruning.TABLES)


def test_evidence_is_never_pruned():
    of_payments = {"tried", "attempt", "go_link", "outbox"}
    of_customers = {"reminder", "sign_in_code", "browser", "hop", "book_saved", "autopay_notice", "delivery"}
    words = {"help_gap", "handoff_case", "letter"}
    assert {table.table.name for table in pruning.TABLES} == of_payments | of_customers | words
    (cases,) = [table for table in pruning.TABLES if table.table is handoff_case]
    assert cases.emptied, "that there was a case is never forgotten"


def test_the_jobs_of_a_payment_are_found_by_an_index(engine):
    plan = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.begin() as conn:
        if engine.dialect.name == "postgresql":
            conn.execute(text("SET LOCAL enable_seqscan = off"))  # an empty table is read whole otherwise
        asked = f"{plan} SELECT body FROM outbox WHERE payment = 'RM-1' AND kind = 'post' ORDER BY id"
        assert "outbox_of_payment" in str(conn.execute(text(asked)).all())


def case(key, closed, **words):
    return {
        "key": key,
        "chat": "c",
        "reason": "dispute",
        "at": 1,
        "closed_at": closed,
        "summary": "s",
        "words": "w",
        "answer": "a",
    } | words


def test_of_a_case_that_was_closed_long_ago_the_words_go_and_the_case_stays(engine):
    spans = pruning.Spans(cases=timedelta(days=60))
    with engine.begin() as conn:
        rows = [
            case("old", micros(NOW - timedelta(days=61))),
            case("new", micros(NOW - timedelta(days=59))),
            case("open", None),
        ]
        conn.execute(insert(handoff_case), rows)
    counts = []
    for _ in range(2):
        with engine.begin() as conn:
            counts.append(pruning.prune(conn, table_of(handoff_case), 0, NOW, spans))
    assert counts == [(1, None), (0, None)]
    with engine.connect() as conn:
        told = select(handoff_case.c.key, handoff_case.c.summary, handoff_case.c.words, handoff_case.c.answer)
        assert conn.execute(told.order_by(handoff_case.c.id)).all() == [
            ("old", "", "", ""),
            ("new", "s", "w", "a"),
            ("open", "s", "w", "a"),
        ]


def test_a_question_that_nobody_answered_is_kept_as_long_as_was_set(engine):
    with engine.begin() as conn:
        for key, at in (("a/1/0", OLD), ("b/1/0", NEW)):
            conn.execute(insert(help_gap).values(key=key, text="why?", language="en", at=micros(at)))
        spans = pruning.Spans(questions=timedelta(days=90))
        assert pruning.prune(conn, table_of(help_gap), "", NOW)[0] == 0
        assert pruning.prune(conn, table_of(help_gap), "", NOW, spans)[0] == 1
        assert conn.execute(select(help_gap.c.key)).scalars().all() == ["b/1/0"]


@pytest.mark.parametrize(
    "too_few", [{"cases_days": 59}, {"traces_days": 59}, {"telegram_days": 1}, {"conversations_days": 0}]
)
def test_what_tells_of_a_payment_is_kept_as_long_as_a_bank_may_return_it(too_few):
    (name,) = too_few
    with pytest.raises(Misconfigured, match=rf"privacy\.{name}"):
        settings.load(None, privacy=too_few)
    kept = settings.load(None, privacy={"cases_days": 60, "traces_days": 61, "questions_days": 7}).spans
    assert kept == pruning.Spans(timedelta(days=61), timedelta(days=60), timedelta(days=7), timedelta(days=90))
    assert settings.load(None).spans == pruning.DEFAULT


def test_how_far_a_silent_messenger_was_told_is_forgotten_and_one_of_unknown_age_begins_to_age(ledger):
    bare = {"sent": 7, "leased_until": 0, "due_at": 0, "attempts": 0}
    ages = {"telegram:old": micros(OLD), "telegram:new": micros(NEW), "telegram:unknown": None}
    with ledger.begin() as conn:
        conn.execute(insert(delivery), [{"chat": chat, "changed_at": at} | bare for chat, at in ages.items()])
        deliveries.stamp(conn, NOW)
    assert pruned(ledger, table_of(delivery)) == (1, 1)
    with ledger.begin() as conn:
        left = {row.chat: row.changed_at for row in conn.execute(select(delivery))}
    assert left == {"telegram:new": micros(NEW), "telegram:unknown": micros(NOW)}


def test_a_chat_is_called_for_as_long_as_a_bank_may_return_its_payment(monkeypatch):
    monkeypatch.setenv("REMIT_PRIVACY__CONVERSATIONS_DAYS", "1")
    assert settings.load().spans.calls == timedelta(days=60)
