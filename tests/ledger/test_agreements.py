"""What was agreed to is sealed: whatever is changed, taken out, put in or moved is found, on both kinds of database."""

import threading

import pytest
from conftest import NOON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_upgrades import _build

from services import agreements, agreements_whole
from services.agreements import Agreement, append, chain
from services.agreements_whole import verify
from services.database import open_engine, upgrade
from services.model import Bearer, Method, Money, Shown
from services.schema import agreement, consent
from tests.databases import in_files, on_postgres, one_postgres  # noqa: F401  # fixtures: pytest finds them by name

NUMBERS = ("number", "at", "amount_minor", "fee_minor")
COLUMNS = [column.name for column in agreement.columns]
OF_CONSENT = [column.name for column in consent.columns if column.name != "id"]  # which says nothing by itself


def enrolled(subject: str, act: str = "agreed", words: str = "Shall we?") -> Agreement:
    shown = Shown(words, "w" * 64, "en")
    return Agreement(
        subject, act, "web:1", "m1", shown, Money(5000, "USD"), "dana", "abc", "{}", 0, "card", "visa", "4242"
    )


def wake(conn, table, *, asleep):
    """Whoever may do anything puts the triggers to sleep first."""
    if conn.dialect.name == "postgresql":
        conn.execute(text(f"SET LOCAL session_replication_role = {'replica' if asleep else 'origin'}"))
        return
    for change in ("UPDATE", "DELETE"):
        conn.execute(text(f"DROP TRIGGER IF EXISTS {table}_refuses_{change.lower()}"))


def tamper(conn, statement, table="agreement", **values):
    wake(conn, table, asleep=True)
    assert conn.execute(text(statement), values).rowcount > 0
    if conn.dialect.name == "postgresql":
        wake(conn, table, asleep=False)


def link(invoice):
    return Bearer(invoice, "link")


def some(conn, now, *, upto=4):
    kept = [
        append(conn, enrolled(f"autopay:{nth % 2}", "agreed" if nth < 2 else "changed", f"¿{nth}?"), now)
        for nth in range(upto)
    ]
    assert verify(conn).whole
    return kept


async def three_payments(world):
    for nth in range(3):
        world.books.add(f"INV-{nth}")
        shown = Shown(f"Please check {nth}\n[Yes]", "w" * 64, "en")
        quote = await world.quote(f"book:INV-{nth}", method=Method.CARD)
        await world.checkout.start(f"k{nth}", "web:1", f"m{nth}", link(f"book:INV-{nth}"), quote, shown=shown)


# --- written -----------------------------------------------------------------------------------------------------------


async def test_a_start_keeps_the_words_and_the_sums_with_the_payment(world):
    world.books.add("INV-9")
    shown = Shown("Please check: $120.00\n[Yes]", "w" * 64, "en")
    quote = await world.quote("book:INV-9")
    paid = await world.checkout.start("k9", "web:1", "m9", link("book:INV-9"), quote, shown=shown)
    (kept,) = await world.transact(lambda conn: chain(conn, agreements.of_payment(paid.reference)))
    agreed = kept.agreement
    assert (agreed.shown, agreed.message, agreed.digest) == (shown, "m9", quote.digest())
    assert (agreed.amount, agreed.fee_minor, agreed.method, agreed.act) == (quote.total, 0, "card", "agreed")
    assert await world.transact(verify) == agreements_whole.Check(rows=1, head=kept.hash, over=True, at=1, consent=0)


async def test_the_same_start_again_is_written_once_and_one_that_was_refused_not_at_all(world):
    await world.start("k1", chat="one")
    await world.start("k1", chat="one")
    await world.start("k2", chat="two")  # another payment of the invoice is under way
    assert (await world.rows("SELECT count(*) FROM agreement"))[0][0] == 1
    assert (await world.transact(verify)).whole


async def test_a_start_that_dies_before_its_commit_leaves_no_row_and_no_gap(world):
    def dies(conn):
        append(conn, enrolled("autopay:1"), world.at)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await world.transact(dies)
    kept = await world.transact(lambda conn: append(conn, enrolled("autopay:1"), world.at))
    assert (kept.number, (await world.transact(verify)).whole) == (1, True)


# --- found --------------------------------------------------------------------------------------------------------------


