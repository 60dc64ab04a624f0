"""Autopay over the ledger: what is planned, told, charged, tried again and stopped, on both kinds of database."""

import contextlib
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from services import agreements
from services.errors import Unavailable, Uncertain
from services.model import (
    AutopayRules,
    Fee,
    InvoiceState,
    Method,
    Money,
    Notice,
    PaymentState,
    Quote,
    Reason,
    Shown,
    Standing,
    Terms,
)
from services.payments import cases
from services.payments.autopay import charging, enrolments, notices, planning, runs
from services.payments.autopay.enrolments import Wish
from services.payments.autopay.orders import StandingOrders
from services.payments.checkout import Refused
from services.payments.gateways.base import FactKind

DUE = date(2026, 3, 20)
INVOICE = "book:INV-1042"
RULES = AutopayRules(offered=True, notice_days=10)
DECLINED, RETURNED, SUCCEEDED = FactKind.DECLINED, FactKind.RETURNED, FactKind.SUCCEEDED
TOLD = ("told", "")


class Autopay:
    """The ledger's world, with Dana in autopay: at most $200, three days before it is due."""

    def __init__(self, world, kind=Method.CARD, rules=RULES):
        self.world = world
        self.rules = rules
        world.saves(kind=kind)
        self.is_due(DUE)
        self.again()

    def again(self):
        world = self.world
        self.orders = StandingOrders(
            transact=world.transact,
            invoices=world.books,
            checkout=world.checkout,
            wallet=world.wallet,
            access=world.access,
            rules=self.rules,
            methods_for=world.rules.methods_for,
            clock=world.now,
            zone=UTC,
        )

    def is_due(self, day, number="INV-1042"):
        invoice = self.world.books.invoices[f"book:{number}"]
        self.world.books.invoices[f"book:{number}"] = msgspec.structs.replace(invoice, due_date=day)

    async def wish(self, what, key="", terms=None, scope=None, chat="chat"):
        scope = scope or self.world.signs_in(chat=chat)
        return await self.orders.change(
            scope, Wish(key or f"w/{what}", scope.id, chat, f"says {what}", what, terms, Shown("I agree", "w", "en"))
        )

    async def enrols(self, key="w/agree", **how):
        found = await self.wish("agree", key, self.terms(**how))
        assert found is not None
        return found.enrolment

    def terms(self, *, minor=20000, days=3, saved="pm_1", kind=None, currency="USD"):
        (kept,) = next(iter(self.world.gateway.vault.values())) if saved == "pm_1" else (None,)
        method = kind or (kept.method if kept else Method.CARD)
        return Terms(saved, method, "visa", "4242", Money(minor, currency), days)

    async def run(self):
        """One run; what it did, by invoice number."""
        found = await self.orders.run()
        lines = [] if found is None else await self.world.transact(lambda conn: runs.lines_of(conn, found))
        return [(line.did, line.why) for line in lines]

    async def until(self, day, hour=9):
        self.world.at = datetime(day.year, day.month, day.day, hour, 1, tzinfo=UTC)

    async def charge(self):
        """The charge of the invoice, as it stands."""
        (row,) = await self.world.rows("SELECT state, why, presentments, tries FROM autopay_charge")
        return row

    async def told(self):
        return [each.notice.kind for each in await self.world.transact(lambda conn: notices.untold(conn, 50))]

    async def state(self):
        (row,) = await self.world.rows("SELECT state, why FROM autopay ORDER BY id DESC LIMIT 1")
        return row

    async def payments(self):
        return await self.world.rows("SELECT reference, state, amount_minor FROM payment ORDER BY created_at")

    async def to_the_charge(self):
        """Enrolled, told eleven days before, and on the day that it is charged."""
        await self.enrols()
        await self.until(date(2026, 3, 6))
        assert await self.run() == [TOLD]
        await self.until(date(2026, 3, 17))

    def fails(self, kind, reason):
        self.world.gateway.will = [(kind, reason)]

    def sends_back(self, reason):
        self.world.gateway.will = [(FactKind.PROCESSING, None), (RETURNED, reason)]


@pytest.fixture
def auto(world):
    return Autopay(world)


@pytest.fixture
def debit(world):
    return Autopay(world, Method.BANK)


# --- the common way -------------------------------------------------------------------------------------------------


