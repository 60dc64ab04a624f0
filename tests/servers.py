"""A private Redis and a private PostgreSQL, for tests, `make soak` and `make bench`. Only starting and stopping.

In a test, ask for a fixture: ``redis_url`` (a Redis of the session, emptied for each test), ``cluster_url`` (the same as a Redis Cluster), ``redis_server`` (called
with options of redis.conf, such as ``maxmemory="2mb"`` or ``appendonly="yes"``: a Redis of one's own, to be harmed),
``postgres_url`` (a fresh database with every table, in a server of the session), ``empty_postgres_url`` (without any).
Elsewhere: ``with redis(appendonly="yes") as server: server.url``, ``with postgres(durable=True) as server:
server.database()``. `Server.kill` is SIGKILL, `Server.start` brings it up again on the same files and address.
Every server dies with whoever started it, however that ends.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from services.database import open_engine, upgrade
from tests.tools import free_port, tool

START_SECONDS = 30
STOP_SECONDS = 10
# rather than durable; and no statistics that come by themselves, or a plan that a test asks for would change with the hour
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off")


class Server:
    """One process that can be killed and started again on the same files and address."""

    def __init__(self, folder: Path, command: list[str], answers: Callable[[], bool], user: str, stop: int) -> None:
        self.folder = folder
        self._command = [*_leash(), *command]
        self._answers = answers
        self._user = user or None
        self._stop = stop
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Files that a killed one still holds on to are waited for."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process is None or self.process.poll() is not None:
                self.process = self._spawn()
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"{self._command[-1]} does not answer: {self._log().read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As an operator stops it; insist after a while."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self._stop)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _log(self) -> Path:
        return self.folder / "log"

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self._log().open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self.folder,
                user=self._user,
                group=pwd.getpwnam(self._user).pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop it in order
            )


def _leash() -> list[str]:
    """The kernel ends it when we die."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


@contextmanager
def _folder(user: str = "") -> Iterator[Path]:
    # in /tmp and short: the path of a Unix socket has at most 107 bytes
    with tempfile.TemporaryDirectory(prefix="remit-", dir="/tmp", ignore_cleanup_errors=True) as made:
        if user:
            shutil.chown(made, user)
        yield Path(made)


@contextmanager
def _running(server: Server) -> Iterator[None]:
    try:
        server.start()
        yield
    finally:
        server.stop()


# --- Redis ----------------------------------------------------------------------------------------------------------


class RedisServer(Server):
    """A Redis on a port of its own. It keeps nothing over a restart unless told to."""

    def __init__(self, folder: Path, options: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        own = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "dir": str(folder), "loglevel": "warning"}
        self._password = options.get("requirepass")
        words = [word for name, value in (own | options).items() for word in (f"--{name}", value)]
        command = [tool("redis-server", "redis-server"), *words]
        super().__init__(folder, command, self._is_up, "", signal.SIGTERM)

    def client(self) -> "redis_client.Redis":
        """A plain client, to look and to harm: ``with server.client() as redis: redis.flushall()``."""
        return redis_client.Redis(port=self.port, password=self._password)

    def _is_up(self) -> bool:
        try:
            with self.client() as redis:
                return bool(redis.ping())
        except (redis_client.ConnectionError, redis_client.BusyLoadingError):
            return False


@contextmanager
def redis(**options: str) -> Iterator[RedisServer]:
    """A running Redis with these options of redis.conf; an underscore stands for a hyphen."""
    with _folder() as folder:
        server = RedisServer(folder, {name.replace("_", "-"): value for name, value in options.items()})
        with _running(server):
            yield server


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


class PostgresServer(Server):
    """A PostgreSQL behind a Unix socket in its own folder. ``durable`` keeps what was committed through a kill."""

    def __init__(self, folder: Path, binaries: Path, user: str, *, durable: bool) -> None:
        settings = ("listen_addresses=", f"unix_socket_directories={folder}", "max_connections=200")
        chosen = [word for each in (*settings, *(() if durable else _QUICK)) for word in ("-c", each)]
        command = [str(binaries / "postgres"), "-D", str(folder / "db"), *chosen]
        super().__init__(folder, command, self._is_up, user, signal.SIGINT)
        self._count = 0

    def database(self, *, empty: bool = False) -> str:
        """The URL of a fresh database, with every table of Remit or ``empty``."""
        self._count += 1
        name = f"remit{self._count}"
        with self._connect() as admin:
            if not empty and not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'ready'").fetchone():
                self._build(admin)
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else 'ready'}".encode())
        return self._url(name)

    def _build(self, admin: "psycopg.Connection") -> None:
        """The database that the others are copied from: copying is quicker than migrating each."""
        admin.execute("CREATE DATABASE building TEMPLATE template0")
        engine = open_engine(self._url("building"))
        upgrade(engine)
        engine.dispose()
        admin.execute("ALTER DATABASE building RENAME TO ready")

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://remit@/{name}?host={self.folder}"

    def _connect(self) -> "psycopg.Connection":
        return psycopg.connect(f"host={self.folder} user=remit dbname=postgres", autocommit=True)

    def _is_up(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A running PostgreSQL with no database of ours in it yet. The quick one may lose its last moments when it is killed."""
    binaries = _postgres_binaries()
    user = "postgres" if os.geteuid() == 0 else ""  # it refuses to run as root
    with _folder(user) as folder:
        order = ["initdb", "-D", str(folder / "db"), "-U", "remit", "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run(
            [str(binaries / order[0]), *order[1:], *(() if durable else ("--no-sync",))],
            check=True,
            cwd=folder,
            user=user or None,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
            stdout=subprocess.DEVNULL,
        )
        server = PostgresServer(folder, binaries, user, durable=durable)
        with _running(server):
            yield server


def _postgres_binaries() -> Path:
    """Debian keeps them off the path, one folder for each version."""
    if on_path := shutil.which("postgres"):
        return Path(on_path).parent
    tool("pg_ctlcluster", "postgresql")
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))


# --- fixtures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def session_redis() -> Iterator[RedisServer]:
    with redis() as server:
        yield server


@pytest.fixture
def redis_url(session_redis: RedisServer) -> str:
    """An empty Redis. Do it no harm: others follow."""
    with session_redis.client() as client:
        client.flushall()
    return session_redis.url


@pytest.fixture(scope="session")
def session_cluster() -> Iterator[RedisServer]:
    with redis(cluster_enabled="yes", cluster_port=str(free_port())) as server, server.client() as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE 0 16383")
        while client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            time.sleep(0.05)
        yield server


@pytest.fixture
def cluster_url(session_cluster: RedisServer) -> str:
    """An empty Redis Cluster of one node: it refuses keys that are not in one slot as a large one does."""
    with session_cluster.client() as client:
        client.flushall()
    return session_cluster.url.replace("redis://", "redis+cluster://")


@pytest.fixture
def redis_server() -> Iterator[Callable[..., RedisServer]]:
    """Makes a Redis of the test's own, with the options given."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(redis(**options))


@pytest.fixture(scope="session")
def session_postgres() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(session_postgres: PostgresServer) -> str:
    """A fresh database with every table."""
    return session_postgres.database()


@pytest.fixture
def empty_postgres_url(session_postgres: PostgresServer) -> str:
    """A fresh database with nothing in it."""
    return session_postgres.database(empty=True)
