"""`remit report`: what is asked, and the files that are written, in a folder of whoever asks.

The running server reads the numbers, and what the files look like is `bot.report`.
"""

import argparse
import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from pathlib import Path

import msgspec

from bot.command_line import Server
from bot.report import ReportOrder, files
from bot.settings import Settings
from services.desk.report import Report
from services.errors import Misconfigured

FOLDER = Path("remit-report")

Find = Callable[[Settings], Awaitable[Server]]


def add_report(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the command to the parser; ``find`` reaches the running server."""
    report = commands.add_parser("report", help="money in, outcomes and letters as pictures (HTML) and sheets (CSV)")
    report.add_argument(
        "--from",
        dest="first",
        type=date.fromisoformat,
        metavar="DAY",
        help="first day, such as 2026-03-01; by default 30 days in all",
    )
    report.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY", help="last day, by default today")
    report.add_argument("--out", type=Path, metavar="FOLDER", help=f"where files are written, by default {FOLDER}")
    report.add_argument("--json", action="store_true", help="print the numbers; files are written with --out alone")
    report.set_defaults(run=lambda settings, options: _run(settings, options, find))


def _run(settings: Settings, options: argparse.Namespace, find: Find) -> int:
    order = ReportOrder(str(options.first or ""), str(options.last or ""))
    found = asyncio.run(_ask(settings, order, find))
    folder = options.out or (None if options.json else FOLDER)
    names = write(folder, files(found)) if folder is not None else []
    print(msgspec.json.encode(found).decode() if options.json else "\n".join(map(str, names)))
    return 0


async def _ask(settings: Settings, order: ReportOrder, find: Find) -> Report:
    server = await find(settings)
    try:
        return msgspec.convert(await server.ask("report", order), Report)
    finally:
        await server.close()


def write(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write these files, each whole or not at all, over those of an earlier report. Raises `Misconfigured` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / name, text) for name, text in contents.items()]
    except OSError as error:
        raise Misconfigured(f"the report cannot be written to {folder}: {error.strerror}") from error


def _write(file: Path, text: str) -> Path:
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8", newline="") as written_to:
            written_to.write(text)
            written_to.flush()
            os.fsync(written_to.fileno())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
    return file
