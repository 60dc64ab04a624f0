"""Every look-up, effect and service that takes a scope or a chat, tried by everybody on what is somebody else's.

Which there are is read from the code: a new one fails here until its entry says how it is tried. What is somebody else's
is answered in the same words as what does not exist, tells nothing, and stays as it is.
"""

import inspect
from typing import Any, get_args

import msgspec
import pytest

from dialogs.model import (
    AskAgent,
    AutopayOf,
    BillingOf,
    CallAgent,
    CarryOver,
    CheckCode,
    CloseCheckout,
    CloseLeftPage,
    CountHelp,
    DetailsOf,
    EditMethod,
    Effect,
    HandBack,
    InvoicesOf,
    LookUp,
    MethodsOf,
    NoteGap,
    NoteProposal,
    OneInvoice,
    OpenRequest,
    OwnInvoice,
    PaymentNow,
    PaymentsOf,
    ProveInvoice,
    RateHandoff,
    Remember,
    RequestsOf,
    ResumePayment,
    SaveDetails,
    SendCode,
    SendReceipt,
    SetAutopay,
    SheetOf,
    SignOut,
    StartPayment,
)
from services.hops import Hops
from services.invoices.access import Access
from services.model import Customer, Method, Money, Revision, Terms
from services.payments.autopay.orders import StandingOrders
from services.payments.checkout import Checkout
from services.payments.receipt_requests import ReceiptRequests
from services.payments.wallet import Wallet
from services.payments.wishes import Wishes
from services.sign_in import SignIn
from services.visitors import Visitors
from tests.scope.town import NAMES, NOTHING, Goods, Town

# who tries, and whose it is; a link of Dana's opens her invoice alone, so Dana's own goods are tried by entries below
ACROSS = [("dana", "marco"), *((name, "dana") for name in NAMES[1:]), *((name, "marco") for name in NAMES[2:])]
HELD = {"link", "lookup"}  # who may see Dana's INV-1042, and nothing else of hers


def _invoice(goods: Goods, asker: str, owner: str) -> str:
    """An invoice of the owner that this asker holds no link of."""
    return "portal:inv-1031" if owner == "dana" and asker in HELD else goods.invoice


def _number(goods: Goods, asker: str, owner: str) -> str:
    return "INV-1031" if owner == "dana" and asker in HELD else goods.number


# Each: (kind, scope of who tries, goods, who tries, owner) -> what is tried. Called with the owner's goods and with `NOTHING`.
LOOK_UPS: dict[Any, Any] = {
    OneInvoice: lambda scope, goods, who, owner: [OneInvoice(scope, _invoice(goods, who, owner))],
    BillingOf: lambda scope, goods, who, owner: [BillingOf(scope, _invoice(goods, who, owner))],
    SheetOf: lambda scope, goods, who, owner: [SheetOf(scope, _invoice(goods, who, owner))],
    PaymentNow: lambda _scope, goods, who, _owner: [PaymentNow(f"web:{who}", goods.payment)],
    OwnInvoice: lambda scope, goods, who, owner: (
        [OwnInvoice(scope, _number(goods, who, owner))] if isinstance(scope, Customer) else []
    ),
    # these name nobody but the scope itself: what they tell must be its own
    InvoicesOf: lambda scope, *_: [InvoicesOf(scope)] if isinstance(scope, Customer) else [],
    DetailsOf: lambda scope, *_: [DetailsOf(scope)] if isinstance(scope, Customer) else [],
    AutopayOf: lambda scope, *_: [AutopayOf(scope)] if isinstance(scope, Customer) else [],
    MethodsOf: lambda scope, *_: [MethodsOf(scope)] if isinstance(scope, Customer) else [],
    PaymentsOf: lambda scope, *_: [PaymentsOf(scope)] if isinstance(scope, Customer) else [],
    # also under the name of the owner's chat, which nobody else's conversation has
    RequestsOf: lambda scope, goods, *_: [RequestsOf(scope, goods.chat)],
}

