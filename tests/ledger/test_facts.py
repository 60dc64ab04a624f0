from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from services.model import Line, Method, Money, Payment, PaymentState, Quote, Reason
from services.payments import facts as word
from services.payments import journal, ledger, outbox, starts
from services.payments.gateways.base import Fact, FactKind
from services.payments.states import fold
from services.schema import journal as journal_lines
from services.schema import payment_invoice

S = PaymentState
INVOICE = "book:INV-1042"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


# --- declines


async def test_a_decline_is_news_and_the_page_stays_open(world):
    opened = await world.start()
    declined = await world.reports(opened.reference, FactKind.DECLINED, reason=Reason.INSUFFICIENT_FUNDS)
    assert (declined.state, declined.reason) == (S.OPEN, Reason.INSUFFICIENT_FUNDS)
    assert await world.work() == [(S.OPEN, Reason.INSUFFICIENT_FUNDS)]


async def test_the_same_reason_twice_is_told_twice_and_the_same_webhook_twice_once(world):
    opened = await world.start()
    for _ in range(2):
        world.passes(seconds=5)
        told = world.gateway.happens(opened.reference, FactKind.DECLINED, reason=Reason.WRONG_CVC)
        await world.checkout.take([told])
        await world.checkout.take([told])
        assert await world.work() == [(S.OPEN, Reason.WRONG_CVC)]


async def test_an_older_decline_that_arrives_late_is_not_told_as_news(world):
    opened = await world.start()
    early = world.gateway.happens(opened.reference, FactKind.DECLINED, reason=Reason.WRONG_CVC)
    world.passes(seconds=5)
    await world.reports(opened.reference, FactKind.DECLINED, reason=Reason.LIMIT)
    await world.checkout.take([early])
    assert await world.work() == [(S.OPEN, Reason.LIMIT)]
    assert (await world.checkout.view(opened.reference)).reason is Reason.LIMIT


async def test_a_late_decline_does_not_reopen_a_paid_payment(world):
    opened = await world.start()
    declined = world.gateway.happens(opened.reference, FactKind.DECLINED, reason=Reason.DECLINED)
    paid = await world.reports(opened.reference, FactKind.SUCCEEDED)
    await world.checkout.take([declined])
    assert await world.checkout.view(opened.reference) == replace(paid, declines=1)
    assert await world.work() == [(S.SUCCEEDED, None)]


# --- money


async def test_a_paid_card_is_told_posted_and_entered_once(world):
    opened = await world.start()
    paid = world.gateway.happens(opened.reference, FactKind.SUCCEEDED, brand="visa", last4="4242")
    await world.checkout.take([paid, paid])
    await world.checkout.take([paid])
    seen = await world.checkout.view(opened.reference)
    assert (seen.state, seen.brand, seen.last4, seen.reason) == (S.SUCCEEDED, "visa", "4242", None)
    assert await world.work() == [(S.SUCCEEDED, None)]
    assert [(p.kind, p.amount.minor) for p in world.books.postings.values()] == [("payment", 12000)]
    balance = await world.transact(journal.trial_balance)
    assert balance == {"USD": {"clearing": 12000, "receivable": -12000}}


async def test_ach_is_pending_then_settled_then_returned_and_the_invoice_is_owed_again(world):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.PROCESSING, last4="6789")
    assert await world.work() == [(S.PROCESSING, None)]
    assert world.books.postings == {}
    assert await world.checkout.reserved(INVOICE) == 12000
    world.passes(days=3)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert await world.work() == [(S.SUCCEEDED, None)]
    assert (await world.books.get(INVOICE)).due.minor == 0
    world.passes(days=2)
    returned = await world.reports(opened.reference, FactKind.RETURNED, reason=Reason.INSUFFICIENT_FUNDS)
    assert (returned.state, returned.reason) == (S.RETURNED, Reason.INSUFFICIENT_FUNDS)
    assert await world.work() == [(S.RETURNED, Reason.INSUFFICIENT_FUNDS)]
    assert (await world.books.get(INVOICE)).due.minor == 12000
    assert await world.transact(journal.trial_balance) == {"USD": {"clearing": 0, "receivable": 0}}
    assert (await world.start("k2")).state is S.OPEN