def flipped(kind, value, at):
    """The value with one bit of it changed; of a text, one character."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ (1 << at % 20)
    if isinstance(value, bytes | memoryview):
        told = bytearray(value)
        told[at % len(told)] ^= 1
        return bytes(told)
    if not value:
        return "x"
    at %= len(value)
    return value[:at] + chr(ord(value[at]) ^ 4) + value[at + 1 :]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(COLUMNS), row=st.integers(1, 4), at=st.integers(0, 500))
def test_one_flipped_character_in_any_column_of_any_row_is_found(sealed, column, row, at):
    engine, before = sealed
    with engine.connect() as conn, conn.begin() as attempt:
        told = conn.execute(text(f"SELECT {column} FROM agreement WHERE number = :n"), {"n": row}).scalar_one()
        changed = flipped(column, told, at)
        if column == "number" and changed in (1, 2, 3, 4):
            changed = 99
        tamper(conn, f"UPDATE agreement SET {column} = :to WHERE number = :n", to=changed, n=row)
        found = verify(conn)
        assert not found.whole, (column, row, changed)
        assert all(
            broken.subject.startswith("autopay:") or not broken.subject or column == "subject" for broken in found.first
        )
        attempt.rollback()
    with engine.connect() as conn:
        assert verify(conn) == before


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """Four agreements about two subjects in a file of SQLite, which a test changes and rolls back."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('sealed') / 'ledger.db'}")
    upgrade(engine)
    with engine.begin() as conn:
        some(conn, NOON)
        before = verify(conn)
    yield engine, before
    engine.dispose()


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_changed_value_is_found_whatever_the_database(world, column):
    await world.transact(lambda conn: some(conn, world.at))
    told = (await world.rows(f"SELECT {column} FROM agreement WHERE number = 2"))[0][0]
    to = 77 if column == "number" else flipped(column, told, 3)
    await world.transact(lambda conn: tamper(conn, f"UPDATE agreement SET {column} = :to WHERE number = 2", to=to))
    assert not (await world.transact(verify)).whole


@pytest.mark.parametrize("column", OF_CONSENT)
async def test_a_changed_consent_is_found(world, column):
    await three_payments(world)
    assert (await world.transact(verify)).whole
    told = (await world.rows(f"SELECT {column} FROM consent WHERE message = 'm1'"))[0][0]
    for at in (0, 3, 40):
        to = flipped(column, told, at)
        change = f"UPDATE consent SET {column} = :to WHERE message = 'm1'"

        def changed(conn, to=to, change=change):
            wake(conn, "consent", asleep=True)
            if conn.dialect.name == "sqlite":
                conn.execute(text("PRAGMA defer_foreign_keys = ON"))
            conn.execute(text(change), {"to": to})
            found = verify(conn)
            raise Found(found)

        with pytest.raises(Found) as found:
            await world.transact(changed)
        assert not found.value.args[0].whole, (column, at)


class Found(Exception):  # noqa: N818  # no error
    """Carries what was found out of a transaction that must not be committed."""


@pytest.mark.parametrize("column", ["amount_minor", "fee_minor", "currency"])
async def test_changed_sums_of_a_payment_are_found(world, column):
    await three_payments(world)
    to = "EUR" if column == "currency" else 1
    await world.rows(f"UPDATE payment SET {column} = '{to}' WHERE start_key = 'k1' RETURNING reference")
    found = await world.transact(verify)
    assert [(broken.number, broken.what) for broken in found.first] == [
        (2, "the sums of the payment are not as they were")
    ]


@pytest.mark.parametrize("gone", [1, 2, 4])
async def test_a_row_taken_out_is_found_at_either_end_and_in_the_middle(world, gone):
    await world.transact(lambda conn: some(conn, world.at))
    await world.transact(lambda conn: tamper(conn, "DELETE FROM agreement WHERE number = :n", n=gone))
    found = await world.transact(verify)
    assert found.broken
    assert ("missing" if gone < 4 else "the head names row 4") in found.first[0].what


async def test_all_rows_taken_out_and_an_empty_head_are_found(world):
    await three_payments(world)
    await world.transact(lambda conn: tamper(conn, "DELETE FROM agreement"))
    begins = agreements.beginning(0)
    change = f"UPDATE agreement_head SET number = 0, hash = '{begins}' RETURNING id"
    await world.rows(change)
    found = await world.transact(verify)
    assert [broken.what for broken in found.first] == ["there is a consent, and no agreement"] * 3