EFFECTS: dict[Any, Any] = {
    # number and zip together are a proof, whoever knows them; a number alone is none, and a wrong zip tells nothing
    ProveInvoice: lambda _scope, goods, *_: [ProveInvoice(goods.number, "00000")],
    StartPayment: lambda scope, goods, who, owner: [
        StartPayment(scope, _quote(goods, who, owner)),
        StartPayment(scope, _quote(goods, who, owner, saved=True)),
    ],
    ResumePayment: lambda _scope, goods, *_: [ResumePayment(goods.payment)],
    CloseCheckout: lambda _scope, goods, *_: [CloseCheckout(goods.payment)],
    CloseLeftPage: lambda scope, goods, who, owner: [CloseLeftPage(scope, _invoice(goods, who, owner))],
    # a person reads it; to whoever asked nothing is told but a number
    CallAgent: lambda _scope, goods, *_: [CallAgent("asked", "help", goods.invoice, goods.payment)],
    # letters go to the address on file and nowhere else; who asked is told the same for every address
    SendCode: lambda scope, goods, *_: [
        SendCode(goods.email, "sign_in", scope),
        SendCode(goods.email, "old_address", scope),
    ],
    CheckCode: lambda scope, goods, *_: [
        CheckCode("000000", goods.email, purpose, scope) for purpose in ("sign_in", "old_address", "new_address")
    ],
    # these name nobody but the scope itself: they end, keep and change the asker's own
    SignOut: lambda scope, *_: [SignOut(scope), SignOut(scope, True)] if isinstance(scope, Customer) else [],
    Remember: lambda scope, *_: [Remember(scope)] if isinstance(scope, Customer) else [],
    # an address that is somebody else's would make two accounts one: it takes a code from there
    SaveDetails: lambda scope, goods, *_: (
        [SaveDetails(scope, Revision(email=goods.email))] if isinstance(scope, Customer) else []
    ),
    EditMethod: lambda scope, goods, *_: (
        [EditMethod(scope, what, goods.method, "mine") for what in ("favorite", "nickname", "remove")]
        if isinstance(scope, Customer)
        else []
    ),
    # an authorisation is to a method of one's own; the others end what is the asker's
    SetAutopay: lambda scope, goods, *_: (
        [
            SetAutopay(scope, "agree", Terms(goods.method, Method.CARD, "visa", "4242", Money(10000, "USD"), 0)),
            *(SetAutopay(scope, what) for what in ("pause", "resume", "leave")),
        ]
        if isinstance(scope, Customer)
        else []
    ),
    OpenRequest: lambda scope, goods, who, owner: [
        OpenRequest(scope, "refund", "why", payment=goods.payment),
        OpenRequest(scope, "dispute", "why", payment=goods.payment, invoice=_invoice(goods, who, owner)),
        OpenRequest(scope, "dispute", "why", invoice=_invoice(goods, who, owner), number=goods.number),
    ],
    SendReceipt: lambda scope, goods, *_: [SendReceipt(scope, goods.payment)] if isinstance(scope, Customer) else [],
    # the runtime's, for what left its own chat: services perform none (who follows the link of a chat: test_hops)
    CarryOver: lambda *_: [CarryOver("telegram:thief")],
    # these name nobody's thing, and tell nothing: the business reads them
    CountHelp: lambda *_: [CountHelp("privacy", helped=True)],
    NoteGap: lambda *_: [NoteGap("what do others owe?", "en")],
    # of the chat that they come from, and of no other: tests/desk
    AskAgent: lambda *_: [AskAgent("misses")],
    NoteProposal: lambda *_: [NoteProposal(1, "declined")],
    HandBack: lambda *_: [HandBack()],
    RateHandoff: lambda *_: [RateHandoff(1, 1)],
}


def _quote(goods: Goods, who: str, owner: str, *, saved: bool = False) -> Any:
    quote = goods.quote(goods.method if saved else "")
    line = msgspec.structs.replace(quote.lines[0], invoice=_invoice(goods, who, owner))
    return msgspec.structs.replace(quote, lines=(line,))


def test_every_look_up_and_effect_says_how_it_is_tried():
    for every, tried, name in ((LookUp, LOOK_UPS, "LOOK_UPS"), (Effect, EFFECTS, "EFFECTS")):
        missing = {kind.__name__ for kind in set(get_args(every)) - set(tried)}
        assert not missing, f"say in {name} of {__file__} how {missing} is tried on what is somebody else's"
        assert set(tried) == set(get_args(every)), "an entry is left of what is gone"


