"""What must be true of a year when it is over: authorised, told before, charged once, written once, and sums that agree.

Read from the ledger's tables, the processor's own book and the mailboxes; what the product concludes from them is not asked,
but for the two reports it gives of itself.
"""

import json
from collections import Counter, defaultdict
from datetime import timedelta
from random import Random

from sqlalchemy import Connection, select, text, update

from services import agreements_whole
from services.database import inline, open_engine
from services.payments.journal import trial_balance
from services.schema import agreement
from tests.simulation.till import Till, kept, taken
from tests.simulation.world import World, driver

_DAY = 86_400_000_000  # microseconds
NOTICE = timedelta(days=10)
MOST_PRESENTMENTS = 3  # the first and two more (NACHA 2.12.4)
FLIPS = 60


class Judge:
    """Judges one world; what it finds are the world's violations."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def judge(self) -> dict[str, int]:
        """Look at everything; what there was to look at, counted."""
        self._authorised()
        self._once()
        self._letters()
        await self._sums()
        self._proof()
        counted = {each: self._count(each) for each in ("payment", "autopay_charge", "letter", "agreement")}
        return counted | {"arrived": sum(kept(page) > 0 for page in Till(self._world).ours())}

    # --- charges ---------------------------------------------------------------------------------------------------

    def _authorised(self) -> None:
        """At the moment of each charge its customer had agreed, within the limit, and was told long enough before."""
        acts = defaultdict(list)
        for row in self._world.rows("SELECT subject, act, at, amount_minor FROM agreement ORDER BY number"):
            acts[row["subject"]].append(row)
        told = defaultdict(list)
        for row in self._world.rows("SELECT body, at FROM autopay_notice WHERE key LIKE 'autopay:planned:%'"):
            told[json.loads(row["body"])["invoice"]].append(row["at"])
        for row in self._world.rows(_CHARGED):
            before = [act for act in acts[f"autopay:{row['enrolment']}"] if act["at"] <= row["created_at"]]
            name = f"{row['reference']} of {row['invoice']}"
            if not before or before[-1]["act"] not in ("agreed", "changed", "resumed"):
                self._world.violate(f"{name} was charged while its authorisation was off")
            elif before[-1]["amount_minor"] < row["amount_minor"]:
                self._world.violate(f"{name} is above the limit")
            first = min(told[row["invoice"]], default=None)
            if first is None or row["created_at"] - first < NOTICE.days * _DAY:
                self._world.violate(f"{name} was not told {NOTICE.days} days before")

    def _once(self) -> None:
        """By the processor's book: what arrived for an invoice is never more than it, and a debit is presented thrice at most."""
        till = Till(self._world)
        for bill in self._world.demo.invoices:
            pages = till.of_number(bill.number)
            if sum(map(taken, pages)) > bill.total_minor:
                self._world.violate(f"{bill.number} was paid more than once")
            refused = sum(page.state in ("failed", "returned") for page in pages)
            if refused > MOST_PRESENTMENTS:
                self._world.violate(f"{bill.number} was presented {refused} times and came back each time")

    # --- letters ---------------------------------------------------------------------------------------------------

    def _letters(self) -> None:
        """One per cause: twice at most where the mail server gave no answer, and then under the same name."""
        arrived = Counter(self._world.letters.named)
        rows = {
            row["message_id"]: row for row in self._world.rows("SELECT key, state, message_id, attempts FROM letter")
        }
        for name, count in arrived.items():
            if name not in rows:
                self._world.violate("a letter arrived of which nothing is written down")
            elif count > 2 or (count == 2 and rows[name]["attempts"] < 1):
                self._world.violate(f"the letter {rows[name]['key']} arrived {count} times")
        for row in rows.values():
            if row["state"] == "waiting":
                self._world.violate(f"the letter {row['key']} still waits")
            if row["state"] == "sent" and not arrived[row["message_id"]]:
                self._world.violate(f"the letter {row['key']} is called sent and never arrived")
        for row in self._world.rows("SELECT key FROM autopay_notice WHERE told_at IS NULL"):
            self._world.violate(f"no chat was told {row['key']}")

    # --- sums and proof ----------------------------------------------------------------------------------------------

    async def _sums(self) -> None:
        balance = await inline(self._world.engine)(trial_balance)
        for currency, accounts in balance.items():
            if sum(accounts.values()):
                self._world.violate(f"the books of {currency} do not sum to zero")
        ours = -balance.get("USD", {}).get("receivable", 0)
        theirs = sum(map(kept, Till(self._world).ours()))
        if ours != theirs:
            self._world.violate(f"the ledger has {ours} paid on invoices, the processor kept {theirs}")

    def _proof(self) -> None:
        """What was agreed to is whole, and not whole with one byte of one value changed."""
        copy = open_engine("sqlite://")
        self._world.ledger.backup(driver(copy))
        with copy.connect() as conn:
            check = agreements_whole.verify(conn)
            if not check.whole:
                self._world.violate(f"the agreements are not whole: {check.first[:3]}")
            for (trigger,) in conn.execute(_TRIGGERS).all():
                conn.execute(text(f"DROP TRIGGER {trigger}"))
            chance = Random(self._world.seed)
            for _ in range(FLIPS if check.rows else 0):
                self._flip(conn, chance, check.rows)

    def _flip(self, conn: Connection, chance: Random, rows: int) -> None:
        """One byte of one value, and back again."""
        column, number = chance.choice([each.name for each in agreement.columns]), chance.randint(1, rows)
        (before,) = conn.execute(select(agreement.c[column]).where(agreement.c.number == number)).one()
        flipped = _flipped(before, chance)
        _write(conn, column, number, flipped)
        if agreements_whole.verify(conn).whole:
            self._world.violate(f"a flipped byte in {column} of agreement {number} is not found")
        _write(conn, column, flipped if column == "number" else number, before)

    def _count(self, table: str) -> int:
        return int(self._world.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


_CHARGED = """SELECT payment.reference, payment.created_at, payment.amount_minor, payment.state, payment.enrolment,
 payment_invoice.invoice FROM payment JOIN payment_invoice ON payment_invoice.payment = payment.reference
 WHERE payment.enrolment IS NOT NULL"""
_TRIGGERS = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'agreement'")


def _flipped(value: object, chance: Random) -> object:
    """The value with one bit of one byte turned."""
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(20, 40))  # lower ones may meet the number of another row
    kept = bytearray((value if isinstance(value, str) else "").encode() or b"\0")
    kept[chance.randrange(len(kept))] ^= 1 << chance.randrange(7)
    return kept.decode(errors="replace")


def _write(conn: Connection, column: str, number: object, value: object) -> None:
    conn.execute(update(agreement).where(agreement.c.number == number).values({column: value}))
