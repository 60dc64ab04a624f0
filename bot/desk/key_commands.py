"""`remit keys`: what is asked, and what is printed. The running server does the work (`bot.desk.keys`)."""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, get_args

from bot.command_line import Server
from bot.desk.keys import KeyOrder
from bot.settings import Settings
from services.api_keys import Scope

Find = Callable[[Settings], Awaitable[Server]]


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the command to the parser; ``find`` reaches the running server."""
    keys = commands.add_parser("keys", help="keys of outside systems that use the API")
    whats = keys.add_subparsers(dest="what", required=True, metavar="WHAT")
    add = whats.add_parser("add", help="a new key, which is printed once")
    add.add_argument("name", metavar="NAME", help="of the outside system; customers read it")
    add.add_argument("--scope", action="append", required=True, choices=get_args(Scope), help="may be said twice")
    listing = whats.add_parser("list", help="all keys, and when each was used last")
    revoke = whats.add_parser("revoke", help="let a key open nothing from now on")
    revoke.add_argument("name", metavar="NAME")
    for each in (add, listing, revoke):
        each.add_argument("--json", action="store_true")
        each.set_defaults(run=lambda settings, options: _run(settings, options, find))


def _run(settings: Settings, options: argparse.Namespace, find: Find) -> int:
    order = KeyOrder(options.what, getattr(options, "name", ""), tuple(getattr(options, "scope", ())))
    found = asyncio.run(_ask(settings, order, find))
    print(json.dumps(found) if options.json else _words(options.what, found))
    return 0


async def _ask(settings: Settings, order: KeyOrder, find: Find) -> Any:
    server = await find(settings)
    try:
        return await server.ask("keys", order)
    finally:
        await server.close()


def _words(what: str, found: Any) -> str:
    if what == "list":
        return "\n".join(map(_line, found)) or "none: remit keys add NAME --scope proposals:write"
    if what == "revoke":
        return f"{found['name']} opens nothing from now on."
    return f"{found['name']} may use {', '.join(found['scopes'])}.\nkey: {found['token']}\nIt is shown once."


def _line(each: Any) -> str:
    used = f"last used {each['last_used_at'][:16]}" if each["last_used_at"] else "never used"
    gone = "  revoked" if each["revoked_at"] else ""
    return f"{each['name']}  {' '.join(each['scopes'])}  {used}{gone}"