async def test_an_invoice_is_told_ten_days_before_and_charged_three_days_before_it_is_due(auto, audited):
    await auto.enrols()
    assert await auto.run() == []  # 13 days before the charge: nobody has to hear of it yet
    await auto.until(date(2026, 3, 6))
    assert await auto.run() == [TOLD]
    assert await auto.told() == ["planned"]
    assert await auto.run() == []
    await auto.until(date(2026, 3, 16), hour=23)
    assert await auto.run() == []
    await auto.until(date(2026, 3, 17), hour=8)
    assert await auto.run() == []
    await auto.until(date(2026, 3, 17))
    assert await auto.run() == [("charged", "")]
    ((reference, state, minor),) = await auto.payments()
    assert (state, minor) == ("succeeded", 12000)
    assert await auto.charge() == ("paid", "", 0, 0)
    await auto.world.work()
    assert (await auto.world.books.get(INVOICE)).state is InvoiceState.PAID
    auto.world.passes(days=40)
    assert await auto.run() == []
    assert [row[0] for row in await auto.payments()] == [reference]


async def test_the_evidence_names_the_authorisation_and_no_message(auto):
    await auto.to_the_charge()
    await auto.run()
    ((reference, message, standing),) = await auto.world.rows("SELECT payment, message, standing FROM consent")
    ((enrolment, vault),) = await auto.world.rows("SELECT enrolment, vault FROM payment")
    assert (message, standing) == ("", f"{enrolment}/book:INV-1042/2026-03-20/0")
    assert await auto.world.rows("SELECT id FROM autopay") == [(enrolment,)]
    assert vault
    assert (await auto.world.checkout.view(reference)).autopay == "dana"


async def test_what_was_agreed_to_is_kept_with_its_words(auto):
    await auto.enrols()
    await auto.enrols("w/2", minor=30000)
    await auto.enrols("w/2", minor=40000)  # the same effect again
    await auto.wish("leave")
    ((enrolment,),) = await auto.world.rows("SELECT id FROM autopay")
    kept = await auto.world.transact(lambda conn: agreements.chain(conn, f"autopay:{enrolment}"))
    assert [each.agreement.act for each in kept] == ["agreed", "changed", "revoked"]
    assert [each.agreement.amount.minor for each in kept] == [20000, 30000, 30000]
    assert {(each.agreement.message, each.agreement.shown.words) for each in kept[:2]} == {("says agree", "I agree")}
    assert await auto.state() == ("left", "")
    assert await auto.world.rows("SELECT limit_minor FROM autopay") == [(30000,)]


async def test_an_invoice_that_is_overdue_when_its_customer_enrols_is_told_first_all_the_same(auto):
    auto.is_due(date(2026, 2, 1))
    await auto.enrols()
    assert await auto.run() == [TOLD]
    auto.world.passes(days=9)
    assert await auto.run() == []
    auto.world.passes(days=2)
    assert await auto.run() == [("charged", "")]


async def test_what_a_run_would_do_is_told_and_not_done(auto):
    await auto.enrols()
    await auto.until(date(2026, 3, 6))
    (line,) = await auto.orders.preview()
    assert (line.did, line.amount, line.number) == ("told", Money(12000, "USD"), "INV-1042")
    assert await auto.told() == []
    await auto.run()
    await auto.until(date(2026, 3, 17))
    (line,) = await auto.orders.preview()
    assert line.did == "charged"
    assert await auto.payments() == []


async def test_nothing_runs_where_it_is_not_offered(world):
    auto = Autopay(world)
    await auto.to_the_charge()
    auto.rules = AutopayRules()
    auto.again()
    assert await auto.run() == []
    assert await auto.wish("agree", "again", auto.terms()) is None
    assert (await auto.wish("leave")).running is None


# --- what is not charged ------------------------------------------------------------------------------------------------


async def test_more_than_the_limit_is_not_charged_and_told_once(auto):
    await auto.enrols(minor=11999)
    await auto.until(date(2026, 3, 6))
    assert await auto.run() == [("skipped", "above_limit")]
    assert await auto.run() == []
    assert await auto.told() == ["above_limit"]
    await auto.until(date(2026, 3, 19))
    assert await auto.run() == []
    assert await auto.payments() == []


async def test_a_limit_that_was_raised_covers_it_after_a_notice(auto):
    await auto.enrols(minor=11999)
    await auto.until(date(2026, 3, 6))
    await auto.run()
    await auto.enrols("w/2", minor=12000)
    assert await auto.run() == [TOLD]
    assert await auto.told() == ["above_limit", "planned"]


