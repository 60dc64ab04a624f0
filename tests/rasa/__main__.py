"""`make rasa`: a real Rasa trained on config/rasa, our action server, a demo; and a customer who pays through Rasa's REST channel.

Prints the conversation, and ends with 1 where anything in it is not as it should be. Everything it starts ends with it.
"""

import argparse
import contextlib
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from services.sandbox.rehearsal import CARD

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "config" / "rasa"
PATIENCE_SECONDS = 180  # Rasa takes half a minute to start on two cores


class Wrong(Exception):  # noqa: N818  # the conversation is, not the program
    """What the customer saw is not what they should have seen."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rasa", description=__doc__.splitlines()[0])
    parser.add_argument("--rasa", type=Path, required=True, help="the command of Rasa open source 3.6.21")
    rasa = parser.parse_args().rasa.absolute()
    with tempfile.TemporaryDirectory(prefix="remit-rasa-") as scratch, contextlib.ExitStack() as running:
        try:
            pay(*start(rasa, Path(scratch), running))
        except Wrong as error:
            print(f"\nWRONG: {error}", file=sys.stderr)
            for log in sorted(Path(scratch).glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
            return 1
    print("\nPaid through Rasa. Everything is stopped.")
    return 0


# --- what runs ------------------------------------------------------------------------------------------------------


def start(rasa: Path, scratch: Path, running: contextlib.ExitStack) -> tuple[str, dict[str, Any]]:
    """Rasa's address, and what the demo says of itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("REMIT_")}
    front, shared = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    ports = free_ports(3)
    actions = f"http://127.0.0.1:{ports[1]}"
    own = clean | {"REMIT_RASA_TOKEN": front, "REMIT_ACTIONS__TOKEN": shared, "PYTHONPATH": str(ROOT)}
    own |= {"REMIT_ACTIONS__REMIT_URL": f"http://127.0.0.1:{ports[0]}", "REMIT_ACTIONS__PORT": str(ports[1])}
    theirs = clean | {
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }
    theirs |= {"REMIT_ACTIONS_URL": f"{actions}/webhook", "REMIT_ACTIONS__TOKEN": shared}

    began = time.monotonic()
    train(rasa, scratch, theirs)
    print(f"trained in {time.monotonic() - began:.0f} s")

    demo = running.enter_context(
        process(scratch, "demo", [sys.executable, "-m", "bot", "demo", "--json", "--port", str(ports[0])], own)
    )
    said = first_line(demo)
    running.enter_context(process(scratch, "actions", [sys.executable, "-m", "bot", "actions"], own))
    until(lambda: answers(f"{actions}/health"), "the action server answers")
    if httpx.get(f"{actions}/actions", trust_env=False).status_code != 401:
        raise Wrong("the action server answers without its token")

    began = time.monotonic()
    command = [
        str(rasa),
        "run",
        "--model",
        str(scratch / "models"),
        "--interface",
        "127.0.0.1",
        "--port",
        str(ports[2]),
    ]
    command += ["--endpoints", str(PROJECT / "endpoints.yml"), "--credentials", str(PROJECT / "credentials.yml")]
    running.enter_context(process(scratch, "rasa", command, theirs))
    url = f"http://127.0.0.1:{ports[2]}"
    until(lambda: answers(f"{url}/webhooks/rest/"), "Rasa answers")
    print(f"started in {time.monotonic() - began:.0f} s\n")
    return url, said


def train(rasa: Path, scratch: Path, environment: Mapping[str, str]) -> None:
    command = [str(rasa), "train", "--config", str(PROJECT / "config.yml"), "--domain", str(PROJECT / "domain.yml")]
    command += ["--data", str(PROJECT / "data"), "--out", str(scratch / "models")]
    with (scratch / "train.log").open("wb") as log:
        done = subprocess.run(command, cwd=scratch, env=environment, stdout=log, stderr=log, timeout=900, check=False)
    if done.returncode:
        raise Wrong(f"rasa train ended with {done.returncode}")


