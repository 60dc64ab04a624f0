"""`remit audit verify`: what is asked, and what is printed. The running server does the work (`bot.proof_office`)."""

import argparse
import asyncio

import msgspec

from bot.office_commands import Find
from bot.proof_office import Report, VerifyOrder
from bot.settings import Settings


def add_proof(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the command to the parser; ``find`` reaches the running server."""
    audit = commands.add_parser("audit", help="hold what customers agreed to against its seals (docs/agreements.md)")
    which = audit.add_subparsers(dest="which", required=True, metavar="COMMAND")
    verify = which.add_parser("verify", help="exit 0: all is as it was written; 1: something is not, and what")
    verify.add_argument("--head", default="", metavar="HASH", help="a head printed earlier, which must still be there")
    verify.add_argument("--json", action="store_true")

    def run(settings: Settings, options: argparse.Namespace) -> int:
        report = asyncio.run(_ask(settings, options, find))
        print(msgspec.json.encode(report).decode() if options.json else _words(report))
        return 0 if report.whole else 1

    verify.set_defaults(run=run)


async def _ask(settings: Settings, options: argparse.Namespace, find: Find) -> Report:
    server = await find(settings)
    try:
        found = await server.ask("verify", VerifyOrder(options.head))
    finally:
        await server.close()
    return msgspec.convert(found, Report)


def _words(report: Report) -> str:
    lines = [f"{report.rows} agreements; the head is {report.head}"]
    if report.before_records:
        lines.append(f"{report.before_records} consents were given before records were kept")
    lines += [f"row {each.number}, {each.subject or 'no subject'}: {each.what}" for each in report.first]
    if report.broken > len(report.first):
        lines.append(f"and {report.broken - len(report.first)} more")
    if report.had_head is False:
        lines.append("the head that was looked for is not in this chain: it was made anew, or is another's")
    lines.append("All is as it was written." if report.whole else "NOT as it was written: docs/agreements.md")
    return "\n".join(lines)