async def test_the_balance_is_read_again_when_it_is_charged(auto):
    await auto.to_the_charge()
    auto.world.passes(minutes=-30)
    paid = await auto.world.start("k9", minor=2000)
    await auto.world.reports(paid.reference, SUCCEEDED)
    await auto.world.work()
    auto.world.passes(minutes=30)
    assert await auto.run() == [("charged", "")]
    assert (await auto.payments())[-1][2] == 10000


async def test_more_than_was_told_is_told_first(auto):
    await auto.to_the_charge()
    dearer = msgspec.structs.replace(auto.world.books.invoices[INVOICE], total=Money(13000, "USD"), version="2")
    auto.world.books.invoices[INVOICE] = dearer
    assert await auto.run() == [TOLD]
    auto.world.passes(days=9)
    assert await auto.run() == []
    auto.world.passes(days=2)
    assert await auto.run() == [("charged", "")]
    assert (await auto.payments())[-1][2] == 13000


async def test_an_invoice_somebody_objects_to_is_left_alone(auto):
    await auto.enrols()
    await auto.world.transact(
        lambda conn: cases.open_case(conn, "d", cases.Trouble.DISPUTE_WANTED, "", auto.world.at, invoice=INVOICE)
    )
    await auto.until(date(2026, 3, 17))
    assert await auto.run() == [("skipped", "disputed")]
    assert await auto.run() == []


async def test_an_objection_after_the_notice_holds_the_charge(auto):
    await auto.to_the_charge()
    await auto.world.transact(
        lambda conn: cases.open_case(conn, "d", cases.Trouble.DISPUTE_WANTED, "", auto.world.at, invoice=INVOICE)
    )
    assert await auto.run() == [("skipped", "disputed")]
    assert await auto.payments() == []


async def test_somebody_on_a_page_is_not_overtaken(auto):
    await auto.to_the_charge()
    opened = await auto.world.start("k9")
    assert await auto.run() == [("skipped", "already_live")]
    await auto.world.reports(opened.reference, SUCCEEDED)
    await auto.world.work()
    auto.world.passes(hours=2)
    assert await auto.run() == [("ended", "settled")]


async def test_a_due_date_that_moves_begins_another_cycle_with_a_notice_of_its_own(auto):
    await auto.to_the_charge()
    auto.is_due(date(2026, 4, 20))
    assert await auto.run() == [("ended", "moved")]
    await auto.until(date(2026, 4, 8))
    assert await auto.run() == [TOLD]
    assert len(await auto.world.rows("SELECT id FROM autopay_charge")) == 2


@pytest.mark.parametrize("what", ["pause", "leave"])
async def test_who_pauses_or_leaves_is_not_charged(auto, what):
    await auto.to_the_charge()
    await auto.wish(what)
    assert await auto.run() == []
    assert await auto.payments() == []


async def test_who_resumes_after_the_day_is_told_first(auto):
    await auto.to_the_charge()
    await auto.wish("pause")
    await auto.wish("resume")
    assert await auto.run() == [TOLD]
    assert await auto.told() == ["planned", "planned"]
    auto.world.passes(days=11)
    assert await auto.run() == [("charged", "")]


async def test_who_resumes_before_the_day_is_charged_on_it(auto):
    await auto.enrols()
    await auto.until(date(2026, 3, 6))
    await auto.run()
    await auto.wish("pause")
    await auto.wish("resume")
    await auto.until(date(2026, 3, 17))
    assert await auto.run() == [("charged", "")]


async def test_who_leaves_and_comes_back_is_told_anew(auto):
    await auto.to_the_charge()
    await auto.wish("leave")
    await auto.enrols("w/back")
    assert await auto.run() == [TOLD]
    assert await auto.run() == []
    assert await auto.payments() == []


async def test_who_leaves_between_the_page_and_the_charge_is_not_charged(auto):
    await auto.to_the_charge()
    gateway, opens = auto.world.gateway, auto.world.gateway.open_page

    async def open_page(request, key):
        page = await opens(request, key)
        await auto.wish("leave")
        return page

    gateway.open_page = open_page
    await auto.run()
    assert gateway.charged == 0
    assert [state for _, state, _ in await auto.payments()] == ["failed"]


async def test_the_business_can_stop_autopay_alone(auto):
    await auto.to_the_charge()
    assert await auto.world.checkout.pause(True, "sam", "wrong prices", autopay=True)
    assert not await auto.world.checkout.paused()
    assert await auto.run() == [("skipped", "not_authorized")]
    assert isinstance((await auto.world.start("k9")).state, PaymentState)
    assert await auto.world.checkout.pause(False, "sam", autopay=True)


