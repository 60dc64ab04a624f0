"""Numbers that come in pieces, what the business knows, and the command that shows both."""

import argparse
import io
import json

import pytest

from bot import guarding
from bot.guarding import as_stored
from bot.settings import load
from dialogs.reading.guard import LONGEST, Known, may_complete, redact, redact_all
from services.errors import Misconfigured

CARD = "[card number removed]"


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        (["4242", "4242", "4242", "4242"], [CARD] * 4),
        (["my card is 4242 4242", "4242 4242 exp 12/30"], [f"my card is {CARD}", f"{CARD} exp 12/30"]),
        (["it starts with 4242", "then 42424242", "and 4242"], [f"it starts with {CARD}", f"then {CARD}", f"and {CARD}"]),
        (["4242", "wait", "4242 4242", "ok", "4242"], [CARD, "wait", CARD, "ok", CARD]),
        (["four two four two", "4242", "４２４２", "4️⃣2️⃣4️⃣2️⃣"], [CARD] * 4),  # noqa: RUF001  # full-width digits
        (["empieza con 4242", "luego 4242 4242", "y termina en 4242"], [f"empieza con {CARD}", f"luego {CARD}", f"y termina en {CARD}"]),
        (["4242", "then 4242", "4242", "and the last four are 4242"], [CARD, f"then {CARD}", CARD, f"and the last four are {CARD}"]),
        (["4242", "luego 4242", "4242", "los últimos cuatro son 4242"], [CARD, f"luego {CARD}", CARD, f"los últimos cuatro son {CARD}"]),
        (["37", "8282", "24", "63", "10", "005"], [CARD] * 6),
        (["4O12", "8888", "8888", "l88l"], [CARD] * 4),
        (["NDI0Mg==", "NDI0Mg==", "NDI0Mg==", "NDI0Mg=="], [CARD] * 4),
    ],
)  # fmt: skip
def test_the_last_piece_takes_the_earlier_ones_with_it(messages, left):
    assert [each.text for each in redact_all(messages)] == left
    assert as_stored(messages) == left


def test_until_the_last_piece_nothing_is_taken():
    assert [each.text for each in redact_all(["4242", "4242", "4242"])] == ["4242", "4242", "4242"]


def test_a_piece_seven_messages_ago_is_no_longer_looked_at():
    messages = ["4242", *("ok",) * 5, "4242 4242 4242"]
    assert as_stored(messages) == messages


@pytest.mark.parametrize(
    "messages",
    [
        ["INV-1042", "94107", "50", "yes", "4242", "12/30"],
        ["pay 4001", "94107", "5000 please"],
        ["4001", "4002", "4003", "4005"],
        ["my phone is 415-555-0132", "94107", "1250.00"],
    ],
)
def test_answers_in_a_row_are_no_pieces(messages):
    assert [each.text for each in redact_all(messages)] == messages


def test_the_answer_to_what_was_asked_is_no_piece():
    messages = ["4222", "2222", "22222"]  # together a card of 13 digits
    assert [each.text for each in redact_all(messages)] == [CARD] * 3
    assert [each.text for each in redact_all(messages, Known(asked="zip"))] == messages
    assert [each.text for each in redact_all(messages, Known(asked="why"))] == [CARD] * 3


def test_a_number_that_the_business_knows_stays():
    number = "4242424242424242"
    assert redact(f"pay {number}").text == f"pay {CARD}"
    assert redact(f"pay {number}", Known(numbers=(number,))).text == f"pay {number}"
    assert redact(f"pay {number}", Known(numbers=("4242-4242-4242-4242",))).text == f"pay {number}"
    assert redact(f"pay AX{number}", Known(patterns=(r"AX\d{16}",))).text == f"pay AX{number}"
    assert redact("pay 4111111111111111", Known(numbers=(number,))).text == f"pay {CARD}"


@pytest.mark.parametrize("text", ["order number 4242424242424242", "PO-4242424242424242", "pedido 4242-4242-4242-4242"])
def test_a_number_that_is_called_an_orders_stays_unless_card_words_stand_by(text):
    assert redact(text).text == text
    assert redact(f"my card is for {text}").found
    assert redact(f"{text} exp 12/30").found


def test_what_cannot_be_a_last_piece_is_told_without_reading_the_others():
    assert not may_complete("yes please, with my card")
    for text in ("4", "four", "４", "NDI0Mg==", "then 42"):  # noqa: RUF001  # a full-width digit
        assert may_complete(text)


def test_a_text_without_end_is_cut_where_no_number_is_halved():
    text = "a " * (LONGEST // 2 - 8) + "4242 4242 4242 4242 4242"
    redacted = redact(text)
    assert len(redacted.text) <= LONGEST
    assert "4242" not in redacted.text


@pytest.mark.parametrize(
    "text", ["\x1d4242\x1d", "%1d4 then 42%1d", "\ud800 4242", "&#29;first 4: 42 &#x110000; \\777"]
)
def test_whatever_is_typed_is_read(text):
    assert redact_all([text, text])[1].text == text


class Input(io.StringIO):
    """Standard input that holds these bytes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(content)


def ran(monkeypatch, content: bytes) -> int:
    monkeypatch.setattr("sys.stdin", Input(content))
    return guarding.run(load(None), argparse.Namespace())


def test_the_command_answers_each_line_with_what_would_be_stored(monkeypatch, capsys):
    lines = [
        {"messages": ["my card is 4242", "4242 4242 4242", "cvv 123"]},
        {"messages": []},
        {"messages": ["pay INV-1042"]},
    ]
    assert ran(monkeypatch, b"\n\n".join(json.dumps(line).encode() for line in lines)) == 0
    assert [json.loads(line)["messages"] for line in capsys.readouterr().out.splitlines()] == [
        [f"my card is {CARD}", CARD, "cvv [security code removed]"],
        [],
        ["pay INV-1042"],
    ]


@pytest.mark.parametrize(
    "line", [b"4242424242424242", b'{"messages": "4242424242424242"}', b'{"messages": [4]}', b"{", b"\xff"]
)
def test_a_line_that_is_something_else_is_named_and_not_shown(monkeypatch, line):
    with pytest.raises(Misconfigured) as found:
        ran(monkeypatch, b'{"messages": []}\n' + line)
    assert "line 2" in str(found.value)
    assert "4242" not in str(found.value)
