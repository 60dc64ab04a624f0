"""A handful of real crashes. `make soak` has hundreds, and more patience."""

import contextlib
import sqlite3

from .house import EMBEDDED, MANY
from .storm import Plan, Storm, soak


class Tampered(Storm):
    """After a clean judgement somebody falsifies what is kept; a judge that is worth anything finds it."""

    found: tuple[str, ...] = ()

    async def _second_half(self) -> None:
        await super()._second_half()
        if self._measured.violations:
            return
        folder = self._house.folder / ".remit"
        with contextlib.closing(sqlite3.connect(folder / "ledger.db", timeout=5)) as db, db:
            db.execute("UPDATE payment SET state = 'failed' WHERE reference IN (SELECT payment FROM journal LIMIT 1)")
        for customer in self._customers:
            for seq, message in list(customer.seen.items()):
                if "Paid: " in message.text or "is on its way" in message.text:
                    del customer.seen[seq]
        type(self).found = tuple(await self._judge.judge(self._customers))


def test_a_server_killed_again_and_again_doubles_loses_and_misreports_nothing(tmp_path):
    plan = Plan(EMBEDDED, seed=7, kills=5, at_once=12, most=100, each=1, thought=0.2, longest=2.0)
    outcome = soak(plan, tmp_path, Tampered)
    assert outcome.violations == []
    assert (outcome.kills, outcome.customers >= 12) == (5, True)
    assert outcome.payments > 5
    assert any("in the ledger" in each for each in Tampered.found)
    assert any("last heard 'nothing'" in each for each in Tampered.found)


def test_of_two_workers_one_is_killed_under_sixty_paying_customers_and_nobody_waits_for_ever(tmp_path):
    plan = Plan(MANY, seed=7, kills=3, at_once=60, most=60, singles=True, each=1, thought=0.5, longest=2.0)
    outcome = soak(plan, tmp_path)
    assert outcome.violations == []
    assert (outcome.kills, outcome.customers) == (3, 60)
    assert outcome.payments > 30