async def test_while_new_payments_are_paused_nothing_is_charged(auto):
    await auto.to_the_charge()
    await auto.world.checkout.pause(True, "sam")
    assert await auto.run() == [("skipped", "paused")]
    await auto.world.checkout.pause(False, "sam")
    auto.world.passes(hours=1)
    assert await auto.run() == [("charged", "")]


# --- refusals ---------------------------------------------------------------------------------------------------------


async def test_a_passing_decline_is_tried_twice_more_and_no_third_time(auto, audited):
    await auto.to_the_charge()
    auto.fails(DECLINED, Reason.INSUFFICIENT_FUNDS)
    assert await auto.run() == [("charged", ""), ("ended", "insufficient_funds")]
    assert await auto.charge() == ("waiting", "", 1, 1)
    auto.world.passes(days=2)
    assert await auto.run() == []
    auto.world.passes(days=1, hours=1)
    assert await auto.run() == [("charged", ""), ("ended", "insufficient_funds")]
    auto.world.passes(days=5, hours=1)
    assert await auto.run() == [("charged", ""), ("ended", "gave_up")]
    auto.world.passes(days=40)
    assert await auto.run() == []
    assert auto.world.gateway.charged == 3
    assert {state for _, state, _ in await auto.payments()} == {"failed"}
    assert await auto.told() == ["planned", "again", "again", "gave_up"]
    assert await auto.state() == ("on", "")


@pytest.mark.parametrize(
    "reason", [Reason.DECLINED, Reason.EXPIRED_CARD, Reason.NOT_SUPPORTED, Reason.WRONG_NUMBER, Reason.WRONG_CVC]
)
async def test_a_final_decline_stops_autopay_at_once(auto, reason):
    await auto.to_the_charge()
    auto.fails(DECLINED, reason)
    assert await auto.run() == [("charged", ""), ("ended", reason)]
    assert await auto.state() == ("stopped", reason)
    assert await auto.told() == ["planned", "stopped"]
    auto.world.passes(days=40)
    assert await auto.run() == []
    assert auto.world.gateway.charged == 1


async def test_a_debit_that_bounces_is_presented_three_times_at_most(debit):
    await debit.to_the_charge()
    debit.sends_back(Reason.INSUFFICIENT_FUNDS)  # R01, R09
    for _ in range(6):
        await debit.run()
        debit.world.passes(days=6)
    assert debit.world.gateway.charged == 3
    assert await debit.charge() == ("over", "gave_up", 3, 3)
    assert {row[2] for row in await debit.payments()} == {12000}


@pytest.mark.parametrize(
    "reason",
    [Reason.ACCOUNT_CLOSED, Reason.NO_ACCOUNT, Reason.STOPPED, Reason.NOT_AUTHORIZED, Reason.RETURNED_OTHER],
)
async def test_any_other_return_stops_autopay(debit, reason):
    await debit.to_the_charge()
    debit.sends_back(reason)
    await debit.run()
    assert await debit.state() == ("stopped", reason)
    debit.world.passes(days=40)
    await debit.run()
    assert debit.world.gateway.charged == 1


async def test_a_return_that_comes_days_after_success_is_followed(debit):
    await debit.to_the_charge()
    await debit.run()
    assert await debit.charge() == ("paid", "", 0, 0)
    ((reference, _, _),) = await debit.payments()
    debit.world.passes(days=4)
    await debit.world.reports(reference, RETURNED, reason=Reason.INSUFFICIENT_FUNDS)
    await debit.orders.catch_up()
    assert await debit.charge() == ("waiting", "", 1, 1)
    assert await debit.state() == ("on", "")


async def test_a_returned_debit_is_not_sent_again_as_another_one(debit):
    """A reinitiated entry has the amount of the first (NACHA 2.12.4)."""
    await debit.to_the_charge()
    debit.sends_back(Reason.INSUFFICIENT_FUNDS)
    await debit.run()
    await debit.world.work()
    paid = await debit.world.start("k9", minor=2000)
    await debit.world.reports(paid.reference, SUCCEEDED)
    await debit.world.work()
    debit.world.passes(days=4)
    assert await debit.run() == [("ended", "changed")]
    assert await debit.told() == ["planned", "again", "gave_up"]


async def test_a_bank_that_wants_to_see_the_customer_is_left_to_them(auto):
    await auto.to_the_charge()
    auto.world.gateway.will = []
    assert await auto.run() == [("charged", ""), ("ended", "needs_you")]
    assert await auto.told() == ["planned", "needs_you"]
    assert await auto.state() == ("on", "")
    assert [state for _, state, _ in await auto.payments()] == ["failed"]  # its page is closed: the invoice is free


