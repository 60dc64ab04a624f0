import msgspec
import pytest

from services.errors import Malformed, Unavailable, Uncertain
from services.model import (
    Bearer,
    InvoiceState,
    Line,
    Method,
    Money,
    Objection,
    Payment,
    PaymentState,
    Reason,
    Rules,
    Stranger,
)
from services.payments.checkout import Refusal, Refused
from services.payments.gateways.base import FactKind
from services.payments.ledger import LEASE

S = PaymentState
INVOICE = "book:INV-1042"
DANA = Bearer(INVOICE, "link")


async def change(world, **columns):
    world.books.invoices[INVOICE] = msgspec.structs.replace(world.books.invoices[INVOICE], **columns)


# --- starting


async def test_an_agreed_quote_becomes_an_open_page_with_its_consent_on_record(world):
    quote = await world.quote(INVOICE)
    opened = await world.start(quote=quote)
    assert (opened.state, opened.amount, opened.numbers) == (S.OPEN, Money(12000, "USD"), ("INV-1042",))
    assert await world.rows("SELECT payment, message, digest FROM consent") == [
        (opened.reference, "says k1", quote.digest())
    ]
    history = await world.rows("SELECT before, after, cause FROM payment_event ORDER BY id")
    assert [row[1] for row in history] == ["created", "confirmed", "confirmed", "open"]


async def test_the_same_start_twice_is_one_payment_and_one_page(world):
    first = await world.start()
    again = await world.start()
    assert again == first
    assert world.gateway.sent == 1
    assert await world.rows("SELECT count(*) FROM payment") == [(1,)]


async def test_one_key_never_stands_for_two_quotes(world):
    await world.start("k1")
    with pytest.raises(ValueError, match="one key"):
        await world.start("k1", minor=5000)


async def test_two_conversations_cannot_open_two_live_payments_for_one_invoice(world):
    await world.start("k1", chat="one")
    refused = await world.start("k2", chat="two")
    assert isinstance(refused, Refused)
    assert (refused.objection, refused.invoice.number) == (Objection.ALREADY_LIVE, "INV-1042")
    assert world.gateway.sent == 1
    assert await world.rows("SELECT count(*) FROM payment") == [(1,)]


async def test_a_yes_after_the_invoice_was_paid_elsewhere_starts_nothing(world):
    quote = await world.quote(INVOICE)
    await change(world, version="2", due=Money(0, "USD"), state=InvoiceState.PAID)
    refused = await world.start(quote=quote)
    assert refused.objection is Objection.INVOICE_CHANGED
    assert refused.invoice.state is InvoiceState.PAID
    assert world.gateway.sent == 0


@pytest.mark.parametrize(
    ("how", "objection"),
    [
        ({"state": InvoiceState.PAID}, Objection.ALREADY_PAID),
        ({"state": InvoiceState.VOID}, Objection.VOID),
        ({"state": InvoiceState.CREDIT}, Objection.CREDIT_NOTE),
    ],
)
async def test_what_cannot_be_paid_is_refused_with_its_own_reason(world, how, objection):
    await change(world, **how)
    assert (await world.start()).objection is objection


async def test_an_invoice_that_is_gone_is_said_to_be_gone(world):
    quote = await world.quote(INVOICE)
    world.books.invoices.clear()
    assert await world.start(quote=quote) == Refused(Objection.INVOICE_GONE)


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (Stranger(), False),
        (Bearer("book:INV-7", "link"), False),
        (Bearer(INVOICE, "lookup"), True),
        ("stranger's customer", False),
        ("dana", True),
    ],
)
async def test_only_who_proved_it_pays_an_invoice_and_nobody_else_sees_it(world, scope, may):
    who = world.signs_in(scope) if isinstance(scope, str) else scope
    outcome = await world.checkout.start("k", "chat", "m", who, await world.quote(INVOICE))
    assert isinstance(outcome, Payment) if may else outcome == Refused(Objection.NOT_YOURS)


async def test_a_bearer_cannot_slip_a_second_invoice_into_the_quote(world):
    world.books.add("INV-7", customer="somebody else")
    quote = await world.quote(INVOICE, "book:INV-7")
    assert await world.start(quote=quote) == Refused(Objection.NOT_YOURS)


async def test_ach_is_refused_for_an_invoice_in_euros(world):
    world.books.add("INV-EU", currency="EUR")
    assert (await world.start(invoice="book:INV-EU", method=Method.BANK)).objection is Objection.METHOD_NOT_TAKEN
    assert (await world.start(invoice="book:INV-EU", method=Method.CARD)).amount == Money(12000, "EUR")


