"""Webhooks of every kind as Meta sends them, and what each says."""

import json
from pathlib import Path

import pytest
from graph_api import LINE, GraphApi, Phone

from bot.channels.base import from_letters
from bot.channels.whatsapp import PREFIX, Unsent, read
from services.errors import Malformed

RECORDED = sorted((Path(__file__).parents[1] / "payloads" / "whatsapp").glob("*.json"))


def told(webhook: object) -> list[dict]:
    found = read(json.dumps(webhook).encode(), LINE)
    return [
        {"from": from_letters(each.chat.removeprefix(PREFIX))}
        | ({"unsent": each.code} if isinstance(each, Unsent) else {"text": each.text})
        for each in found
    ]


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_webhook_reads_as_what_it_says(file):
    recorded = json.loads(file.read_text(encoding="utf-8"))
    assert told(recorded["webhook"]) == recorded["reads"]


def test_every_kind_is_among_them():
    webhooks = [json.loads(file.read_text(encoding="utf-8"))["webhook"] for file in RECORDED]
    values = [change["value"] for each in webhooks for entry in each["entry"] for change in entry["changes"]]
    kinds = {message["type"] for value in values for message in value.get("messages", ())}
    known = {"text", "interactive", "button", "image", "audio", "video", "document", "sticker", "location", "contacts"}
    assert kinds == known | {"reaction", "unsupported", "edit", "revoke", "system"}
    assert {status["status"] for value in values for status in value.get("statuses", ())} >= {"sent", "read", "failed"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"entry": 1}',
        b'{"entry": [{"changes": [{"field": "messages", "value": {}}]}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_webhook_is_malformed(body):
    with pytest.raises(Malformed):
        read(body, LINE)


def test_whoever_has_no_name_or_too_long_a_one_is_malformed_and_the_name_is_not_repeated():
    for number in ("", "9" * 96):
        webhook = Phone(GraphApi(), number, user="").says("hello")
        with pytest.raises(Malformed) as error:
            told(webhook)
        assert "999" not in str(error.value)


def test_a_message_has_a_name_without_the_customer_s_number_in_it():
    """Meta's own name of a message has the phone number in it, in base64."""
    phone = Phone(GraphApi())
    first, again, other = phone.says("hello"), None, phone.says("hello")
    again = json.loads(json.dumps(first))
    one, two, three = (read(json.dumps(each).encode(), LINE)[0].id for each in (first, again, other))
    assert one == two != three
    assert "HBgL" not in one
