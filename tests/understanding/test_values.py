"""Values in whole sentences, and the command `remit understand` that shows them."""

import io
import json
import os
import subprocess
import sys
from datetime import date

import pytest

from bot.__main__ import main
from bot.understanding import understand
from dialogs.reading.amounts import spoken
from tests.understanding import measure

TODAY = date(2026, 11, 26)  # a Thursday


def found(text, **asked):
    return [(each["type"], each["text"], each["value"]) for each in understand(text, TODAY, **asked)["values"]]


def sums(text):
    return [each.value.minor for each in spoken(text, "USD")]


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("transfer 450 to account 1122", [45000]),
        ("please transfer 200 from 4432 to 1234", [20000]),
        ("the amount should be 800", [80000]),
        ("i was charged 65 instead of 50", [6500]),
        ("15 june and 55", [5500]),
        ("pay 50 on my invoice 1042", [5000]),
        ("quiero abonar 80 a mi cuenta", [8000]),
        ("pagar cincuenta dólares", [5000]),
        ("mil doscientos pesos", [120000]),
        ("20 dólares y 50 centavos", [2050]),
    ],
)
def test_a_number_beside_a_word_of_money_is_a_sum(text, minor):
    assert sums(text) == minor


@pytest.mark.parametrize(
    "text",
    [
        "my account number is 1234",
        "from 5546 to 4987",
        "transfer to 1234",
        "make it 3 tickets",
        "just 2 adults",
        "more than 1 pin",
        "once upon a time i paid",
        "paid on the 5 de mayo",
        "i paid invoice 1042",
        "tengo dos facturas",
    ],
)
def test_a_number_that_counts_or_names_something_is_no_sum(text):
    assert sums(text) == []


def test_one_sentence_gives_all_its_values_in_order_and_where_they_stand():
    text = "pay $50 of invoice INV-1042 on friday with my visa"
    told = understand(text, TODAY)
    assert [(each["type"], each["value"]) for each in told["values"]] == [
        ("amount", {"minor": 5000, "currency": "USD"}),
        ("invoice_number", "INV-1042"),
        ("date", "2026-11-27"),
        ("card_brand", "visa"),
    ]
    assert all(text[each["start"] : each["end"]] == each["text"] for each in told["values"])


def test_the_currency_is_null_where_the_text_names_none():
    assert found("the amount is 450") == [("amount", "450", {"minor": 45000, "currency": None})]


def test_a_bare_number_is_what_was_asked_for():
    assert found("50") == [("number", "50", 50)]
    assert found("50", asked="amount") == [("amount", "50", {"minor": 5000, "currency": None})]
    assert found("1042", asked="invoice") == [("invoice_number", "1042", "1042")]


def test_the_day_of_a_spanish_message_stands_first():
    assert found("quiero pagar el 5/12")[0][2] == "2026-12-05"
    assert found("i want to pay on 12/5")[0][2] == "2026-12-05"


def test_values_of_published_lines_are_found(samples):
    """Measured: sums 0.965 at 0.992, days 0.965."""
    pytest.importorskip("yaml")
    told = measure.values(samples)
    assert told["amount"].recall.share > 0.955, told["amount"]
    assert told["amount"].precision.share > 0.985, told["amount"]
    assert told["date"].recall.share > 0.95, told["date"]
    assert told["invoice_number"].recall.share > 0.98, told["invoice_number"]
    assert told["card_brand"].recall.share > 0.95, told["card_brand"]


# --- the command --------------------------------------------------------------------------------------------------


def command(lines, *options):
    return subprocess.run(
        [sys.executable, "-m", "bot", "understand", *options],
        input=lines,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )


def test_each_line_is_answered_with_a_line():
    asked = [{"text": "pay my bill tomorrow"}, {"text": "50", "asked": "amount"}, {"text": "¿cuánto debo?"}]
    done = command("".join(json.dumps(line) + "\n" for line in asked), "--today", "2026-11-26")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["text"] for line in told] == [line["text"] for line in asked]
    assert [line["intent"] for line in told][::2] == ["pay_invoice", "check_balance"]
    assert [line["language"] for line in told][::2] == ["en", "es"]
    assert told[0]["values"][0]["value"] == "2026-11-27"
    assert set(told[0]) == {"text", "intent", "score", "language", "values"}


@pytest.mark.parametrize("line", ["pay my bill", "[]", "{}", '{"text": "x", "reference_date": "tomorrow"}'])
def test_a_line_that_is_not_one_is_told_with_its_number_and_no_traceback(monkeypatch, capsys, line):
    monkeypatch.setattr("sys.stdin", io.StringIO('{"text": "hi"}\n' + line + "\n"))
    assert main(["understand"]) == 2
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 1
    assert "line 2" in told.err
    assert "Traceback" not in told.err
