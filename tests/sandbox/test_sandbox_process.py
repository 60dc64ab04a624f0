"""The sandbox as a process of its own: it says where it listens, serves all three apps, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from services.errors import Misconfigured
from services.sandbox.world import load_demo
from tests.tools import free_port

ROOT = Path(__file__).parents[2]
NOBODY = """
customers = []
business = {name = "B", phone = "", email = ""}
[[invoices]]
id = "i"
number = "I"
customer = "nobody"
total_minor = 1
currency = "USD"
issued_in_days = 0
"""
SECRETS = {"REMIT_SANDBOX_API_KEY": "k", "REMIT_SANDBOX_WEBHOOK_SECRET": "s"}


def started(*options: str, secrets=SECRETS) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    return subprocess.Popen(
        [sys.executable, "-m", "services.sandbox", *options],
        cwd=ROOT,
        env=environment | secrets,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_stops_when_told(stop):
    port = free_port()
    with started("--port", str(port), "--smtp-port", "0") as process:
        try:
            where = json.loads(process.stdout.readline())
            assert where["sandbox"] == f"http://127.0.0.1:{port}"
            assert where["inbox"] == f"http://127.0.0.1:{port}/inbox"
            assert where["smtp"].startswith("127.0.0.1:")
            with httpx.Client(base_url=where["sandbox"], trust_env=False) as http:
                assert http.get("/control/book").json() == []
                assert http.get("/control/invoices/INV-1042").json()["due_minor"] == 12000
                assert http.get("/inbox/api/messages").json() == []
            process.send_signal(stop)
            assert process.wait(10) in {0, -stop}
        finally:
            process.kill()
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no demo data can be read from demo.toml"),
        ("[business", "no demo data can be read from demo.toml"),
        ("customers = 3", "no demo data can be read from demo.toml"),
        (NOBODY, "invoices of customers it does not list: nobody"),
    ],
)
def test_demo_data_that_cannot_work_is_refused_at_start(tmp_path, text, told):
    if text is not None:
        (tmp_path / "demo.toml").write_text(text)
    with pytest.raises(Misconfigured, match=told):
        load_demo(tmp_path / "demo.toml")


def test_without_its_secrets_it_says_which_one_is_missing():
    with started(secrets={"REMIT_SANDBOX_API_KEY": "k"}) as process:
        try:
            assert process.wait(20) == 2
        finally:
            process.kill()
        assert process.stderr.read().startswith("REMIT_SANDBOX_WEBHOOK_SECRET is not set")
