"""`remit autopay`: what is asked, and what is printed. The running server does the work (`bot.autopay_office`)."""

import argparse
import getpass
from typing import Any

from bot.autopay_office import RunOrder, RunsOrder, SwitchOrder
from bot.command_line import Server
from services.model import Money


async def ask(server: Server, options: argparse.Namespace) -> tuple[Any, str]:
    """`remit autopay WHAT`: what the server answered, and the same in words."""
    match options.what:
        case "run":
            found = await server.ask("autopay-run", RunOrder(getpass.getuser(), options.dry_run))
            return found, _in_words(found["lines"]) or "nothing to do"
        case "runs":
            listed = await server.ask("autopay-runs", RunsOrder(most=options.most))
            return listed, "\n".join(map(_run_in_words, listed)) or "no run did anything yet"
        case "show":
            found = await server.ask("autopay-runs", RunsOrder(options.number))
            return found, _in_words(found["lines"])
        case what:
            order = SwitchOrder(what == "pause", getpass.getuser(), options.why)
            found = await server.ask("autopay-switch", order)
            words = "Autopay charges nothing" if order.paused else "Autopay charges what is due"
            return found, f"{words}, {'from now on' if found['changed'] else 'as before'}."


def _in_words(lines: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{line['did']:<8} {line['invoice'] or '-':<12} {_sum(line):>14}  {line['customer']}"
        + "".join(f"  {part}" for part in (line["why"], line["payment"]) if part)
        for line in lines
    )


def _sum(line: dict[str, Any]) -> str:
    return str(Money(line["amount_minor"], line["currency"])) if line["currency"] else ""


def _run_in_words(run: dict[str, Any]) -> str:
    counts = ", ".join(f"{run.get(name, 0)} {name}" for name in ("told", "charged", "skipped", "ended"))
    return f"{run['id']:>6}  {run['at'][:16]}  {counts}" + (f"  by {run['asked_by']}" if run.get("asked_by") else "")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> list[argparse.ArgumentParser]:
    """Add ``autopay`` and what it can do to the parser; those of them that print something."""
    whole = commands.add_parser("autopay", help="run autopay, look at its runs, or pause it")
    what = whole.add_subparsers(dest="what", required=True, metavar="WHAT")
    now = what.add_parser("run", help="tell and charge what is due, as happens every hour")
    now.add_argument("--dry-run", action="store_true", help="say what would happen, do nothing")
    listing = what.add_parser("runs", help="the newest runs that did something")
    listing.add_argument("--most", type=int, default=20, metavar="N")
    one = what.add_parser("show", help="what one run did and why")
    one.add_argument("number", type=int, metavar="RUN")
    stop = what.add_parser("pause", help="charge nothing by autopay from now on; customers pay as usual")
    stop.add_argument("--why", default="", help="kept with the pause")
    go_on = what.add_parser("resume", help="let autopay charge again")
    go_on.set_defaults(why="")
    return [now, listing, one, stop, go_on]
