"""Autopay in the chat: set up, seen, paused, resumed, changed and left by a customer who signed in; and what is told of it.

An authorisation is agreed to here and nowhere else, with its whole text beside the button: which invoices, the most of one
charge, when, by which method, how it is told before, and how to stop it (12 CFR 1005.10(b)-(d); NACHA 2.3.2; the card networks on
stored credentials). What a yes is worth is checked by the services; nothing is charged here.
"""

from typing import Literal, TypeVar

from msgspec.structs import replace

from dialogs.flows.lists import called, method_row, titled
from dialogs.flows.offers import CANCEL, METHODS, NO, PAY, PERSON, yes_to
from dialogs.flows.side import Side
from dialogs.flows.sign_in import SignIn
from dialogs.model import (
    Ask,
    AutopayOf,
    AutopaySet,
    Change,
    Choice,
    Done,
    Enter,
    Listed,
    MethodsOf,
    Move,
    NotSaved,
    Outcome,
    Pick,
    Reply,
    Say,
    SetAutopay,
    Slot,
    Sure,
    Telling,
    Value,
    View,
    Want,
)
from services.model import (
    Autopay,
    AutopayChange,
    Customer,
    Enrolment,
    EnrolmentState,
    Methods,
    Money,
    Notice,
    SavedMethod,
    Shown,
    Terms,
    key_of,
)

MOST_BUTTONS = 5
MOST_ROWS = 6  # charges to come, in one message
SET_UP = Choice(Say("button_autopay_set_up"), Want("autopay"))
SEE = Choice(Say("button_autopay_see"), Want("autopay"))
ALTER = Choice(Say("button_autopay_change"), Want("autopay_change"))
PAUSE = Choice(Say("button_autopay_pause"), Want("autopay_pause"))
RESUME = Choice(Say("button_autopay_resume"), Want("autopay_resume"))
LEAVE = Choice(Say("button_autopay_leave"), Want("autopay_leave"))
_ALTERS = tuple(Choice(Say(f"button_autopay_{slot}"), Change(slot)) for slot in (Slot.AMOUNT, Slot.DAYS, Slot.METHOD))
# in this order a "3" means three days, whether it is read as a number or as a place
_DAYS = {"one": 1, "two": 2, "three": 3, "due": 0}


class SeeAutopay(Side, frozen=True, omit_defaults=True, tag="see_autopay"):
    """What was agreed to and what comes next, with a button for each thing that can be done; or the way to set it up."""

    def next(self, view: View) -> Move:
        found = _found(view)
        if not isinstance(found, Autopay):
            return found
        running = found.running
        if running is None:
            return Enter(EnrolAutopay(), back=False) if view.house.autopay.offered else Done(_not_offered(view))
        return Done(_status(running, found))


class AlterAutopay(Side, frozen=True, omit_defaults=True, tag="alter_autopay"):
    """Paused, resumed, or left for good; to leave is asked about once, so that no slip of the finger does it."""

    what: AutopayChange = "pause"
    agreed: bool = False
    done: Autopay | None = None
    refused: bool = False

    def sure(self) -> "AlterAutopay | None":
        """Yes, end it."""
        return replace(self, agreed=True) if self.what == "leave" else None

    def came(self, outcome: Outcome) -> "AlterAutopay":
        """With what there is of it now."""
        return _came(self, outcome)

    def next(self, view: View) -> Move:
        if self.refused:
            return Done(_refused(view))
        if self.done is not None:
            return Done(_changed(self.what, self.done, view))
        found = _found(view)
        if not isinstance(found, Autopay):
            return found
        if found.running is None:
            return Done(Reply(Say("autopay_none"), (SET_UP,) if view.house.autopay.offered else ()))
        if self.what == "leave" and not self.agreed:
            return Ask(Slot.SURE, Reply(Say("sure_autopay_leave"), (yes_to(f"leave {found.running.id}"), NO)))
        assert isinstance(view.scope, Customer)
        return SetAutopay(view.scope, self.what, None, view.shown if self.agreed else Shown())