async def test_a_return_that_overtakes_its_success_posts_nothing(world):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.RETURNED)
    assert (await world.reports(opened.reference, FactKind.SUCCEEDED)).state is S.RETURNED
    assert await world.work() == [(S.RETURNED, Reason.RETURNED_OTHER)]
    assert world.books.postings == {}
    assert await world.transact(journal.trial_balance) == {}


async def test_a_return_waits_until_its_payment_is_in_the_books(world):
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    await world.reports(opened.reference, FactKind.RETURNED)
    (first,) = [job for job in await world.checkout.jobs(10) if hasattr(job, "posting")]
    assert first.posting.kind == "payment"
    await world.checkout.later(first, 60)
    assert [job for job in await world.checkout.jobs(10) if hasattr(job, "posting")] == []
    world.passes(seconds=61)
    await world.work()
    assert [p.amount.minor for p in world.books.postings.values()] == [12000, -12000]


async def test_a_payment_of_two_invoices_is_posted_to_each(world):
    world.books.add("INV-7", 500)
    quote = await world.quote(INVOICE, "book:INV-7")
    order = starts.Order("k", "chat", "m", quote, "scripted", "https://chat.example", {})
    begun = await world.transact(lambda conn: starts.begin(conn, order, world.at, world.chance.randbytes))
    told = Fact("e", begun.reference, FactKind.SUCCEEDED, world.at, quote.total, Method.CARD)
    await world.checkout.take([told])
    await world.work()
    posted = {p.invoice: p.amount.minor for p in world.books.postings.values()}
    assert posted == {INVOICE: 12000, "book:INV-7": 500}


async def test_a_fee_is_entered_apart_from_what_is_paid_on_the_invoice(world):
    line = Line(INVOICE, "INV-1042", "1.0", Money(10000, "USD"))
    order = starts.Order("k", "c", "m", Quote((line,), Method.CARD, "D", "94107", 250), "scripted", "https://x", {})
    begun = await world.transact(lambda conn: starts.begin(conn, order, world.at, world.chance.randbytes))
    told = Fact("e", begun.reference, FactKind.SUCCEEDED, world.at, Money(10250, "USD"), Method.CARD)
    await world.checkout.take([told])
    balance = await world.transact(journal.trial_balance)
    assert balance == {"USD": {"clearing": 10250, "fees": -250, "receivable": -10000}}


# --- what does not fit


async def test_paid_after_closed_is_unknown_and_holds_the_invoice(world):
    opened = await world.start()
    await world.checkout.close("chat", opened.reference)
    seen = await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert seen.state is S.UNKNOWN
    assert [state for state, _ in await world.work()] == [S.FAILED, S.UNKNOWN]
    assert world.books.postings == {}
    assert not isinstance(await world.start("k2"), Payment)


async def test_another_sum_than_agreed_is_unknown_and_not_posted(world):
    opened = await world.start()
    assert (await world.reports(opened.reference, FactKind.SUCCEEDED, amount=Money(11999, "USD"))).state is S.UNKNOWN
    await world.work()
    assert world.books.postings == {}


async def test_money_for_a_dead_payment_is_recorded_although_another_holds_its_invoice(world):
    first = await world.start("k1")
    await world.checkout.close("chat", first.reference)
    second = await world.start("k2", minor=5000)
    doubtful = await world.reports(first.reference, FactKind.SUCCEEDED)
    assert doubtful.state is S.UNKNOWN
    assert await world.checkout.reserved(INVOICE) == 12000  # not live, but spoken for
    await world.checkout.close("chat", second.reference)
    assert not isinstance(await world.start("k3"), Payment)
    await world.checkout.take(world.gateway.facts[first.reference])  # the next look finds the invoice free
    live = "SELECT payment FROM payment_invoice WHERE live"
    assert await world.rows(live) == [(first.reference,)]
    assert await world.checkout.reserved(INVOICE) == 0


