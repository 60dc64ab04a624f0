"""What the sandbox's JSON routes share: reading a body, checking a key, answering and refusing. No rules of any app."""

import hmac
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

BODY_LIMIT = 64 * 1024

Wire = TypeVar("Wire", bound=BaseModel)


def answer(value: Any, status: int = 200) -> Response:
    """``value`` as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def refusal(status: int, code: str, message: str) -> Response:
    """An error in the shape that every route answers with: ``{"error": {"code", "message"}}``."""
    return answer({"error": {"code": code, "message": message}}, status)


def lost() -> Response:
    """What a caller sees when the answer got lost on its way."""
    return refusal(504, "no_answer", "The answer was lost.")


def carry_out(drop: Literal["before", "after"] | None, work: Callable[[], Response]) -> Response:
    """The answer of ``work``, unless it is dropped: before anything is done, or with all of it done."""
    if drop == "before":
        return lost()
    done = work()
    return lost() if drop else done


async def read_body(request: Request) -> bytes | None:
    """The whole body, or None when it is larger than `BODY_LIMIT`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            return None
    return bytes(body)


async def read(request: Request, wire: type[Wire]) -> Wire | Response:
    """The JSON body as ``wire``, or the refusal to answer with. The refusal repeats nothing of the body."""
    body = await read_body(request)
    if body is None:
        return refusal(413, "too_large", "The body is too large.")
    try:
        return wire.model_validate_json(body)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in problem["loc"]) or "body" for problem in error.errors()})
        return refusal(400, "bad_request", f"Not as documented: {', '.join(fields)[:200]}")


def idempotency_key(request: Request) -> str | Response:
    """The ``Idempotency-Key`` of a write, or the refusal of one without."""
    key = request.headers.get("idempotency-key", "")
    if 1 <= len(key) <= 255:
        return key
    return refusal(400, "key_missing", "An Idempotency-Key of 1 to 255 characters is needed.")


def holds_key(request: Request, api_key: str) -> bool:
    """Whether the request carries ``Authorization: Bearer`` with this key, compared in constant time."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), api_key.encode())


def no_key() -> Response:
    """The refusal of a request without the right key."""
    return refusal(401, "unauthorized", "A bearer key is needed.")