class EnrolAutopay(Side, frozen=True, omit_defaults=True, tag="enrol_autopay"):
    """Terms in the making: ``key`` of a saved method, the most of one charge, and days before the due date.

    ``kept``: what is not told is taken from the terms there are. Everything that the authorisation says stands in these
    fields before it is shown, so that a yes is to what is in them.
    """

    key: str = ""
    limit: Money | None = None
    days: int | None = None
    anew: tuple[Slot, ...] = ()
    kept: bool = False
    agreed: bool = False
    done: Autopay | None = None
    refused: bool = False

    def tell(self, slot: Slot, value: Telling) -> "EnrolAutopay | None":
        """With the most of one charge, or with days."""
        match slot, value:
            case Slot.AMOUNT, Money() as limit:
                return replace(self._without(slot), limit=limit)
            case Slot.DAYS, str(days) if days.isdigit():
                return replace(self._without(slot), days=int(days))
            case ((Slot.AMOUNT | Slot.DAYS), _):
                return replace(self, agreed=False)
            case _:
                return None

    def pick(self, slot: Slot, key: str) -> "EnrolAutopay | None":
        """With a saved method, or the days of a button."""
        if slot is Slot.METHOD:
            return replace(self._without(slot), key=key)
        return replace(self._without(slot), days=_DAYS[key]) if slot is Slot.DAYS and key in _DAYS else None

    def change(self, slot: Slot) -> "EnrolAutopay | None":
        """With one of its terms to be told anew."""
        if slot not in (Slot.AMOUNT, Slot.DAYS, Slot.METHOD):
            return None
        return replace(self, anew=(*self._without(slot).anew, slot), agreed=False)

    def sure(self) -> "EnrolAutopay | None":
        """Yes, to the text on the screen."""
        whole = self.key and self.limit is not None and self.days is not None and not self.anew
        return replace(self, agreed=True) if whole else None

    def came(self, outcome: Outcome) -> "EnrolAutopay":
        """With what there is now, or that it may not be."""
        return _came(self, outcome)

    def wiped(self, numbers: tuple[str, ...]) -> "EnrolAutopay":  # noqa: ARG002  # a sum is no invoice's number
        """Without the sum and the days that were told."""
        return replace(self, limit=None, days=None, agreed=False)

    def _without(self, slot: Slot) -> "EnrolAutopay":
        return replace(self, anew=tuple(each for each in self.anew if each is not slot), agreed=False)

    def next(self, view: View) -> Move:
        if self.refused:
            return Done(_refused(view))
        if self.done is not None and (kept := self.done.running) is not None:
            return Done(Reply(Say("autopay_agreed", _terms_of(kept.terms, view)), (SEE, LEAVE)))
        if not view.house.autopay.offered:
            return Done(_not_offered(view))
        if isinstance(view.scope, Customer) and not view.scope.may_charge(view.chat):
            return Enter(SignIn(why="autopay", on_file=True))
        found = _found(view)
        if not isinstance(found, Autopay):
            return found
        methods = self._methods(view)
        if not isinstance(methods, tuple):
            return methods
        if (filled := self._filled(methods, found)) != self:
            return Enter(filled, back=False)
        return self._ladder(methods, view)

    def _methods(self, view: View) -> tuple[SavedMethod, ...] | Move:
        assert isinstance(view.scope, Customer)
        lookup = MethodsOf(view.scope)
        match view.get(lookup):
            case None:
                return lookup
            case Methods(saved):
                kinds = view.house.rules.methods_for(view.house.currency)
                usable = tuple(each for each in saved if each.usable(view.at.date()) and each.method in kinds)
                return usable or Done(Reply(Say("autopay_no_method"), (PAY, METHODS)))
            case _:
                return Done(Reply(Say("methods_unreachable")))

    def _filled(self, methods: tuple[SavedMethod, ...], found: Autopay) -> "EnrolAutopay":
        """With what need not be asked: the only method there is, and what stays of the terms there are."""
        task, terms = self, found.running.terms if found.running else None
        if task.kept and terms is not None:
            saved = next((each.key for each in methods if each.id == terms.saved), "")
            limit, days = task.limit or terms.limit, terms.days if task.days is None else task.days
            task = replace(task, key=task.key or saved, limit=limit, days=days, kept=False)
        if not task.key and len(methods) == 1 and Slot.METHOD not in task.anew:
            task = replace(task, key=methods[0].key)
        return task

    def _ladder(self, methods: tuple[SavedMethod, ...], view: View) -> Move:
        method = next((each for each in methods if each.key == self.key), None)
        if method is None or Slot.METHOD in self.anew:
            because = Say("method_gone") if self.key and method is None else None
            return _ask_method(methods, view, because)
        if (asked := self._ask_limit(view) or self._ask_days(view)) is not None:
            return asked
        assert self.limit is not None
        assert self.days is not None
        terms = Terms(method.id, method.method, method.brand, method.last4, self.limit, self.days)
        return self._agree(terms, view)

    def _ask_limit(self, view: View) -> Ask | None:
        most = Money(view.house.autopay.most_minor, view.house.currency)
        told = self.limit is not None and Slot.AMOUNT not in self.anew
        because = _objection(self.limit, most) if told and self.limit is not None else None
        if told and because is None:
            return None
        return Ask(Slot.AMOUNT, Reply(Say("ask_autopay_limit", {"most": most}), (CANCEL,)), because)

    def _ask_days(self, view: View) -> Ask | None:
        most = view.house.autopay.most_days
        told = self.days is not None and Slot.DAYS not in self.anew
        if told and self.days is not None and self.days <= most:
            return None
        because = Say("autopay_too_early", {"days": most}) if told else None
        choices = tuple(Choice(Say(f"button_days_{word}"), Pick(Slot.DAYS, word)) for word in _DAYS)
        return Ask(Slot.DAYS, Reply(Say("ask_autopay_days"), (*choices, CANCEL)), because)

    def _agree(self, terms: Terms, view: View) -> Move:
        assert isinstance(view.scope, Customer)
        if self.agreed:
            return SetAutopay(view.scope, "agree", terms, view.shown)
        authorise = Choice(Say("button_autopay_agree"), Sure(key_of(f"autopay {terms}")))
        return Ask(Slot.SURE, Reply(Say("autopay_authorization", _terms_of(terms, view)), (authorise, *_ALTERS, NO)))