async def test_amounts_outside_the_rules_are_refused(world):
    assert (await world.start(minor=12001)).objection is Objection.ABOVE_DUE
    assert (await world.start(minor=499)).objection is Objection.BELOW_MINIMUM
    assert (await world.start(minor=0)).objection is Objection.NOT_POSITIVE
    world.again(rules=Rules(partial=False))
    assert (await world.start(minor=5000)).objection is Objection.FULL_ONLY


async def test_a_customer_pays_two_invoices_at_once_and_both_are_held(world):
    world.books.add("INV-1043", 3000)
    quote = await world.quote(INVOICE, "book:INV-1043")
    paid = await world.checkout.start("k", "chat", "m", world.signs_in(), quote)
    assert (paid.amount.minor, paid.numbers) == (15000, ("INV-1042", "INV-1043"))
    assert (await world.start("k2", invoice="book:INV-1043")).objection is Objection.ALREADY_LIVE


async def test_two_currencies_in_one_quote_are_refused(world):
    world.books.add("INV-EU", currency="EUR")
    quote = await world.quote(INVOICE, "book:INV-EU")
    refused = await world.checkout.start("k", "chat", "m", world.signs_in(), quote)
    assert refused.objection is Objection.WRONG_CURRENCY


async def test_a_quote_that_no_dialog_can_have_shown_is_a_bug_and_charges_nothing(world):
    quote = msgspec.structs.replace(await world.quote(INVOICE), fee_minor=-1)
    with pytest.raises(ValueError, match="fee is never given"):
        await world.start(quote=quote)
    with pytest.raises(ValueError, match="at least one"):
        await world.start(quote=msgspec.structs.replace(quote, lines=()))
    twice = msgspec.structs.replace(quote, fee_minor=0, lines=quote.lines * 2)
    with pytest.raises(ValueError, match="once"):
        await world.start(quote=twice)


# --- answers that get lost


async def test_a_lost_answer_is_asked_for_again_under_the_same_key(world):
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start()
    assert (await world.checkout.latest("chat")).state is S.CONFIRMED
    opened = await world.start()
    assert opened.state is S.OPEN
    assert len(world.gateway.requests) == 1
    assert len(world.gateway.facts) == 1


async def test_a_gateway_that_is_down_leaves_the_invoice_free_and_the_same_start_can_follow(world):
    world.gateway.before = [Unavailable("down"), Unavailable("down")]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await world.start("k1")
        assert (await world.checkout.latest("chat")).state is S.CANCELED
    assert (await world.start("k1")).state is S.OPEN


async def test_after_a_gateway_was_down_another_start_of_the_same_invoice_goes_first(world):
    world.gateway.before = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.start("k1")
    assert (await world.start("k2")).state is S.OPEN
    assert (await world.start("k1")).objection is Objection.ALREADY_LIVE
    assert (await world.checkout.latest("chat")).state is S.OPEN


async def test_a_retry_of_a_canceled_start_is_judged_by_the_books_of_now(world):
    quote = await world.quote(INVOICE)
    world.gateway.before = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.start(quote=quote)
    await change(world, version="2")
    assert (await world.start(quote=quote)).objection is Objection.INVOICE_CHANGED
    assert world.gateway.sent == 1