async def test_a_fact_about_a_payment_nobody_knows_is_kept(world, fact):
    await world.checkout.take([fact(FactKind.SUCCEEDED)])
    assert await world.rows("SELECT id, reference FROM fact") == [("evt_1", "RM-AAAA-BBBB")]


async def test_a_kept_fact_counts_once_its_payment_is_known(world):
    def chance(size):
        return bytes(size) if world.fixed else world.chance.randbytes(size)

    world.fixed = True
    reference = starts.new_reference(chance)
    told = Fact("evt", reference, FactKind.SUCCEEDED, world.at, Money(12000, "USD"), Method.CARD)
    await world.checkout.take([told])
    order = starts.Order("k", "c", "m", await world.quote(INVOICE), "scripted", "https://x", {})
    begun = await world.transact(lambda conn: starts.begin(conn, order, world.at, chance))
    assert (begun.reference, begun.state) == (reference, S.SUCCEEDED)


async def test_a_fact_of_another_gateway_does_not_move_a_payment(world):
    opened = await world.start()
    told = world.gateway.happens(opened.reference, FactKind.SUCCEEDED)
    await world.transact(lambda conn: word.take(conn, "another", [told], world.at))
    assert (await world.checkout.view(opened.reference)).state is S.OPEN


async def test_a_reference_longer_than_ours_breaks_nothing(world, fact):
    await world.checkout.take([Fact("e", "x" * 500, FactKind.SUCCEEDED, world.at, Money(1, "USD"), Method.CARD)])
    assert await world.rows("SELECT length(reference) FROM fact") == [(64,)]


# --- jobs


async def test_two_workers_never_hold_the_same_job(world):
    await world.reports((await world.start()).reference, FactKind.SUCCEEDED)
    jobs = await world.checkout.jobs(10)
    assert len(jobs) == 2
    assert await world.checkout.jobs(10) == []


async def test_a_job_whose_worker_died_is_taken_up_and_the_dead_one_cannot_finish_it(world):
    await world.reports((await world.start()).reference, FactKind.PROCESSING)
    (lost,) = await world.checkout.jobs(10)
    world.passes(seconds=61)
    (taken,) = await world.checkout.jobs(10)
    assert (taken.key, taken.attempts) == (lost.key, 1)
    assert not await world.checkout.done(lost)
    assert not await world.checkout.later(lost, 5)
    assert await world.checkout.done(taken)
    assert not await world.checkout.done(taken)
    world.passes(days=1)
    assert await world.checkout.jobs(10) == []


async def test_a_job_that_was_given_back_waits_its_time(world):
    await world.reports((await world.start()).reference, FactKind.PROCESSING)
    (job,) = await world.checkout.jobs(10)
    assert await world.checkout.later(job, 30)
    world.passes(seconds=29)
    assert await world.checkout.jobs(10) == []
    world.passes(seconds=1)
    assert len(await world.checkout.jobs(10)) == 1


async def test_news_of_one_payment_are_told_in_their_order(world):
    opened = await world.start(chat="telegram:1")
    await world.reports(opened.reference, FactKind.PROCESSING)
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    (job,) = [job for job in await world.checkout.jobs(10) if isinstance(job, outbox.TellJob)]
    assert (job.chat, job.payment.state) == ("telegram:1", S.PROCESSING)  # as it was at that moment
    await world.checkout.done(job)
    (job,) = [job for job in await world.checkout.jobs(10) if isinstance(job, outbox.TellJob)]
    assert job.payment.state is S.SUCCEEDED


