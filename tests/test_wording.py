"""Every sentence that the dialog can say exists in every language, and names only values that it is given.

What can be said is read from the source of the dialog itself: a key that is computed has to be listed here, so that a
new one cannot be forgotten.
"""

import ast
import string
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import get_args

import pytest
from babel import Locale
from msgspec.structs import replace

import dialogs
from bot.channels.telegram import COMMANDS
from bot.settings import CONFIG
from bot.wording import Wording, money
from dialogs.flows.autopay import _DAYS, noticed
from dialogs.flows.autopay import Why as WhyNot
from dialogs.flows.details import FIELDS, SeeDetails, shown
from dialogs.flows.handoff import CallPerson
from dialogs.flows.invoices import SeeInvoice, SeeInvoices
from dialogs.flows.lists import payment_row, request_row, rows
from dialogs.flows.methods import SeeMethods
from dialogs.flows.pay import refusal
from dialogs.flows.sign_in import Why
from dialogs.flows.status import describe, news, of_invoice, of_payment
from dialogs.guesses import ACTS, can_be_offered
from dialogs.model import DetailsOf, House, InvoicesOf, Known, MethodsOf, OwnInvoice, Reply, Say, SheetOf, Slot, View
from dialogs.wishes import _NEEDED
from services.model import (
    Customer,
    Details,
    Filter,
    Invoice,
    InvoiceState,
    InvoiceStatus,
    Listing,
    Method,
    Methods,
    Money,
    Notice,
    Notices,
    Objection,
    Payment,
    PaymentState,
    Reason,
    Request,
    Rules,
    SavedMethod,
    Sheet,
    SheetLine,
    Spread,
    Stranger,
    Sum,
)
from services.sandbox.look import readable

ROOT = Path(dialogs.__file__).parent
FILES = sorted((CONFIG / "wording").glob("*.toml"))
AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
INVOICE = Invoice("i", "INV-1", "1", "c", "Dana", Money(100, "USD"), Money(100, "USD"), date(2026, 2, 1))
PAYMENT = Payment("RM-1", PaymentState.OPEN, Money(100, "USD"), Method.CARD, ("INV-1",), ("i",), AT)
HOUSE = House("Green Lane", "555", Rules())
CUSTOMER = Customer("c", AT, "web:one", AT + timedelta(hours=12))
SUM = Sum("USD", payable=100, overdue=50, processing=30, paid=900)
SHEET_OF = SheetOf(CUSTOMER, "i")
SHEET = Sheet("i", (SheetLine("Mowing", Money(60, "USD"), "2 h"), SheetLine("Hedges", Money(40, "USD"))), more=3)
WHOLE = {"already_paid", "void", "credit_note", "all_processing", "currency_not_taken"}  # about an invoice
AMOUNTS = {"wrong_currency", "not_positive", "below_minimum", "above_due", "full_only"}
REASONS = {"asked", "complaint", "lookup_locked", "sign_in_locked", "refund"}
PAGES = {Reason.PAGE_EXPIRED, Reason.PAGE_CLOSED, Reason.NEVER_OPENED}
BACK = {"insufficient_funds", "account_closed", "no_account", "stopped", "not_authorized", "returned_other"}
KINDS = {"all", "payable", "dated", "some", *InvoiceStatus}  # of lists of invoices
DATED = {"open", "due", "overdue", "partly_paid"}  # ... of which a row says when they are due
ASKED = {"refund", "dispute"}  # of a person
NOTICES = {"planned", "again", "stopped", "gave_up", "above_limit", "needs_you"}  # of autopay
LINKS = {"checkout", "document", "help", "hop", "receipt"}  # kinds of links that are shown
BESIDE = (
    {f"command_{each}" for each in COMMANDS} | {f"open_{kind}" for kind in LINKS} | {"only_private", "choose"}
)  # a conversation
WORDS = {"all", "receipts", "reminders", "none"}  # for what a customer is told by e-mail


def each(key: str, *kinds: object) -> set[str]:
    return {key.format(kind) for kind in kinds}


