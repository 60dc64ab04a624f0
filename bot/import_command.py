"""`remit import`: what is asked, and what is printed.

The running server does the work (`bot.importing`); where none runs, the book of the data folder is opened here. What is
in a file, and who may replace what, is never decided here.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bot.app import lock_folder
from bot.command_line import Server
from bot.importing import ImportOrder, MappingsOrder
from bot.progress import Bar
from bot.settings import Settings
from services.database import Transact, inline, open_engine, upgrade
from services.errors import Malformed, Misconfigured
from services.invoices import mappings
from services.invoices.document import Refusal, Refused
from services.invoices.files import contents_of
from services.invoices.headings import told_mapping
from services.invoices.importing import Outcome, import_files
from services.invoices.sheet import Progress, deaf

Find = Callable[[Settings], Awaitable[Server | None]]
Answer = TypeVar("Answer")


def add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", running: Find) -> None:
    """Add the command to the parser; ``running`` finds the server, if one runs."""
    bring = commands.add_parser("import", help="UBL 2.1 invoices, CSV sheets and Excel workbooks into the invoice book")
    bring.add_argument("files", nargs="*", type=Path, metavar="FILE")
    bring.add_argument("--json", action="store_true", help="print the outcome as JSON")
    bring.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
    bring.add_argument("--currency", default="", help="of rows that name none (ISO 4217)")
    bring.add_argument("--supplier", default="", help="of rows that name none")
    bring.add_argument(
        "--sheet", default="", metavar="NAME", help="of a workbook; without, the first that has invoices"
    )
    bring.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="HEADING=FIELD",
        help="what a heading means, such as 'Beleg=number'; remembered for files with the same headings",
    )
    bring.add_argument("--mappings", action="store_true", help="show what is remembered of headings, import nothing")
    bring.add_argument(
        "--forget-mapping", default="", metavar="ID", help="forget one of them, by its id or first digits"
    )

    def run(settings: Settings, options: argparse.Namespace) -> int:
        if options.mappings or options.forget_mapping:
            if options.files:
                raise Misconfigured("--mappings and --forget-mapping import nothing: leave the files out")
            return asyncio.run(_mappings(settings, options, running))
        if not options.files:
            raise Misconfigured("name the files to import")
        return _told(asyncio.run(_bring_in(settings, options, running)), options)

    bring.set_defaults(run=run)


def _told(outcome: dict[str, Any], options: argparse.Namespace) -> int:
    """Print what came of it; the exit code."""
    refused: list[dict[str, Any]] = outcome["refused"]
    if options.json:
        print(json.dumps(outcome))
        return 1 if refused else 0
    for note in outcome.get("notes", ()):
        print(note, file=sys.stderr)
    for each in refused:
        place = ":".join(str(each[part]) for part in ("file", "line", "column") if each[part] not in (None, ""))
        print(f"{place}: {each['reason']}", file=sys.stderr)
    if refused:
        print(f"{len(refused)} refused, so nothing was written.", file=sys.stderr)
        return 1
    done = "would be " if options.dry_run else ""
    print(", ".join(f"{outcome[name]} {done}{name}" for name in ("imported", "updated", "unchanged")))
    return 0


async def _bring_in(settings: Settings, options: argparse.Namespace, running: Find) -> dict[str, Any]:
    order = ImportOrder([], options.dry_run, options.currency, options.supplier, options.sheet, _mapping(options))
    server = await running(settings)
    contents = [(os.fsencode(file).decode(errors="replace"), contents_of(file)) for file in options.files]
    unreadable = tuple(Refusal(name, None, None, found) for name, found in contents if isinstance(found, str))
    if unreadable:
        return Outcome(refused=unreadable).as_json()  # no database is opened, so none can be half-written
    order.files = [(name, found) for name, found in contents if isinstance(found, bytes)]
    bar = Bar() if sys.stderr.isatty() else None
    try:
        if server is not None:
            # what is not named here is the server's to fill in: its settings, not ours, are those of the book
            return await server.import_files(order, bar)
        return (await _with_book(settings, lambda transact: _import(settings, transact, order, bar or deaf))).as_json()
    finally:
        if bar is not None:
            bar.close()


def _mapping(options: argparse.Namespace) -> dict[str, str]:
    try:
        return told_mapping(options.map)
    except Refused as refused:
        raise Misconfigured(f"--map {refused.reason}") from None


async def _import(settings: Settings, transact: Transact, order: ImportOrder, progress: Progress) -> Outcome:
    return await import_files(
        transact,
        order.files,
        default_currency=order.currency or settings.business.currency,
        supplier=order.supplier or settings.business.name,
        dry_run=order.dry_run,
        sheet=order.sheet,
        mapping=order.mapping,
        now=datetime.now(UTC),
        progress=progress,
    )


async def _with_book(settings: Settings, work: Callable[[Transact], Awaitable[Answer]]) -> Answer:
    """``work`` on the book of the data folder, which no server has open."""
    # whoever meant a demo that is still starting must learn that it will not see these
    print(f"No server is running here: this is the book in {settings.server.data}.", file=sys.stderr)
    settings.server.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = lock_folder(settings.server.data)
    engine = open_engine(settings.database_url or f"sqlite:///{settings.server.data / 'ledger.db'}")
    try:
        upgrade(engine)
        return await work(inline(engine))
    finally:
        engine.dispose()
        lock.close()


# --- what is remembered of headings -------------------------------------------------------------------------------------


async def _mappings(settings: Settings, options: argparse.Namespace, running: Find) -> int:
    server = await running(settings)
    if server is not None:
        found = await _asked(server, options.forget_mapping)
    else:
        found = await _with_book(settings, lambda transact: _of_book(transact, options.forget_mapping))
    if options.json:
        print(json.dumps(found))
        return 0
    for each in found:
        mapped = ", ".join(f"“{heading}” is {field}" for heading, field in each["mapped"].items())
        print(f"{each['signature']}  {each['at'][:10]}  {mapped}; headings: {', '.join(each['headings'])}")
    if not found:
        print("no mapping is remembered")
    return 0


async def _asked(server: Server, prefix: str) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = await server.ask("mappings", MappingsOrder())
    if not prefix:
        return known
    left: list[dict[str, Any]] = await server.ask("mappings", MappingsOrder(_one(known, prefix)))
    return left


async def _of_book(transact: Transact, prefix: str) -> list[dict[str, Any]]:
    known: list[dict[str, Any]] = msgspec.to_builtins(await transact(mappings.listed))
    if not prefix:
        return known
    signature = _one(known, prefix)
    await transact(lambda conn: mappings.forget(conn, signature))
    left: list[dict[str, Any]] = msgspec.to_builtins(await transact(mappings.listed))
    return left


def _one(known: list[dict[str, Any]], prefix: str) -> str:
    """The one mapping whose id begins so. Raises `Malformed` when there is none, or more than one."""
    found = [str(each["signature"]) for each in known if each["signature"].startswith(prefix.lower())]
    if len(found) != 1:
        which = "no mapping" if not found else "more than one mapping"
        raise Malformed(f"{which} is remembered whose id begins with {prefix}: see `remit import --mappings`")
    return found[0]
