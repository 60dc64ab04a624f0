"""A saved method is charged once, on a page of its own, upon a yes that is young; everything else is the page's."""

import pytest
from msgspec.structs import replace

from services.errors import Malformed, Rejected, Unavailable, Uncertain
from services.model import Bearer, InvoiceState, Method, Money, Objection, PaymentState, Reason, Stranger
from services.payments import ledger, starts
from services.payments.checkout import Refusal, Refused
from services.payments.gateways.base import FactKind
from services.payments.ledger import LEASE
from services.payments.notes import vault_name
from services.payments.reconcile import reconcile

S = PaymentState
INVOICE = "book:INV-1042"
DECLINE = [(FactKind.DECLINED, Reason.INSUFFICIENT_FUNDS)]
NOTHING: list = []  # the bank wants to see the customer

pytestmark = pytest.mark.usefixtures("audited")


async def history(world) -> list[str]:
    return [after for (after,) in await world.rows("SELECT after FROM payment_event ORDER BY id")]


async def lost_charge(world, where="after"):
    """A charge whose answer never came: `before` it arrived, or `after` it was made."""
    world.saves()
    first = {"before": [None, None], "after": [None]}[where]  # the list of methods and the page are answered
    setattr(world.gateway, where, [*first, Uncertain("lost")])
    with pytest.raises(Uncertain):
        await world.charges()
    return await world.checkout.latest("chat")


# --- how it goes


async def test_a_yes_charges_the_saved_method_at_once(world):
    world.saves()
    paid = await world.charges()
    assert (paid.state, paid.saved, paid.last4, paid.declines) == (S.SUCCEEDED, True, "4242", 0)
    assert await history(world) == ["created", "confirmed", "confirmed", "submitting", "succeeded"]
    assert await world.work() == [(S.SUCCEEDED, None)]
    assert (await world.books.get(INVOICE)).due.minor == 0
    ((customer, saved),) = await world.rows("SELECT customer, saved FROM payment")
    assert (customer, saved) == ("dana", "pm_1")


async def test_the_same_yes_twice_charges_once(world):
    world.saves()
    first = await world.charges()
    assert await world.charges() == first
    assert world.gateway.charged == 1


async def test_a_saved_bank_account_is_on_its_way(world):
    world.saves(kind=Method.BANK)
    world.gateway.will = [(FactKind.PROCESSING, None)]
    paid = await world.charges(method=Method.BANK)
    assert (paid.state, paid.method) == (S.PROCESSING, Method.BANK)
    assert await world.checkout.reserved(INVOICE) == 12000


async def test_a_decline_leaves_the_page_for_another_card_and_is_told(world):
    world.saves()
    world.gateway.will = DECLINE
    declined = await world.charges()
    assert (declined.state, declined.reason, declined.declines) == (S.OPEN, Reason.INSUFFICIENT_FUNDS, 1)
    assert await world.work() == [(S.OPEN, Reason.INSUFFICIENT_FUNDS)]
    page = await world.checkout.follow(await world.checkout.share(declined.reference))
    assert page.startswith("https://pay.example/")
    again = await world.charges()  # the effect comes once more
    assert (again, world.gateway.charged) == (declined, 1)
    paid = await world.reports(declined.reference, FactKind.SUCCEEDED, last4="4444")
    assert (paid.state, paid.last4) == (S.SUCCEEDED, "4444")


async def test_a_bank_that_wants_to_see_the_customer_leaves_the_page_open(world):
    world.saves()
    world.gateway.will = NOTHING
    waiting = await world.charges()
    assert (waiting.state, waiting.reason, waiting.declines, waiting.saved) == (S.OPEN, None, 0, True)
    causes = await world.rows("SELECT cause FROM payment_event ORDER BY id DESC LIMIT 1")
    assert causes == [("the bank wants to see the customer",)]
    assert (await world.charges()).state is S.OPEN
    assert world.gateway.charged == 1
    assert (await world.checkout.close("chat", waiting.reference)).reason is Reason.PAGE_CLOSED


