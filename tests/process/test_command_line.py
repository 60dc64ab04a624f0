"""Commands beside a running server, and without one; and a server of one's own that is killed and started by hand."""

import io
import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Customer, Marked, first_line, free_port, soon

from bot.progress import Bar

SHEET = "number,customer,total,currency,issued,due_date,zip\n{number},Dana Whitfield,{total},USD,2026-03-01,2026-03-31,94107\n"


def sheet(folder: Path, number: str, total: str = "75.00") -> str:
    file = folder / f"{number}-{total}.csv"
    file.write_text(SHEET.format(number=number, total=total), encoding="utf-8")
    return str(file)


def at_the_quote(customer: Customer, number: str) -> str:
    return [customer.say(said) for said in ("/pay", number, "94107", "card")][-1]


def outcome(answer) -> dict[str, object]:
    return json.loads(answer.stdout)


# --- beside a running server ----------------------------------------------------------------------------------------


def test_an_import_beside_a_running_server_is_payable_at_once(demo, tmp_path):
    dry = demo.marked.run("import", sheet(tmp_path, "GL-501"), "--json", "--dry-run")
    assert (dry.returncode, outcome(dry)["imported"]) == (0, 1)
    assert demo.marked.run("link", "GL-501").returncode == 2  # a dry run wrote nothing

    first = demo.marked.run("import", sheet(tmp_path, "GL-501"), "--json")
    assert outcome(first) == {"imported": 1, "updated": 0, "unchanged": 0, "refused": []}
    again = demo.marked.run("import", sheet(tmp_path, "GL-501"))
    assert (again.returncode, again.stdout) == (0, "0 imported, 0 updated, 1 unchanged\n")

    with demo.customer() as customer:
        assert "$75.00 to Green Lane" in at_the_quote(customer, "GL-501")


def test_a_conflict_writes_nothing_and_names_its_place(demo, tmp_path):
    ubl = sorted(Path(os.environ.get("REMIT_SAMPLES", "/nowhere")).glob("invoices/**/*.xml"))
    files = [sheet(tmp_path, "GL-502"), sheet(tmp_path, "GL-503", "seventy"), *map(str, ubl[:1])]
    answer = demo.marked.run("import", *files, "--json")
    assert answer.returncode == 1
    assert [(Path(each["file"]).name, each["line"]) for each in outcome(answer)["refused"]] == [
        ("GL-503-seventy.csv", 2)
    ]
    assert demo.marked.run("link", "GL-502").returncode == 2


def test_a_folder_that_was_open_to_all_does_not_open_the_databases(tmp_path):
    (tmp_path / ".remit").mkdir(mode=0o755)  # as a demo leaves it behind
    assert Marked(tmp_path).run("import", sheet(tmp_path, "GL-505")).returncode == 0
    made = list((tmp_path / ".remit").iterdir())
    assert "ledger.db" in {file.name for file in made}
    assert {oct(file.stat().st_mode & 0o077) for file in made} == {"0o0"}  # names, zips and addresses are in them


def test_files_that_cannot_be_read_are_named_and_no_database_is_made(demo, tmp_path):
    for beside in (demo.marked, Marked(tmp_path)):
        answer = beside.run("import", "missing.csv", str(tmp_path), sheet(tmp_path, "GL-504"))
        assert answer.returncode == 1
        assert "missing.csv: cannot be read: No such file or directory" in answer.stderr
        assert answer.stderr.endswith("2 refused, so nothing was written.\n")
    assert not (tmp_path / ".remit").exists()


def test_a_pay_link_opens_the_invoice(demo):
    (link,) = json.loads(demo.marked.run("link", "inv 1044", "--json").stdout)
    assert (link["invoice"], link["amount_minor"], link["currency"]) == ("INV-1044", 15000, "USD")
    assert link["url"] == f"{demo.said['chat']}/i/{link['token']}"
    with demo.customer() as customer:
        assert "Invoice INV-1044: $150.00 to pay" in customer.say(f"/start {link['token']}")


def test_a_pay_link_for_nothing_or_for_ever_is_refused(demo):
    unknown = demo.marked.run("link", "NOPE-1")
    assert (unknown.returncode, unknown.stderr) == (2, "remit: there is no invoice NOPE-1\n")
    assert demo.marked.run("link", "INV-1044", "--days", "99999999999").returncode == 2


