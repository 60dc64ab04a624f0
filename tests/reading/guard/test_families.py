"""A small run of what `python -m tests.reading.guard` does at length: every family with every brand, and ordinary talk."""

import json
import random

import pytest

from dialogs.reading.guard import Redacted, redact, redact_all
from services.model.invoices import key_of
from services.tokens import new_token
from tests.reading.guard import families, lines, measure


def test_every_family_hides_no_number_of_any_brand():
    outcome = measure.run(6000, seed=20260301)
    assert len(families.FAMILIES) >= 50
    assert len(families.BRANDS) >= 15
    assert set(families.FAMILIES) <= set(outcome.tried)
    assert outcome.recall >= 0.999, outcome.escaped[:5]
    assert len(outcome.taken) <= 2, outcome.taken


def test_a_guard_that_finds_nothing_would_be_told_so(monkeypatch):
    monkeypatch.setattr(measure, "redact", Redacted)
    monkeypatch.setattr(measure, "redact_all", lambda texts: tuple(map(Redacted, texts)))
    assert measure.run(200, seed=1).recall == 0


def test_the_numbers_that_are_tried_are_those_that_issuers_print():
    chance = random.Random(7)
    for brand in families.BRANDS:
        for _ in range(50):
            number = families.number_of(brand, chance)
            assert families.check_digit(number[:-1]) == number[-1]
            assert number.startswith(families.BRANDS[brand][0]) or number in families.PUBLISHED[brand]


def test_ordinary_talk_over_six_messages_loses_nothing():
    chance = random.Random(31)
    for _ in range(400):
        messages = lines.conversation(chance)
        assert [each.text for each in redact_all(messages)] == messages


@pytest.mark.parametrize("spoil", ["", "-", " "])
def test_our_own_names_of_things_never_look_like_card_numbers(spoil):
    chance = random.Random(f"own{spoil}")
    for at in range(4000):
        token = new_token(chance.randbytes)
        reference = "RM-" + "-".join("".join(chance.choices("23456789ABCDEFGHJKMNPQRSTVWXYZ", k=4)) for _ in range(2))
        for text in (token, f"/start {token}", f"https://pay.example/i/{token}", f"/pick invoice {key_of(str(at))}"):
            assert redact(text).text == text
        whole = spoil.join((reference, reference, f"/agree {key_of(token)}{key_of(reference)}"))
        assert redact(whole).text == whole


def test_utterances_of_real_people_lose_nothing(samples):
    files = sorted((samples / "nlu").glob("*dev*.jsonl"))
    assert files, "the folder of samples has no utterances"
    texts = [json.loads(line)["text"] for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert [text for text in texts if redact(text).found] == []
