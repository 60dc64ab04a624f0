"""The measuring rods, as ASGI apps: an echo, and for each store a bare turn, which reads, loads, decodes, encodes,
commits and answers.

``python -m tests.bench.servers echo|sqlite|redis PORT PLACE`` runs one under the very server that the assistant runs
under; the place is the folder of the SQLite file, or the address of the Redis.
"""

import asyncio
import sqlite3
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec
import uvicorn
from redis import Redis as SyncRedis
from redis.asyncio import Redis

STATE_BYTES = 1600
_LINE = b'{"seq":7,"from":"bot","text":"Please check: $120.00 to Green Lane Lawn Care for invoice INV-1042, by card."}'
_HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}


async def echo(scope, receive, send):
    """Gives back the body it got."""
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    await send(_HEAD)
    await send({"type": "http.response.body", "body": body})


class State(msgspec.Struct):
    """A state of the size of a conversation in the middle of a payment, with as many small parts."""

    version: int
    parts: list[dict[str, str | int]]


class Floor:
    """The least a turn can do that keeps its promises: one read; state, inbox id and two lines of the log in one
    commit, which is waited for. No conversation, no framework.
    """

    encode = staticmethod(msgspec.json.Encoder().encode)
    _state = staticmethod(msgspec.json.Decoder(State).decode)
    _body = staticmethod(msgspec.json.Decoder().decode)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        chat = self._body((await receive())["body"])["sender"]
        state = self._state(await self.load(chat))
        state.version += 1
        await self.commit(chat, state)
        await send(_HEAD)
        await send({"type": "http.response.body", "body": self.encode([{"recipient_id": chat, "text": "ok"}])})

    async def load(self, chat: str) -> bytes:
        raise NotImplementedError

    async def commit(self, chat: str, state: State) -> None:
        raise NotImplementedError


class SqliteFloor(Floor):
    """One SELECT, one transaction, one fsync for whoever waits."""

    def __init__(self, folder: str) -> None:
        self.read = _connect(Path(folder))
        self.queue: SimpleQueue = SimpleQueue()
        threading.Thread(target=self._write, args=(_connect(Path(folder)),), daemon=True).start()

    async def load(self, chat):
        return self.read.execute("SELECT state FROM talk WHERE chat = ?", (chat,)).fetchone()[0]

    async def commit(self, chat, state):
        saved = asyncio.get_running_loop().create_future()
        self.queue.put((self.encode(state), chat, state.version, saved))
        await saved

    def _write(self, db: sqlite3.Connection) -> None:
        while True:
            batch = [self.queue.get()]
            try:
                while True:
                    batch.append(self.queue.get_nowait())
            except Empty:
                pass
            db.execute("BEGIN IMMEDIATE")
            for state, chat, version, _ in batch:
                db.execute("UPDATE talk SET state = ? WHERE chat = ?", (state, chat))
                db.execute("INSERT INTO inbox VALUES (?, ?)", (chat, version))
                db.executemany("INSERT INTO log VALUES (?, ?, ?)", ((chat, version * 2 + n, _LINE) for n in (0, 1)))
            db.execute("COMMIT")
            batch[0][3].get_loop().call_soon_threadsafe(_wake, [saved for *_, saved in batch])


def _wake(waiting):
    for saved in waiting:
        saved.set_result(None)


def _connect(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    return db


class RedisFloor(Floor):
    """One HGET and one script that compares the version, by the same client library as the store: 2 round trips."""

    _TURN = """
    if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], unpack(ARGV, 2))
    return 1
    """

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url)
        with SyncRedis.from_url(url) as redis:
            self.turn = redis.script_load(self._TURN)

    async def load(self, chat):
        return await self.redis.execute_command("HGET", f"floor:{chat}", "state")

    async def commit(self, chat, state):
        version = state.version
        fields = ("state", self.encode(state), "version", version, f"i:{version}", b"")
        lines = (f"m:{version * 2}", _LINE, f"m:{version * 2 + 1}", _LINE)
        assert await self.redis.execute_command("EVALSHA", self.turn, 1, f"floor:{chat}", version - 1, *fields, *lines)


def prepare(chats: list[str], folder: Path, redis: SyncRedis) -> None:
    """What the floors turn over."""
    part = {"type": "fact", "number": "INV-1042", "minor": 12000, "at": "2026-03-02T15:30:00Z"}
    parts = []
    while len(state := msgspec.json.encode(State(1, parts))) < STATE_BYTES:
        parts.append(part)
    db = _connect(folder)
    db.execute("CREATE TABLE talk (chat TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID")
    db.execute("CREATE TABLE inbox (chat TEXT, id INTEGER, PRIMARY KEY (chat, id)) WITHOUT ROWID")
    db.execute("CREATE TABLE log (chat TEXT, seq INTEGER, body BLOB, PRIMARY KEY (chat, seq)) WITHOUT ROWID")
    db.executemany("INSERT INTO talk VALUES (?, ?)", [(chat, state) for chat in chats])
    db.close()
    for chat in chats:
        redis.hset(f"floor:{chat}", mapping={"state": state, "version": 1})


_APPS = {"echo": lambda _place: echo, "sqlite": SqliteFloor, "redis": RedisFloor}


def main(kind: str, port: str, place: str) -> None:
    config = uvicorn.Config(
        _APPS[kind](place),
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        lifespan="off",
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