async def test_down_after_a_lost_answer_does_not_mean_that_there_is_no_page(world):
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start("k1")
    world.gateway.before = [Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.start("k1")
    assert (await world.checkout.latest("chat")).state is S.CONFIRMED
    assert (await world.start("k2")).objection is Objection.ALREADY_LIVE


async def test_an_answer_that_breaks_its_contract_holds_the_invoice(world):
    world.gateway.after = [Malformed("what?")]
    with pytest.raises(Malformed):
        await world.start("k1")
    assert (await world.start("k2")).objection is Objection.ALREADY_LIVE


async def test_a_process_that_died_while_sending_is_finished_by_the_next_one(world):
    world.gateway.after = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await world.start()
    world.again()
    with pytest.raises(Uncertain, match="elsewhere"):
        await world.start()  # the dead one's lease still runs
    world.passes(seconds=LEASE.seconds + 1)
    assert (await world.start()).state is S.OPEN
    assert len(world.gateway.pages) == 1


async def test_an_answer_that_comes_after_the_lease_is_left_to_whoever_has_it_now(world):
    class Slow(type(world.gateway)):
        async def open_page(self, request, key):
            page = await super().open_page(request, key)
            if self.sent == 1:
                world.passes(seconds=LEASE.seconds + 5)
                assert (await world.start()).state is S.OPEN
            return page

    world.gateway = Slow(world.now)
    world.again()
    with pytest.raises(Uncertain, match="lease"):
        await world.start()
    assert (await world.start()).state is S.OPEN


async def test_after_twenty_hours_nothing_is_sent_again(world):
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start()
    world.passes(hours=21)
    with pytest.raises(Uncertain, match="safely"):
        await world.start()
    assert world.gateway.sent == 1
    world.gateway.happens((await world.checkout.latest("chat")).reference, FactKind.EXPIRED)
    ended = await world.start()
    assert (ended.state, ended.reason) == (S.FAILED, Reason.PAGE_EXPIRED)
    assert world.gateway.sent == 1


async def test_another_way_back_to_the_chat_is_another_request_and_is_not_sent_under_the_old_key(world):
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start()
    world.again(return_url=lambda _chat: "https://moved.example/back")
    with pytest.raises(Uncertain, match="safely"):
        await world.start()
    assert world.gateway.sent == 1


# --- two payments after each other


async def test_what_is_processing_is_not_asked_for_again(world):
    paid = await world.start("k1", minor=5000, method=Method.BANK)
    await world.reports(paid.reference, FactKind.PROCESSING)
    assert await world.checkout.reserved(INVOICE) == 5000
    refused = await world.start("k2", minor=7001)
    assert (refused.objection, refused.invoice.processing) == (Objection.ABOVE_DUE, 5000)
    assert (await world.start("k3", minor=7000)).state is S.OPEN


async def test_a_paid_invoice_is_not_payable_again_while_the_books_do_not_know_yet(world):
    paid = await world.start("k1")
    await world.reports(paid.reference, FactKind.SUCCEEDED)
    assert (await world.start("k2")).objection is Objection.ALL_PROCESSING
    world.books.failures = [Unavailable("down")]
    (post,) = [job for job in await world.checkout.jobs(10) if hasattr(job, "posting")]
    with pytest.raises(Unavailable):
        await world.checkout.post(post)
    assert await world.checkout.later(post, 30)
    assert await world.checkout.reserved(INVOICE) == 12000
    world.passes(seconds=61)
    await world.work()
    assert await world.checkout.reserved(INVOICE) == 0
    assert (await world.start("k2")).objection in (Objection.ALREADY_PAID, Objection.NOT_POSITIVE)
    await world.reports(paid.reference, FactKind.SUCCEEDED)  # said once more, after it was posted
    assert await world.checkout.reserved(INVOICE) == 0


async def test_a_payment_that_is_made_and_posted_while_the_books_are_read_is_not_paid_twice(world):
    first = await world.start("k1")
    quote = await world.quote(INVOICE)

    async def meanwhile():
        await world.reports(first.reference, FactKind.SUCCEEDED)
        await world.work()

    world.books.while_read = meanwhile  # the reader already holds "120.00 due"
    refused = await world.start("k2", quote=quote)
    assert refused.objection is Objection.INVOICE_CHANGED
    assert world.gateway.sent == 1


async def test_an_invoice_that_moves_at_every_look_is_shown_anew_and_not_charged(world):
    first = await world.start("k1", minor=1000)
    await world.reports(first.reference, FactKind.PROCESSING)
    quote = await world.quote(INVOICE, minor=1000)
    last4 = iter(range(1000, 2000))

    async def told_more():
        world.passes(seconds=1)
        await world.reports(first.reference, FactKind.PROCESSING, last4=str(next(last4)))
        world.books.while_read = told_more

    world.books.while_read = told_more
    assert (await world.start("k2", quote=quote)).objection is Objection.INVOICE_CHANGED
    assert world.gateway.sent == 1
    world.books.while_read = None
    assert (await world.start("k2", quote=quote)).state is S.OPEN


# --- closing


async def test_a_page_is_closed_only_by_the_gateways_word(world):
    opened = await world.start()
    closed = await world.checkout.close("chat", opened.reference)
    assert (closed.state, closed.reason) == (S.FAILED, Reason.PAGE_CLOSED)
    assert await world.checkout.close("chat", opened.reference) == closed
    assert (await world.start("k2")).state is S.OPEN


async def test_a_customer_who_paid_before_the_page_was_closed_has_paid(world):
    opened = await world.start()
    world.gateway.happens(opened.reference, FactKind.SUCCEEDED)
    assert (await world.checkout.close("chat", opened.reference)).state is S.SUCCEEDED


async def test_a_close_whose_answer_is_lost_leaves_the_page_open_until_the_gateway_is_asked(world):
    opened = await world.start()
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.checkout.close("chat", opened.reference)
    assert (await world.checkout.view(opened.reference)).state is S.OPEN
    assert (await world.start("k2")).objection is Objection.ALREADY_LIVE
    assert (await world.checkout.close("chat", opened.reference)).reason is Reason.PAGE_CLOSED


async def test_closing_a_start_whose_answer_was_lost_finds_its_page_first(world):
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.start()
    waiting = await world.checkout.latest("chat")
    assert (await world.checkout.close("chat", waiting.reference)).reason is Reason.PAGE_CLOSED
    assert len(world.gateway.pages) == 1


async def test_closing_what_is_not_ours_is_a_bug(world):
    with pytest.raises(LookupError):
        await world.checkout.close("chat", "RM-0000-0000")


async def test_another_chats_payment_can_be_neither_asked_about_nor_closed(world):
    opened = await world.start(chat="one")
    assert await world.checkout.refresh("two", opened.reference) is None
    with pytest.raises(LookupError):
        await world.checkout.close("two", opened.reference)
    assert (await world.checkout.view(opened.reference)).state is S.OPEN


# --- hand-off links


async def test_a_link_leads_to_the_same_page_until_it_is_paid(world):
    opened = await world.start()
    token = await world.checkout.share(opened.reference)
    page = await world.checkout.follow(token)
    assert page.startswith("https://pay.example/")
    world.passes(minutes=25)
    assert await world.checkout.follow(token) == page  # opened in time before; a preview burned nothing
    await world.reports(opened.reference, FactKind.SUCCEEDED)
    assert await world.checkout.follow(token) is Refusal.PAID


async def test_a_link_to_a_page_that_was_closed_says_so(world):
    opened = await world.start()
    token = await world.checkout.share(opened.reference)
    await world.reports(opened.reference, FactKind.CLOSED)
    assert await world.checkout.follow(token) is Refusal.CLOSED


async def test_a_link_that_was_not_opened_in_time_is_expired_and_a_fresh_one_is_not(world):
    opened = await world.start()
    token = await world.checkout.share(opened.reference)
    world.passes(minutes=15, seconds=1)
    assert await world.checkout.follow(token) is Refusal.EXPIRED
    fresh = await world.checkout.share(opened.reference)
    assert fresh != token
    assert (await world.checkout.follow(fresh)).startswith("https://")


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 65, "a b", "'; --", "\ud800", "é"])
async def test_a_made_up_link_is_unknown(world, token):
    await world.checkout.share((await world.start()).reference)
    assert await world.checkout.follow(token) is Refusal.UNKNOWN


