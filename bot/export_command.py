"""`remit export payments`: what is asked. The running server does the work (`bot.exporting`)."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

from bot.command_line import Server
from bot.exporting import DAYS, ExportOrder
from bot.saving import save
from bot.settings import Settings

Find = Callable[[Settings], Awaitable[Server]]


def add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the command to the parser; ``find`` reaches the running server."""
    export = commands.add_parser("export", help="payments for spreadsheets and QuickBooks (docs/exporting.md)")
    which = export.add_subparsers(dest="which", required=True, metavar="WHAT")
    paid = which.add_parser("payments", help="what came in and what went back, as CSV")
    paid.add_argument("--from", dest="since", type=date.fromisoformat, metavar="DAY", help="such as 2026-11-01")
    paid.add_argument("--to", dest="until", type=date.fromisoformat, metavar="DAY", help="this day is in, too")
    paid.add_argument("--out", type=Path, metavar="FILE", help="write it there; without, to standard output")
    paid.add_argument(
        "--format",
        choices=("csv", "quickbooks"),
        default="csv",
        help="csv: a line per payment and invoice; quickbooks: the three columns of a bank upload",
    )
    paid.add_argument(
        "--dates", choices=tuple(DAYS), default="", help="how days are written; quickbooks: mdy, else ymd"
    )
    paid.add_argument("--currency", default="", help="with quickbooks: of the account; else the business's")
    paid.add_argument("--bom", action="store_true", help="begin with the mark by which Excel knows UTF-8")

    async def ask(settings: Settings, options: argparse.Namespace) -> None:
        order = ExportOrder(options.since, options.until, options.format, options.dates, options.currency, options.bom)
        server = await find(settings)
        try:
            await save(server.stream("export/payments", order), options.out)
        finally:
            await server.close()

    def run(settings: Settings, options: argparse.Namespace) -> int:
        asyncio.run(ask(settings, options))
        return 0

    paid.set_defaults(run=run)
