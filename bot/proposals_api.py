"""The routes by which outside systems propose payments, watch them, and take them back. What may be proposed is `bot/desk/systems.py`'s.

    POST /api/v1/proposals        GET /api/v1/proposals/{id}        DELETE /api/v1/proposals/{id}

A key opens them (`remit keys add`), sent as ``Authorization: Bearer``; the same Idempotency-Key gets the same proposal.
"""

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from bot.api import SmallBodies, too_often
from bot.desk import words
from bot.desk.systems import Asked, NotProposed
from bot.openapi import Error, errors
from bot.web import answer, refusal, safely
from services import api_keys
from services.allowance import household
from services.api_keys import ApiKey, Scope
from services.desk import proposals
from services.desk.proposals import Proposal
from services.model import Money, Payment
from services.payments import ledger

if TYPE_CHECKING:
    from bot.app import Remit

LARGEST_SUM = 10**12  # minor units: what is larger is a slip

_MISSING = frozenset({"no_conversation", "no_customer", "no_invoice"})
_WHY = {
    "no_conversation": "there is no such conversation, or it was forgotten",
    "no_customer": "the books know no such customer; an e-mail address that several share names nobody",
    "no_chat": "this customer is in no chat just now: send them the pay links beside this error, or try again later",
    "ambiguous": "several invoices have this number: name the customer, too",
    "other_customer": "these invoices are another customer's than who is in this chat, or than the one you name",
    "with_a_person": "a person leads this chat: ask them to propose it, or try again once they are done",
    "blocked": "something is under way in this chat: a payment, or a proposal that waits for its answer",
    "over_limit": "that is more than a key may propose ([desk] key_limit_minor)",
    "same_key_other_request": "this Idempotency-Key was used for another request: draw a new one",
}
_DOCUMENTED: dict[str, Any] = {"security": [{"api key": []}]}


class ProposalAsked(BaseModel):
    """A payment to propose. Name the ``conversation``, or the ``customer``: then it goes to the chat they used last."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field("", max_length=120, description="stands in for the header Idempotency-Key")
    conversation: str = Field(
        "", max_length=190, description="id of a conversation of this API, or CHANNEL:NAME, such as rasa:u1"
    )
    customer: str = Field("", max_length=254, description="the customer's id in the books, or their e-mail address")
    invoices: list[Annotated[str, Field(min_length=1, max_length=120)]] = Field(
        min_length=1, max_length=50, description="numbers as printed on them; several need a customer who is signed in"
    )
    amount_minor: int = Field(gt=0, le=LARGEST_SUM, strict=True, description="an integer of minor units, such as cents")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217")
    reason: str = Field("", max_length=200, description="which the customer reads")


class ProposedPayment(BaseModel):
    """What came of a proposal, by the ledger's word; it moves on after the proposal is confirmed."""

    reference: str
    state: str = Field(description="created, open, processing, succeeded, failed, returned, ...")
    amount_minor: int
    refunded_minor: int
    reason: str | None = Field(description="of a decline or a return")


class ProposalShown(BaseModel):
    """A proposal as it stands now."""

    id: int
    state: str = Field(
        description="offered, confirmed, declined, withdrawn or blocked (by what was under way in the chat)"
    )
    conversation: str = Field(description="CHANNEL:NAME of the chat in which it is shown")
    invoices: list[str]
    amount_minor: int
    currency: str
    reason: str
    made_at: str
    changed_at: str
    payment: ProposedPayment | None


class PayLink(BaseModel):
    invoice: str
    url: str


class NotProposedError(Error):
    """No proposal was made. ``pay_links``: of a customer who is in no chat."""

    pay_links: list[PayLink] | None = None


def proposals_router(remit: "Remit") -> APIRouter:
    """The three routes."""
    router = APIRouter(prefix="/api/v1", tags=["proposals"], route_class=SmallBodies)
    made: dict[int | str, dict[str, Any]] = errors(400, 401, 403, 404, 413, 422, 429, 503) | {
        409: {"model": NotProposedError, "description": "It cannot be proposed now; the code says why"}
    }
    shown = errors(401, 403, 404, 422, 429, 503)
    number = Annotated[int, Path(ge=1, lt=2**31)]

    @router.post("/proposals", status_code=201, response_model=ProposalShown, responses=made, openapi_extra=_DOCUMENTED)
    async def propose(
        asked: ProposalAsked, request: Request, idempotency_key: Annotated[str, Header(max_length=120)] = ""
    ) -> Response:
        """Propose a payment. The customer confirms or declines it in the chat; nothing is charged before their yes."""
        return await safely(partial(_propose, remit, asked, idempotency_key or asked.id))(request)

    @router.get("/proposals/{id}", response_model=ProposalShown, responses=shown, openapi_extra=_DOCUMENTED)
    async def look(id: number, request: Request) -> Response:  # noqa: A002  # the name in the path
        """A proposal, and how its payment stands. `proposals:read` shows those of every key, `proposals:write` its own."""
        return await safely(partial(_look, remit, id))(request)

    @router.delete(
        "/proposals/{id}", response_model=ProposalShown, responses=shown | errors(409), openapi_extra=_DOCUMENTED
    )
    async def withdraw(id: number, request: Request) -> Response:  # noqa: A002  # as above
        """Take a proposal of this key back. 409 once the customer has decided; 202 where the chat hears of it later."""
        return await safely(partial(_withdraw, remit, id))(request)

    return router


