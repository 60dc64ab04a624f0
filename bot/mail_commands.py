"""`remit letters`, `remit remind` and `remit bounce`: what is asked, and what is printed. The running server does the work."""

import argparse
import asyncio
import json
import mailbox
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bot.command_line import Server
from bot.mail_office import LettersOrder, RemindOrder
from bot.settings import Settings
from services import bounces
from services.bounces import Verdict
from services.errors import Unavailable
from services.letterbox import State

Find = Callable[[Settings], Awaitable[Server]]


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the commands to the parser; ``find`` reaches the running server."""
    letters = commands.add_parser("letters", help="letters that wait, were refused, or may not have arrived")
    letters.add_argument("--state", type=State, choices=list(State), action="append", default=[], metavar="STATE")
    letters.add_argument("--most", type=int, default=50, metavar="N")
    letters.add_argument("--forgive", default="", metavar="EMAIL", help="write to this address again: it works now")
    letters.add_argument("--json", action="store_true")
    letters.set_defaults(run=lambda settings, options: asyncio.run(_letters(find, settings, options)))
    remind = commands.add_parser(
        "remind", help="remind customers of open invoices whose day has come, as the worker does hourly"
    )
    remind.add_argument(
        "--dry-run", action="store_true", help="say who would be reminded, when, and why not; send nothing"
    )
    remind.add_argument("--json", action="store_true")
    remind.set_defaults(run=lambda settings, options: asyncio.run(_remind(find, settings, options)))
    bounce = commands.add_parser("bounce", help="take in a mail server's report that a letter did not arrive")
    bounce.add_argument(
        "--maildir",
        type=Path,
        metavar="FOLDER",
        help="all new messages of this maildir; without it one, on standard input",
    )
    bounce.add_argument("--json", action="store_true")
    bounce.set_defaults(run=lambda settings, options: asyncio.run(_bounce(find, settings, options)))


async def _letters(find: Find, settings: Settings, options: argparse.Namespace) -> int:
    server = await find(settings)
    try:
        found = await server.ask("letters", LettersOrder(options.state, options.most, options.forgive))
    finally:
        await server.close()
    if options.json:
        print(json.dumps(found))
    elif options.forgive:
        print("It is written to again." if found["forgiven"] else "Nothing was known against this address.")
    else:
        print("\n".join(map(_line, found)) or "no such letters")
    return 0


def _line(each: dict[str, Any]) -> str:
    """Never an address: whose it is says the customer's id."""
    tries = f"{each['attempts']} tries" if each["attempts"] != 1 else "1 try"
    code = f", {each['code']}" if each["code"] else ""
    return f"{each['due_at'][:16]}  {each['state']:<8}  {each['key']}  {each['customer']}  ({tries}{code})"


async def _remind(find: Find, settings: Settings, options: argparse.Namespace) -> int:
    server = await find(settings)
    try:
        done = await server.ask("remind", RemindOrder(options.dry_run))
    finally:
        await server.close()
    if options.json:
        print(json.dumps(done))
        return 0
    for each in done:
        at = f" at {each['at'][:16]}" if each["at"] else ""
        print(f"{each['number']}  {each['customer']}  {each['stage']}: {each['fate'].replace('_', ' ')}{at}")
    print(f"{len(done)} invoices whose day has come" if done else "no invoice's day has come")
    return 0


async def _bounce(find: Find, settings: Settings, options: argparse.Namespace) -> int:
    """For a mail server's pipe: 75 asks it to try again later (sysexits.h, EX_TEMPFAIL)."""
    try:
        server = await find(settings)
    except Unavailable as error:
        print(f"remit: {error}", file=sys.stderr)
        return os.EX_TEMPFAIL
    try:
        folder = options.maildir
        told = [await _one(server, sys.stdin.buffer.read())] if folder is None else await _all(server, folder)
    except Unavailable as error:
        print(f"remit: {error}", file=sys.stderr)
        return os.EX_TEMPFAIL
    finally:
        await server.close()
    counts = {verdict.value: told.count(verdict.value) for verdict in Verdict}
    counted = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    print(json.dumps(counts) if options.json else counted or "nothing new")
    return 0


async def _one(server: Server, message: bytes) -> str:
    return str((await server.bounce(message[: bounces.LARGEST]))["verdict"])


async def _all(server: Server, folder: Path) -> list[str]:
    """Each new message once: what was read is moved to ``cur``, and what was not is found by the next run."""
    if not (folder / "new").is_dir():
        raise Unavailable(f"{folder} is no maildir: it has no folder 'new'")
    box = mailbox.Maildir(folder, create=False)
    told = []
    for key, message in list(box.iteritems()):
        if message.get_subdir() == "new":
            told.append(await _one(server, box.get_bytes(key)))
            message.set_subdir("cur")
            message.add_flag("S")
            box[key] = message
    return told
