"""The same orders through the real door: signed bytes, posted to the real app, and everything that follows from them."""

from dataclasses import dataclass
from hashlib import sha256

import pytest
from front_end import FrontEnd
from orders import AGREED, NINE, VERIFIED, accounts, expected, facts
from sqlalchemy import Connection
from world import SECRET, World

from services.model import PaymentState, Reason
from services.payments.gateways.base import FactKind
from services.payments.gateways.sandbox import _KINDS
from services.payments.states import ARRIVED, LIVE
from services.sandbox.webhooks import HEADER, sign

URL = "http://remit/webhooks/payments/sandbox"
LONGEST = 4
S = PaymentState
EVENT_TYPES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True)
class Aftermath:
    """Everything that a set of events implies, whatever their order."""

    state: str
    reason: str | None
    refunded_minor: int
    live: bool
    reserved: bool
    refund: str
    accounts: frozenset[tuple[str, int]]
    in_the_books: int


class Orders:
    """Walks the tree of sequences: each prefix is delivered once, in a savepoint that is rolled back on the way up."""

    def __init__(self, world: World, conn: Connection, reference: str) -> None:
        self.world, self.conn, self.reference = world, conn, reference
        told = facts(reference)
        self.bodies = {kind: self._body(told[kind]) for kind in (*NINE, *VERIFIED)}
        self.seen: dict[frozenset[FactKind], Aftermath] = {}
        self.delivered = self.again = 0

    @staticmethod
    def _body(fact) -> bytes:
        refund = f'"refund":"{fact.refund}",' if fact.refund else ""
        return (
            f'{{"id":"{fact.id}","type":"{EVENT_TYPES[fact.kind]}","at":"{fact.at.isoformat()}",{refund}'
            f'"reference":"{fact.reference}","amount_minor":{fact.amount.minor},"currency":"USD","method":"card",'
            '"brand":"visa","last4":"4242"}'
        ).encode()

    async def arrives(self, kind: FactKind) -> None:
        body = self.bodies[kind]
        signature = sign(SECRET, int(self.world.clock().timestamp()), body)
        answer = await self.world.browser.post(URL, content=body, headers={HEADER: signature})
        assert answer.status_code == 200, answer.text

    async def walk(self, kinds: tuple[FactKind, ...], longest: int, before: tuple[FactKind, ...] = ()) -> None:
        for kind in kinds:
            sequence = (*before, kind)
            undo = self.conn.begin_nested()
            await self.arrives(kind)
            self.delivered += 1
            self.check(sequence)
            if sha256(repr(sequence).encode()).digest()[0] < 8:  # some come twice in a row, and change nothing
                rows = self.everything()
                await self.arrives(kind)
                self.again += 1
                assert self.everything() == rows, sequence
            if len(sequence) < longest:
                await self.walk(kinds, longest, sequence)
            undo.rollback()

    def check(self, sequence: tuple[FactKind, ...]) -> None:
        known = frozenset(sequence)
        left = self.aftermath()
        assert left.state == expected(known), sequence
        assert self.cell("SELECT coalesce(sum(amount_minor), 0) FROM journal") == 0, sequence
        assert left.in_the_books == -dict(left.accounts).get("receivable", 0), sequence
        last = self.cell("SELECT body FROM outbox WHERE kind = 'tell' ORDER BY id DESC LIMIT 1")
        assert f'"state":"{left.state}"'.encode() in last, (sequence, last)
        if left.state == S.UNKNOWN:  # a person is called; what was entered before the doubt stays until it is cleared
            assert self.cell("SELECT count(*) FROM handoff_case WHERE reason = 'contradiction'"), sequence
            assert (left.live, left.reserved) == (True, False), sequence
            return
        assert left == self.seen.setdefault(known, left), sequence
        assert dict(left.accounts) == accounts(known), sequence
        assert (left.live, left.reserved) == (left.state in LIVE, left.state in {S.PROCESSING, *ARRIVED}), sequence
        assert left.refund == _of_our_refund(known), sequence

    def aftermath(self) -> Aftermath:
        (payment,) = self.rows("SELECT state, reason, refunded_minor FROM payment")
        ((live, reserved),) = self.rows("SELECT live, reserved FROM payment_invoice")
        book = self.rows(
            "SELECT account, sum(amount_minor) FROM journal GROUP BY account HAVING sum(amount_minor) <> 0"
        )
        posted = "SELECT coalesce(sum(CAST(body AS TEXT) ->> '$.amount.minor'), 0) FROM outbox WHERE kind = 'post'"
        refund = self.cell("SELECT state FROM refund")
        return Aftermath(*payment, bool(live), bool(reserved), refund, frozenset(book), self.cell(posted))

    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        tables = "payment", "payment_invoice", "payment_event", "fact", "journal", "refund", "outbox", "handoff_case"
        return {table: self.rows(f"SELECT * FROM {table}") for table in tables}

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in self.conn.exec_driver_sql(sql)]

    def cell(self, sql: str):
        return self.conn.exec_driver_sql(sql).scalar_one()


def _of_our_refund(known: frozenset[FactKind]) -> str:
    if FactKind.REFUND_FAILED in known:
        return "failed"
    return "done" if FactKind.REFUNDED in known else "asked"


@pytest.fixture
async def orders(world):
    """A payment whose page is open, a refund of it that is on its way, and a transaction that is never committed."""
    await FrontEnd(world, "u1").to_the_page()
    with world.engine.connect() as conn:
        (reference,) = conn.exec_driver_sql("SELECT reference FROM payment").scalars()
        conn.exec_driver_sql(
            "INSERT INTO refund (id, payment, request_key, amount_minor, state, gateway_key, asked_by, why, asked_at,"
            f" changed_at) VALUES ('RF-AAAA-BBBB', '{reference}', 'k', 5000, 'asked', 'g', 'dana', '', 0, 0)"
        )
        conn.exec_driver_sql("DELETE FROM outbox")

        async def in_a_savepoint(work):
            with conn.begin_nested():
                return work(conn)

        world.remit.checkout.transact = in_a_savepoint
        yield Orders(world, conn, reference)
        conn.rollback()


async def test_all_sequences_of_nine_webhooks_up_to_four_end_where_their_sets_say(orders):
    assert orders.cell("SELECT amount_minor FROM payment") == AGREED
    await orders.walk(NINE, LONGEST)
    assert orders.delivered == 7_380
    assert orders.again > 100
    print(f"{orders.delivered} deliveries, {orders.again} once more, {len(orders.seen)} sets that are no contradiction")


async def test_micro_deposits_and_declines_are_told_as_they_come_and_change_nothing_once_there_is_more_to_say(orders):
    await orders.walk(VERIFIED, LONGEST - 1)
    assert orders.delivered == 258
    reasons = {known: left.reason for known, left in orders.seen.items() if left.state == S.OPEN}
    declined, verifying = VERIFIED[:2]
    assert reasons == {
        frozenset({declined}): Reason.DECLINED,
        frozenset({verifying}): Reason.MICRO_DEPOSITS,
        frozenset({declined, verifying}): Reason.MICRO_DEPOSITS,  # which came later, whichever was told first
    }
