"""Every sentence that the dialog can say exists in every language, and names only values that it is given.

What can be said is read from the source of the dialog itself: a key that is computed has to be listed here, so that a
new one cannot be forgotten.
"""

import ast
import string
import tomllib
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import pytest
from babel import Locale

import dialogs
from bot.settings import CONFIG
from bot.wording import Wording, money
from dialogs.flows.handoff import CallPerson
from dialogs.flows.pay import refusal
from dialogs.flows.status import describe, news, of_invoice, of_payment
from dialogs.model import House, Reply, Say, Slot, View
from services.model import Invoice, Method, Money, Objection, Payment, PaymentState, Reason, Rules, Stranger
from services.sandbox.look import readable

FILES = sorted((CONFIG / "wording").glob("*.toml"))
AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
INVOICE = Invoice("i", "INV-1", "1", "c", "Dana", Money(100, "USD"), Money(100, "USD"), date(2026, 2, 1))
PAYMENT = Payment("RM-1", PaymentState.OPEN, Money(100, "USD"), Method.CARD, ("INV-1",), ("i",), AT)
HOUSE = House("Green Lane", "555", Rules())
WHOLE = {"already_paid", "void", "credit_note", "all_processing", "currency_not_taken"}  # about an invoice
AMOUNTS = {"wrong_currency", "not_positive", "below_minimum", "above_due", "full_only"}
REASONS = {"asked", "lookup_locked", "refund"}
PAGES = {Reason.PAGE_EXPIRED, Reason.PAGE_CLOSED, Reason.NEVER_OPENED}
BACK = {"insufficient_funds", "account_closed", "no_account", "stopped", "not_authorized", "returned_other"}

# Keys that are computed, as they are written in the source, and all that they can become.
COMPUTED = {
    "act": {"card_typed", "too_long"},
    "f'link_{event.standing}'": {"link_expired", "link_unknown"},
    "f'button_change_{slot}'": {f"button_change_{slot}" for slot in (Slot.AMOUNT, Slot.METHOD, Slot.NAME, Slot.ZIP)},
    "f'button_{method}'": {f"button_{method}" for method in Method},
    "f'button_{m}_instead'": {f"button_{method}_instead" for method in Method},
    "f'confirm_{quote.method}'": {f"confirm_{method}" for method in Method},
    "f'method_not_taken_{self.method}'": {f"method_not_taken_{method}" for method in Method},
    "f'stopping_{self.leaving}'": {"stopping_change", "stopping_drop", "stopping_restart"},
    "f'paid_{payment.method}'": {f"paid_{method}" for method in Method},
    "f'declined_{reason}'": {f"declined_{reason}" for reason in Reason if reason not in PAGES},
    "f'failed_{payment.reason or _UNSAID[payment.state]}'": {f"failed_{reason}" for reason in Reason},
    "f'returned_{reason}'": {f"returned_{reason}" for reason in BACK},
    "f'refused_{problem}'": {f"refused_{problem}" for problem in Objection},
    "f'person_called_{reason}'": {f"person_called_{reason}" for reason in REASONS},
    "payment.state": {"refunded", "part_refunded", "disputed", "won", "lost"},
    "problem": AMOUNTS,  # `objection`; what `standing` finds is said by `describe`
    "problem or 'invoice_status'": WHOLE | {"invoice_status"},
    "page_open:key": {"page_open", "not_paid_yet"},
}
METHODS = {f"method_{method}" for method in Method}  # said by `bot.wording` for a value


_HANDED = {"_afterwards": ast.parse("of_payment(payment)", mode="eval").body}  # values that a function is given


class _Said(ast.NodeVisitor):
    """Collects (key, names of the values given) of every `Say(...)` and `draft.say(...)` in a module."""

    def __init__(self) -> None:
        self.found: list[tuple[str, frozenset[str]]] = []
        self._function: ast.FunctionDef | None = None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._function = self._function, node
        if node.name != "say":  # `_Draft.say` only hands on what its callers say
            self.generic_visit(node)
        self._function = outer

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "Say":
            names = self._names(node.args[1]) if len(node.args) > 1 else set()
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "say":
            names = {keyword.arg for keyword in node.keywords if keyword.arg}
        else:
            return
        self.found.extend((key, frozenset(names)) for key in self._keys(node.args[0]))

    def _keys(self, key: ast.expr) -> set[str]:
        if isinstance(key, ast.Constant):
            return {key.value}
        if isinstance(key, ast.IfExp):
            return self._keys(key.body) | self._keys(key.orelse)
        if isinstance(key, ast.Name) and key.id == "key" and (assigned := self._assigned("key")) is not None:
            return self._keys(assigned)
        written = ast.unparse(key).replace('"', "'")
        if written == "key":
            written = f"{self._function.name}:key"
        return COMPUTED[written]

    def _names(self, values: ast.expr) -> set[str]:
        if isinstance(values, ast.Dict):
            own = {key.value for key in values.keys if isinstance(key, ast.Constant)}
            spread = (self._names(value) for key, value in zip(values.keys, values.values, strict=True) if key is None)
            return own.union(*spread)
        if isinstance(values, ast.Name):
            return self._names(self._assigned(values.id) or _HANDED[self._function.name])
        assert isinstance(values, ast.Call)
        return set({"of_invoice": of_invoice(INVOICE, AT.date()), "of_payment": of_payment(PAYMENT)}[values.func.id])

    def _assigned(self, name: str) -> ast.expr | None:
        if self._function is None:
            return None
        for node in ast.walk(self._function):
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                return node.value
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                return node.value
        return None


def said() -> list[tuple[str, frozenset[str]]]:
    visitor = _Said()
    for file in Path(dialogs.__file__).parent.rglob("*.py"):
        visitor.visit(ast.parse(file.read_text(encoding="utf-8")))
    return visitor.found


def names_in(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def wording(request):
    return request.param


def test_everything_that_can_be_said_has_a_sentence_and_nothing_else_has(wording):
    sentences = set(tomllib.loads(wording.read_text(encoding="utf-8")))
    assert {key for key, _ in said()} | METHODS == sentences


def test_no_sentence_names_a_value_that_it_is_not_given(wording):
    sentences = tomllib.loads(wording.read_text(encoding="utf-8"))
    missing = {(key, name) for key, names in said() for name in names_in(sentences[key]) - names}
    assert not missing


def test_every_language_has_a_sentence_for_every_state_and_reason_of_a_payment(wording):
    speaks = Wording.load(wording, UTC)
    for state, reason, method in product(PaymentState, (None, *Reason), Method):
        payment = Payment("RM-1", state, Money(100, "USD"), method, ("INV-1",), ("i",), AT, "visa", "4242", reason)
        for text in _spoken(speaks, news(payment)):
            assert text.strip()
            assert "{" not in text


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
    source = "".join(
        ast.unparse(ast.parse(file.read_text(encoding="utf-8"))).replace('"', "'")
        for file in Path(dialogs.__file__).parent.rglob("*.py")
    )
    assert not [key for key in COMPUTED if key.split(":")[0] not in source]


def _spoken(speaks: Wording, reply: Reply) -> list[str]:
    says: list[Say] = [reply.say, *(choice.title for choice in reply.choices)]
    return [speaks.say(say) for say in says]
