"""`remit payments`, `refund`, `settle`, `pause`, `resume`, `cases`, `compare` and `autopay`: what is asked, and what is printed.

The running server does the work (`bot.office`). Nothing here decides anything about money.
"""

import argparse
import asyncio
import getpass
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from bot import autopay_commands
from bot.command_line import Server
from bot.office import CaseOrder, CompareOrder, GapOrder, GiveBackOrder, ListOrder, PauseOrder, SettleOrder
from bot.settings import Settings
from services.model import Money, PaymentState

Find = Callable[[Settings], Awaitable[Server]]


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", find: Find) -> None:
    """Add the commands to the parser; ``find`` reaches the running server."""
    listing = commands.add_parser("payments", help="the latest payments, newest first")
    listing.add_argument("reference", nargs="?", default="", metavar="PAYMENT", help="only this one")
    listing.add_argument("--state", type=PaymentState, choices=list(PaymentState), metavar="STATE")
    listing.add_argument("--most", type=int, default=50, metavar="N")
    listing.set_defaults(run=_told(_payments, find))

    refund = commands.add_parser("refund", help="give a payment back, in full or in part")
    refund.add_argument("reference", metavar="PAYMENT", help="its reference, such as RM-7KQ2-9XTD")
    refund.add_argument("amount", metavar="AMOUNT", help="in the payment's currency, such as 12.50, or 'all'")
    refund.add_argument("--why", default="", help="kept with the refund")
    refund.add_argument("--again", action="store_true", help="although the same sum was refunded a moment ago")
    refund.set_defaults(run=_told(_refund, find))

    settle = commands.add_parser("settle", help="say how a payment stands of which the gateway contradicts itself")
    settle.add_argument("reference", metavar="PAYMENT", help="its reference, such as RM-7KQ2-9XTD")
    settle.add_argument(
        "state",
        choices=("succeeded", "failed", "returned"),
        help="succeeded: all of the money is here; failed: none was taken; returned: all of it went back",
    )
    settle.add_argument("--why", required=True, metavar="TEXT", help="how you know; kept with your word")
    settle.set_defaults(run=_told(_settle, find))

    stop = commands.add_parser("pause", help="take no new payments from now on")
    stop.add_argument("--why", default="", help="kept with the pause")
    stop.set_defaults(run=_told(_pause, find), paused=True)
    go_on = commands.add_parser("resume", help="take new payments again")
    go_on.set_defaults(run=_told(_pause, find), paused=False, why="")

    cases = commands.add_parser("cases", help="what a person has to decide")
    cases.add_argument("--close", type=int, metavar="N", help="this one is decided")
    cases.add_argument(
        "--answer", default="", metavar="WORDS", help="with --close: what the customer is told in the chat"
    )
    cases.set_defaults(run=_told(_cases, find))

    compare = commands.add_parser("compare", help="hold the ledger against the gateway and the books, now")
    compare.add_argument("--days", type=int, default=62, help="how far back")
    compare.set_defaults(run=_told(_compare, find))

    gaps = commands.add_parser(
        "help-gaps", help="questions that no help article answers, and articles that did not help"
    )
    gaps.add_argument("--days", type=int, default=90, metavar="N", help="of the last N days")
    gaps.set_defaults(run=_told(_help_gaps, find))
    of_autopay = autopay_commands.add_command(commands)
    for each in of_autopay:
        each.set_defaults(run=_told(autopay_commands.ask, find))
    for each in (gaps, listing, refund, settle, stop, go_on, cases, compare, *of_autopay):
        each.add_argument("--json", action="store_true")


Work = Callable[[Server, argparse.Namespace], Awaitable[tuple[Any, str]]]


def _told(work: Work, find: Find) -> Callable[[Settings, argparse.Namespace], int]:
    """A command that prints what ``work`` answers: as JSON, or in words."""

    async def ask(settings: Settings, options: argparse.Namespace) -> tuple[Any, str]:
        server = await find(settings)
        try:
            return await work(server, options)
        finally:
            await server.close()

    def run(settings: Settings, options: argparse.Namespace) -> int:
        found, words = asyncio.run(ask(settings, options))
        print(json.dumps(found) if options.json else words)
        return 0

    return run


async def _payments(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    found = await server.ask("payments", ListOrder(options.state, options.reference, options.most))
    lines = [
        f"{each['reference']}  {each['state']:<13}  {_sum(each, 'amount_minor'):>16}  {', '.join(each['invoices'])}"
        + (f"  fee {_sum(each, 'fee_minor')}" if each["fee_minor"] else "")
        + (f"  refunded {_sum(each, 'refunded_minor')}" if each["refunded_minor"] else "")
        for each in found
    ]
    return found, "\n".join(lines) or "no payments"


def _sum(each: dict[str, Any], name: str) -> str:
    return str(Money(each[name], each["currency"]))


async def _refund(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    order = GiveBackOrder(
        secrets.token_hex(16), options.reference, options.amount, getpass.getuser(), options.why, options.again
    )
    made = await server.ask("refund", order)
    said = {
        "done": "refunded",
        "asked": "asked for; the gateway has not said yes yet, and the customer hears when it does",
        "failed": "refused by the gateway, nothing was refunded: see `remit cases`",
    }
    return made, f"{made['id']}: {Money(**made['amount'])} of {made['payment']} {said[made['state']]}"


async def _settle(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    order = SettleOrder(options.reference, options.state, getpass.getuser(), options.why)
    found = await server.ask("settle", order)
    return found, f"{found['reference']} is {found['state']} until the gateway says anything new"


async def _pause(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    found = await server.ask("pause", PauseOrder(options.paused, getpass.getuser(), options.why))
    words = "No new payments are taken" if options.paused else "New payments are taken"
    return found, f"{words}, {'from now on' if found['changed'] else 'as before'}."


async def _cases(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    found = await server.ask("cases", CaseOrder(options.close, options.answer))
    lines = [_case(each) for each in found]
    return found, "\n".join(lines) or "nothing waits for a person"


def _case(case: dict[str, Any]) -> str:
    line = f"{case['id']}  {case['at'][:16]}  {case['reason']}: {_plain(case['summary'])}"
    return f'{line}\n    "{_plain(case["words"])}"' if case.get("words") else line


def _plain(told: str) -> str:
    """Words of a customer on one line, without what a terminal obeys or nobody sees: they may be anything."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in told).split())


async def _compare(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    found = await server.ask("compare", CompareOrder(options.days))
    counts = (f"{name}: {len(value) if isinstance(value, list) else value}" for name, value in found.items())
    return found, ", ".join(counts)


async def _help_gaps(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    found = await server.ask("help-gaps", GapOrder(options.days))
    gaps = [f"{each['count']:>4}  {each['language']}  {each['text']}" for each in found["gaps"]]
    articles = [
        f"{each['topic']}: helped {each['helped']}, did not help {each['not_helped']}" for each in found["articles"]
    ]
    return found, "\n".join(
        ["questions without an answer:", *(gaps or ["none"]), "", "articles:", *(articles or ["none rated"])]
    )
