"""The shared HTTP client: time-outs, retries that are safe, and what a missing answer means for money.

`Remote` is one service on the other end of the line. It knows nothing of invoices or payments: it sends, decides
whether a failed call *surely did not happen* or *may have happened*, and hands back answers below 500. Exception
texts name the service, a kind of error and a status: no URL, header or body, since those carry tokens and names.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from services.errors import Malformed, Rejected, RemitError, Unavailable, Uncertain

Pause = Callable[[float], Awaitable[None]]  # seconds; `asyncio.sleep` in production, a counter in tests

PAUSES = (0.2, 0.8)  # seconds between the at most three tries of one call
TIMEOUT = httpx.Timeout(10.0, connect=2.0)

# These never left this machine, so that nothing can have happened on the other side.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def open_http(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """The client that all back ends share: 2 s to connect, 10 s to read, no redirects, no proxy from the environment.

    ``transport`` replaces the network: an ASGI app in tests, a virtual line in simulations.
    """
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
    return httpx.AsyncClient(
        transport=transport, timeout=TIMEOUT, limits=limits, follow_redirects=False, trust_env=False
    )


def seconds_asked(retry_after: str, now: datetime) -> float | None:
    """How long a ``Retry-After`` asks to wait: seconds, or until a date (RFC 9110, 10.2.3). None for what is neither.

    It may be of any size, also below zero: whoever waits sets the bounds.
    """
    told = retry_after.strip()
    if told.isascii() and told.isdigit():
        return float(told)  # not by `int`, which refuses thousands of digits
    try:
        due = parsedate_to_datetime(told)
    except (ValueError, OverflowError):
        return None
    return ((due if due.tzinfo else due.replace(tzinfo=UTC)) - now).total_seconds()


class Remote:
    """One remote service: its base URL, its bearer token ("": it wants none), and how patient we are with it.

    Reads raise `Unavailable` for every missing answer, since asking again changes nothing. Writes raise `Unavailable`
    only when no try can have arrived, else `Uncertain`. Without ``pause`` nothing is tried twice.
    """

    def __init__(self, name: str, http: httpx.AsyncClient, url: str, token: str, *, pause: Pause | None = None) -> None:
        self._name = name
        self._http = http
        self._url = url.rstrip("/")
        self._token = token
        self._pause = pause

    async def get(
        self, path: str, query: Mapping[str, str] | None = None, *, accept: str = "application/json"
    ) -> httpx.Response:
        """Read; answers below 500 are returned, whatever they say. ``accept`` is a media type. Raises `Unavailable`."""
        request = self._http.build_request("GET", self._url + path, params=query, headers=self._headers(accept))
        return await self._tries(request, safe=True)

    async def post(self, path: str, body: bytes, *, key: str | None = None) -> httpx.Response:
        """Write JSON; answers below 500 but 429 are returned, a no after a doubtful try is not. Raises `Unavailable` or `Uncertain`.

        Only a call with an idempotency ``key`` is ever sent twice.
        """
        return await self._write("POST", path, body, key)

    async def patch(self, path: str, body: bytes, *, key: str) -> httpx.Response:
        """Change part of what is there, with JSON; answers and raises as `post` does."""
        return await self._write("PATCH", path, body, key)

    async def delete(self, path: str) -> httpx.Response:
        """Take one thing away; as `post` in everything else. Twice is once, so that it may be sent twice."""
        request = self._http.build_request("DELETE", self._url + path, headers=self._headers())
        return await self._tries(request, safe=True)

    def broken(self, response: httpx.Response) -> Malformed:
        """The error for an answer outside the contract. Carries the status only."""
        return Malformed(f"{self._name} answered outside its contract: status {response.status_code}")

    def rejected(self, response: httpx.Response) -> Rejected:
        """The error for a plain no. Carries the status only."""
        return Rejected(f"{self._name} says no: status {response.status_code}")

    def _headers(self, accept: str = "application/json") -> dict[str, str]:
        told = {"Accept": accept}
        # a bearer of nothing is no header that HTTP allows, and would never leave this machine
        return told | {"Authorization": f"Bearer {self._token}"} if self._token else told

    async def _write(self, method: str, path: str, body: bytes, key: str | None) -> httpx.Response:
        headers = self._headers() | {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        request = self._http.build_request(method, self._url + path, content=body, headers=headers)
        return await self._tries(request, safe=key is not None)

    async def _tries(self, request: httpx.Request, *, safe: bool) -> httpx.Response:
        pauses = list(PAUSES) if safe and self._pause is not None else []
        doubt = False
        while True:
            answer = await self._once(request)
            if isinstance(answer, httpx.Response):
                if doubt and answer.is_client_error:
                    raise Uncertain(f"{self._name} says no now, and an earlier try may have arrived")
                return answer
            doubt = doubt or isinstance(answer, Uncertain)
            if not pauses or self._pause is None:
                break
            await self._pause(pauses.pop(0))
        if doubt and isinstance(answer, Unavailable):
            # The last try surely did nothing, but an earlier one may have arrived.
            raise Uncertain(f"{self._name}: an earlier try may have arrived")
        raise answer

    async def _once(self, request: httpx.Request) -> httpx.Response | RemitError:
        writes = request.method != "GET"
        try:
            response = await self._http.send(request)
        except _NOT_SENT as error:
            return Unavailable(f"{self._name} cannot be reached: {type(error).__name__}")
        except httpx.HTTPError as error:
            why = f"{self._name} gave no answer: {type(error).__name__}"
            return Uncertain(why) if writes else Unavailable(why)
        if response.status_code in {429, 503}:
            why = f"{self._name} takes no calls now: status {response.status_code}"
            return Unavailable(why, retry_after=response.headers.get("Retry-After", ""))
        if response.status_code >= 500:
            why = f"{self._name} failed: status {response.status_code}"
            return Uncertain(why) if writes else Unavailable(why)
        return response