async def outcome(work: Any) -> Any:
    """What is answered, or what kind of bug it would be to ask."""
    try:
        return await work
    except (LookupError, ValueError, TypeError) as error:
        return type(error)


def alike(told: object, owner: Goods) -> str:
    """An answer as it reads when the names that were asked for are left out of it."""
    text = repr(told)
    for mine, none in zip(msgspec.to_builtins(vars(owner)).values(), vars(NOTHING).values(), strict=True):
        text = text.replace(str(mine), str(none)) if isinstance(mine, str) else text
    return text


@pytest.mark.parametrize(("who", "owner"), ACROSS)
async def test_no_look_up_tells_what_is_somebody_elses(town: Town, who, owner):
    hands, scope, goods = town.world.remit.runtime._hands, await town.scope(who), town.goods[owner]
    before = await town.dump()
    for kind, tries in LOOK_UPS.items():
        for theirs, nothing in zip(tries(scope, goods, who, owner), tries(scope, NOTHING, who, ""), strict=True):
            told = await hands.look_up(theirs)
            assert told == await hands.look_up(nothing), f"{kind.__name__} tells {who} that {owner} has it"
            leaked = {secret for secret in town.secrets(owner, who) if secret in repr(told)}
            assert not leaked, f"{kind.__name__} tells {who} {leaked}"
    assert await town.dump() == before


@pytest.mark.parametrize(("who", "owner"), ACROSS)
async def test_no_effect_reaches_what_is_somebody_elses(town: Town, who, owner):
    for kind in sorted(EFFECTS, key=lambda kind: kind is SignOut):  # after which nobody is there to try
        await _tried_by(town, kind, who, owner)


async def _tried_by(town: Town, kind: Any, who: str, owner: str) -> None:
    world, scope, goods = town.world, await town.scope(who), town.goods[owner]
    hands, chat = world.remit.runtime._hands, f"web:{who}"
    before, letters = await town.dump(who), len(world.mail.letters)
    for n, (theirs, nothing) in enumerate(
        zip(EFFECTS[kind](scope, goods, who, owner), EFFECTS[kind](scope, NOTHING, who, ""), strict=True)
    ):
        await town.world.remit.postman.drain()
        world.clock.advance(seconds=30)  # codes are sent no faster
        told = await outcome(hands.perform(f"theirs/{kind.__name__}/{n}", chat, f"t{n}", "", theirs))
        world.clock.advance(seconds=30)
        same = await outcome(hands.perform(f"nothing/{kind.__name__}/{n}", chat, f"n{n}", "", nothing))
        if kind is not CallAgent:  # whose answers are numbered
            assert alike(told, goods) == alike(same, goods), f"{kind.__name__} tells {who} that {owner} has it"
        leaked = {secret for secret in town.secrets(owner, who) if secret in repr(told)}
        assert not leaked, f"{kind.__name__} tells {who} {leaked}"
    await world.remit.postman.drain()
    assert await town.dump(who) == before, f"{kind.__name__} of {who} changed what is not theirs"
    assert {letter.to for letter in world.mail.letters[letters:]} <= {goods.email}
    assert await world.remit.visitors.holds(await town.scope(owner)), f"{kind.__name__} of {who} signed {owner} out"
    assert await world.remit.visitors.by_browser(goods.browser, goods.chat) is not None


# --- by the services, whoever calls them -------------------------------------------------------------------------------