async def test_while_it_is_charged_no_link_leads_to_the_page_and_no_other_payment_begins(world):
    waiting = await lost_charge(world)
    assert waiting.state is S.SUBMITTING
    assert await world.checkout.follow(await world.checkout.share(waiting.reference)) is Refusal.OVER
    assert (await world.start("k2")).objection is Objection.ALREADY_LIVE


async def test_a_webhook_that_is_quicker_than_the_answer_is_believed(world):
    waiting = await lost_charge(world)
    (told,) = world.gateway.facts[waiting.reference]
    await world.checkout.take([told])
    assert (await world.charges()).state is S.SUCCEEDED
    assert world.gateway.charged == 1


# --- answers that get lost


@pytest.mark.parametrize("where", ["before", "after"])
async def test_a_lost_charge_is_asked_for_again_and_charged_once(world, where):
    waiting = await lost_charge(world, where)
    assert waiting.state is S.SUBMITTING
    assert (await world.charges()).state is S.SUCCEEDED
    assert world.gateway.charged == 2
    assert len(world.gateway.charges) == 1


@pytest.mark.parametrize("trouble", [Unavailable("down"), Uncertain("lost"), Malformed("what?"), Rejected("no")])
async def test_whatever_the_trouble_it_stays_submitting_and_the_same_yes_goes_on(world, trouble):
    world.saves()
    world.gateway.before = [None, None, trouble]
    with pytest.raises(type(trouble)):
        await world.charges()
    assert (await world.checkout.latest("chat")).state is S.SUBMITTING
    assert (await world.charges()).state is S.SUCCEEDED


async def test_a_lost_page_is_asked_for_again_and_then_charged(world):
    world.saves()
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.charges()
    assert (await world.checkout.latest("chat")).state is S.CONFIRMED
    assert (await world.charges()).state is S.SUCCEEDED
    assert (len(world.gateway.pages), world.gateway.charged) == (1, 1)


async def test_a_page_that_two_learn_of_does_not_skip_its_charge(world):
    """The slower one sent its request when the quicker one had just let go of the lease."""
    waiting = await lost_charge(world, "before")
    ((key, request),) = world.gateway.requests.items()
    fence = await world.transact(lambda conn: ledger.claim(conn, waiting.reference, world.at))
    sending = starts.Sending(request, key, fence)
    opened = await world.transact(lambda conn: starts.opened(conn, sending, world.gateway.pages[key], world.at))
    assert opened.state is S.SUBMITTING
    assert (await world.charges()).state is S.SUCCEEDED