@contextlib.contextmanager
def process(
    scratch: Path, name: str, command: list[str], environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a group of its own, which ends with all that it started."""
    with (scratch / f"{name}.log").open("wb") as log:
        started = subprocess.Popen(
            command,
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if name == "demo" else log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(15)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        if started.stdout is not None:
            started.stdout.close()


def first_line(demo: "subprocess.Popen[bytes]") -> dict[str, Any]:
    assert demo.stdout is not None
    ready, _, _ = select.select([demo.stdout], [], [], PATIENCE_SECONDS)
    if not ready:
        raise Wrong("the demo does not say where it is")
    said: dict[str, Any] = json.loads(demo.stdout.readline() or b"{}")
    if not said:
        raise Wrong("the demo ended before it began")
    return said


def free_ports(count: int) -> list[int]:
    """As many ports, far enough apart for those that the sandbox takes above its own."""
    found: list[int] = []
    for port in range(21_000 + os.getpid() % 3_000, 40_000, 450):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            return found
    raise Wrong("no ports are free")


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def until(look: Callable[[], bool], what: str) -> None:
    """Look again and again until it is so."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if look():
            return
        time.sleep(0.3)
    raise Wrong(f"not within {PATIENCE_SECONDS} s: {what}")


# --- who speaks -----------------------------------------------------------------------------------------------------


class Person:
    """A customer at a front end of Rasa's REST channel, and with a browser."""

    def __init__(self, rasa: str, sender: str) -> None:
        self._rasa, self._sender = rasa, sender
        self._http = httpx.Client(trust_env=False, timeout=60, follow_redirects=False)
        self.buttons: dict[str, str] = {}
        self.link = ""

    def close(self) -> None:
        self._http.close()

    def say(self, text: str, shown: str = "", **metadata: str) -> str:
        """Say it, print both sides, and answer with what was heard."""
        print(f"> {shown or text}")
        body = {"sender": self._sender, "message": text, "metadata": metadata}
        answer = self._http.post(f"{self._rasa}/webhooks/rest/webhook", json=body)
        if answer.status_code != 200:
            raise Wrong(f"Rasa answers {answer.status_code}")
        heard = []
        for reply in answer.json():
            if "text" in reply:
                heard.append(reply["text"])
                print("\n".join(f"  {line}" for line in reply["text"].splitlines()))
            for button in reply.get("buttons", []):
                self.buttons[button["title"]] = button["payload"]
                print(f"    [{button['title']}]")
            if custom := reply.get("custom"):
                self.link = custom.get("link", {}).get("url", self.link)
                print(f"    custom: {', '.join(custom)}")
        return "\n".join(heard)

    def press(self, title: str) -> str:
        if title not in self.buttons:
            raise Wrong(f"there is no button {title!r}")
        return self.say(self.buttons[title], f"[{title}]")

    def pays(self, number: str) -> None:
        """On the hosted page."""
        print(f"  (types {number[:4]} ... {number[-4:]} on the hosted page)")
        page = self._http.get(self.link).headers["location"]
        self._http.post(page, data=CARD | {"number": number})

    def hears(self, question: str, *words: str) -> None:
        """Ask until it is told: news of a payment comes by a webhook of its own."""
        for _ in range(20):
            heard = self.say(question)
            if all(each in heard for each in words):
                return
            time.sleep(1)
        raise Wrong(f"{words} was never said")


def expect(heard: str, *words: str) -> None:
    for each in words:
        if each not in heard:
            raise Wrong(f"{each!r} is not in {heard!r}")


HOURS = "We are open Monday to Friday"


def pay(rasa: str, demo: dict[str, Any]) -> None:
    """The assistant's own turns, a payment delegated, and its own turns again; then somebody who came by a pay link."""
    for visit in (_delegates, _comes_by_link):
        person = Person(rasa, secrets.token_hex(8))
        try:
            visit(person, demo)
        finally:
            person.close()
        print()


def _delegates(dana: Person, demo: dict[str, Any]) -> None:
    expect(dana.say("hello"), "Green Lane Lawn Care")
    expect(dana.say("when are you open?"), HOURS)
    expect(dana.say("I want to pay invoice INV-1042"), "zip")
    expect(dana.say("94107"), "$120.00")
    expect(dana.press("Card"), "$120.00", "by card")
    agreed = dana.buttons["Yes, pay $120.00"]
    expect(dana.say("make it 50"), "$50.00")
    expect(dana.say(agreed, "[Yes, pay $120.00]  (the old button)"), "earlier question")
    expect(dana.press("Yes, pay $50.00"), "secure page is ready")
    dana.pays("4000000000009995")
    dana.hears("did it go through?", "not enough money available")
    dana.pays("4242424242424242")
    dana.hears("and now, is it paid?", "Paid: $50.00 by Visa ending 4242")
    expect(dana.say("what are your opening hours"), HOURS)
    expect(dana.say("did my payment arrive?"), "Paid: $50.00")
    asked = dana.say("send me a pay link for INV-1044")
    expect(asked, "e-mail address on file")
    if any(link["token"] in asked for link in demo["pay_links"]):
        raise Wrong("a pay link was shown to somebody who proved nothing")
    dana.say("I want to talk to a person")
    book = httpx.get(f"{demo['sandbox']}/control/book", trust_env=False).json()
    taken = [(row["amount_minor"], row["state"]) for row in book if "INV-1042" in row["invoices"]]
    if taken != [(5000, "succeeded")]:
        raise Wrong(f"the processor's book has {taken}")


def _comes_by_link(priya: Person, demo: dict[str, Any]) -> None:
    link = next(each for each in demo["pay_links"] if each["invoice"] == "INV-1031")
    expect(priya.say("/pay_invoice", "(comes by the pay link of INV-1031)", pay_link=link["token"]), "INV-1031")
    priya.say("cancel")
    expect(priya.say("when do you close?"), HOURS)


if __name__ == "__main__":
    sys.exit(main())