async def test_the_token_of_a_link_is_stored_only_as_its_hash(world):
    token = await world.checkout.share((await world.start()).reference)
    ((stored,),) = await world.rows("SELECT token_hash FROM go_link")
    assert len(token) == 22
    assert len(stored) == 64
    assert token not in stored


# --- reading


async def test_the_latest_payment_of_a_chat_is_the_one_it_began_last(world):
    first = await world.start("k1")
    await world.checkout.close("chat", first.reference)
    second = await world.start("k2")
    await world.start("k3", chat="another")
    await world.reports(first.reference, FactKind.SUCCEEDED)  # late news of the first does not make it the last
    assert (await world.checkout.latest("chat")).reference == second.reference
    assert await world.checkout.latest("nobody") is None
    assert await world.checkout.view("RM-0000-0000") is None


async def test_a_customer_who_is_back_before_the_webhook_hears_the_result(world):
    opened = await world.start()
    world.gateway.happens(opened.reference, FactKind.SUCCEEDED, brand="visa", last4="4242")
    seen = await world.checkout.refresh("chat", opened.reference)
    assert (seen.state, seen.brand, seen.last4) == (S.SUCCEEDED, "visa", "4242")
    asked = len(world.gateway.asked)
    await world.checkout.refresh("chat", opened.reference)
    assert len(world.gateway.asked) == asked


async def test_a_state_is_told_from_the_ledger_when_the_gateway_is_down(world):
    opened = await world.start()
    world.gateway.before = [Unavailable("down")]
    assert (await world.checkout.refresh("chat", opened.reference)).state is S.OPEN
    assert await world.checkout.refresh("chat", "RM-0000-0000") is None


async def test_a_line_of_another_version_is_not_what_was_agreed(world):
    quote = await world.quote(INVOICE)
    (line,) = quote.lines
    old = msgspec.structs.replace(quote, lines=(Line(line.invoice, line.number, "0", line.amount),))
    assert (await world.start(quote=old)).objection is Objection.INVOICE_CHANGED