async def test_a_process_that_died_while_charging_is_followed_by_one_that_asks_again(world):
    world.saves()
    world.gateway.after = [None, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await world.charges()
    world.again()
    with pytest.raises(Uncertain, match="elsewhere"):
        await world.charges()  # the dead one's lease still runs
    world.passes(seconds=LEASE.seconds + 1)
    assert (await world.charges()).state is S.SUCCEEDED
    assert len(world.gateway.charges) == 1


async def test_no_other_call_holds_a_transaction_while_it_is_charged(world):
    """The books, the ledger and a webhook are all free meanwhile."""
    world.saves()

    class Slow(type(world.gateway)):
        async def charge(self, page):
            told = await super().charge(page)
            await world.checkout.take(told)
            return told

    slow = Slow(world.now)
    slow.vault = world.gateway.vault
    world.gateway = slow
    world.again()
    assert (await world.charges()).state is S.SUCCEEDED


async def test_a_conversation_that_begins_again_goes_on_with_the_charge(world):
    waiting = await lost_charge(world, "before")
    assert (await world.checkout.resume("chat", waiting.reference)).state is S.SUCCEEDED


async def test_a_customer_who_asks_hears_what_became_of_a_lost_charge(world):
    waiting = await lost_charge(world)
    assert (await world.checkout.refresh("chat", waiting.reference)).state is S.SUCCEEDED


# --- too late


async def test_ten_minutes_after_the_yes_nothing_is_charged_any_more(world):
    waiting = await lost_charge(world, "before")
    world.passes(minutes=10, seconds=1)
    ended = await world.charges()
    assert (ended.state, ended.reason) == (S.FAILED, Reason.PAGE_CLOSED)
    assert world.gateway.charges == {}
    assert (await world.start("k2")).state is S.OPEN
    assert waiting.reference == ended.reference


async def test_ten_minutes_after_the_yes_a_charge_that_was_made_is_found(world):
    await lost_charge(world)
    world.passes(minutes=10, seconds=1)
    assert (await world.charges()).state is S.SUCCEEDED
    assert world.gateway.charged == 1


async def test_what_is_not_owed_any_more_is_not_charged_upon_a_yes_of_minutes_ago(world):
    await lost_charge(world, "before")
    world.books.invoices[INVOICE] = replace(world.books.invoices[INVOICE], state=InvoiceState.VOID)
    world.passes(minutes=3)
    refused = await world.charges()
    assert refused.objection is Objection.VOID
    assert world.gateway.charges == {}
    assert (await world.checkout.latest("chat")).reason is Reason.PAGE_CLOSED


async def test_a_method_that_was_removed_meanwhile_is_not_charged(world):
    await lost_charge(world, "before")
    await world.wallet.edit("dana", "remove", "pm_1")
    world.passes(minutes=3)
    refused = await world.charges()
    assert refused.objection is Objection.METHOD_GONE
    assert world.gateway.charges == {}


async def test_a_start_that_came_to_nothing_long_ago_is_not_charged_by_its_late_repetition(world):
    world.saves()
    world.gateway.before = [None, Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.charges()
    world.passes(minutes=11)
    assert (await world.charges()).state is S.CANCELED
    assert (world.gateway.charged, world.gateway.pages) == (0, {})


async def test_a_start_that_came_to_nothing_a_moment_ago_is_taken_up_again(world):
    world.saves()
    world.gateway.before = [None, Unavailable("down")]
    with pytest.raises(Unavailable):
        await world.charges()
    world.passes(minutes=1)
    assert (await world.charges()).state is S.SUCCEEDED


async def test_a_page_that_appears_after_ten_minutes_is_closed_and_not_charged(world):
    world.saves()
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.charges()
    world.passes(minutes=11)
    ended = await world.charges()
    assert (ended.state, ended.reason, world.gateway.charged) == (S.FAILED, Reason.PAGE_CLOSED, 0)


# --- the reconciler never charges


async def test_the_reconciler_finds_what_became_of_a_charge_and_charges_nothing(world):
    waiting = await lost_charge(world)
    world.passes(seconds=16)
    assert await reconcile(world.checkout, world.at) == 1
    assert (await world.checkout.view(waiting.reference)).state is S.SUCCEEDED
    assert world.gateway.charged == 1


async def test_the_reconciler_closes_the_page_of_a_charge_that_nobody_asked_for_in_time(world):
    waiting = await lost_charge(world, "before")
    for seconds in (16, 584):
        world.passes(seconds=seconds)
        assert await reconcile(world.checkout, world.at) == 1
        assert (await world.checkout.view(waiting.reference)).state is S.SUBMITTING
    world.passes(seconds=16)
    await reconcile(world.checkout, world.at)
    seen = await world.checkout.view(waiting.reference)
    assert seen.state is S.FAILED
    assert seen.reason is Reason.PAGE_CLOSED
    assert world.gateway.charges == {}
    assert await world.work() == [(S.FAILED, Reason.PAGE_CLOSED)]


async def test_a_gateway_without_news_is_asked_at_once_when_a_charge_must_not_follow_any_more(world):
    waiting = await lost_charge(world, "before")
    for _ in range(41):
        world.passes(seconds=15)
        await reconcile(world.checkout, world.at)
    assert (await world.checkout.view(waiting.reference)).reason is Reason.PAGE_CLOSED


async def test_a_gateway_that_denies_the_page_of_a_charge_frees_the_invoice_after_its_end_and_calls_a_person(world):
    waiting = await lost_charge(world, "before")
    del world.gateway.facts[waiting.reference]
    world.passes(minutes=12)
    await reconcile(world.checkout, world.at)
    assert (await world.checkout.view(waiting.reference)).state is S.SUBMITTING
    world.passes(minutes=30)
    await reconcile(world.checkout, world.at)
    assert (await world.checkout.view(waiting.reference)).state is S.FAILED
    assert await world.cases() == [("forgotten", waiting.reference)]


# --- closing


@pytest.mark.parametrize(("where", "state"), [("before", S.FAILED), ("after", S.SUCCEEDED)])
async def test_a_charge_under_way_can_be_called_off_unless_it_was_made(world, where, state):
    waiting = await lost_charge(world, where)
    assert (await world.checkout.close("chat", waiting.reference)).state is state
    assert world.gateway.charged == 1


async def test_calling_off_a_start_whose_page_is_not_known_charges_nothing(world):
    world.saves()
    world.gateway.after = [Uncertain("lost")]
    with pytest.raises(Uncertain):
        await world.charges()
    waiting = await world.checkout.latest("chat")
    assert (await world.checkout.close("chat", waiting.reference)).reason is Reason.PAGE_CLOSED
    assert world.gateway.charged == 0


@pytest.mark.parametrize(("minutes", "charged"), [(10, 1), (10.1, 0)])
async def test_a_yes_that_reaches_the_ledger_after_ten_minutes_charges_nothing(world, minutes, charged):
    world.saves()
    agreed_at = world.at
    world.passes(minutes=minutes)
    begun = await world.charges(agreed_at=agreed_at)
    assert (begun == Refused(Objection.NOT_IN_TIME)) is (charged == 0)
    assert world.gateway.charged == charged


# --- who may


@pytest.mark.parametrize(
    ("scope", "objection"),
    [
        (Stranger(), Objection.PROVE_AGAIN),
        (Bearer(INVOICE, "link"), Objection.PROVE_AGAIN),
        ({"proof": "page"}, Objection.PROVE_AGAIN),
        ({"chat": "another"}, Objection.PROVE_AGAIN),
        ({"customer": "eve"}, Objection.NOT_YOURS),
    ],
    ids=["a stranger", "a link", "the embedding page", "another chat", "somebody else"],
)
async def test_only_a_customer_who_proved_it_in_this_chat_charges_a_saved_method(world, scope, objection):
    world.saves()
    world.saves(customer="eve")
    who = world.signs_in(**scope) if isinstance(scope, dict) else scope
    refused = await world.charges(scope=who)
    assert refused == Refused(objection)
    assert (world.gateway.sent, world.gateway.charged) == (0, 0)


async def test_who_was_signed_out_everywhere_charges_and_pays_nothing(world):
    world.saves()
    scope = world.signs_in()
    world.signed_out.add("dana")
    assert await world.charges(scope=scope) == Refused(Objection.PROVE_AGAIN)
    refused = await world.checkout.start("k2", "chat", "m", scope, await world.quote(INVOICE))
    assert refused == Refused(Objection.PROVE_AGAIN)


async def test_another_customers_method_is_gone_for_everybody_else(world):
    world.saves("pm_eve", "eve")
    world.saves()
    assert (await world.charges(saved="pm_eve")).objection is Objection.METHOD_GONE


@pytest.mark.parametrize(
    "how",
    [{"expires": "2026-02"}, {"kind": Method.BANK}, {"method": "pm_2"}, "blocked"],
    ids=["expired", "another kind", "removed", "blocked"],
)
async def test_a_method_that_cannot_be_charged_is_refused_before_anything_is_sent(world, how):
    world.saves(**({} if how == "blocked" else how))
    if how == "blocked":
        await world.rows(
            "INSERT INTO method_note (customer, method, blocked, changed_at) VALUES ('dana', 'pm_1', 'expired_card', 0)"
            " RETURNING method"
        )
    refused = await world.charges()
    assert (refused.objection, refused.invoice.number) == (Objection.METHOD_GONE, "INV-1042")
    assert world.gateway.sent == 0


async def test_a_card_is_good_until_its_last_month_is_over_everywhere(world):
    world.saves(expires="2026-03")
    world.at = world.at.replace(month=4, day=1, hour=11)
    assert (await world.charges()).state is S.SUCCEEDED
    world.books.add("INV-2")
    world.passes(hours=2)
    assert (await world.charges("k2", "book:INV-2")).objection is Objection.METHOD_GONE


async def test_a_page_offers_to_save_only_to_a_customer_who_proved_it_here(world):
    scopes = {
        "signed in": world.signs_in(),
        "by the page": world.signs_in(proof="page"),
        "elsewhere": world.signs_in(chat="another"),
    }
    offered = {}
    for name, scope in scopes.items():
        world.books.add(name)
        quote = await world.quote(f"book:{name}")
        opened = await world.checkout.start(name, "chat", name, scope, quote)
        offered[name] = opened.reference
    offered["a link"] = (await world.start("k-link")).reference
    customers = {request.reference: request.customer for request in world.gateway.requests.values()}
    assert {name: customers[reference] for name, reference in offered.items()} == {
        "signed in": vault_name("dana"),
        "by the page": "",
        "elsewhere": "",
        "a link": "",
    }
    # whose payment it is is known all the same
    assert set(await world.rows("SELECT customer FROM payment")) == {("dana",)}


def test_a_gateway_never_learns_our_name_of_a_customer():
    name = vault_name("dana@example.com")
    assert len(name) == 32
    assert name.isalpha()
    assert name != vault_name("Dana@example.com")


# --- methods that a bank refuses for good


@pytest.mark.parametrize("reason", [Reason.NOT_AUTHORIZED, Reason.ACCOUNT_CLOSED, Reason.NO_ACCOUNT, Reason.STOPPED])
@pytest.mark.parametrize("end", [FactKind.RETURNED, FactKind.FAILED])
async def test_a_bank_account_that_may_not_be_debited_again_is_blocked(world, reason, end):
    world.saves(kind=Method.BANK)
    world.gateway.will = [(FactKind.PROCESSING, None)]
    paid = await world.charges(method=Method.BANK)
    if end is FactKind.RETURNED:
        await world.reports(paid.reference, FactKind.SUCCEEDED)
    await world.reports(paid.reference, end, reason=reason)
    (method,) = (await world.wallet.methods("dana")).saved
    assert method.blocked is reason
    await world.work()
    world.passes(hours=1)
    assert (await world.charges("k2", method=Method.BANK)).objection is Objection.METHOD_GONE


async def test_an_account_without_enough_money_is_charged_again(world):
    world.saves(kind=Method.BANK)
    world.gateway.will = [(FactKind.PROCESSING, None)]
    paid = await world.charges(method=Method.BANK)
    await world.reports(paid.reference, FactKind.FAILED, reason=Reason.INSUFFICIENT_FUNDS)
    (method,) = (await world.wallet.methods("dana")).saved
    assert method.blocked is None


async def test_a_card_that_expired_is_blocked_by_the_decline(world):
    world.saves()
    world.gateway.will = [(FactKind.DECLINED, Reason.EXPIRED_CARD)]
    await world.charges()
    (method,) = (await world.wallet.methods("dana")).saved
    assert method.blocked is Reason.EXPIRED_CARD


async def test_what_was_typed_on_the_page_instead_blocks_no_saved_method(world):
    world.saves()
    world.saves("pm_bank", kind=Method.BANK)
    world.gateway.will = NOTHING
    waiting = await world.charges()
    await world.reports(waiting.reference, FactKind.DECLINED, reason=Reason.EXPIRED_CARD)
    await world.checkout.close("chat", waiting.reference)
    other = await world.charges("k2", saved="pm_bank", method=Method.BANK)
    await world.reports(other.reference, FactKind.PROCESSING)
    await world.reports(other.reference, FactKind.FAILED, reason=Reason.NO_ACCOUNT)
    assert [method.blocked for method in (await world.wallet.methods("dana")).saved] == [None, None]


async def test_a_payment_by_a_typed_account_blocks_nothing(world):
    world.saves(kind=Method.BANK)
    opened = await world.start(method=Method.BANK)
    await world.reports(opened.reference, FactKind.PROCESSING)
    await world.reports(opened.reference, FactKind.FAILED, reason=Reason.NO_ACCOUNT)
    assert await world.rows("SELECT * FROM method_note") == []


async def test_one_charge_may_pay_several_invoices(world):
    world.saves()
    world.books.add("INV-2", 3000)
    paid = await world.charges("k1", "book:INV-2", INVOICE)
    assert (paid.state, paid.amount, paid.parts) == (S.SUCCEEDED, Money(15000, "USD"), (12000, 3000))
    await world.work()
    assert [(await world.books.get(i)).due.minor for i in paid.invoices] == [0, 0]