async def test_a_bank_that_hears_of_a_dispute_ends_the_authorisation(auto):
    await auto.to_the_charge()
    await auto.run()
    ((reference, _, _),) = await auto.payments()
    await auto.world.reports(reference, FactKind.DISPUTED)
    await auto.orders.catch_up()
    assert await auto.state() == ("stopped", "not_authorized")


async def test_what_was_refused_for_good_is_charged_under_a_new_authorisation(auto):
    await auto.to_the_charge()
    auto.fails(DECLINED, Reason.EXPIRED_CARD)
    await auto.run()
    auto.fails(SUCCEEDED, None)
    auto.world.saves("pm_2")
    await auto.enrols("w/again", saved="pm_2")
    assert await auto.run() == [TOLD]
    auto.world.passes(days=11)
    assert await auto.run() == [("charged", "")]


async def test_a_removed_method_stops_autopay_and_says_so(auto):
    await auto.to_the_charge()
    await auto.world.wallet.edit("dana", "remove", "pm_1")
    assert await auto.state() == ("stopped", "method_gone")
    assert await auto.told() == ["planned", "stopped"]
    assert await auto.run() == []
    assert await auto.payments() == []


async def test_a_method_that_is_gone_at_the_gateway_stops_it_too(auto):
    await auto.to_the_charge()
    auto.world.gateway.vault.clear()
    assert await auto.run() == [("ended", "method_gone")]
    assert auto.world.gateway.charged == 0


# --- two at once, and those that die ------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [Unavailable("no"), Uncertain("lost")])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", [0, 1])
async def test_a_gateway_that_fails_is_charged_once_all_the_same(auto, failure, when, nth, audited):
    await auto.to_the_charge()
    getattr(auto.world.gateway, when).extend([None] * nth + [failure])
    for _ in range(6):
        await auto.run()
        auto.world.passes(minutes=2)
    assert auto.world.gateway.charged >= 1
    assert len(auto.world.gateway.charges) == 1
    assert [state for _, state, _ in await auto.payments()] == ["succeeded"]


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("nth", range(40))
async def test_killed_at_any_transaction_it_is_charged_once(auto, nth):
    await auto.to_the_charge()
    count, world, real = 0, auto.world, auto.world.transact

    async def transact(work):
        nonlocal count
        count += 1
        if count == nth + 1:
            raise Killed
        return await real(work)

    world.transact = transact
    world.again()
    auto.again()
    with contextlib.suppress(Killed):
        await auto.orders.run()
    world.transact = real
    world.again()
    auto.again()
    for _ in range(20):
        world.passes(minutes=2)
        await auto.orders.run()
    assert len(world.gateway.charges) == 1
    assert [state for _, state, _ in await auto.payments()].count("succeeded") == 1
    assert await auto.charge() == ("paid", "", 0, (await auto.charge())[3])


async def test_one_cycle_is_one_row_whoever_plans_it(auto):
    await auto.enrols()
    await auto.until(date(2026, 3, 6))
    enrolment = await auto.world.transact(lambda conn: enrolments.latest(conn, "dana"))
    invoice = await auto.world.books.get(INVOICE)
    calendar = planning.Calendar(UTC, timedelta(days=10))
    for _ in range(2):
        await auto.world.transact(lambda conn: planning.plan(conn, enrolment, [invoice], calendar, auto.world.at))
    assert len(await auto.world.rows("SELECT id FROM autopay_charge")) == 1
    assert await auto.told() == ["planned"]


# --- what the ledger itself refuses ---------------------------------------------------------------------------------------


async def standing(auto, **other):
    await auto.to_the_charge()
    (due,) = await auto.world.transact(lambda conn: charging.due(conn, auto.world.at, 5))
    asked = {
        "enrolment": due.enrolment,
        "customer": "dana",
        "invoice": INVOICE,
        "cycle": DUE,
        "presentment": 0,
        **other,
    }
    return Standing(**asked)


async def try_it(auto, who, saved="pm_1", minor=None):
    quote = await auto.world.quote(INVOICE, minor=minor)
    quote = msgspec.structs.replace(quote, saved=saved)
    return await auto.world.checkout.start_standing("k/1", "chat", who, quote)


