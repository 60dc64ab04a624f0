"""Runs the sandbox: ``python -m services.sandbox --host 127.0.0.1 --port 8081 --webhook URL``. Nothing but start-up.

The API key and the webhook secret come from the environment, never from the command line, where every user of the
machine could read them. When all is listening, one line of JSON on standard output says where.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import uvicorn

from services.errors import Misconfigured
from services.http import open_http
from services.sandbox.world import Sandbox, build_sandbox, load_demo

KEY = "REMIT_SANDBOX_API_KEY"
SECRET = "REMIT_SANDBOX_WEBHOOK_SECRET"  # noqa: S105  # the name of a variable, not a secret
PUMP_EVERY_S = 0.1
DEMO = Path(__file__).parents[2] / "config" / "demo.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; answers with the exit code, 2 when the settings cannot work."""
    options = _options().parse_args(arguments)
    try:
        asyncio.run(_serve(options, _needed(KEY), _needed(SECRET)))
    except Misconfigured as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--url", default="", help="root as browsers reach it; default http://HOST:PORT")
    parser.add_argument("--webhook", default="", help="where webhooks go; without it none are sent")
    parser.add_argument("--assistant", default="", help="base URL of the chat on the demo merchant's page")
    parser.add_argument("--smtp-port", type=int, default=2525, help="of the mailbox; 0 takes any free one")
    parser.add_argument("--clock-file", type=Path, help="where the seconds go by which the clock was advanced")
    parser.add_argument("--demo", type=Path, default=DEMO, help="customers and invoices")
    return parser


def _needed(name: str) -> str:
    if value := os.environ.get(name, ""):
        return value
    raise Misconfigured(f"{name} is not set: give the sandbox and the assistant the same random value")


async def _serve(options: argparse.Namespace, api_key: str, secret: str) -> None:
    url = options.url or f"http://{options.host}:{options.port}"
    async with AsyncExitStack() as stack:
        send = await stack.enter_async_context(open_http())
        sandbox = build_sandbox(
            clock=lambda: datetime.now(UTC),
            random=os.urandom,
            send=send,
            webhook_url=options.webhook,
            webhook_secret=secret,
            api_key=api_key,
            demo=load_demo(options.demo),
            url=url,
            assistant=options.assistant,
            share=None if options.clock_file is None else partial(_share, options.clock_file),
        )
        smtp = await stack.enter_async_context(await _listen(sandbox, options))
        await _run(
            sandbox, options, {"sandbox": url, "inbox": f"{url}/inbox", "shop": f"{url}/shop/", "smtp": _address(smtp)}
        )


def _share(file: Path, ahead: timedelta) -> None:
    """Written beside it and moved there, so that nobody reads half of it."""
    whole = file.with_suffix(".new")
    whole.write_text(str(int(ahead.total_seconds())), encoding="ascii")
    whole.replace(file)


async def _listen(sandbox: Sandbox, options: argparse.Namespace) -> asyncio.Server:
    try:
        return await sandbox.mailbox.listen(options.host, options.smtp_port)
    except OSError as error:
        raise Misconfigured(f"the mailbox cannot listen on port {options.smtp_port}: {error.strerror}") from error


async def _run(sandbox: Sandbox, options: argparse.Namespace, where: dict[str, str]) -> None:
    # No access log: a page's address is what lets its holder pay.
    config = uvicorn.Config(sandbox.app, options.host, options.port, access_log=False, log_level="warning")
    server = uvicorn.Server(config)
    pumping = asyncio.create_task(_pump(sandbox, server, where))
    pumping.add_done_callback(lambda _: setattr(server, "should_exit", True))  # without webhooks nothing is worth it
    try:
        await server.serve()
    finally:
        pumping.cancel()
        with suppress(asyncio.CancelledError):
            await pumping


async def _pump(sandbox: Sandbox, server: uvicorn.Server, where: dict[str, str]) -> None:
    told = False
    while True:
        if server.started and not told:
            told = True
            sys.stdout.write(json.dumps(where) + "\n")
            sys.stdout.flush()
        await sandbox.pump()
        await asyncio.sleep(PUMP_EVERY_S)


def _address(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()[:2]
    return f"{host}:{port}"


if __name__ == "__main__":
    sys.exit(main())