def _objection(limit: Money, most: Money) -> Say | None:
    """Why this cannot be the most of one charge."""
    if limit.currency != most.currency:
        return Say("wrong_currency_of_limit", {"currency": most.currency})
    if limit.minor <= 0:
        return Say("limit_not_positive")
    return Say("limit_too_high", {"most": most}) if limit.minor > most.minor else None


def _ask_method(methods: tuple[SavedMethod, ...], view: View, because: Say | None) -> Ask:
    rows = Listed(tuple(method_row(each, view.at.date()) for each in methods))
    choices = tuple(Choice(titled(each), Pick(Slot.METHOD, each.key)) for each in methods[:MOST_BUTTONS])
    return Ask(Slot.METHOD, Reply(Say("ask_autopay_method", {"rows": rows}), (*choices, CANCEL)), because)


def _found(view: View) -> Autopay | Move:
    """What there is of the customer's autopay; or whatever has to come before it is known."""
    if not isinstance(view.scope, Customer):
        return Enter(SignIn(why="autopay"))
    lookup = AutopayOf(view.scope)
    match view.get(lookup):
        case None:
            return lookup
        case Autopay() as found:
            return found
        case _:
            return Done(Reply(Say("books_unreachable")))


Altering = TypeVar("Altering", EnrolAutopay, AlterAutopay)


def _came(task: Altering, outcome: Outcome) -> Altering:
    match outcome:
        case AutopaySet(autopay):
            return replace(task, done=autopay)
        case NotSaved():
            return replace(task, refused=True, agreed=False)
        case _:
            return task