# Keys that are computed, as they are written in the source, and all that they can become.
COMPUTED = {
    "act": {"card_typed", "too_long"},
    "f'link_{event.standing}'": {"link_expired", "link_unknown"},
    "f'button_change_{slot}'": each("button_change_{}", Slot.AMOUNT, Slot.METHOD, Slot.NAME, Slot.ZIP),
    "f'button_{method}'": each("button_{}", *Method),
    "f'button_new_{method}'": each("button_new_{}", *Method),
    "f'button_{m}_instead'": each("button_{}_instead", *Method),
    "f'button_spread_{other}'": each("button_spread_{}", Spread.OLDEST, Spread.EVENLY),
    "f'confirm_{how.method}'": each("confirm_{}", *Method),
    "f'confirm_saved_{how.method}'": each("confirm_saved_{}", *Method),
    "f'called_{saved.method}'": each("called_{}", *Method),
    "f'title_{saved.method}'": each("title_{}", *Method),
    "f'method_not_taken_{task.method}'": each("method_not_taken_{}", *Method),
    "f'stopping_{self.leaving}'": {"stopping_change", "stopping_drop", "stopping_restart"},
    "f'paid_{payment.method}'": each("paid_{}", *Method),
    "f'declined_{reason}'": each("declined_{}", *(reason for reason in Reason if reason not in PAGES)),
    "f'failed_{payment.reason or _UNSAID[payment.state]}'": each("failed_{}", *Reason),
    "f'returned_{reason}'": each("returned_{}", *BACK),
    "f'refused_{problem}'": each("refused_{}", *Objection),
    "f'person_called_{reason}'": each("person_called_{}", *REASONS),
    "f'state_{payment.state}'": each("state_{}", *PaymentState),
    "f'status_{status}'": each("status_{}", *InvoiceStatus),
    "f'row_{status}'": each("row_{}", *InvoiceStatus),
    "f'row_{status}_undated'": each("row_{}_undated", *DATED),
    "f'invoices_{kind}'": each("invoices_{}", *KINDS),
    "f'no_invoices_{kind}'": each("no_invoices_{}", *KINDS),
    "f'row_request_{request.kind}'": each("row_request_{}", *ASKED),
    "f'request_opened_{self.kind}'": each("request_opened_{}", *ASKED),
    "f'ask_why_{self.kind}'": each("ask_why_{}", *ASKED),
    "f'ask_payment_{self.kind}'": each("ask_payment_{}", *ASKED),
    "next:f'why_{each}'": each("why_{}", "twice", "amount", "work", "other"),
    "f'sign_in_for_{self.why or 'all'}'": each("sign_in_for_{}", "all", *(why for why in get_args(Why) if why)),
    "f'button_detail_{each}'": each("button_detail_{}", *FIELDS),
    "f'ask_new_{self.field}'": each("ask_new_{}", *FIELDS),
    "f'sure_{self.field}'": each("sure_{}", *FIELDS),
    "f'saved_{self.field}'": each("saved_{}", *FIELDS),
    "f'language_{details.language}'": {"language_en", "language_es"},
    "f'language_{self.value}'": {"language_en", "language_es"},
    "f'language_{each}'": each("language_{}", *(file.stem for file in FILES)),
    "f'notices_{notices_word(details.notices)}'": each("notices_{}", *WORDS),
    "f'notices_{self.value}'": each("notices_{}", *WORDS),
    "f'button_notices_{word}'": each("button_notices_{}", *WORDS),
    "f'mean_{intent}'": each("mean_{}", *filter(can_be_offered, ACTS)),
    "f'button_autopay_{slot}'": each("button_autopay_{}", Slot.AMOUNT, Slot.DAYS, Slot.METHOD),
    "f'button_days_{word}'": each("button_days_{}", *_DAYS),
    "f'autopay_done_{what}'": each("autopay_done_{}", "pause", "resume", "leave"),
    "f'autopay_why_{word}'": each("autopay_why_{}", *get_args(WhyNot)),
    "f'autopay_notice_{notice.kind}{about}'": each("autopay_notice_{}", *NOTICES, "stopped_of"),
    "f'autopay_{payment.state}'": {"autopay_processing", "autopay_succeeded"},
    "f'needed_{asked}'": each("needed_{}", *_NEEDED),
    "payment.state": {"refunded", "part_refunded", "disputed", "won", "lost"},
    "problem": AMOUNTS,  # `objection`; what `standing` finds is said by `describe`
    "problem or 'invoice_status'": WHOLE | {"invoice_status"},
    "page_open:key": {"page_open", "not_paid_yet", "bank_asks"},
}
METHODS = {f"method_{method}" for method in Method}  # said by `bot.wording` for a value
# What functions give as values that make them otherwise than by writing them down.
BUILT = {
    "of_invoice": set(of_invoice(INVOICE, AT.date())),
    "of_payment": set(of_payment(PAYMENT)),
    "shown": set(shown(Details(), ("en",))),
}


