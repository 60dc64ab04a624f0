"""The store of many workers: Redis 7 or Valkey, one read and one Lua script per turn.

A conversation is one hash, so that it expires, or is lost, whole: ``talk`` (the state), ``version``, ``seq``, ``given``,
``first`` (the number its log begins with), ``by`` (the commit that wrote it last), ``i:ID`` (a message taken in), ``m:SEQ``
(a line of the log, overwritable for redaction) and ``o:CAUSE`` (how many effects of that message are unanswered).
Conversations are spread over shards; the shard is the hash tag of every key, so that all keys of a script are in one slot
of a Redis Cluster.

The outbox of a shard is a hash, key -> effect, and a sorted set, key -> instant from which on anybody may perform it. That
instant is all there is to its state, and one command or script moves it, so a kill at any moment loses none and leaves none
to nobody::

    commit ──> on a lease (due later) ──the lease ends──> anybody's (due) ──claim──> on a lease, ...
                     └── postpone: due at the instant told      └── commit of its answer, from either: gone

A script is refused as a whole when memory is full, and reaches replicas and the append-only file as a whole.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import Any, TypeAlias
from zlib import crc32

import msgspec
from redis import Redis as SyncRedis
from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    OutOfMemoryError,
    RedisClusterException,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot.stores.base import FIRST_LEASE_SECONDS, LOG_KEPT, Commit, Loaded, Message, Told, Waiting
from dialogs.conversation import Conversation
from dialogs.model import Effect
from services.database import micros
from services.errors import Misconfigured, RemitError, Unavailable, Uncertain

log = logging.getLogger(__name__)

SHARDS = 16  # never changed while anything is in the outbox: a key's shard is computed
CONNECTIONS = 64  # of one worker; who comes next waits
TIMEOUT_SECONDS = 2.0
RETRIES = 2
PING_SECONDS = 20
PIECE = 100  # conversations that are read at once where all are
WAKE = "remit:wake"
OLDEST = 7  # major version: scripts that say how they behave when memory is full

# before, number of the first message or "", by, inbox field or "", key of the answered effect or "", field that counts
# effects, seconds to live, wake-up or "", due, number of effects, number of changed ones, (key, effect)...,
# (key, field that counts it, effect as it is from now on or "")..., (field, value)...
_COMMIT = """#!lua
local talk, outbox, due = KEYS[1], KEYS[2], KEYS[3]
local before, number, by, inbox, done, open, ttl, wake, at = unpack(ARGV, 1, 9)
local changed = 12 + 2 * tonumber(ARGV[10])
local fields = changed + 3 * tonumber(ARGV[11])
local was = redis.call('HMGET', talk, 'version', 'by', 'seq', 'first')
if was[2] == by then return 1 end -- the same commit again: its answer was lost on the line
if (was[1] or '0') ~= before then return 0 end
if inbox ~= '' and redis.call('HEXISTS', talk, inbox) == 1 then return 0 end
if number ~= '' and was[3] and tonumber(number) <= tonumber(was[3]) then return -1 end
redis.call('HSET', talk, 'by', by, unpack(ARGV, fields))
if was[4] and was[3] - was[4] >= KEPT then -- the oldest lines give way
  for n = tonumber(was[4]), was[3] - KEPT do redis.call('HDEL', talk, string.format('m:%.0f', n)) end
  redis.call('HSET', talk, 'first', string.format('%.0f', was[3] - KEPT + 1))
end
for i = 12, changed - 1, 2 do
  redis.call('HSET', outbox, ARGV[i], ARGV[i + 1])
  redis.call('ZADD', due, at, ARGV[i])
end
for i = changed, fields - 1, 3 do
  local key, counts, effect = unpack(ARGV, i, i + 2)
  if redis.call('HEXISTS', outbox, key) == 1 and effect ~= '' then
    redis.call('HSET', outbox, key, effect)
  elseif redis.call('HDEL', outbox, key, key .. ' tries') > 0 then
    redis.call('ZREM', due, key)
    if redis.call('HINCRBY', talk, counts, -1) <= 0 then redis.call('HDEL', talk, counts) end
  end
