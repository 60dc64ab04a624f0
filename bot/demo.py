"""`make demo`: the assistant and its sandbox as two processes, demo data, and the addresses to open.

A supervisor and nothing else: it starts both, starts the assistant again when it dies, and takes both down with it.
Its data live in ``.remit/demo`` and begin anew each time, because the sandbox's do.
"""

import asyncio
import contextlib
import errno
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tomllib
from pathlib import Path
from typing import TextIO

from bot.app import lock_folder
from bot.command_line import Server
from bot.desk.accounts import AgentOrder
from bot.internal import LinkOrder, SendOrder
from bot.settings import CONFIG
from bot.workers import end
from services.desk.agents import Role
from services.errors import Misconfigured, RemitError, Unavailable

FOLDER = Path(".remit") / "demo"
CLOCK = FOLDER / "clock"  # how far the sandbox is ahead: whoever advances it advances both
READY_SECONDS = 60
ROOM = 200  # ports above the assistant's, among which the sandbox finds its own


def run(port: int, *, as_json: bool) -> int:
    """Run until Ctrl-C or SIGTERM; answers with the exit code."""
    return asyncio.run(_Demo(port, as_json=as_json).run())


class _Demo:
    def __init__(self, port: int, *, as_json: bool) -> None:
        self._port = port
        self._sandbox_port = _free_port(port + 1)
        self._smtp_port = _free_port(self._sandbox_port + 1)
        self._as_json = as_json
        self._demo = tomllib.loads((CONFIG / "demo.toml").read_text(encoding="utf-8"))
        self._environment = self._settings()

    def _settings(self) -> dict[str, str]:
        """Secrets are fresh each time and go by the environment, where only these two processes see them."""
        key, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        sandbox = f"http://127.0.0.1:{self._sandbox_port}"
        business = self._demo["business"]
        return os.environ | {
            "REMIT_SANDBOX_API_KEY": key,
            "REMIT_SANDBOX_WEBHOOK_SECRET": secret,
            "REMIT_BUSINESS__NAME": business["name"],
            "REMIT_BUSINESS__PHONE": business["phone"],
            "REMIT_SERVER__PORT": str(self._port),
            "REMIT_SERVER__DATA": str(FOLDER),
            "REMIT_SERVER__CLOCK_FILE": str(CLOCK),
            "REMIT_INVOICES__SOURCES": '["book", "portal"]',
            "REMIT_INVOICES__PORTAL_URL": f"{sandbox}/portal",
            "REMIT_INVOICES__PORTAL_KEY": key,
            "REMIT_WIDGET__ORIGINS": json.dumps([sandbox]),
            "REMIT_MAIL__HOST": "127.0.0.1",
            "REMIT_MAIL__PORT": str(self._smtp_port),
            "REMIT_MAIL__FROM": business["email"],
            "REMIT_MAIL__STARTTLS": "false",
            "REMIT_AUTOPAY__OFFERED": "true",
            "REMIT_AUTOPAY__NOTICE_DAYS": "3",
            "REMIT_REMINDERS__ON": "true",
            "REMIT_TELEGRAM__MODE": "polling",  # with a token, a demo needs no address that Telegram reaches
            "REMIT_GATEWAY__URL": f"{sandbox}/processor",
            "REMIT_GATEWAY__KEY": key,
            "REMIT_GATEWAY__WEBHOOK_SECRET": secret,
        }

    async def run(self) -> int:
        if reason := _taken(self._port):
            raise Misconfigured(f"port {self._port} {reason}; try another, such as make demo PORT=18080")
        FOLDER.mkdir(parents=True, exist_ok=True)
        lock_folder(FOLDER).close()  # never pull the files from under a demo that runs here on another port
        shutil.rmtree(FOLDER)
        FOLDER.mkdir(mode=0o700)
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        sandbox = await self._start_sandbox()
        keeping = asyncio.create_task(self._keep_assistant())
        try:
            if not await self._announce(stop, sandbox):
                return 0 if stop.is_set() else 1
            await asyncio.wait(
                {asyncio.create_task(stop.wait()), asyncio.create_task(sandbox.wait())}, return_when="FIRST_COMPLETED"
            )
            if not stop.is_set():
                print(f"remit: the sandbox ended with {sandbox.returncode}, so the demo is over", file=sys.stderr)
            return 0 if stop.is_set() else 1
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping
            await end(sandbox)

    async def _start_sandbox(self) -> asyncio.subprocess.Process:
        webhook = f"http://127.0.0.1:{self._port}/webhooks/payments/sandbox"
        arguments = ("--port", str(self._sandbox_port), "--webhook", webhook, "--smtp-port", str(self._smtp_port))
        clock = ("--clock-file", str(CLOCK))
        demo = ("--demo", str(CONFIG / "demo.toml"), "--assistant", f"http://127.0.0.1:{self._port}")
        return await self._spawn("services.sandbox", *arguments, *clock, *demo, out=asyncio.subprocess.DEVNULL)

    async def _keep_assistant(self) -> None:
        """The assistant, started again whenever it dies: what it was doing is in its files."""
        while True:
            assistant = await self._spawn("bot", "serve", out=sys.stderr)
            try:
                await assistant.wait()
            finally:
                await end(assistant)
            print(f"the assistant ended with {assistant.returncode}; starting it again", file=sys.stderr)
            await asyncio.sleep(0.2)

    async def _spawn(self, module: str, *arguments: str, out: int | TextIO) -> asyncio.subprocess.Process:
        # a pipe on standard input: when this process dies, however, they read its end and stop
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.child", module, *arguments),
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            start_new_session=True,  # Ctrl-C is for the supervisor, which then takes both down in order
        )

    async def _announce(self, stop: asyncio.Event, sandbox: asyncio.subprocess.Process) -> bool:
        """Wait until the assistant answers, make its pay links, and say where everything is."""
        for _ in range(READY_SECONDS * 10):
            if stop.is_set() or sandbox.returncode is not None:
                return False
            server = await Server.find(FOLDER)
            if server is not None:
                with contextlib.suppress(Unavailable):  # the sandbox may need a moment more
                    links = await self._links(server)
                    await server.send_links(SendOrder())  # the mailbox holds what customers would have been sent
                    self._print(links, await self._agents(server))
                    return True
            await asyncio.sleep(0.1)
        print(f"remit: the assistant did not start within {READY_SECONDS} s; see the messages above", file=sys.stderr)
        return False

    async def _links(self, server: Server) -> list[dict[str, str | int]]:
        found: list[dict[str, str | int]] = []
        for invoice in self._demo["invoices"]:
            try:
                found += await server.links(LinkOrder(invoice["number"]))
            except RemitError as error:
                raise Unavailable(str(error)) from error
        return found

    async def _agents(self, server: Server) -> dict[str, dict[str, str]]:
        """Somebody of each role at the desk, with a password that is made anew each time: its folder is, too."""
        domain = self._demo["business"]["email"].partition("@")[2]
        made: dict[str, dict[str, str]] = {}
        names: dict[Role, str] = {"agent": "Maria", "supervisor": "Sam"}
        for role, name in names.items():
            email, password = f"{name.lower()}@{domain}", secrets.token_urlsafe(12)
            await server.ask("agents", AgentOrder("add", email, name, role, password))
            made[role] = {"email": email, "password": password}
        return made

    def _print(self, links: list[dict[str, str | int]], people: dict[str, dict[str, str]]) -> None:
        chat, sandbox = f"http://127.0.0.1:{self._port}", f"http://127.0.0.1:{self._sandbox_port}"
        if self._as_json:
            addresses = {
                "chat": chat,
                "api": f"{chat}/api/v1",
                "widget": f"{sandbox}/shop/",
                "sandbox": sandbox,
                "inbox": f"{sandbox}/inbox",
                "desk": f"{chat}/desk",
                "help": f"{chat}/help",
                "pay_links": links,
                "customer": {"email": self._demo["customers"][0]["email"]},
                "agent": people["agent"],
                "supervisor": people["supervisor"],
            }
            print(json.dumps(addresses), flush=True)
            return
        print(f"Remit is running for {self._demo['business']['name']}.\n")
        print("Open one of these in a browser:\n")
        print(f"  {sandbox}/inbox/   the mailbox with the e-mailed invoices: open one, follow its link, pay")
        print(f"  {sandbox}/shop/    the business's own web site, with the chat in its corner")
        print(f"  {chat}/chat     the chat as a page of its own")
        print(f"  {chat}/help     the help center")
        print(f"  {chat}/desk     the desk, where people take chats over:")
        for role, each in people.items():
            print(f"      {role}: {each['email']}  {each['password']}")
        print("\nOr talk to it in another terminal:\n")
        print(f"  .venv/bin/remit chat --pay-link {links[0]['token']}    # {links[0]['invoice']}")
        print(f"\nRasa front ends: {chat}/webhooks/rest/webhook   API: {chat}/openapi.json")
        print("Test card 4242 4242 4242 4242, any future date, any code; more in docs/sandbox.md.")
        print("\nCtrl-C stops all of it.", flush=True)


def _taken(port: int) -> str:
    """Why nothing can listen on this port now, or ""."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        return ""


def _free_port(first: int) -> int:
    return next(port for port in range(first, first + ROOM) if not _taken(port))