def _refused(view: View) -> Reply:
    return Reply(Say("autopay_refused", {"business": view.house.name, "phone": view.house.phone}), (SEE, PERSON))


def _not_offered(view: View) -> Reply:
    return Reply(Say("autopay_not_offered", {"business": view.house.name}), (METHODS, PERSON))


def _changed(what: AutopayChange, done: Autopay, view: View) -> Reply:
    """What became of it, said once."""
    again = (SET_UP,) if view.house.autopay.offered else ()
    choices = {"pause": (RESUME, LEAVE), "resume": (SEE, PAUSE), "leave": again}.get(what, ())
    return Reply(Say(f"autopay_done_{what}", {"rows": _planned(done)}), choices)


def _status(running: Enrolment, found: Autopay) -> Reply:
    paused = running.state is EnrolmentState.PAUSED
    values: dict[str, Value] = {**_values(running.terms), "since": running.agreed_at, "rows": _planned(found)}
    choices = (RESUME if paused else PAUSE, ALTER, LEAVE)
    return Reply(Say("autopay_paused" if paused else "autopay_on", values), choices)


def _planned(found: Autopay) -> Listed:
    rows = (Say("row_planned", {"number": p.number, "amount": p.amount, "on": p.on}) for p in found.planned[:MOST_ROWS])
    return Listed(tuple(rows))


def _values(terms: Terms) -> dict[str, Value]:
    kept = SavedMethod(terms.saved, terms.method, terms.brand, terms.last4)
    return {"method": called(kept), "limit": terms.limit, "when": _when(terms.days)}


def _when(days: int) -> Say:
    return Say("autopay_when", {"days": days}) if days > 1 else Say("autopay_when_one" if days else "autopay_when_due")


def _terms_of(terms: Terms, view: View) -> dict[str, Value]:
    house = view.house
    about: dict[str, Value] = {"business": house.name, "phone": house.phone, "notice": house.autopay.notice_days}
    return {**_values(terms), **about, "date": view.at.date()}


# --- what is told unasked ---------------------------------------------------------------------------------------------

Why = Literal[
    "funds",
    "limit",
    "moment",
    "expired",
    "account",
    "stopped",
    "not_authorized",
    "gone",
    "declined",
    "never",
    "changed",
]
_WHY: dict[str, Why] = {
    "insufficient_funds": "funds",
    "limit": "limit",
    "try_again": "moment",
    "expired_card": "expired",
    "account_closed": "account",
    "no_account": "account",
    "stopped": "stopped",
    "not_authorized": "not_authorized",
    "method_gone": "gone",
    "never_asked": "never",
    "changed": "changed",
}


def why_not(reason: str) -> Say:
    """Why a charge came to nothing, in a sentence; whatever is no customer's business is one "declined"."""
    word: Why = _WHY.get(reason, "declined")
    return Say(f"autopay_why_{word}")


def noticed(notice: Notice) -> Reply:
    """What is told unasked of autopay, with the one thing to do next."""
    choices: dict[str, tuple[Choice, ...]] = {
        "planned": (SEE, PAUSE, LEAVE),
        "again": (PAY, ALTER, LEAVE),
        "stopped": (PAY, SET_UP, PERSON),
        "gave_up": (PAY, ALTER, PERSON),
        "above_limit": (PAY, ALTER),
        "needs_you": (PAY, PERSON),
    }
    about = "_of" if notice.kind == "stopped" and notice.number else ""
    return Reply(Say(f"autopay_notice_{notice.kind}{about}", values_of(notice)), choices[notice.kind])


def values_of(notice: Notice) -> dict[str, Value]:
    """The values that sentences about a notice may name, in the chat and in letters."""
    kept = SavedMethod("", notice.method, notice.brand, notice.last4)
    return {
        "number": notice.number,
        "amount": notice.amount,
        "on": notice.on,
        "method": called(kept),
        "limit": notice.limit,
        "why": why_not(notice.reason),
    }
