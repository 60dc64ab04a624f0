"""The processor's hosted pages, where card and bank numbers are typed: forms in, pages out, without JavaScript.

Reads and checks what was typed, hands it to `processor` and forgets it. A number, a code or an account is never put
back into a page, into a log or into an error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.model import brand_name
from services.sandbox.answers import read_body
from services.sandbox.clock import Clock, Faults
from services.sandbox.look import HEADERS, Look, readable
from services.sandbox.numbers import digits, expiry_problem, passes_aba
from services.sandbox.payments import HostedPage
from services.sandbox.portal import DemoBusiness
from services.sandbox.processor import DEPOSIT_TRIES, Processor

_ADVICE = {
    "insufficient_funds": "The card has insufficient funds. Try another card.",
    "expired_card": "The card has expired. Try another card.",
    "incorrect_number": "The card number is not right. Check it and type it again.",
    "incorrect_cvc": "The security code is not right. Check it and type it again.",
    "invalid_cvc": "The security code is not right. Check it and type it again.",
    "invalid_expiry_month": "The expiry date is not right. Check its month.",
    "invalid_expiry_year": "The expiry date has passed or is not right. Check its year.",
    "incorrect_zip": "The ZIP code does not match the card. Check it and try again.",
    "card_velocity_exceeded": "The card is over its limit. Try another card, or try again tomorrow.",
    "charge_exceeds_weekly_limit": "This sum is over the account's weekly limit. Pay a smaller sum or use a card.",
    "test_mode_live_card": "Only test cards work here. No real card can be charged.",
    "authentication_failed": "Your bank's extra check was not passed. Try again or use another card.",
    "processing_error": "Something went wrong at the bank. Nothing was charged. Try again in a moment.",
    "verification_failed": "The account could not be verified. Type it again for a new deposit, or use another account.",
    "method_gone": "What was saved is no longer kept. Type it again, or use another one.",
}
_DECLINED = "The payment was declined. Use another card, or ask your bank."
_REFUSED = "The payment was declined. Use another account, or pay by card."

_KEPT_FIELDS = ("name", "zip", "exp", "routing", "save")  # what a form shows again; never a number or a code

# The field a decline is about, so that it is marked.
_ABOUT = {
    "incorrect_number": "number",
    "incorrect_cvc": "cvc",
    "invalid_cvc": "cvc",
    "invalid_expiry_month": "exp",
    "invalid_expiry_year": "exp",
    "incorrect_zip": "zip",
}


@dataclass(slots=True)
class Form:
    """What the page shows again: the harmless fields, and what is wrong with any."""

    values: dict[str, str]
    wrong: dict[str, str] = field(default_factory=dict)
    declined: str = ""

    def need(self, name: str, ok: bool, problem: str) -> None:
        """Note ``problem`` beside the field unless ``ok``."""
        if not ok:
            self.wrong.setdefault(name, problem)

    def refuse(self, code: str, otherwise: str) -> None:
        """Show the decline with this code, and mark its field if it is about one."""
        self.declined = _ADVICE.get(code, otherwise)
        if code in _ABOUT:
            self.wrong[_ABOUT[code]] = "Check this and try again."


class HostedPages:
    """Routes over one processor's pages."""

    def __init__(self, processor: Processor, *, business: DemoBusiness, look: Look, faults: Faults, now: Clock) -> None:
        self._processor = processor
        self._business = business
        self._look = look
        self._faults = faults
        self._now = now

    def routes(self) -> list[Route]:
        """The routes to mount."""
        return [
            Route("/pay/{page}", self.show, methods=["GET"]),
            Route("/pay/{page}", self.pay, methods=["POST"]),
            Route("/pay/{page}/saved", self.pay_saved, methods=["POST"]),
            Route("/pay/{page}/challenge", self.answer_challenge, methods=["POST"]),
            Route("/pay/{page}/code", self.prove, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The page as it stands: what to pay with, what the bank wants to see first, or what became of it.

        With ``?other=yes`` the form for another card or account, as long as one can still be typed.
        """
        page = self._processor.page(request.path_params["page"])
        other = request.query_params.get("other") == "yes"
        return self._missing() if page is None else self._shown(page, other=other)

    async def pay(self, request: Request) -> Response:
        """Take the form. 303 to the page when something happened, else the form again with the reason."""
        typed = await _typed(request)
        return self._carry_out(request, lambda page: self._pay(page, typed))

    async def pay_saved(self, request: Request) -> Response:
        """Charge the saved method that the page was opened for; once, whoever asks first."""
        return self._carry_out(request, self._pay_saved)

    async def prove(self, request: Request) -> Response:
        """Take the code of a micro-deposit."""
        typed = await _typed(request)
        return self._carry_out(request, lambda page: self._proved(page, typed))

    async def answer_challenge(self, request: Request) -> Response:
        """Take the end of the bank's extra check (3-D Secure)."""
        typed = await _typed(request)
        return self._carry_out(request, lambda page: self._challenged(page, typed))

    def _carry_out(self, request: Request, work: Callable[[HostedPage], Response]) -> Response:
        # From here on nothing awaits, so that two tabs on one page come one after the other.
        page = self._processor.page(request.path_params["page"])
        if page is None:
            return self._missing()
        if self._faults.drop == "before":
            return self._lost()
        done = work(page)
        return self._lost() if self._faults.drop == "after" else done

    def _pay(self, page: HostedPage, typed: dict[str, str]) -> Response:
        if not page.payable:
            return self._moved_on(page)
        form = Form({name: typed.get(name, "").strip()[:500] for name in _KEPT_FIELDS})
        if page.order.method == "card":
            self._pay_card(page, typed, form)
        else:
            self._pay_bank(page, typed, form)
        return self._shown(page, form, other=True) if form.wrong or form.declined else self._moved_on(page)

    def _pay_card(self, page: HostedPage, typed: dict[str, str], form: Form) -> None:
        number, cvc = digits(typed.get("number", "")), digits(typed.get("cvc", ""))
        expiry = typed.get("exp", "")
        form.need("number", number is not None and 12 <= len(number) <= 19, "Type the number on the card.")
        form.need("exp", expiry_problem(expiry, self._now()) != "unreadable", "Type month and year, such as 04/29.")
        form.need("cvc", cvc is not None and len(cvc) <= 4, "Type the security code, 3 or 4 digits.")
        form.need("name", bool(form.values["name"]), "Type the name on the card.")
        form.need("zip", bool(form.values["zip"]), "Type the ZIP or postal code of the card's bills.")
        if form.wrong or number is None or cvc is None:
            return
        zip_code, save = form.values["zip"], bool(form.values["save"])
        if code := self._processor.pay_card(page, number, expiry, cvc, zip_code=zip_code, save=save):
            form.refuse(code, _DECLINED)

    def _pay_bank(self, page: HostedPage, typed: dict[str, str], form: Form) -> None:
        routing, account = digits(typed.get("routing", "")), digits(typed.get("account", ""))
        form.need("routing", routing is not None and len(routing) == 9, "Type the nine digits of the routing number.")
        form.need("routing", routing is None or len(routing) != 9 or passes_aba(routing), "That is no routing number.")
        form.need("account", account is not None and 4 <= len(account) <= 17, "Type the account number.")
        form.need("name", bool(form.values["name"]), "Type the name of the account's holder.")
        form.need("authorize", bool(typed.get("authorize")), "Tick the box to authorize this payment.")
        if form.wrong or account is None or routing is None:
            return
        text, standing = self._authorization(page), self._standing() if form.values["save"] else ""
        if code := self._processor.pay_bank(page, account, text, routing=routing, standing=standing):
            form.refuse(code, _REFUSED)

    def _pay_saved(self, page: HostedPage) -> Response:
        self._processor.charge(page.id)
        return self._moved_on(page)

    def _challenged(self, page: HostedPage, typed: dict[str, str]) -> Response:
        passed = typed.get("answer") == "complete"
        if code := self._processor.answer_challenge(page, typed.get("attempt", ""), passed):
            form = self._fresh(page)
            form.refuse(code, _DECLINED)
            return self._shown(page, form, other=True)
        return self._moved_on(page)

    def _proved(self, page: HostedPage, typed: dict[str, str]) -> Response:
        form, code = self._fresh(page), "".join(typed.get("code", "").split()).upper()
        form.need("code", len(code) == 6 and code.startswith("SM"), "Type the six characters that begin with SM.")
        if page.state != "verifying":
            return self._moved_on(page)
        if form.wrong:
            return self._shown(page, form)
        match self._processor.prove(page, code):
            case "":
                return self._moved_on(page)
            case "wrong_code":
                left = DEPOSIT_TRIES - page.tries
                form.need(
                    "code", ok=False, problem=f"That is not the code. {left} more {'try' if left == 1 else 'tries'}."
                )
                return self._shown(page, form)
            case declined:
                form.refuse(declined, _REFUSED)
                return self._shown(page, form, other=True)

    def _shown(self, page: HostedPage, form: Form | None = None, *, other: bool = False) -> Response:
        shared: dict[str, Any] = {
            "page": page,
            "sum": readable(page.order.amount_minor, page.order.currency),
            "fee": _fee(page),
            "business": self._business,
        }
        if not page.payable:
            status = 410 if page.state in {"expired", "closed"} else 200
            return self._look.page("result.html", status=status, **shared)
        return self._look.page(
            _template(page, other=other),
            **shared,
            form=form or self._fresh(page),
            authorization=self._authorization(page),
            standing=self._standing(),
            saved=_named(page),
            open_for=self._open_for(page),
        )

    def _open_for(self, page: HostedPage) -> str:
        minutes = max(1, (page.expires_at - self._now()) // timedelta(minutes=1))
        if minutes > 24 * 60:
            return f"until {page.expires_at:%B} {page.expires_at.day}"
        return f"for {minutes} more minute{'' if minutes == 1 else 's'}"

    def _authorization(self, page: HostedPage) -> str:
        # NACHA WEB: what, how much, when, and how to take it back.
        order, business = page.order, self._business
        day = self._now()
        return (
            f"I authorize {business.name} to debit my bank account once, for "
            f"{readable(order.amount_minor, order.currency)}, on or after {day:%B} {day.day}, {day.year}. I can "
            f"revoke this authorization before the payment is processed by calling {business.phone} or writing to "
            f"{business.email}."
        )

    def _standing(self) -> str:
        # NACHA's standing authorization: each later debit begins with an act of the customer, who sets sum and day then.
        business = self._business
        return (
            f"I also authorize {business.name} to debit this account for later payments, each for the sum and on the "
            f"day that I confirm in the chat at that time. I can revoke this at any time by removing the account in the "
            f"chat, by calling {business.phone} or by writing to {business.email}."
        )

    def _fresh(self, page: HostedPage) -> Form:
        form = Form(dict.fromkeys(_KEPT_FIELDS, "") | {"name": page.order.name, "zip": page.order.zip})
        last = page.events[-1] if page.charged and page.events else None
        if last and last.type == "payment.declined":  # of a charge that nobody was there to see
            form.refuse(last.code, _DECLINED if page.order.method == "card" else _REFUSED)
            if page.saved and last.last4 == page.saved.last4:
                form.declined = f"This was tried with your saved {_named(page)}. {form.declined}"
        return form

    def _moved_on(self, page: HostedPage) -> Response:
        # See other: a reload shows the result and sends nothing again.
        return RedirectResponse(f"/processor/pay/{page.id}", 303, headers=HEADERS)

    def _missing(self) -> Response:
        return self._look.page(
            "gone.html", status=404, title="No such page", why="Go back to the chat and ask for the link again."
        )

    def _lost(self) -> Response:
        return self._look.page(
            "gone.html",
            status=504,
            title="No answer",
            why="Your payment may or may not have gone through. Go back to the chat before you try again.",
        )


def _template(page: HostedPage, *, other: bool) -> str:
    if not other and page.state == "challenge":
        return "challenge.html"
    if not other and page.state == "verifying":
        return "deposit.html"
    if not other and page.saved and not page.charged:
        return "saved.html"
    return f"{page.order.method}.html"


def _named(page: HostedPage) -> str:
    """What the page was opened for, as people call it; empty when it was for nothing saved."""
    if page.saved is None:
        return ""
    kind = "bank account" if page.saved.method == "bank" else brand_name(page.saved.brand)
    return f"{kind} ending in {page.saved.last4}"


async def _typed(request: Request) -> dict[str, str]:
    """The form's fields; none of them when the body is too large or no form."""
    body = await read_body(request)
    if body is None:
        return {}
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=40))
    except ValueError:  # more fields than any of our forms has
        return {}


def _fee(page: HostedPage) -> str:
    """What of the sum is the merchant's fee, or "" for none."""
    return readable(page.order.fee_minor, page.order.currency) if page.order.fee_minor else ""
