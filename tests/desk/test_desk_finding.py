"""What is found for people at the desk, answers that are kept ready, and plots."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert
from world import World

from bot.desk.plots import bars, columns
from services.database import open_engine, upgrade
from services.desk import audit, canned, finding
from services.model import PaymentState
from services.schema import agent

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
MARIA = 1


@pytest.fixture
def conn(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    upgrade(engine)
    with engine.begin() as made:
        made.execute(
            insert(agent).values(id=MARIA, email="m@x.test", name="Maria", role="agent", password="", made_at=0)
        )
        yield made
    engine.dispose()


async def test_payments_are_found_by_reference_or_invoice_and_wildcards_are_letters(tmp_path):
    async with World(tmp_path) as world:
        chat = "rasa:one"
        await world.say(chat, f"/start {await world.link('INV-1042')}")
        for text in ("card", "human", "yes", "yes"):
            shown = await world.say(chat, text)
        url = next(message.link.url for message in shown if message.link)
        await world.pay_by_card(await world.page(url), "4242424242424242")
        await world.work()
        (found,) = await world.remit.transact(lambda conn: finding.payments_found(conn, " inv-1042 ", None, 10))
        by_reference = await world.remit.transact(
            lambda conn: finding.payments_found(conn, found.payment.reference.lower(), PaymentState.SUCCEEDED, 10)
        )
        assert by_reference == [found]
        assert await world.remit.transact(lambda conn: finding.payments_found(conn, "INV-1%", None, 10)) == []


def test_canned_answers_are_kept_changed_and_removed_each_with_its_line_in_the_audit(conn):
    assert canned.add(conn, MARIA, " Hello ", "Hello {name}", NOW)
    assert not canned.add(conn, MARIA, "Hello", "again", NOW)
    assert canned.add(conn, MARIA, "Bye", "Bye", NOW)
    bye, hello = canned.every(conn)
    assert (bye.title, hello.title, hello.text) == ("Bye", "Hello", "Hello {name}")
    assert not canned.change(conn, MARIA, bye.id, "Hello", "taken", NOW)
    assert not canned.change(conn, MARIA, 99, "New", "nobody", NOW)
    assert canned.change(conn, MARIA, bye.id, "Farewell", "Bye {agent}", NOW)
    assert canned.remove(conn, MARIA, hello.id, NOW)
    assert not canned.remove(conn, MARIA, hello.id, NOW)
    assert [each.what for each in reversed(audit.newest(conn, 10))] == [
        "canned_added",
        "canned_added",
        "canned_changed",
        "canned_removed",
    ]


def test_variables_are_filled_once_and_what_is_not_known_stays():
    known = {"name": "{agent} & Co", "invoice": "", "agent": "Maria"}
    assert canned.filled("{name}: {invoice} {agent}", known) == "{agent} & Co: {invoice} Maria"
    assert canned.problem("a", "{name} {invoice} {amount} {agent}") == ""
    assert (canned.problem("a", "{iban}"), canned.problem(" ", "x"), canned.problem("x" * 81, "x")) == (
        "unknown_variable",
        "empty",
        "too_long",
    )


def test_plots_say_what_they_show_and_keep_hostile_labels_text():
    for plot in (bars("Load", [("<script>x</script>", 3), ("b", 0)]), columns("Days", [('"><b>', 3), ("b", 0)])):
        assert "<script" not in plot
        assert "<b>" not in plot
        assert 'role="img"' in plot
        assert ": 3" in plot
        assert "style=" not in plot
    assert columns("Days", [])
    assert bars("Load", [])