async def test_a_posting_that_is_made_twice_is_in_the_books_once(world):
    await world.reports((await world.start()).reference, FactKind.SUCCEEDED)
    (post,) = [job for job in await world.checkout.jobs(10) if hasattr(job, "posting")]
    assert await world.checkout.post(post)
    assert not await world.checkout.post(post)
    assert len(world.books.postings) == 1


# --- one transaction, all or nothing


async def test_a_crash_in_the_middle_of_taking_facts_leaves_no_trace(world):
    opened = await world.start()
    told = world.gateway.happens(opened.reference, FactKind.SUCCEEDED)

    def crash(conn):
        word.take(conn, "scripted", [told], world.at)
        raise RuntimeError("power")

    with pytest.raises(RuntimeError):
        await world.transact(crash)
    assert (await world.checkout.view(opened.reference)).state is S.OPEN
    for table in ("fact", "journal", "outbox"):
        assert await world.rows(f"SELECT count(*) FROM {table}") == [(0,)]
    await world.checkout.take([told])
    assert (await world.checkout.view(opened.reference)).state is S.SUCCEEDED


async def test_the_database_itself_refuses_a_second_live_payment(world):
    await world.start()
    row = {"payment": "RM-AAAA-BBBB", "invoice": INVOICE, "number": "n", "version": "1", "amount_minor": 1}
    with pytest.raises(IntegrityError):
        await world.transact(
            lambda conn: conn.execute(payment_invoice.insert().values(**row, live=True, reserved=False))
        )


@pytest.mark.parametrize("lines", [{"clearing": 1}, {"clearing": 5, "receivable": -4}])
async def test_an_entry_that_does_not_sum_to_zero_is_never_written(world, lines):
    opened = await world.start()
    entry = journal._Entry("e", opened.reference, "USD", lines)
    with pytest.raises(ValueError, match="zero"):
        await world.transact(lambda conn: journal._enter(conn, entry, world.at))


# --- references


@given(st.binary(min_size=16, max_size=16))
def test_a_reference_never_looks_like_a_card_or_bank_number(chance):
    reference = starts.new_reference(lambda _: chance)
    head, left, right = reference.split("-")
    assert (head, len(left), len(right)) == ("RM", 4, 4)
    assert not set(reference) & set("ILOU")
    for part in (left, right):
        assert not part.isdigit()
        assert part[1].isalpha()


async def test_references_that_meet_are_drawn_again_and_chance_that_is_none_is_noticed(world):
    draws = iter([bytes(16), bytes(range(16)), bytes(16), bytes([1] * 16)] + [bytes([n] * 16) for n in range(2, 9)])
    world.books.add("INV-2")
    for n, invoice in enumerate((INVOICE, "book:INV-2")):
        order = starts.Order(f"k{n}", "c", f"says k{n}", await world.quote(invoice), "scripted", "https://x", {})
        begun = await world.transact(
            lambda conn, order=order: starts.begin(conn, order, world.at, lambda _: next(draws))
        )
        assert begun.state is S.CONFIRMED
    world.books.add("INV-3")
    order = starts.Order("k9", "c", "m", await world.quote("book:INV-3"), "scripted", "https://x", {})
    with pytest.raises(RuntimeError, match="random"):
        await world.transact(lambda conn: starts.begin(conn, order, world.at, bytes))


