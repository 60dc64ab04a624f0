"""Whose rows are whose, what of them is handed out and what is erased, on both kinds of database."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import LargeBinary, insert, select

from services import privacy
from services.privacy import ALL, TABLES, Holdup, Whose
from services.schema import (
    account,
    browser,
    consent,
    go_link,
    handoff_case,
    help_gap,
    hop,
    payment,
    refund,
    schema,
    telegram_update,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EPOCH = "e" * 32
HERS, CHAT = Whose("dana"), Whose("dana", "web:one", (EPOCH,))


@pytest.fixture
def engine(in_files):
    return in_files


def a_row(table, **values):
    """A row with something in every column that must have something."""
    row = {}
    for column in table.c:
        if column.name in values or column.nullable or column.server_default is not None:
            continue
        if column.primary_key and column.autoincrement is True:
            continue
        kind = column.type.python_type
        row[column.name] = b"{}" if isinstance(column.type, LargeBinary) else kind(1) if kind is not bool else False
    return row | values


def paid(reference, chat, customer, state="succeeded", **values):
    names = {
        "start_key": f"{EPOCH}/{reference}/0",
        "gateway_key": reference,
        "billing_name": "Dana",
        "billing_zip": "94107",
    }
    return a_row(payment, reference=reference, chat=chat, customer=customer, state=state, **names, **values)


@pytest.fixture
def rows(engine):
    """Dana in a chat of her own and in one that Marco used too, and somebody whom nobody knows in hers."""
    with engine.begin() as conn:
        conn.execute(insert(payment).values(paid("RM-1", "web:one", "dana")))
        conn.execute(insert(payment).values(paid("RM-2", "web:one", None)))
        conn.execute(insert(payment).values(paid("RM-3", "web:two", "marco")))
        conn.execute(insert(payment).values(paid("RM-4", "web:two", "dana")))
        for nth, chat in ((1, "web:first"), (2, "web:one"), (3, "web:two"), (4, "web:two")):
            conn.execute(
                insert(consent).values(a_row(consent, payment=f"RM-{nth}", chat=chat, message=f"m{nth}", at=1))
            )
            conn.execute(insert(go_link).values(a_row(go_link, token_hash=f"h{nth}", payment=f"RM-{nth}")))
        for nth, (chat, customer) in enumerate((("web:one", "dana"), ("web:one", None), ("web:two", "marco"))):
            told = {"words": "marigold", "answer": "a", "summary": "s", "closed_at": 1, "told_at": 1}
            made = a_row(handoff_case, key=f"{EPOCH}/{nth}/1", chat=chat, customer=customer, reason="dispute", **told)
            conn.execute(insert(handoff_case).values(made))
        for key in (f"{EPOCH}/1/0", f"{'f' * 32}/1/0"):
            conn.execute(insert(help_gap).values(a_row(help_gap, key=key)))
        for hashed, chat, used in (("a", "web:one", "telegram:1"), ("b", "web:two", None)):
            conn.execute(insert(hop).values(a_row(hop, token_hash=hashed, chat=chat, used_in=used)))
        for customer, chat in (("dana", "web:three"), ("marco", "web:two")):
            conn.execute(insert(account).values(customer=customer, first_at=1, last_at=1))
            conn.execute(insert(browser).values(a_row(browser, token_hash=customer, customer=customer, chat=chat)))
        conn.execute(insert(telegram_update).values(a_row(telegram_update, update_id=1, chat="web:one", done_at=1)))
    return engine


def shown(conn, whose):
    """How many rows of each table are handed out."""
    found = {table.name: len(privacy.rows(conn, table, whose, 0)) for table in TABLES if table.shown}
    return {name: count for name, count in found.items() if count}


def test_the_chats_of_a_customer_are_found_and_who_used_a_chat(rows):
    with rows.begin() as conn:
        assert privacy.chats_of(conn, "dana") == ["web:first", "web:one", "web:three", "web:two"]
        assert privacy.customers_of(conn, "web:two") == {"dana", "marco"}
        assert privacy.customers_of(conn, "web:first") == {"dana"}
        assert privacy.moved_to(conn, "web:one") == ["telegram:1"]
        assert privacy.epochs_of(conn, "web:one") == {EPOCH}
        assert (privacy.knows(conn, "marco"), privacy.knows(conn, "nobody")) == (True, False)


def test_each_row_is_handed_out_once(rows):
    with rows.begin() as conn:
        assert shown(conn, HERS) == {"payments": 2, "consents": 2, "requests": 1, "account": 1, "sign_ins": 1}
        assert shown(conn, CHAT) == {
            "payments": 1,
            "consents": 1,
            "requests": 1,
            "moves": 1,
            "questions": 1,
            "telegram": 1,
        }
        two = Whose("dana", "web:two", (), whole=True)
        assert shown(conn, two) == {"payments": 1, "consents": 1, "requests": 1, "moves": 1, "sign_ins": 1}
        assert shown(conn, Whose("", "web:two", (), whole=True))["payments"] == 2


def test_what_is_theirs_is_erased_and_nobody_elses_and_twice_is_as_good_as_once(rows):
    with rows.begin() as conn:
        assert privacy.erase(conn, CHAT, NOW) + privacy.erase(conn, HERS, NOW) > 0
        assert privacy.erase(conn, CHAT, NOW) == privacy.erase(conn, HERS, NOW) == 0
        billed = conn.execute(select(payment.c.reference, payment.c.billing_name).order_by(payment.c.reference)).all()
        assert billed == [("RM-1", ""), ("RM-2", ""), ("RM-3", "Dana"), ("RM-4", "")]
        told = conn.execute(
            select(handoff_case.c.words, handoff_case.c.answer, handoff_case.c.summary).order_by(handoff_case.c.id)
        )
        assert told.all() == [("", "", ""), ("", "", ""), ("marigold", "a", "s")]
        assert conn.execute(select(go_link.c.payment)).scalars().all() == ["RM-3"]
        assert conn.execute(select(hop.c.token_hash)).scalars().all() == ["b"]
        assert conn.execute(select(browser.c.customer)).scalars().all() == ["marco"]
        assert conn.execute(select(help_gap.c.key)).scalars().all() == [f"{'f' * 32}/1/0"]
        assert len(conn.execute(select(consent)).all()) == 4
        assert dict(conn.execute(select(account.c.customer, account.c.not_before)).all())["marco"] == 0
        assert dict(conn.execute(select(account.c.customer, account.c.not_before)).all())["dana"] > 0


@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.name)
def test_every_line_of_the_table_runs_on_every_database(engine, table):
    with engine.begin() as conn:
        for whose in (HERS, CHAT, Whose("", "web:one", (EPOCH,), whole=True)):
            assert not privacy.has(conn, table, whose)
            assert privacy._erase(conn, table, whose) == 0
            assert not table.shown or privacy.rows(conn, table, whose, 0) == []
    assert table.erased == ALL or set(table.erased) <= set(table.table.c.keys())
    assert table.table in schema.tables.values()


@pytest.mark.parametrize("state", ["created", "confirmed", "open", "submitting", "processing", "unknown", "disputed"])
def test_a_payment_under_way_holds_an_erasure_up(rows, state):
    with rows.begin() as conn:
        assert privacy.holdups(conn, HERS) == privacy.holdups(conn, CHAT) == []
        conn.execute(insert(payment).values(paid("RM-9", "web:nine", "dana", state, page_expires_at=3_000_000)))
        (held,) = privacy.holdups(conn, HERS)
        assert (held.kind, held.name, held.state) == ("payment", "RM-9", state)
        assert (held.until is not None) == (state == "open")
        assert privacy.holdups(conn, Whose("marco")) == []


def test_a_refund_an_open_case_and_a_message_hold_it_up(rows):
    with rows.begin() as conn:
        conn.execute(insert(refund).values(a_row(refund, id="RF-1", payment="RM-1", state="asked")))
        conn.execute(
            insert(refund).values(
                a_row(refund, id="RF-2", payment="RM-1", state="done", request_key="2", gateway_key="2")
            )
        )
        assert privacy.holdups(conn, HERS) == [Holdup("refund", "RF-1")]
        conn.execute(insert(handoff_case).values(a_row(handoff_case, id=77, key="x", chat="web:one", reason="asked")))
        conn.execute(insert(telegram_update).values(a_row(telegram_update, update_id=2, chat="web:one")))
        assert privacy.holdups(conn, CHAT) == [Holdup("case", "77"), Holdup("message")]
