"""`remit privacy export` and `remit privacy erase`: what is asked, and what is printed or written to a file.

The running server does the work (`bot.privacy`).
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.command_line import Server
from bot.office_commands import Find
from bot.privacy_office import PrivacyOrder
from bot.saving import save
from bot.settings import Settings

Work = Callable[[Server, argparse.Namespace], Awaitable[None]]


def add_privacy(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the commands to the parser; ``find`` reaches the running server."""
    privacy = commands.add_parser("privacy", help="hand out or erase what is kept of one customer (docs/privacy.md)")
    which = privacy.add_subparsers(dest="which", required=True, metavar="COMMAND")
    export = which.add_parser("export", help="everything that is theirs, as one JSON document")
    export.add_argument("--out", type=Path, metavar="FILE", help="write it there; without, to standard output")
    export.set_defaults(run=_with(_export, find))
    erase = which.add_parser("erase", help="their conversations, and words of theirs anywhere else, for good")
    erase.add_argument("--yes", action="store_true", help="do it; without, only say what would be erased")
    erase.add_argument("--json", action="store_true")
    erase.set_defaults(run=_with(_erase, find))
    for each in (export, erase):
        each.add_argument("customer", nargs="?", default="", metavar="CUSTOMER", help="by id or e-mail address")
        each.add_argument("--chat", default="", metavar="NAME", help="of somebody who never signed in, such as web:...")
        each.add_argument(
            "--whole-chats", action="store_true", help="also chats that others used: with what those wrote in them"
        )


def _with(work: Work, find: Find) -> Callable[[Settings, argparse.Namespace], int]:
    async def ask(settings: Settings, options: argparse.Namespace) -> None:
        server = await find(settings)
        try:
            await work(server, options)
        finally:
            await server.close()

    def run(settings: Settings, options: argparse.Namespace) -> int:
        asyncio.run(ask(settings, options))
        return 0

    return run


async def _export(server: Server, options: argparse.Namespace) -> None:
    order = PrivacyOrder(options.customer, options.chat, options.whole_chats)
    await save(server.stream("privacy/export", order), options.out)


async def _erase(server: Server, options: argparse.Namespace) -> None:
    order = PrivacyOrder(options.customer, options.chat, options.whole_chats, dry_run=not options.yes)
    erased = await server.ask("privacy/erase", order)
    if options.json:
        print(json.dumps(erased))
        return
    done = "were erased" if options.yes else "would be erased; nothing was yet: add --yes"
    whose = f"customer {erased['customer']}" if erased["customer"] else "whoever used it"
    print(f"{len(erased['chats'])} chats of {whose} {done}.")
    for chat in erased["left"]:
        print(
            f"{chat} is left as it is: others used it too, and nobody can say who wrote what; --whole-chats takes all of it."
        )
