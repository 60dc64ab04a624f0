"""Updates of every kind as Telegram sends them, and what each says."""

import json
from pathlib import Path

import msgspec
import pytest

from bot.channels.telegram import read

RECORDED = sorted((Path(__file__).parents[1] / "payloads" / "telegram").glob("*.json"))


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_a_recorded_update_reads_as_what_it_says(file):
    recorded = json.loads(file.read_text(encoding="utf-8"))
    found = read(json.dumps(recorded["update"]).encode())
    told = {name: value for name, value in msgspec.to_builtins(found).items() if value != ""}
    assert {"kind": type(found).__name__} | told == recorded["reads"]


def test_every_kind_is_among_them():
    kinds = {json.loads(file.read_text(encoding="utf-8"))["reads"]["kind"] for file in RECORDED}
    assert kinds == {"Said", "Moved", "Elsewhere", "Nothing"}
