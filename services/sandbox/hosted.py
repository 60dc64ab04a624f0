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

from services.sandbox.answers import read_body
from services.sandbox.clock import Clock, Faults
from services.sandbox.look import HEADERS, Look, readable
from services.sandbox.numbers import digits, expiry_problem, passes_aba
from services.sandbox.payments import HostedPage
from services.sandbox.portal import DemoBusiness
from services.sandbox.processor import Processor

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
}
_DECLINED = "The payment was declined. Use another card, or ask your bank."
_REFUSED = "The payment was declined. Use another account, or pay by card."

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
            Route("/pay/{page}/challenge", self.answer_challenge, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """The page as it stands: the form, the bank's extra check, or what became of it."""
        page = self._processor.page(request.path_params["page"])
        return self._missing() if page is None else self._shown(page)

    async def pay(self, request: Request) -> Response:
        """Take the form. 303 to the page when something happened, else the form again with the reason."""
        typed = await _typed(request)
        return self._carry_out(request, lambda page: self._pay(page, typed))

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
        form = Form({name: typed.get(name, "").strip()[:500] for name in ("name", "zip", "exp", "routing")})
        if page.order.method == "card":
            self._pay_card(page, typed, form)
        else:
            self._pay_bank(page, typed, form)
        return self._shown(page, form) if form.wrong or form.declined else self._moved_on(page)

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
        if code := self._processor.pay_card(page, number, expiry, cvc):
            form.refuse(code, _DECLINED)

    def _pay_bank(self, page: HostedPage, typed: dict[str, str], form: Form) -> None:
        routing, account = digits(typed.get("routing", "")), digits(typed.get("account", ""))
        form.need("routing", routing is not None and len(routing) == 9, "Type the nine digits of the routing number.")
        form.need("routing", routing is None or len(routing) != 9 or passes_aba(routing), "That is no routing number.")
        form.need("account", account is not None and 4 <= len(account) <= 17, "Type the account number.")
        form.need("name", bool(form.values["name"]), "Type the name of the account's holder.")
        form.need("authorize", bool(typed.get("authorize")), "Tick the box to authorize this payment.")
        if form.wrong or account is None:
            return
        if code := self._processor.pay_bank(page, account, self._authorization(page)):
            form.refuse(code, _REFUSED)

    def _challenged(self, page: HostedPage, typed: dict[str, str]) -> Response:
        passed = typed.get("answer") == "complete"
        if code := self._processor.answer_challenge(page, typed.get("attempt", ""), passed):
            form = self._fresh(page)
            form.refuse(code, _DECLINED)
            return self._shown(page, form)
        return self._moved_on(page)

    def _shown(self, page: HostedPage, form: Form | None = None) -> Response:
        shared: dict[str, Any] = {
            "page": page,
            "sum": readable(page.order.amount_minor, page.order.currency),
            "business": self._business,
        }
        if page.state == "challenge":
            return self._look.page("challenge.html", **shared)
        if page.state == "open":
            return self._look.page(
                f"{page.order.method}.html",
                **shared,
                form=form or self._fresh(page),
                authorization=self._authorization(page),
                minutes=max(1, (page.expires_at - self._now()) // timedelta(minutes=1)),
            )
        status = 410 if page.state in {"expired", "closed"} else 200
        return self._look.page("result.html", status=status, **shared)

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

    def _fresh(self, page: HostedPage) -> Form:
        return Form({"name": page.order.name, "zip": page.order.zip, "exp": "", "routing": ""})

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


async def _typed(request: Request) -> dict[str, str]:
    """The form's fields; none of them when the body is too large or no form."""
    body = await read_body(request)
    if body is None:
        return {}
    try:
        return dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True, max_num_fields=40))
    except ValueError:  # more fields than any of our forms has
        return {}