# --- whatever order facts come in


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kinds=st.lists(st.sampled_from(list(FactKind)), min_size=1, max_size=6),
    deliveries=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=3), max_size=6),
)
def test_however_facts_arrive_the_ledger_ends_where_they_fold_and_every_entry_balances(engine, kinds, deliveries):
    due = Money(12000, "USD")
    line = Line(INVOICE, "INV-1042", "1", due)
    with engine.connect() as conn:
        order = starts.Order("k", "c", "m", Quote((line,), Method.BANK, "D", "94107"), "scripted", "https://x", {})
        reference = starts.begin(conn, order, NOON, bytes).reference
        facts = [
            Fact(f"e{n}", reference, kind, NOON + timedelta(minutes=n), due, Method.BANK)
            for n, kind in enumerate(kinds)
        ]
        for numbers in [*deliveries, range(len(facts))[::-1]]:
            word.take(conn, "scripted", [facts[n] for n in numbers if n < len(facts)], NOON)
            sums = select(func.sum(journal_lines.c.amount_minor)).group_by(
                journal_lines.c.entry, journal_lines.c.currency
            )
            assert all(total == 0 for total in conn.execute(sums).scalars())
        seen = ledger.payment(conn, reference)
        standing = fold(facts, due)
        assert (seen.state, seen.reason) == (standing.state, standing.reason)
        accounts = journal.trial_balance(conn).get("USD", {})
        # a refund of what a bank then sent back in full is gone from the gateway, and the customer's to give back
        kept = sum(accounts.get(name, 0) for name in ("clearing", "refunds", "disputes", "claims"))
        if seen.state is not S.UNKNOWN:
            assert kept == (12000 if seen.state in (S.SUCCEEDED, S.DISPUTED, S.WON) else 0)
        assert _posted(conn) == kept
        conn.rollback()


def _posted(conn):
    jobs, posted = outbox.claim(conn, 50, NOON), 0
    while jobs:
        posted += sum(job.posting.amount.minor for job in jobs if isinstance(job, outbox.PostJob))
        assert all(outbox.finish(conn, job, NOON) for job in jobs)
        jobs = outbox.claim(conn, 50, NOON)
    return posted


async def test_micro_deposits_are_told_once_and_so_is_each_decline(world):
    opened = await world.start(method=Method.BANK)
    verifying = world.gateway.happens(opened.reference, FactKind.VERIFYING)
    await world.checkout.take([verifying])
    await world.checkout.take([verifying, verifying])
    assert await world.work() == [(S.OPEN, Reason.MICRO_DEPOSITS)]
    world.passes(days=1)
    wrong = await world.reports(opened.reference, FactKind.DECLINED, reason=Reason.NO_ACCOUNT)
    assert (wrong.state, wrong.reason, wrong.declines) == (S.OPEN, Reason.NO_ACCOUNT, 1)
    world.passes(days=1)
    await world.reports(opened.reference, FactKind.VERIFYING)
    assert await world.work() == [(S.OPEN, Reason.NO_ACCOUNT), (S.OPEN, Reason.MICRO_DEPOSITS)]
    assert (await world.reports(opened.reference, FactKind.PROCESSING)).state is S.PROCESSING
    assert await world.work() == [(S.PROCESSING, None)]
    await world.checkout.take([verifying])
    assert await world.work() == []


async def test_whose_payment_it_is_is_kept_whoever_pays(world):
    await world.start("k1")
    world.books.add("INV-2", customer="eve")
    await world.checkout.start("k2", "chat", "m", world.signs_in("eve"), await world.quote("book:INV-2"))
    assert sorted(await world.rows("SELECT customer, saved FROM payment")) == [("dana", ""), ("eve", "")]


def test_declines_of_a_day_are_counted_by_indexes(engine):
    if engine.dialect.name == "postgresql":
        plan, how = "EXPLAIN", ["SET LOCAL enable_seqscan = off"]  # an empty table is read whole otherwise
    else:
        plan, how = "EXPLAIN QUERY PLAN", []
    query = ledger._DECLINED_LATELY.params(chat="c", customer="d", invoices=["a", "b"], since=0)
    with engine.begin() as conn:
        for each in how:
            conn.exec_driver_sql(each)
        sql = str(query.compile(conn, compile_kwargs={"literal_binds": True}))
        steps = str(conn.exec_driver_sql(f"{plan} {sql}").all())
    for index in ("ix_payment_chat", "ix_payment_customer", "ix_payment_invoice_invoice", "ix_fact_reference"):
        assert index in steps, steps
