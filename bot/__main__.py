"""The command line. Every command says what it did, or what to do next; none shows a traceback for a mistake."""

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from bot import demo, guarding, help_search, mail_commands, train, understanding
from bot.app import prepared, production
from bot.channels.console import converse
from bot.command_line import Server
from bot.desk import account_commands, key_commands
from bot.export_command import add_export
from bot.import_command import add_import
from bot.internal import InviteOrder, LinkOrder, SendOrder
from bot.invitations import Outcome as Invited
from bot.office_commands import add_commands
from bot.privacy_commands import add_privacy
from bot.proof_commands import add_proof
from bot.report_commands import add_report
from bot.send_links import Outcome as Sent
from bot.settings import Settings, load
from bot.workers import supervise
from services.errors import Misconfigured, RemitError, Unavailable

BACKLOG = 2048
NO_SERVER = "no server is running on {}: start `remit serve` or `make demo` first"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; answers with the exit code."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # whatever is written here holds names and addresses, wherever the folder is
    try:
        if options.command == "demo":
            return demo.run(options.port, as_json=options.json)
        settings = load(options.config)
        logging.basicConfig(
            level=settings.server.log_level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
        )
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and ours carry tokens
        logging.getLogger("alembic").setLevel(logging.WARNING)
        return int(options.run(settings, options))
    except RemitError as error:
        print(f"remit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="remit", description="A payment assistant that people talk to.")
    parser.add_argument("--config", type=Path, default=_default_config(), help="settings file (or REMIT_CONFIG)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    trial = commands.add_parser("demo", help="the assistant with its sandbox and demo data")
    trial.add_argument("--port", type=_port, default=8080, help="of the assistant; the sandbox takes two above it")
    trial.add_argument("--json", action="store_true", help="first line of standard output: the addresses as JSON")

    serve = commands.add_parser("serve", help="the assistant")
    serve.add_argument(
        "--workers", type=_workers, default=1, metavar="N", help="processes; more than one on Redis and PostgreSQL"
    )
    # a worker is told by its supervisor where to listen
    serve.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    serve.set_defaults(run=_serve)

    actions = commands.add_parser(
        "actions", help="the action server, for a Rasa assistant that delegates payments (needs the extra 'rasa')"
    )
    actions.set_defaults(run=_actions)

    chat = commands.add_parser("chat", help="talk to the running assistant here")
    chat.add_argument("--pay-link", default="", metavar="TOKEN", help="come by this pay link")
    chat.set_defaults(run=_chat)

    add_import(commands, _running)

    link = commands.add_parser("link", help="a pay link for an invoice")
    link.add_argument("number", help="the invoice's number")
    link.add_argument("--days", type=_days, default=0, help="how long it works")
    link.add_argument("--json", action="store_true")
    link.set_defaults(run=_link)
    send = commands.add_parser("send-links", help="e-mail pay links for open invoices")
    send.add_argument(
        "numbers", nargs="*", metavar="NUMBER", help="of these invoices; without any, of all that are open"
    )
    send.add_argument("--dry-run", action="store_true", help="say what would happen, send nothing")
    send.add_argument("--again", action="store_true", help="also those that got one today")
    send.set_defaults(run=_send_links)
    asked = commands.add_parser("invite", help="e-mail invitations to sign in to customers who never did")
    asked.add_argument(
        "customers", nargs="*", metavar="CUSTOMER", help="by id or e-mail address; without any, all that owe something"
    )
    asked.add_argument("--dry-run", action="store_true", help="say what would happen, send nothing")
    asked.add_argument("--again", action="store_true", help="also those that got one within 30 days")
    asked.set_defaults(run=_invite)
    unlock = commands.add_parser("unlock", help="let an e-mail address be signed in with again after ten wrong codes")
    unlock.add_argument("email", metavar="EMAIL", help="make sure first that its owner asks")
    unlock.set_defaults(run=_unlock)
    _add_readings(commands)
    help_search.add_command(commands)
    add_commands(commands, _server)
    add_privacy(commands, _server)
    add_proof(commands, _server)
    add_export(commands, _server)
    account_commands.add_commands(commands, _server)
    add_report(commands, _server)
    mail_commands.add_commands(commands, _server)
    key_commands.add_commands(commands, _server)
    return parser


def _add_readings(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """What shows how messages are read, and makes the model that reads them."""
    guard = commands.add_parser("guard", help="JSON lines {messages: [...]} as they would be stored, for evaluation")
    guard.set_defaults(run=guarding.run)
    understand = commands.add_parser(
        "understand", help="JSON lines {text, asked?} as they are understood, for evaluation"
    )
    understand.add_argument("--today", type=date.fromisoformat, help="the day that relative dates are told by")
    understand.set_defaults(run=understanding.run)
    learn = commands.add_parser("train", help="make the model of intents from config/intents (needs the extra 'train')")
    learn.add_argument(
        "--phrases", type=Path, default=train.FOLDER, metavar="FOLDER", help="our phrases, one file a language"
    )
    learn.add_argument("--samples", type=Path, metavar="FILE", help="published utterances (or REMIT_SAMPLES)")
    learn.add_argument("--out", type=Path, default=train.MODEL, metavar="FILE", help="the model")
    learn.set_defaults(run=train.run)


def _port(told: str) -> int:
    return _between(told, 1, 65535 - 2 * demo.ROOM)


def _workers(told: str) -> int:
    return _between(told, 1, 64)


def _days(told: str) -> int:
    return _between(told, 1, 3650)


def _between(told: str, least: int, most: int) -> int:
    if not told.isdecimal() or not least <= int(told[:9]) <= most:
        raise argparse.ArgumentTypeError(f"{told!r} is not a number from {least} to {most}")
    return int(told)


def _default_config() -> Path | None:
    return Path(os.environ["REMIT_CONFIG"]) if os.environ.get("REMIT_CONFIG") else None


def _serve(settings: Settings, options: argparse.Namespace) -> int:
    if options.socket is not None:
        return _work(settings, socket.socket(fileno=options.socket))
    if options.workers > 1 and (embedded := settings.embedded):
        raise Misconfigured(
            f"--workers {options.workers} needs stores that several processes can share: set {' and '.join(embedded)}"
            " (docs/running.md)"
        )
    telegram = settings.telegram
    if options.workers > 1 and telegram.token.get_secret_value() and telegram.mode == "polling":
        raise Misconfigured('[telegram] mode "polling" is for one process: set "webhook", or leave --workers out')
    listening = _bind(settings.server.host, settings.server.port)  # before a file of the data folder is touched
    with listening, prepared(settings):
        if options.workers == 1:
            return _work(settings, listening)
        chosen = ("--config", str(options.config)) if options.config else ()
        return supervise(options.workers, listening, (*chosen, "serve", "--socket"))


def _work(settings: Settings, listening: socket.socket) -> int:
    """One worker, to its end."""
    return _run(production(settings), listening, loop="uvloop", http="httptools")


def _run(app: ASGIApp, listening: socket.socket, **chosen: Any) -> int:
    """Serve on this socket until a signal comes."""
    config = uvicorn.Config(
        app,
        access_log=False,  # addresses carry tokens
        log_level="warning",
        lifespan="on",
        timeout_graceful_shutdown=5,
        **chosen,
    )
    server = uvicorn.Server(config)
    server.run(sockets=[listening])
    return 0 if server.started else 1


def _actions(settings: Settings, _options: argparse.Namespace) -> int:
    if find_spec("rasa_sdk") is None:
        raise Misconfigured("the action server needs rasa-sdk: pip install 'remit[rasa]'")
    from bot.channels.rasa_action_server import action_server  # noqa: PLC0415  # rasa-sdk is an extra

    chosen = settings.actions
    with _bind(chosen.host, chosen.port, "[actions]") as listening:
        return _run(action_server(settings), listening)


def _bind(host: str, port: int, section: str = "[server]") -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Misconfigured(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what runs there, or set another {section} port"
        ) from error
    bound.listen(BACKLOG)  # from now on who calls waits; a server that starts, or starts again, refuses nobody
    return bound


def _chat(settings: Settings, options: argparse.Namespace) -> int:
    async def run() -> None:
        await converse(await _server(settings), options.pay_link)

    asyncio.run(run())
    return 0


def _link(settings: Settings, options: argparse.Namespace) -> int:
    async def run() -> list[dict[str, str | int]]:
        return await (await _server(settings)).links(LinkOrder(options.number, options.days))

    found = asyncio.run(run())
    print(json.dumps(found) if options.json else "\n".join(str(link["url"]) for link in found))
    return 0


def _send_links(settings: Settings, options: argparse.Namespace) -> int:
    async def run() -> Sent:
        order = SendOrder(options.numbers, options.dry_run, options.again)
        return await (await _server(settings)).send_links(order)

    outcome = asyncio.run(run())
    for letter in outcome.letters:
        print(f"{letter.number}: {letter.fate.replace('_', ' ')}")
    return 1 if outcome.failed else 0


def _invite(settings: Settings, options: argparse.Namespace) -> int:
    async def run() -> Invited:
        order = InviteOrder(options.customers, options.dry_run, options.again)
        return await (await _server(settings)).invite(order)

    outcome = asyncio.run(run())
    for letter in outcome.letters:
        print(f"{letter.customer}: {letter.fate.replace('_', ' ')}")
    return 1 if outcome.failed else 0


def _unlock(settings: Settings, options: argparse.Namespace) -> int:
    async def run() -> bool:
        return await (await _server(settings)).unlock(options.email)

    unlocked = asyncio.run(run())
    print("It can be signed in with again." if unlocked else "No wrong code was counted for this address.")
    return 0


async def _server(settings: Settings) -> Server:
    server = await _running(settings)
    if server is None:
        raise Unavailable(NO_SERVER.format(settings.server.data))
    return server


async def _running(settings: Settings) -> Server | None:
    """The server of the data folder, or else a demo that was started here."""
    return await Server.find(settings.server.data) or await Server.find(demo.FOLDER)


if __name__ == "__main__":
    sys.exit(main())