@pytest.mark.parametrize(
    "other",
    [{"enrolment": 99}, {"customer": "marco"}, {"cycle": date(2026, 3, 21)}, {"presentment": 1}, {"invoice": "book:X"}],
)
async def test_no_payment_begins_without_an_authorisation_to_just_that(auto, other):
    found = await try_it(auto, await standing(auto, **other))
    assert isinstance(found, Refused)
    assert await auto.payments() == []


async def test_no_method_but_the_authorised_one_is_charged(auto):
    who = await standing(auto)
    auto.world.saves("pm_2")
    found = await try_it(auto, who, saved="pm_2")
    assert isinstance(found, Refused)


async def test_nobody_is_there_to_type_a_method(auto):
    with pytest.raises(ValueError, match="type"):
        await try_it(auto, await standing(auto), saved="")


async def test_one_presentment_is_one_payment_under_any_key(auto):
    who = await standing(auto)
    quote: Quote = msgspec.structs.replace(await auto.world.quote(INVOICE), saved="pm_1")
    first = await auto.world.checkout.start_standing("k/1", "chat", who, quote)
    assert first.state is PaymentState.SUCCEEDED
    await auto.world.reports(first.reference, RETURNED)
    again = msgspec.structs.replace(await auto.world.quote(INVOICE), saved="pm_1")
    second = await auto.world.checkout.start_standing("k/2", "chat", who, again)
    assert isinstance(second, Refused)


# --- who may agree to what --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms", [{"minor": 500_001}, {"days": 15}, {"days": -1}, {"saved": "pm_9"}, {"kind": Method.BANK}]
)
async def test_nothing_else_can_be_agreed_to(auto, terms):
    assert await auto.wish("agree", "w", auto.terms(**terms)) is None
    assert await auto.world.rows("SELECT id FROM autopay") == []


async def test_only_who_proved_themselves_here_agrees(auto):
    page = auto.world.signs_in(proof="page")
    elsewhere = auto.world.signs_in(chat="another")
    for scope in (page, elsewhere):
        assert await auto.wish("agree", "w", auto.terms(), scope=scope) is None
    auto.world.signed_out.add("dana")
    assert await auto.wish("agree", "w", auto.terms()) is None
    assert await auto.wish("leave", "w2") is None


async def test_a_stranger_to_an_enrolment_changes_nothing_of_it(auto):
    await auto.enrols()
    marco = auto.world.signs_in("marco")
    assert (await auto.wish("leave", "w2", scope=marco)).enrolment is None
    assert await auto.state() == ("on", "")


# --- who is told where --------------------------------------------------------------------------------------------------------


async def test_news_go_to_the_chat_that_the_customer_used_last(auto):
    await auto.enrols()
    auto.world.passes(minutes=1)
    auto.world.books.add("INV-7")
    await auto.world.charges("k7", "book:INV-7", chat="phone")
    await auto.until(date(2026, 3, 6))
    await auto.run()
    (told,) = await auto.world.transact(lambda conn: notices.untold(conn, 5))
    assert told.chat == "phone"
    assert told.notice == Notice(
        "planned", INVOICE, "INV-1042", Money(12000, "USD"), date(2026, 3, 17), brand="visa", last4="4242",
        limit=Money(20000, "USD"),
    )  # fmt: skip
    assert await auto.world.transact(lambda conn: notices.told(conn, told.id, auto.world.at))
    assert not await auto.world.transact(lambda conn: notices.told(conn, told.id, auto.world.at))


async def test_what_autopay_will_pay_needs_no_reminder(auto):
    covered = lambda conn: planning.covered(conn, [INVOICE, "book:other"])  # noqa: E731  # said twice
    await auto.to_the_charge()
    assert await auto.world.transact(covered) == {INVOICE}
    await auto.wish("pause")
    assert await auto.world.transact(covered) == frozenset()


async def test_runs_can_be_looked_at(auto):
    await auto.to_the_charge()
    await auto.run()
    listed = await auto.world.transact(lambda conn: runs.runs(conn, 10))
    assert [(run.told, run.charged) for run in listed] == [(0, 1), (1, 0)]
    assert await auto.world.transact(lambda conn: runs.lines_of(conn, 99)) is None


async def test_autopay_never_takes_the_program_fee(auto):
    rules = msgspec.structs.replace(auto.world.rules, fee=Fee(basis_points=300))
    auto.world.rules = rules
    auto.world.checkout._rules = rules
    await auto.to_the_charge()
    assert await auto.run() == [("charged", "")]
    assert await auto.world.rows("SELECT amount_minor, fee_minor FROM payment") == [(12000, 0)]