def test_a_chat_in_the_terminal_goes_to_the_hand_off(demo):
    answer = demo.marked.run("chat", "--pay-link", demo.token("INV-1050"), typed="1\n\n$50\nyes\n")
    assert answer.returncode == 0, answer.stderr
    assert "1. Card\n    2. Bank account (ACH)\n" in answer.stdout
    assert "Your secure page is ready: $50.00 for invoice INV-1050" in answer.stdout
    assert f"  -> {demo.said['chat']}/go/" in answer.stdout
    assert answer.stderr == ""


def test_without_a_server_the_commands_say_what_to_start(tmp_path):
    answer = Marked(tmp_path).run("chat")
    assert answer.returncode == 2
    assert answer.stderr.startswith("remit: no server is running on .remit: start `remit serve` or `make demo` first")


def test_an_import_before_the_demo_is_up_does_not_pass_for_one_into_it(tmp_path):
    answer = Marked(tmp_path).run("import", sheet(tmp_path, "GL-509"))
    assert (answer.returncode, answer.stdout) == (0, "1 imported, 0 updated, 0 unchanged\n")
    assert answer.stderr == "No server is running here: this is the book in .remit.\n"


# --- a server of one's own ------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path) -> Iterator[Marked]:
    """The settings of a server of one's own, beside a sandbox of its own."""
    marked = Marked(tmp_path)
    port = free_port()
    sandbox = f"http://127.0.0.1:{port + 1}"
    marked.environment |= {
        "REMIT_SANDBOX_API_KEY": "key",
        "REMIT_SANDBOX_WEBHOOK_SECRET": "secret",
        "REMIT_SERVER__PORT": str(port),
        "REMIT_GATEWAY__URL": f"{sandbox}/processor",
        "REMIT_GATEWAY__KEY": "key",
        "REMIT_GATEWAY__WEBHOOK_SECRET": "secret",
    }
    yield marked
    marked.sweep()


def ports(own: Marked) -> tuple[int, str, str]:
    port = int(own.environment["REMIT_SERVER__PORT"])
    return port, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"


def test_a_server_killed_and_started_by_hand_goes_on_with_its_folder(own):
    port, chat, sandbox = ports(own)
    assert own.run("import", sheet(own.folder, "GL-601"), "--json").returncode == 0  # before there is a server
    hook = f"{chat}/webhooks/payments/sandbox"
    aside = own.start("services.sandbox", "--port", str(port + 1), "--webhook", hook, "--smtp-port", "0")
    with aside as processor, Customer(chat, sandbox) as customer:
        first_line(processor)
        with own.start("bot", "serve") as server:
            customer.hears("no payment in this chat")
            at_the_quote(customer, "GL-601")
            customer.press("Yes, pay $75.00")
            page = customer.page()
            server.kill()
        customer.pay_by_card(page)
        with own.start("bot", "serve"):
            customer.hears("Paid: $75.00 by Visa ending 4242")
        assert customer.taken("GL-601") == ["succeeded"]
        assert len(customer.references) == 1
    assert own.alive() == []


def test_a_second_server_says_that_the_port_or_the_folder_is_taken(own):
    with own.start("bot", "serve"):
        soon((own.folder / ".remit" / "server.json").exists, "the server is up")
        address = (own.folder / ".remit" / "server.json").read_bytes()
        answer = own.run("serve")
        assert answer.returncode == 2
        assert "Address already in use; stop what runs there, or set another [server] port" in answer.stderr

        own.environment["REMIT_SERVER__PORT"] = str(free_port() + 3)
        answer = own.run("serve")
        assert answer.returncode == 2
        assert "another process is using .remit" in answer.stderr
        assert (own.folder / ".remit" / "server.json").read_bytes() == address

        answer = own.run("import", sheet(own.folder, "GL-602"))
        assert (answer.returncode, answer.stdout) == (0, "1 imported, 0 updated, 0 unchanged\n")  # by the first one


def test_a_server_without_a_gateway_says_what_to_set(tmp_path):
    answer = Marked(tmp_path).run("serve")
    assert answer.returncode == 2
    assert answer.stderr.startswith("remit: set [gateway] url, key and webhook_secret")


def test_sigterm_ends_a_server_in_order(own):
    with own.start("bot", "serve") as server:
        soon((own.folder / ".remit" / "server.json").exists, "the server is up")
        time.sleep(0.2)
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) in (0, -signal.SIGTERM)
    assert "Traceback" not in own.log()


# --- sheets of other programs -----------------------------------------------------------------------------------------

STRANGE = "Beleg,Wer,Wann,Wieviel\n{number},Dana Whitfield,2026-03-01,75.00\n"
TOLD = ("--map", "Beleg=number", "--map", "Wer=customer", "--map", "Wann=issued", "--map", "Wieviel=total")


