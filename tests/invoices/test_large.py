"""A workbook of 50,000 invoices: in under a minute, in bounded memory, and a bad line in it is named."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

MANY = 50_000
MOST_MB = 600
MOST_SECONDS = 60

# In a process of its own: how much memory another test took before must not count. Nor that of the parent, which
# `getrusage` passes on.
BRING = """
import asyncio, json, sys, time
from pathlib import Path
from services.database import inline, open_engine, upgrade
from services.invoices.importing import import_files

engine = open_engine(f"sqlite:///{sys.argv[2]}")
upgrade(engine)
heard = []
began = time.monotonic()
outcome = asyncio.run(import_files(
    inline(engine), [Path(sys.argv[1])], default_currency="USD", supplier="Green Lane",
    progress=lambda stage, done, of: heard.append((stage, done, of)),
))
engine.dispose()
print(json.dumps({
    "outcome": outcome.as_json(), "seconds": time.monotonic() - began, "heard": heard,
    "mb": int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024,
}))
"""


def text(column: str, line: int, told: str) -> str:
    return f'<c r="{column}{line}" t="inlineStr"><is><t>{told}</t></is></c>'


def row(line: int) -> str:
    person = line % 5000
    words = (
        ("A", f"GL-{line}"),
        ("B", f"c{person}"),
        ("C", f"Dana Whitfield {person}"),
        ("D", f"d{person}@example.com"),
    )
    numbers = (("E", f"{line}.10"), ("F", f"{line}.1"), ("G", "46073"), ("H", "46097"))
    style = {"G": ' s="1"', "H": ' s="1"'}
    cells = [text(column, line, told) for column, told in words]
    cells += [f'<c r="{column}{line}"{style.get(column, "")}><v>{told}</v></c>' for column, told in numbers]
    return f'<row r="{line}">' + "".join(cells) + "</row>"


def build(workbook, file: Path, bad: int | None = None) -> None:
    """The package of a small workbook, with a sheet of many lines in it: to write them one by one takes half a minute."""
    heads = ["Number", "Customer ID", "Customer", "Email", "Total", "Balance", "Date", "Due date"]

    def change(book):
        book.active["G2"].number_format = "yyyy-mm-dd"
        book.active["G2"].value = 46073

    small = workbook(heads, change=change)
    name = "xl/worksheets/sheet1.xml"
    with (
        zipfile.ZipFile(io.BytesIO(small)) as before,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as after,
    ):
        for part in before.namelist():
            content = before.read(part)
            if part == name:
                begin, _, _ = content.decode().partition('<row r="2"')
                lines = "".join(row(line) for line in range(2, MANY + 2))
                if bad is not None:
                    lines = lines.replace(f'<c r="E{bad}"><v>{bad}.10</v></c>', f'<c r="E{bad}"><v>{bad}.005</v></c>')
                content = f"{begin}{lines}</sheetData></worksheet>".encode()
            after.writestr(part, content)


def bring(file: Path, ledger: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", BRING, str(file), str(ledger)], capture_output=True, text=True, check=True, timeout=300
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("bad", [None, 43_210])
def test_fifty_thousand_lines_come_in_in_a_minute_and_in_bounded_memory(workbook, tmp_path, bad):
    build(workbook, tmp_path / "many.xlsx", bad)
    came = bring(tmp_path / "many.xlsx", tmp_path / "ledger.db")
    if bad is None:
        assert (came["outcome"]["imported"], came["outcome"]["refused"]) == (MANY, [])
    else:
        (refused,) = came["outcome"]["refused"]
        assert (refused["line"], refused["column"]) == (bad, 5)
        assert refused["reason"] == f"total in E{bad}: an amount in USD has at most 2 decimals"
    assert came["seconds"] < MOST_SECONDS
    assert came["mb"] < MOST_MB
    stages = [stage for stage, _done, _of in came["heard"]]
    assert stages.count("reading") >= 90
    assert all(done <= of for _stage, done, of in came["heard"])