# Every method that takes a scope, a chat or a customer, and where it is tried; a sentence says why it needs no try.
SERVICES = (Access, Checkout, StandingOrders, Wishes, ReceiptRequests, Wallet, Visitors, SignIn, Hops)
TRIED: dict[str, Any] = {
    "Access.may": "asks nothing but whether a sign-in still counts: test_over_time",
    "Access.invoice": OneInvoice,
    "Access.billing": BillingOf,
    "Access.sheet": SheetOf,
    "Access.pdf": "test_a_document_is_for_who_may_see_name_and_address",
    "Access.own": OwnInvoice,
    "Access.listing": InvoicesOf,
    "Access.details": DetailsOf,
    "Access.methods": MethodsOf,
    "Access.payments": PaymentsOf,
    "Access.requests": RequestsOf,
    "Checkout.start": StartPayment,
    "Checkout.start_standing": "asks the ledger whether an authorisation covers it: ledger/test_autopay",
    "StandingOrders.of": AutopayOf,
    "StandingOrders.change": SetAutopay,
    "Checkout.resume": ResumePayment,
    "Checkout.close": CloseCheckout,
    "Checkout.close_left": CloseLeftPage,
    "Checkout.refresh": PaymentNow,
    "Checkout.latest": "names a chat, and is asked by the runtime for the chat that is lost: test_shared_chats",
    "SignIn.was_used_in": "names a chat, and is asked by the runtime for the chat that is lost: test_shared_chats",
    "Wishes.open": OpenRequest,
    "ReceiptRequests.mail": SendReceipt,
    "Wallet.methods": "behind Access.methods, which asks first",
    "Wallet.edit": EditMethod,
    "Visitors.scope": "makes a scope of a proof that was checked a moment before",
    "Visitors.holds": "test_over_time",
    "Visitors.remember": Remember,
    "Visitors.browser_token": "test_a_token_of_a_browser_is_made_in_its_own_chat_alone",
    "Visitors.by_browser": "whoever has the token is its customer: a capability, until that signs out (test_over_time)",
    "Visitors.by_page": "tests/identity/test_page_tokens",
    "Visitors.sign_out": SignOut,
    "Hops.issue": "names the chat that asks, by the renderer of its own turn: test_hops",
    "Hops.look": "whoever has the token may: a capability, for ten minutes and once (test_hops, channels/test_hops)",
    "Hops.use": "as Hops.look",
    "SignIn.send_code": SendCode,
    "SignIn.check_code": CheckCode,
    "SignIn.may_change_address": SaveDetails,
}
_WHO = {"scope", "chat", "customer"}


def test_every_service_that_takes_a_scope_or_a_chat_says_where_it_is_tried():
    found = {
        f"{service.__name__}.{name}"
        for service in SERVICES
        for name, method in inspect.getmembers(service, inspect.isfunction)
        if not name.startswith("_") and _WHO & set(inspect.signature(method).parameters)
    }
    missing = found - set(TRIED)
    assert not missing, f"say in TRIED of {__file__} where {missing} is tried on what is somebody else's"
    assert found == set(TRIED), "an entry is left of what is gone"


async def test_a_document_is_for_who_may_see_name_and_address(town: Town):
    access, dana, marco = town.world.remit.access, town.goods["dana"], town.goods["marco"]
    may = {"dana", "link"}
    for who in NAMES:
        scope = await town.scope(who)
        assert (await access.pdf(scope, dana.invoice) is not None) is (who in may), who
        assert (await access.pdf(scope, marco.invoice) is not None) is (who == "marco"), who
        assert await access.pdf(scope, NOTHING.invoice) is None
        assert await access.pdf(scope, "portal:inv-1031") is None or who == "dana"


@pytest.mark.parametrize(("chat", "owner"), [("dana", "marco"), ("marco", "dana"), ("stranger", "dana")])
async def test_a_token_of_a_browser_is_made_in_its_own_chat_alone(town: Town, chat, owner):
    visitors, scope = town.world.remit.visitors, await town.scope(owner)
    assert isinstance(scope, Customer)
    before = await town.dump()
    assert await visitors.browser_token(scope, f"web:{chat}") is None
    assert await visitors.remember(scope, f"web:{chat}") is None
    assert await town.dump() == before


async def test_the_sum_of_keys_is_told_to_nobody(town: Town):
    """Effects are done once per key, so whoever could choose one would get another's answer: keys are drawn, and kept."""
    epochs = {(await town.talk(name)).epoch for name in NAMES}
    assert len(epochs) == len(NAMES)
    assert all(len(epoch) == 32 for epoch in epochs)
    for name in NAMES:
        told = repr(await town.world.store.since(f"web:{name}", 0))
        assert not [epoch for epoch in epochs if epoch in told]