def test_what_headings_mean_is_said_once_shown_and_forgotten(tmp_path):
    alone = Marked(tmp_path)
    file = tmp_path / "strange.csv"
    file.write_text(STRANGE.format(number="GL-701"), encoding="utf-8")
    assert (
        "no heading means number, name, issued, total or balance; say which does with --map"
        in alone.run("import", str(file)).stderr
    )
    told = alone.run("import", str(file), *TOLD)
    assert (told.returncode, told.stdout) == (0, "1 imported, 0 updated, 0 unchanged\n")
    assert "“Beleg” is number, “Wer” is customer" in told.stderr
    assert alone.run("import", str(file)).stdout == "0 imported, 0 updated, 1 unchanged\n"

    (kept,) = json.loads(alone.run("import", "--mappings", "--json").stdout)
    assert kept["mapped"] == {"Beleg": "number", "Wer": "customer", "Wann": "issued", "Wieviel": "total"}
    assert kept["signature"] in alone.run("import", "--mappings").stdout
    assert alone.run("import", "--forget-mapping", kept["signature"][:4]).stdout == "no mapping is remembered\n"
    assert alone.run("import", "--forget-mapping", "ff").returncode == 2
    assert alone.run("import", str(file)).returncode == 1


def test_an_import_of_nothing_and_a_mapping_of_nothing_say_what_to_write(tmp_path):
    alone = Marked(tmp_path)
    assert alone.run("import").stderr == "remit: name the files to import\n"
    assert "leave the files out" in alone.run("import", "a.csv", "--mappings").stderr
    assert "is no mapping: write HEADING=FIELD" in alone.run("import", "a.csv", "--map", "Beleg").stderr
    assert not (tmp_path / ".remit").exists()


def test_an_export_is_written_whole_or_not_at_all(demo, tmp_path):
    out = tmp_path / "payments.csv"
    said = demo.marked.run("export", "payments", "--out", str(out), "--bom")
    assert (said.returncode, said.stdout) == (0, f"Written to {out}, which only you can read.\n")
    assert out.read_bytes().startswith(b'\xef\xbb\xbf"Date","Payment","Invoice"')
    assert oct(out.stat().st_mode & 0o077) == "0o0"
    crossed = demo.marked.run(
        "export", "payments", "--from", "2026-04-02", "--to", "2026-04-01", "--out", str(tmp_path / "no.csv")
    )
    assert (crossed.returncode, crossed.stderr) == (2, "remit: --from is after --to\n")
    assert not (tmp_path / "no.csv").exists()
    assert demo.marked.run("export", "payments", "--format", "quickbooks").stdout.startswith(
        '"Date","Description","Amount"'
    )


def test_a_terminal_sees_how_far_an_import_is_and_a_file_does_not(tmp_path):
    shown = io.StringIO()
    bar = Bar(shown)
    bar("reading", 0, 100)
    bar("reading", 50, 100)
    bar("writing", 300, 100)
    bar.close()
    assert "reading    [###############...............] 50 of 100" in shown.getvalue()
    assert "100 of 100" in shown.getvalue()
    assert shown.getvalue().endswith("\r")
    file = tmp_path / "many.csv"
    lines = (f"GL-{nth},Dana,2026-03-01,5.00" for nth in range(2000))
    file.write_text("\n".join(["Number,Customer,Date,Total", *lines]), encoding="utf-8")
    assert (
        Marked(tmp_path).run("import", str(file)).stderr == "No server is running here: this is the book in .remit.\n"
    )


@pytest.mark.parametrize("served", [False, True])
def test_the_bar_is_on_standard_error_of_a_terminal_alone(demo, tmp_path, served):
    file = tmp_path / "many.csv"
    lines = (f"GL-8{nth},Dana,2026-03-01,5.00" for nth in range(3000))
    file.write_text("\n".join(["Number,Customer,Date,Total", *lines]), encoding="utf-8")
    marked = demo.marked if served else Marked(tmp_path)
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as seen:
        with subprocess.Popen(
            marked.command("bot", "import", "--dry-run", str(file)),
            cwd=marked.folder, env=marked.environment, stdout=subprocess.PIPE, stderr=theirs,
        ) as import_:  # fmt: skip
            os.close(theirs)
            out, _ = import_.communicate(timeout=120)
        bars = seen.read(100_000).decode()
    assert out == b"3000 would be imported, 0 would be updated, 0 would be unchanged\n"
    assert "of 3000" in bars
