"""The action server on the wire, as Rasa calls it: `POST /webhook`, `GET /actions`, `GET /health`.

rasa-sdk's own server listens to everybody on every address, and repeats a request in its errors; a tracker holds all that a
customer ever said. So its executor stands here behind routes of ours. What an action does is in `rasa_actions`.
"""

import contextlib
import json
import logging
import zlib
from asyncio import sleep
from collections.abc import AsyncIterator
from typing import Any

import httpx
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import ActionExecutionRejection, ActionNotFoundException
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot.channels.rasa_actions import Actions
from bot.settings import Settings
from bot.web import Endpoint, may_speak, read_body
from services.errors import Malformed, RemitError
from services.http import Remote, open_http

log = logging.getLogger(__name__)

LARGEST = 8 * 1024 * 1024  # bytes of one call, also once it is unpacked: it carries the whole conversation


def action_server(settings: Settings, http: httpx.AsyncClient | None = None) -> Starlette:
    """The server of `remit actions`. ``http`` calls Remit, by default over the network."""
    client = http or open_http()
    remit = Remote("Remit", client, settings.actions.remit_url, settings.rasa_token.get_secret_value(), pause=sleep)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await client.aclose()

    actions = Actions(remit, client_addresses=settings.actions.client_addresses)
    executor, token = actions.executor(), settings.actions.token.get_secret_value().encode()
    routes = [
        Route("/webhook", _guarded(_run(executor), token), methods=["POST"]),
        Route("/actions", _guarded(_list(executor), token), methods=["GET"]),
        Route("/health", _alive, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _http_error})


def _guarded(work: Endpoint, token: bytes) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if not may_speak(request, token, request.client.host if request.client else ""):
            return _refusal(401, "send the token of [actions] as a bearer's, or call from this machine")
        return await work(request)

    return endpoint


def _run(executor: ActionExecutor) -> Endpoint:
    async def run(request: Request) -> Response:
        try:
            call = _call(await read_body(request, LARGEST), request.headers.get("content-encoding", ""))
        except Malformed as error:
            return _refusal(400, str(error))
        name = str(call["next_action"])
        try:
            result = await executor.run(call)
        except ActionExecutionRejection as error:
            return _refusal(400, error.message, error.action_name)
        except ActionNotFoundException as error:
            return _refusal(404, error.message, error.action_name)
        except RemitError as error:
            log.warning("%s: %s", name, error)
            return _refusal(502, str(error), name)
        assert result is not None  # there is none only where no action is named
        return JSONResponse(result.model_dump())

    return run


def _call(body: bytes, encoding: str) -> dict[str, Any]:
    """The call that Rasa makes (rasa.core.actions.action, RemoteAction). Raises `Malformed`, and HTTPException 413.

    No action of ours reads the domain, so that Rasa may leave it out, and is never asked to send it (status 449).
    """
    try:
        call = json.loads(_unpacked(body) if encoding == "deflate" else body)
    except (ValueError, RecursionError, zlib.error) as error:
        raise Malformed("this is no JSON") from error
    if not isinstance(call, dict) or not isinstance(call.get("next_action"), str):
        raise Malformed("next_action is missing")
    tracker = call.get("tracker")
    if not isinstance(tracker, dict) or not isinstance(tracker.get("sender_id"), str):
        raise Malformed("tracker.sender_id is missing")
    _fill(tracker, {"slots": dict, "latest_message": dict, "events": list})
    _fill(tracker["latest_message"], {"intent": dict, "entities": list})
    if not all(isinstance(each, dict) for each in tracker["latest_message"]["entities"]):
        raise Malformed("latest_message.entities are not what they have to be")
    return call | {"domain": call.get("domain") or {}}


def _fill(whole: dict[str, Any], kinds: dict[str, type]) -> None:
    """Put in place what may be null or missing. Raises `Malformed` for what is something else."""
    for part, kind in kinds.items():
        whole[part] = whole.get(part) or kind()
        if not isinstance(whole[part], kind):
            raise Malformed(f"{part} is not what it has to be")


def _unpacked(body: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(body, LARGEST)
    if unpacking.unconsumed_tail:
        raise HTTPException(413, f"at most {LARGEST} bytes")
    return found


def _list(executor: ActionExecutor) -> Endpoint:
    async def listed(_request: Request) -> Response:
        return JSONResponse([each.model_dump() for each in executor.list_actions()])

    return listed


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _refusal(status: int, error: str, action: str = "") -> Response:
    """An error in rasa-sdk's form, which Rasa reads the name from."""
    return JSONResponse({"error": error, "action_name": action}, status)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refusal(error.status_code, str(error.detail))