end
local more = tonumber(ARGV[10])
if done ~= '' and redis.call('HDEL', outbox, done, done .. ' tries') > 0 then
  redis.call('ZREM', due, done)
  more = more - 1
end
if more ~= 0 and redis.call('HINCRBY', talk, open, more) <= 0 then redis.call('HDEL', talk, open) end
redis.call('EXPIRE', talk, ttl)
if wake ~= '' then redis.call('PUBLISH', 'remit:wake', wake) end
return 1
""".replace("KEPT", str(LOG_KEPT))

# after this number, at most so many
_SINCE = """#!lua flags=no-writes
local ends = redis.call('HMGET', KEYS[1], 'first', 'seq')
local found = {}
if not ends[1] then return found end
local from = math.max(tonumber(ends[1]), tonumber(ARGV[1]) + 1)
for n = from, math.min(tonumber(ends[2]), from + tonumber(ARGV[2]) - 1) do
  found[#found + 1] = redis.call('HGET', KEYS[1], string.format('m:%.0f', n))
end
return found
"""

# at most so many of the customer's lines, the newest first
_SAID = """#!lua flags=no-writes
local ends = redis.call('HMGET', KEYS[1], 'first', 'seq')
local found = {}
if not ends[1] then return found end
for n = tonumber(ends[2]), tonumber(ends[1]), -1 do
  local line = redis.call('HGET', KEYS[1], string.format('m:%.0f', n))
  if line and string.find(line, '"from":"customer"', 1, true) then found[#found + 1] = line end
  if #found == tonumber(ARGV[1]) then break end
end
return found
"""

# version, by, state that is left or "", its version, seconds to live. It frees memory, so it may run when there is none.
_ERASE = """#!lua flags=allow-oom
local was = redis.call('HMGET', KEYS[1], 'version', 'seq')
if was[1] ~= ARGV[1] then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'o:' then return 0 end -- an effect is under way
end
redis.call('DEL', KEYS[1])
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'talk', ARGV[3], 'version', ARGV[4], 'by', ARGV[2], 'seq', was[2], 'given', was[2],
    'first', string.format('%.0f', was[2] + 1))
  redis.call('EXPIRE', KEYS[1], ARGV[5])
end
return 1
"""

# now, end of the lease, at most so many. It may go beyond maxmemory: answers to effects are what frees some.
_CLAIM = """#!lua flags=allow-oom
local found = {}
for _, key in ipairs(redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  local effect = redis.call('HGET', KEYS[1], key)
  if effect then
    redis.call('ZADD', KEYS[2], ARGV[2], key)
    found[#found + 1] = {key, effect, redis.call('HINCRBY', KEYS[1], key .. ' tries', 1)}
  else
    redis.call('ZREM', KEYS[2], key)
  end
end
return found
"""

# microseconds for one token, tokens of the bucket. The clock is the store's: workers on several machines share it.
_KNOCK = """#!lua
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0')) + each
local wait = full_at - now - each * most
if wait > 0 then return math.ceil(wait / 1000000) end
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
return 0
"""

_ALL = 2**53  # more messages than there can be


class _Logged(msgspec.Struct, frozen=True, array_like=True):
    cause: str
    message: Message


class _Sent(msgspec.Struct, frozen=True, array_like=True):
    chat: str
    cause: str
    effect: Effect


_Client: TypeAlias = "Redis | RedisCluster"
_encode = msgspec.json.Encoder().encode
_conversation = msgspec.json.Decoder(Conversation).decode
_logged = msgspec.json.Decoder(_Logged).decode
_sent = msgspec.json.Decoder(_Sent).decode


class RedisStore:
    """A `bot.stores.base.Store` that many workers share. One of these per worker, made inside its event loop or before."""

    def __init__(
        self, url: str, *, random: Callable[[int], bytes], pause: Callable[[float], Awaitable[None]], kept: timedelta
    ) -> None:
        """``kept``: how long a conversation outlives its last turn. ``pause`` waits so many seconds before a lost line is dialled again."""
        self._url = url
        self._redis = _open(url)
        # a cluster's client sends to many servers, and has no one line to share
        self._ask = _Rounds(self._redis).ask if isinstance(self._redis, Redis) else self._redis.execute_command
        self._commit, self._since, self._said, self._claim, self._knock, self._erase = (
            self._redis.register_script(script) for script in (_COMMIT, _SINCE, _SAID, _CLAIM, _KNOCK, _ERASE)
        )
        self._name = random(8).hex()
        self._commits = count()
        self._pause = pause
        self._ttl = int(kept.total_seconds())

    async def aclose(self) -> None:
        """Hang up."""
        await self._redis.aclose()

    # --- a turn --------------------------------------------------------------------------------------------------

    async def load(self, chat: str, message: str) -> Loaded:
        with _clearly():
            found = await self._ask("HMGET", _talk(chat), "talk", "seq", "given", f"i:{message}")
        talk, seq, given, taken_in = found
        if talk is None:
            return Loaded(None)
        return Loaded(_conversation(talk), int(seq), int(given), taken_in is not None)

    async def commit(self, turn: Commit) -> bool:
        """As the protocol says. The line is tried again when an answer is lost: a commit has a name, so it is written once."""
        chat = turn.talk.chat
        told = self._told(turn)
        if turn.overwritten:
            told += await self._overwritten(chat, turn.overwritten)
        with _clearly(Uncertain):
            kept = await self._run(self._commit, [_talk(chat), *_outbox(_shard(chat))], told)
        if kept == -1:
            raise ValueError("a turn numbers its messages as if none had been told")
        return bool(kept)

    def _told(self, turn: Commit) -> list[str | int | bytes]:
        """The arguments of the script."""
        messages, cause = turn.messages, turn.cause
        fields: list[str | int | bytes] = ["talk", _encode(turn.talk), "version", turn.talk.version]
        fields += ["seq", turn.seq, "given", turn.given]
        if not turn.before:
            fields += ["first", messages[0].seq if messages else turn.seq + 1]
        if turn.first:
            fields += [f"i:{cause}", f"{turn.from_seq} {messages[0].seq}"]
        for message in messages:
            fields += [f"m:{message.seq}", _encode(_Logged(cause, message))]
        head: list[str | int | bytes] = [
            *(turn.before, messages[0].seq if messages else "", f"{self._name}{next(self._commits)}"),
            *(f"i:{cause}" if turn.first else "", turn.done, f"o:{cause}", self._ttl),
            f"{self._name} {turn.talk.chat}" if messages or turn.done else "",
            micros(turn.at) + FIRST_LEASE_SECONDS * 1_000_000,
            *(len(turn.effects), len(turn.harmless)),
        ]
        for key, effect in turn.effects:
            head += [key, _encode(_Sent(turn.talk.chat, cause, effect))]
        for left, harmless in turn.harmless:
            sent = b"" if harmless is None else _encode(_Sent(left.chat, left.cause, harmless))
            head += [left.key, f"o:{left.cause}", sent]
        return head + fields

    async def _overwritten(self, chat: str, messages: Sequence[Message]) -> list[str | int | bytes]:
        """The fields of these lines, as far as they are in the log still. Nobody else changes what their cause is."""
        names = [f"m:{message.seq}" for message in messages]
        with _clearly():
            lines = await self._ask("HMGET", _talk(chat), *names)
        fields: list[str | int | bytes] = []
        for name, line, message in zip(names, lines, messages, strict=True):
            if line is not None:
                fields += [name, _encode(_Logged(_logged(line).cause, message))]
        return fields

    # --- what was said -------------------------------------------------------------------------------------------

    async def answer(self, chat: str, message: str) -> list[Message]:
        with _clearly():
            taken_in = await self._redis.execute_command("HGET", _talk(chat), f"i:{message}")
        if taken_in is None:
            return []
        begins, own = map(int, taken_in.split())
        told = await self._log(chat, begins - 1, _ALL)
        last = max((line.message.seq for line in told if line.cause == message), default=0)
        return [
            line.message
            for line in told
            if line.message.sender != "customer"
            and (line.cause == message or line.message.seq < own or (not line.cause and line.message.seq < last))
        ]

    async def since(self, chat: str, seq: int, most: int | None = None) -> list[Message]:
        return [line.message for line in await self._log(chat, seq, _ALL if most is None else most)]

    async def said(self, chat: str, most: int) -> list[Message]:
        with _clearly():
            found = await self._run(self._said, [_talk(chat)], [most])
        return [_logged(line).message for line in reversed(found)]

    async def told(self, chat: str, seq: int, most: int) -> list[Told]:
        """As the protocol says; instants are not kept here."""
        return [Told(line.message) for line in await self._log(chat, seq, most)]

    async def every(self) -> AsyncIterator[Conversation]:
        with _clearly():
            keys = [key async for key in self._redis.scan_iter(match="remit:*:talk:*", count=1000)]
        for begin in range(0, len(keys), PIECE):
            with _clearly():
                async with self._redis.pipeline(transaction=False) as asked:
                    for key in keys[begin : begin + PIECE]:
                        asked.execute_command("HGET", key, "talk")
                    states = await asked.execute()
            for state in states:
                if state is not None:
                    yield _conversation(state)

    async def _log(self, chat: str, seq: int, most: int) -> list[_Logged]:
        with _clearly():
            found = await self._since(keys=[_talk(chat)], args=[seq, most])
        return [_logged(line) for line in found]

    # --- the outbox ----------------------------------------------------------------------------------------------

    async def pending(self, chat: str, message: str) -> bool:
        with _clearly():
            return bool(await self._redis.execute_command("HEXISTS", _talk(chat), f"o:{message}"))

    async def waiting(self, talk: Conversation) -> list[Waiting]:
        effects, cursor, found = _outbox(_shard(talk.chat))[0], 0, []
        while True:  # a key begins with the epoch of its conversation
            with _clearly():
                asked = ("HSCAN", effects, cursor, "MATCH", f"{talk.epoch}/*", "COUNT", 1000)
                cursor, some = await self._redis.execute_command(*asked)
            found += [(key.decode(), _sent(body)) for key, body in some.items() if b" " not in key]
            if not cursor:
                break
        return [Waiting(key, sent.chat, sent.cause, sent.effect, 0) for key, sent in sorted(dict(found).items())]

    async def claim(self, now: datetime, lease_seconds: int, most: int) -> list[Waiting]:
        until = micros(now) + lease_seconds * 1_000_000
        found: list[Waiting] = []
        for shard in await self._shards_due(micros(now)):
            with _clearly():
                rows = await self._claim(keys=[*_outbox(shard)], args=[micros(now), until, most - len(found)])
            for key, body, attempts in rows:
                sent = _sent(body)
                if attempts == 1 or await self._is_here(sent.chat):
                    found.append(Waiting(key.decode(), sent.chat, sent.cause, sent.effect, attempts))
                else:  # claimed before, and its conversation has expired: nobody is left to be told
                    await self._drop(shard, key)
            if len(found) >= most:
                break
        return found

    async def postpone(self, key: str, due: datetime) -> None:
        with _clearly():
            async with self._redis.pipeline(transaction=False) as asked:
                for shard in range(SHARDS):  # the key does not tell its shard; where it is not, XX changes nothing
                    asked.execute_command("ZADD", _outbox(shard)[1], "XX", micros(due), key)
                await asked.execute()

    async def erase(self, chat: str, version: int, left: Conversation | None) -> bool:
        """As the protocol says. The append-only file and snapshots hold it until Redis writes them anew."""
        told: list[str | int | bytes] = [version, f"{self._name}{next(self._commits)}"]
        told += [b"", 0] if left is None else [_encode(left), left.version]
        with _clearly(Uncertain):
            return bool(await self._run(self._erase, [_talk(chat)], [*told, self._ttl]))

    async def prune(self, before: datetime) -> int:  # noqa: ARG002  # the protocol's
        """Nothing: here a conversation expires by itself, so long after its last turn as was said when it was made."""
        return 0

    async def _shards_due(self, now: int) -> list[int]:
        """The shards in which something is due, in one round trip; the longest waiting first."""
        with _clearly():
            async with self._redis.pipeline(transaction=False) as asked:
                for shard in range(SHARDS):
                    asked.execute_command("ZRANGE", _outbox(shard)[1], 0, 0, "WITHSCORES")
                firsts = await asked.execute()
        due = [(_score(first), shard) for shard, first in enumerate(firsts) if first]
        return [shard for score, shard in sorted(due) if score <= now]

    async def _is_here(self, chat: str) -> bool:
        with _clearly():
            return bool(await self._redis.execute_command("EXISTS", _talk(chat)))

    async def _drop(self, shard: int, key: bytes) -> None:
        effects, due = _outbox(shard)
        with _clearly():
            await self._redis.execute_command("HDEL", effects, key, key + b" tries")
            await self._redis.execute_command("ZREM", due, key)

    # --- across workers ------------------------------------------------------------------------------------------

    async def watch(self, ring: Callable[[str], None], ring_all: Callable[[], None]) -> None:
        """Ring for every chat that another worker commits to, until canceled; for all when the line was down for a while."""
        while True:
            try:
                await self._listen(ring, ring_all)
            except (RedisError, RedisClusterException, OSError) as error:
                log.warning("no wake-ups from other workers for now: %s", type(error).__name__)
            await self._pause(1.0)

    async def _listen(self, ring: Callable[[str], None], ring_all: Callable[[], None]) -> None:
        own = self._name.encode()
        once = Retry(NoBackoff(), 0)  # it may not dial again unnoticed: what came meanwhile would be missed
        url = _plain(self._url)
        async with (
            Redis.from_url(url, retry=once, socket_connect_timeout=TIMEOUT_SECONDS) as redis,
            redis.pubsub() as line,
        ):
            await line.subscribe(WAKE)
            ring_all()
            while True:
                heard = await line.get_message(timeout=PING_SECONDS)
                if heard is None:
                    await line.ping()
                elif heard["type"] == "message":
                    worker, _, chat = heard["data"].partition(b" ")
                    if worker != own:  # our own bell has rung
                        ring(chat.decode())

    async def knock(self, name: str, burst: int, per_second: float) -> int:
        """Take a token from the bucket of this name, which all workers share; 0, or the seconds until there is one."""
        with _clearly():
            return int(await self._run(self._knock, [f"remit:limit:{name}"], [round(1_000_000 / per_second), burst]))

    async def _run(self, script: AsyncScript, keys: list[str], told: list[str | int | bytes]) -> Any:
        """One of the scripts that every turn runs."""
        try:
            return await self._ask("EVALSHA", script.sha, len(keys), *keys, *told)
        except NoScriptError:  # a Redis that was started again has forgotten it
            return await script(keys=keys, args=told)


# --- keys -----------------------------------------------------------------------------------------------------------


def _shard(chat: str) -> int:
    return crc32(chat.encode()) % SHARDS


def _talk(chat: str) -> str:
    return f"remit:{{{_shard(chat)}}}:talk:{chat}"


def _outbox(shard: int) -> tuple[str, str]:
    """Effects by key, and their instants."""
    return f"remit:{{{shard}}}:outbox", f"remit:{{{shard}}}:due"


def _score(first: Sequence[Any]) -> float:
    pair = first if len(first) == 2 else first[0]  # RESP3 nests what RESP2 does not
    return float(pair[1])


# --- the line -------------------------------------------------------------------------------------------------------


def _plain(url: str) -> str:
    return url.replace("+cluster://", "://", 1)


def _open(url: str) -> _Client:
    """A client of ``redis://``, ``rediss://`` or ``unix://``, or of a cluster: ``redis+cluster://``, ``rediss+cluster://``."""
    timeouts: dict[str, Any] = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    timeouts["retry"] = Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES)
    if _plain(url) != url:
        return RedisCluster.from_url(_plain(url), max_connections=CONNECTIONS, **timeouts)
    pool = BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=TIMEOUT_SECONDS, **timeouts)
    return Redis.from_pool(pool)


class _Rounds:
    """What is asked of Redis in one round of the event loop goes out in one piece, over one connection.

    What its client does around a command costs more than the command; so customers who come at once share it. Each is
    answered for itself: a refusal is of one command, and only a broken line is everybody's.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._asked: list[tuple[tuple[str | int | bytes, ...], asyncio.Future[Any]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def ask(self, *command: str | int | bytes) -> Any:
        """The answer to one command; raises what Redis or the line has against it."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._begin, loop)  # after whoever else asks in this round
        answer: asyncio.Future[Any] = loop.create_future()
        self._asked.append((command, answer))
        return await answer

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        asked, self._asked = self._asked, []
        task = loop.create_task(self._go(asked))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _go(self, asked: list[tuple[tuple[str | int | bytes, ...], asyncio.Future[Any]]]) -> None:
        found: list[Any]
        try:
            async with self._redis.pipeline(transaction=False) as line:
                for command, _ in asked:
                    line.execute_command(*command)
                found = await line.execute(raise_on_error=False)
        except Exception as error:  # noqa: BLE001  # not swallowed: everybody who asked raises it
            found = [error] * len(asked)
        for (_, answer), each in zip(asked, found, strict=True):
            if answer.done():  # who asked has left
                continue
            if isinstance(each, Exception):
                answer.set_exception(each)
            else:
                answer.set_result(each)


@contextmanager
def _clearly(no_answer: type[RemitError] = Unavailable) -> Iterator[None]:
    """Whatever Redis says against it, in our words. Its own may repeat what a customer typed, so they are left out.

    ``no_answer`` is raised when the line broke, and it may have been done.
    """
    try:
        yield
    except OutOfMemoryError:
        raise Unavailable("the conversation store is full: raise maxmemory of Redis") from None
    except (RedisError, RedisClusterException, OSError) as error:
        if type(error) in _BROKEN_LINE or isinstance(error, OSError):
            raise no_answer(f"the conversation store does not answer: {type(error).__name__}") from None
        raise Unavailable(f"the conversation store cannot be used: {_fault(error)}") from None


# Not what is derived from them: a wrong password or a Redis that loads is a plain no.
_BROKEN_LINE = (RedisConnectionError, RedisTimeoutError)


def _fault(error: Exception) -> str:
    """The kind of an error, and Redis's own code for it, such as READONLY or MISCONF."""
    code = str(error).partition(" ")[0] if isinstance(error, ResponseError) else ""
    return f"{type(error).__name__} {code}".strip() if code.isupper() and code.isalpha() else type(error).__name__


def examine(url: str) -> None:
    """At start: that this Redis can keep conversations.

    Raises `Misconfigured` when it would throw some away by itself, or is too old; `Unavailable` when it does not answer.
    """
    try:
        with SyncRedis.from_url(
            _plain(url), socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        ) as redis:
            found: dict[str, Any] = redis.info("server") | redis.info("memory") | redis.info("cluster")
    except ValueError:
        raise Misconfigured("REMIT_REDIS_URL is no address of a Redis; write one like redis://HOST:6379/0") from None
    except AuthenticationError:
        raise Misconfigured("Redis refuses the name or password of REMIT_REDIS_URL") from None
    except (RedisError, OSError) as error:
        raise Unavailable(f"Redis cannot be reached or used ({_fault(error)}); is REMIT_REDIS_URL right?") from None
    _judge(found, cluster=_plain(url) != url)


def _judge(found: dict[str, Any], *, cluster: bool) -> None:
    version = str(found.get("redis_version", ""))
    if version and int(version.partition(".")[0]) < OLDEST:
        raise Misconfigured(f"Redis {version} is too old: {OLDEST}.0 or newer is needed")
    if found.get("cluster_enabled") == 1 and not cluster:
        raise Misconfigured("this is a Redis Cluster: write redis+cluster:// in REMIT_REDIS_URL")
    policy = found.get("maxmemory_policy")
    if policy is None:
        log.warning("Redis does not tell its maxmemory-policy: make sure that it is noeviction")
    elif policy != "noeviction":
        raise Misconfigured(f"Redis throws keys away (maxmemory-policy {policy}): set it to noeviction")