async def test_two_rows_that_changed_places_are_found(world):
    await world.transact(lambda conn: some(conn, world.at))
    for before, after in ((2, 99), (3, 2), (99, 3)):
        change = f"UPDATE agreement SET number = {after} WHERE number = {before}"
        await world.transact(lambda conn, change=change: tamper(conn, change))
    assert not (await world.transact(verify)).whole


@pytest.mark.parametrize("number", [-3, 0, 99])
async def test_a_row_put_in_without_a_place_is_found(world, number):
    await world.transact(lambda conn: some(conn, world.at))
    names = ", ".join(COLUMNS[1:])
    copied = f"INSERT INTO agreement (number, {names}) SELECT {number}, {names} FROM agreement WHERE number = 2"
    await world.transact(lambda conn: conn.execute(text(copied)) and None)
    assert not (await world.transact(verify)).whole


async def test_a_chain_made_anew_is_found_by_a_head_that_was_kept_elsewhere(world):
    kept = await world.transact(lambda conn: some(conn, world.at))
    printed = (await world.transact(verify)).head
    assert printed == kept[-1].hash
    await world.transact(lambda conn: append(conn, enrolled("autopay:7"), world.at))
    assert (await world.transact(lambda conn: verify(conn, printed))).had_head is True

    def forge(conn):
        tamper(conn, "DELETE FROM agreement")
        begins = agreements.beginning(0)
        conn.execute(text("UPDATE agreement_head SET number = 0, hash = :b"), {"b": begins})
        some(conn, world.at, upto=5)
        append(conn, enrolled("autopay:0", words="Something else"), world.at)

    await world.transact(forge)
    assert (await world.transact(verify)).whole, "whoever may write anything can make all of it anew"
    found = await world.transact(lambda conn: verify(conn, "f" * 64))
    assert (found.had_head, found.whole) == (False, False)


async def test_consents_older_than_the_records_are_counted_and_nothing_is_made_up_of_them(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    _build(engine, "0008")
    upgrade(engine)
    with engine.begin() as conn:
        found = verify(conn)
        assert (found.whole, found.rows, found.before_records > 0) == (True, 0, True)
        conn.execute(text("UPDATE agreement_head SET consents_before = 0"))
        assert not verify(conn).whole, "how many there were is sealed into the beginning"
    engine.dispose()


async def test_a_text_that_is_none_any_more_is_named_and_breaks_nothing(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    with engine.begin() as conn:
        some(conn, NOON)
        tamper(
            conn, "UPDATE agreement SET subject = CAST(x'ff41' AS TEXT), words = CAST(x'fe' AS TEXT) WHERE number = 2"
        )
        found = verify(conn)
    engine.dispose()
    assert {broken.number for broken in found.first} >= {2}
    assert any(broken.subject == "?A" for broken in found.first)


async def test_what_is_longer_than_a_piece_is_followed_in_pieces(world, monkeypatch):
    monkeypatch.setattr(agreements_whole, "PIECE", 2)
    await world.transact(lambda conn: some(conn, world.at, upto=7))
    await three_payments(world)
    check = await world.transact(agreements_whole.begin)
    while not check.over:
        check = await world.transact(lambda conn, check=check: agreements_whole.go_on(conn, check))
        if check.last == 4:  # payments go on meanwhile
            await world.transact(lambda conn: append(conn, enrolled("autopay:9"), world.at))
    assert (check.whole, check.rows) == (True, 11)


# --- several at once ---------------------------------------------------------------------------------------------------------


def test_writers_at_once_never_go_on_from_the_same_row(in_files):  # noqa: F811
    troubles = []

    def write(name):
        for nth in range(10):
            try:
                with in_files.begin() as conn:
                    append(conn, enrolled(f"autopay:{(name + nth) % 3}"), NOON)
            except DBAPIError as error:
                troubles.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with in_files.begin() as conn:
        found = verify(conn)
        assert (troubles, found.whole, found.rows) == ([], True, 40)
        assert sum(len(chain(conn, f"autopay:{name}")) for name in range(3)) == 40


def test_without_a_head_nothing_can_be_agreed_to_and_it_is_said(in_files):  # noqa: F811
    with in_files.begin() as conn:
        conn.execute(text("DELETE FROM agreement_head"))
        with pytest.raises(RuntimeError, match="audit verify"):
            append(conn, enrolled("autopay:1"), NOON)
        assert [broken.what for broken in verify(conn).first] == ["the head is gone"]
