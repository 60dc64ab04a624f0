"""What people at the desk want of one chat at the same time: it becomes visible in the order of its numbers."""

import threading
from datetime import UTC, datetime

import pytest

from services.desk import errands

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SLOW_S = 0.5


@pytest.fixture
def engine(in_files):
    return in_files


def test_the_word_of_a_slow_transaction_is_not_overtaken_by_the_next_in_its_chat(engine):
    """A conversation that heeded number 2 would take number 1 for one that it heeded before."""
    seen, added = [], threading.Event()

    def slow():
        with engine.begin() as conn:
            errands.add(conn, "web:1", "slow", NOW)
            added.set()
            threading.Event().wait(SLOW_S)

    def quick():
        with engine.begin() as conn:
            errands.add(conn, "web:1", "quick", NOW)
        with engine.begin() as conn:
            seen.append(errands.next_of(conn, "web:1").body)

    first, second = threading.Thread(target=slow), threading.Thread(target=quick)
    first.start()
    assert added.wait(10)
    second.start()
    first.join()
    second.join()
    assert seen == ["slow"]
