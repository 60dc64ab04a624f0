"""`remit agents`: what is asked, and what is printed. The running server does the work (`bot.desk.accounts`)."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from bot.command_line import Server
from bot.desk.accounts import AgentOrder
from bot.settings import Settings
from services.errors import Misconfigured

Find = Callable[[Settings], Awaitable[Server]]


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the command to the parser; ``find`` reaches the running server."""
    desk = commands.add_parser("agents", help="the people at the desk: their accounts")
    whats = desk.add_subparsers(dest="what", required=True, metavar="WHAT")
    add = whats.add_parser("add", help="a new account; its password is printed once")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--name", required=True, help="what customers read")
    add.add_argument("--role", choices=("agent", "supervisor"), default="agent")
    listing = whats.add_parser("list", help="all accounts")
    disable = whats.add_parser("disable", help="sign somebody out and let them in no more")
    disable.add_argument("email", metavar="EMAIL")
    password = whats.add_parser("password", help="a new password; a disabled account may sign in again")
    password.add_argument("email", metavar="EMAIL")
    role = whats.add_parser("role", help="what somebody may do from now on")
    role.add_argument("email", metavar="EMAIL")
    role.add_argument("role", choices=("agent", "supervisor"))
    unlock = whats.add_parser("unlock", help="let somebody try passwords again after ten wrong ones")
    unlock.add_argument("email", metavar="EMAIL")
    for each in (add, password):
        each.add_argument("--password-stdin", action="store_true", help="read it from standard input, and print none")
    for each in (add, listing, disable, password, role, unlock):
        each.add_argument("--json", action="store_true")
        each.set_defaults(run=lambda settings, options: _run(settings, options, find))


def _run(settings: Settings, options: argparse.Namespace, find: Find) -> int:
    found = asyncio.run(_ask(settings, _order(options), find))
    print(json.dumps(found) if options.json else _words(options.what, found))
    return 0


def _order(options: argparse.Namespace) -> AgentOrder:
    password = ""
    if getattr(options, "password_stdin", False):
        password = sys.stdin.readline().rstrip("\n")
        if not password:
            raise Misconfigured("--password-stdin: nothing was read from standard input")
    told = {name: getattr(options, name) for name in ("email", "name", "role") if hasattr(options, name)}
    return AgentOrder(options.what, password=password, **told)


async def _ask(settings: Settings, order: AgentOrder, find: Find) -> Any:
    server = await find(settings)
    try:
        return await server.ask("agents", order)
    finally:
        await server.close()


def _words(what: str, found: Any) -> str:
    if what == "list":
        lines = [
            f"{each['email']}  {each['role']}  {each['name']}{'  disabled' if each['disabled'] else ''}"
            for each in found
        ]
        return "\n".join(lines) or "nobody: remit agents add EMAIL --name NAME"
    done = {
        "add": "may sign in at /desk",
        "disable": "signs in no more",
        "password": "has a new password",
        "role": "has this role from now on",
        "unlock": "may try passwords again",
    }[what]
    told = f"\npassword: {found['password']}\nIt is shown once." if "password" in found else ""
    return f"{found['email']} ({found['role']}) {done}.{told}"