async def _propose(remit: "Remit", asked: ProposalAsked, once: str, request: Request) -> Response:
    key = await _key(remit, request, "proposals:write")
    if isinstance(key, Response):
        return key
    if not once:
        return refusal(400, "no_idempotency_key", "send a header Idempotency-Key, or an id in the body")
    if bool(asked.conversation) == bool(asked.customer):
        return refusal(400, "malformed", "name either the conversation or the customer")
    customer = await _customer(remit, asked.customer) if asked.customer else ""
    if asked.customer and not customer:
        return _not_proposed("no_customer")
    chat = asked.conversation if ":" in asked.conversation else f"web:{asked.conversation}"
    amount = Money(asked.amount_minor, asked.currency)
    wanted = Asked(chat if asked.conversation else "", customer, tuple(asked.invoices), amount, asked.reason)
    hashed = hashlib.sha256(msgspec.json.encode(asked.model_dump(exclude={"id"}), order="sorted")).hexdigest()
    made = await remit.systems.propose(key, proposals.Request(key.id, once, hashed), wanted)
    if isinstance(made, NotProposed):
        return _not_proposed(made.code, [await _link(remit, *each) for each in made.invoices])
    return _not_proposed("blocked") if made.state == "blocked" else await _shown(remit, made, 201)


async def _look(remit: "Remit", number: int, request: Request) -> Response:
    key = await _key(remit, request)
    if isinstance(key, Response):
        return key
    found = await remit.transact(partial(proposals.find, number=number))
    mine = found is not None and found.api_key is not None and (key.may("proposals:read") or found.api_key == key.id)
    return await _shown(remit, found) if found is not None and mine else _no_such()


async def _withdraw(remit: "Remit", number: int, request: Request) -> Response:
    key = await _key(remit, request, "proposals:write")
    if isinstance(key, Response):
        return key
    found = await remit.transact(partial(proposals.find, number=number))
    if found is None or found.api_key != key.id:
        return _no_such()
    after = await remit.systems.withdraw(key, found)
    if after.state in ("confirmed", "declined", "blocked"):
        return refusal(409, after.state, f"it was {after.state} before: nothing was withdrawn")
    return await _shown(remit, after, 200 if after.state == "withdrawn" else 202)


# --- what they share ----------------------------------------------------------------------------------------------------


async def _key(remit: "Remit", request: Request, scope: Scope | None = None) -> ApiKey | Response:
    """Whose request it is, or why it is refused. ``scope``: what the key must be made for; None: for anything here."""
    client = request.client.host if request.client else ""
    if seconds := await remit.household_limit.wait(household(client)):
        return too_often(seconds)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    opened = partial(api_keys.opened_by, token=token.strip(), now=remit.clock())
    key = await remit.transact(opened) if scheme.lower() == "bearer" else None
    if key is None:
        return refusal(401, "unauthorized", "send a key as Authorization: Bearer; `remit keys add` makes one")
    if seconds := await remit.key_limit.wait(str(key.id)):
        return too_often(seconds)
    if scope is not None and not key.may(scope):
        return refusal(403, "forbidden", f"this key was not made for {scope}")
    return key


async def _customer(remit: "Remit", told: str) -> str:
    """The id of the one customer whom this names, or ""."""
    if "@" in told:
        found = await remit.books.at(told)
        return found[0].id if len(found) == 1 else ""
    return told if await remit.books.details(told) is not None else ""


async def _link(remit: "Remit", invoice: str, number: str) -> dict[str, str]:
    token = await remit.identity.issue(invoice, remit.settings.links.days)
    return {"invoice": number, "url": f"{remit.settings.base_url}/i/{token}"}


def _not_proposed(code: str, links: list[dict[str, str]] | None = None) -> Response:
    status = 404 if code in _MISSING else 422 if code == "same_key_other_request" else 409
    error = {"error": {"code": code, "message": _WHY.get(code) or words.REFUSALS[code]}}
    return answer(error | ({"pay_links": links} if links else {}), status)


def _no_such() -> Response:
    return refusal(404, "not_found", "this key knows no such proposal")


async def _shown(remit: "Remit", made: Proposal, status: int = 200) -> Response:
    def look(conn: Connection) -> Payment | None:
        return ledger.payment(conn, made.payment) if made.payment else None

    paid = await remit.transact(look)
    payment = None
    if paid is not None:
        payment = {"reference": paid.reference, "state": paid.state, "amount_minor": paid.amount.minor}
        payment |= {"refunded_minor": paid.refunded_minor, "reason": paid.reason}
    told = {name: getattr(made, name) for name in ("id", "state", "reason", "made_at", "changed_at")}
    told |= {"conversation": made.chat, "invoices": made.numbers, "payment": payment}
    return answer(told | {"amount_minor": made.amount.minor, "currency": made.amount.currency}, status)