class _Source:
    """Every function of the dialog, and who calls it with what: values are followed to where they are written down."""

    def __init__(self) -> None:
        self.modules = {
            ".".join(file.relative_to(ROOT.parent).with_suffix("").parts): ast.parse(file.read_text(encoding="utf-8"))
            for file in sorted(ROOT.rglob("*.py"))
        }
        self.functions: dict[tuple[str, str], ast.FunctionDef] = {}  # by module and name
        self.home: dict[ast.FunctionDef, tuple[str, str]] = {}
        self.calls: dict[tuple[str, str], list[tuple[ast.Call, ast.FunctionDef]]] = {}
        for module, tree in self.modules.items():
            for node in _within(tree, ast.FunctionDef):
                self.functions[module, node.name] = node
                self.home[node] = (module, node.name)
        for node, (module, _) in self.home.items():
            for call in _within(node, ast.Call):
                if isinstance(call.func, ast.Name):
                    self.calls.setdefault(self._meant(call.func.id, module), []).append((call, node))

    def _meant(self, name: str, module: str) -> tuple[str, str]:
        """Where the function is written that a module calls by this name."""
        for node in _within(self.modules[module], ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return node.module, alias.name
        return module, name

    def names(self, values: ast.expr, where: ast.FunctionDef) -> set[str]:
        """The names that these values have in any case, wherever in a function they are written."""
        match values:
            case ast.Dict():
                own = {key.value for key in values.keys if isinstance(key, ast.Constant)}
                spread = (v for key, v in zip(values.keys, values.values, strict=True) if key is None)
                return own.union(*(self.names(value, where) for value in spread))
            case ast.Name(id=name) if found := list(_assigned(name, where)):
                return _common(self.names(value, where) for value in found)
            case ast.Name(id=name):
                return self._handed(name, where)
            case ast.Call(func=ast.Name(id=name)) if name in BUILT:
                return BUILT[name]
            case ast.Call(func=ast.Name(id=name)):
                function = self.functions[self._meant(name, self.home[where][0])]
                back = (node.value for node in _within(function, ast.Return) if node.value is not None)
                return _common(self.names(value, function) for value in back)
        raise AssertionError(f"{where.name}: cannot tell what {ast.unparse(values)} holds")

    def _handed(self, name: str, where: ast.FunctionDef) -> set[str]:
        """The names of values that a function is given by those who call it."""
        place = [arg.arg for arg in where.args.args].index(name)
        callers = self.calls.get(self.home[where], ())
        return _common(self.names(call.args[place], caller) for call, caller in callers)


class _Said(ast.NodeVisitor):
    """Collects (key, names of the values given) of every `Say(...)` and `draft.say(...)` in a module."""

    def __init__(self, source: _Source) -> None:
        self.found: list[tuple[str, frozenset[str]]] = []
        self.computed: set[str] = set()  # entries of `COMPUTED` that were needed
        self._source = source
        self._function = ast.parse("def module(): ...").body[0]

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._function = self._function, node
        if node.name != "say":  # `Draft.say` only hands on what its callers say
            self.generic_visit(node)
        self._function = outer

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "Say":
            names = self._source.names(node.args[1], self._function) if len(node.args) > 1 else set()
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "say":
            assert all(keyword.arg for keyword in node.keywords), "values that cannot be read here"
            names = {keyword.arg for keyword in node.keywords if keyword.arg}
        else:
            return
        self.found.extend((key, frozenset(names)) for key in self._keys(node.args[0]))

    def _keys(self, key: ast.expr) -> set[str]:
        match key:
            case ast.Constant(value=str(written)):
                return {written}
            case ast.IfExp():
                return self._keys(key.body) | self._keys(key.orelse)
            case ast.Subscript(value=ast.Dict() as table):
                return set().union(*map(self._keys, table.values))
            case ast.Name(id="key") if found := list(_assigned("key", self._function)):
                return set().union(*map(self._keys, found))
        written = ast.unparse(key).replace('"', "'")
        here = f"{self._function.name}:{written}"
        entry = here if here in COMPUTED else written
        self.computed.add(entry)
        return COMPUTED[entry]


def _within(function: ast.AST, kind: type) -> Iterator[ast.AST]:
    return (node for node in ast.walk(function) if isinstance(node, kind))


def _assigned(name: str, where: ast.FunctionDef) -> Iterator[ast.expr]:
    """Everything that this name is made in a function."""
    for node in ast.walk(where):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            yield from (node.value for target in targets if isinstance(target, ast.Name) and target.id == name)


def _common(found: Iterator[set[str]]) -> set[str]:
    every = list(found)
    assert every, "values that nobody gives"
    return set.intersection(*every)


def read() -> _Said:
    source = _Source()
    visitor = _Said(source)
    for tree in source.modules.values():
        visitor.visit(tree)
    return visitor


def said() -> list[tuple[str, frozenset[str]]]:
    return read().found


def names_in(sentence: str | dict[str, str]) -> set[str]:
    forms = [sentence] if isinstance(sentence, str) else sentence.values()
    return {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name is not None}


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def wording(request):
    return request.param


def test_everything_that_can_be_said_has_a_sentence_and_nothing_else_has(wording):
    sentences = set(tomllib.loads(wording.read_text(encoding="utf-8")))
    assert {key for key, _ in said()} | METHODS | BESIDE == sentences


def test_no_sentence_names_a_value_that_it_is_not_given(wording):
    sentences = tomllib.loads(wording.read_text(encoding="utf-8"))
    missing = {(key, name) for key, names in said() for name in names_in(sentences[key]) - names}
    assert not missing


def test_every_language_has_a_sentence_for_every_state_and_reason_of_a_payment(wording):
    speaks = Wording.load(wording, UTC)
    for state, reason, method in product(PaymentState, (None, *Reason), Method):
        payment = Payment("RM-1", state, Money(100, "USD"), method, ("INV-1",), ("i",), AT, "visa", "4242", reason)
        on_its_way = replace(payment, saved=True, submitted_at=AT, expected=AT.date(), happened_at=AT)
        arrived = replace(on_its_way, numbers=("INV-1", "INV-2"), invoices=("i", "j"), cleared_at=AT)
        for told in (payment, on_its_way, arrived, replace(arrived, parts=(60, 40))):
            assert_plain(_spoken(speaks, news(told)))
            assert_plain([speaks.say(payment_row(told))])


@pytest.mark.parametrize("due_date", [None, AT.date() - timedelta(days=1), AT.date(), AT.date() + timedelta(days=30)])
def test_every_language_has_a_row_for_every_standing_of_an_invoice(wording, due_date):
    speaks, dated = Wording.load(wording, UTC), replace(INVOICE, due_date=due_date)
    standings = [replace(dated, state=state) for state in InvoiceState]
    standings += [
        replace(dated, processing=100),
        replace(dated, disputed=True),
        replace(dated, total=Money(300, "USD")),
    ]
    for invoice in standings:
        (row,) = rows((invoice,), AT.date()).items
        assert invoice.number in speaks.say(row)
        told = shows(SeeInvoice(invoice.number), (OwnInvoice(CUSTOMER, invoice.number), invoice), (SHEET_OF, SHEET))
        assert_plain([speaks.say(row), *_spoken(speaks, told)])


@pytest.mark.parametrize("asked", [Filter((status,)) for status in InvoiceStatus] + [
    Filter(), Filter(payable=True), Filter(since=AT.date()), Filter((InvoiceStatus.PAID, InvoiceStatus.VOID)),
])  # fmt: skip
def test_every_language_has_a_sentence_for_every_list_that_can_be_asked_for(wording, asked):
    speaks, look = Wording.load(wording, UTC), InvoicesOf(CUSTOMER, asked)
    some = shows(SeeInvoices(asked), (look, Listing((INVOICE,) * 20, 31, (SUM,))))
    none = shows(SeeInvoices(asked), (look, Listing((), 0, (SUM,))))
    assert_plain(_spoken(speaks, some) + _spoken(speaks, none))
    assert speaks.say(some.say) != speaks.say(none.say)


def test_every_language_tells_a_balance_of_everything_and_of_nothing(wording):
    speaks, look = Wording.load(wording, UTC), InvoicesOf(CUSTOMER, Filter(payable=True))
    for sums in ((), (SUM,), (Sum("USD"),), (SUM, replace(SUM, currency="NOK"))):
        assert_plain(_spoken(speaks, shows(SeeInvoices(balance=True), (look, Listing((INVOICE,), 1, sums)))))


def test_every_language_tells_of_every_saved_method_and_of_every_detail(wording):
    speaks = Wording.load(wording, UTC)
    kept = SavedMethod("m", Method.CARD, "visa", "4242", "2031-01")
    saved = (
        *(replace(kept, expires=month) for month in ("2026-02", "2026-03", "2031-01", "")),
        replace(kept, favorite=True, nickname="household", blocked=Reason.ACCOUNT_CLOSED),
        replace(kept, method=Method.BANK, brand="", expires=""),
    )
    assert_plain(_spoken(speaks, shows(SeeMethods(), (MethodsOf(CUSTOMER), Methods(saved)))))
    details = Details("Dana", "1 Elm St", "Springfield", "IL", "62701", "d@example.com", "555", "es")
    for told in (
        Details(),
        details,
        replace(details, notices=Notices(receipts=False)),
        replace(details, language="fr"),
    ):
        assert_plain(_spoken(speaks, shows(SeeDetails(), (DetailsOf(CUSTOMER), told))))


def test_every_language_has_a_row_for_every_request(wording):
    speaks = Wording.load(wording, UTC)
    for kind, answer, closed in product(("refund", "dispute"), ("", "Done."), (None, AT)):
        assert_plain([speaks.say(request_row(Request(7, kind, AT, "INV-1", "RM-1", answer, closed)))])


def test_every_objection_has_a_sentence_before_and_after_a_yes(wording):
    speaks = Wording.load(wording, UTC)
    for problem in Objection:
        assert speaks.say(refusal(problem, "INV-1", HOUSE)).strip()
    for problem in WHOLE:
        assert all(_spoken(speaks, describe(INVOICE, Objection(problem), AT.date())))


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_whoever_is_passed_on_hears_whom_to_call(wording, reason):
    view = View(HOUSE, "rasa:one", Stranger(), AT)
    (text, *_) = _spoken(Wording.load(wording, UTC), CallPerson(reason, called=True).next(view).reply)
    assert HOUSE.phone in text


@pytest.mark.parametrize("kind", sorted(NOTICES))
@pytest.mark.parametrize("reason", [*Reason, "method_gone", "never_asked", "changed"])
def test_every_language_says_what_autopay_has_to_tell_and_why(wording, kind, reason):
    speaks, sum_ = Wording.load(wording, UTC), Money(12000, "USD")
    for number, method in product(("INV-1", ""), Method):
        notice = Notice(kind, "i", number, sum_, AT.date(), method, "visa", "4242", str(reason), sum_)
        assert_plain(_spoken(speaks, noticed(notice)))


def test_a_currency_without_a_sign_does_not_stick_to_its_sum():
    english = Locale("en")
    sums = [Money(80200, "NOK"), Money(-80200, "NOK"), Money(80200, "USD"), Money(80200, "CAD"), Money(802, "JPY")]
    assert [money(each, english) for each in sums] == [
        "NOK\xa0802.00",
        "-NOK\xa0802.00",
        "$802.00",
        "CA$802.00",
        "¥802",
    ]
    assert readable(80200, "NOK") == "NOK\xa0802.00"  # the hosted page shows the sum that was agreed to in the chat


def test_a_computed_key_that_is_never_said_is_not_listed_here():
    assert read().computed == set(COMPUTED)


def shows(task, *facts) -> Reply:
    """What a task says at last, when these are the facts."""
    known = tuple(Known(lookup, fact, AT) for lookup, fact in facts)
    return task.next(View(HOUSE, "web:one", CUSTOMER, AT, known)).reply


def assert_plain(texts) -> None:
    for text in texts:
        assert text.strip()
        assert "{" not in text


def _spoken(speaks: Wording, reply: Reply) -> list[str]:
    says: list[Say] = [reply.say, *(choice.title for choice in reply.choices)]
    return [speaks.say(say) for say in says]
