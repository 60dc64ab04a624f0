"""`remit privacy` beside a running server: what is written to a file, what is refused, and what no file holds afterwards."""

import json
import stat

from running import Demo, Marked, soon

WORD = "marigold"


def test_a_customer_is_handed_out_and_erased_and_no_file_holds_a_word_of_theirs(fresh_demo):
    demo, run = fresh_demo, fresh_demo.marked.run
    with demo.at_the_quote("INV-1042") as customer:
        customer.say(f"what about the {WORD}?")
        customer.press(next(title for title in customer.buttons if title.startswith("Yes, pay")))
        page = customer.page()
        held = run("privacy", "erase", "dana.whitfield@example.com", "--yes")
        assert (held.returncode, "is open; try again at" in held.stderr) == (2, True)
        customer.pay_by_card(page)
        customer.hears("Your reference is")
        (reference,) = customer.references

    file = demo.marked.folder / "dana.json"
    out = run("privacy", "export", "dana.whitfield@example.com", "--out", str(file))
    assert out.returncode == 0, out.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = json.loads(file.read_bytes())
    assert [row["reference"] for row in told["payments"]] == [reference]
    (chat,) = told["chats"]
    assert any(WORD in line["text"] for line in chat["messages"])
    assert (
        json.loads(run("privacy", "export", "--chat", chat["chat"]).stdout)["chats"][0]["messages"] == chat["messages"]
    )
    file.unlink()

    before = json.loads(run("payments", "--json").stdout)
    assert "nothing was yet: add --yes" in run("privacy", "erase", told["customer"]).stdout
    assert holding(demo, WORD)
    erased = soon(lambda: done(run("privacy", "erase", told["customer"], "--yes", "--json")), "the erasure")
    assert erased["chats"] == [chat["chat"]]
    assert holding(demo, WORD) == []
    assert json.loads(run("payments", "--json").stdout) == before
    assert run("privacy", "erase", told["customer"], "--yes").returncode == 0, "again changes nothing"


def done(answer):
    """What the erasure did; None while news of the payment are still on their way."""
    assert answer.returncode == 0 or "try again" in answer.stderr, answer.stderr
    return json.loads(answer.stdout) if answer.returncode == 0 else None


def holding(demo: Demo, word: str) -> list[str]:
    """The files of the installation in which this word stands: databases and their logs, and what the server told."""
    files = (file for file in demo.marked.folder.rglob("*") if file.is_file())
    return [file.name for file in files if word.encode() in file.read_bytes()]


def test_what_cannot_be_done_is_said_and_no_half_document_is_left(demo):
    run, file = demo.marked.run, demo.marked.folder / "nobody.json"
    for arguments in (
        ("export", "nobody@example.com", "--out", str(file)),
        ("export", "--out", str(file)),
        ("export", "dana", "--chat", "web:x", "--out", str(file)),
        ("erase", "--chat", "web:nowhere", "--yes"),
        ("export", "dana", "--out", str(demo.marked.folder / "no" / "folder")),
    ):
        answer = run("privacy", *arguments)
        assert (answer.returncode, answer.stdout) == (2, ""), arguments
        assert answer.stderr.startswith("remit: ")
        assert "Traceback" not in answer.stderr
    assert not [each for each in demo.marked.folder.iterdir() if each.name.startswith("nobody")]


def test_without_a_server_nothing_is_done(tmp_path):
    answer = Marked(tmp_path).run("privacy", "erase", "dana", "--yes")
    assert (answer.returncode, "start `remit serve`" in answer.stderr) == (2, True)
