"""Reads the files of one import, whatever each is: UBL, a text sheet or a workbook. What a file is shows in its content.

What is in a document is `ubl`'s and `sheet`'s; who may replace what, and the writing, is `importing`'s.
"""

import codecs
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from services.invoices import delimited, sheet, ubl, workbook
from services.invoices.document import Document, Refusal
from services.invoices.headings import LEFT_OUT, Headings
from services.invoices.line import Asked
from services.invoices.sheet import Progress, Reading

Source: TypeAlias = Path | tuple[str, bytes]


class Read(msgspec.Struct):
    """What was found in all files together."""

    documents: list[Document] = []
    refused: list[Refusal] = []
    notes: list[str] = []  # what whoever imports should know of how the files were read
    told: list[Headings] = []  # headings whose mapping was told with this import


def read_all(files: Sequence[Source], asked: Asked, progress: Progress) -> Read:
    """Every document of these files, given as paths or as (name, content), and every refusal."""
    whole = Read()
    for source in files:
        name, content = (str(source), contents_of(source)) if isinstance(source, Path) else source
        found = Reading()
        for one in _read(name, content, asked, found, progress):
            if isinstance(one, Document):
                whole.documents.append(one)
            else:
                whole.refused.append(one)
        whole.notes += _notes(name, found)
        if found.headings is not None and found.headings.is_told:
            whole.told.append(found.headings)
    return whole


def _read(
    name: str, content: bytes | str, asked: Asked, found: Reading, progress: Progress
) -> Iterable[Document | Refusal]:
    if isinstance(content, str):
        return (Refusal(name, None, None, content),)
    if reason := _not_readable(content):
        return (Refusal(name, None, None, reason),)
    if _is_xml(content):
        return (ubl.read(name, content),)
    return sheet.read(name, content, asked, found, progress)


def contents_of(path: Path) -> bytes | str:
    """What is in the file, or in a sentence why that cannot be known."""
    try:
        if path.is_dir():
            return "a folder: name the files in it"
        if path.exists() and not path.is_file():
            return "not a regular file"
        with path.open("rb") as file:
            return file.read(delimited.LARGEST + 1)  # one more, so that the reader sees it is too large
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or 'not a file name'}"


def _not_readable(content: bytes) -> str | None:
    if not content or content.isspace():
        return "empty"
    if content.startswith(b"%PDF"):
        return "a PDF: a UBL document, a CSV sheet or an Excel workbook is needed"
    return None


def _is_xml(content: bytes) -> bool:
    if content.startswith((workbook.ZIP, workbook.OLE)):
        return False
    head = content[:400].lstrip(codecs.BOM_UTF8 + codecs.BOM_UTF16 + codecs.BOM_UTF16_BE + b" \t\r\n\0")
    return head.startswith(b"<")


def _notes(name: str, found: Reading) -> list[str]:
    """What was mapped, which sheet was read, and what was left out, one sentence each."""
    notes = []
    if found.sheet:
        notes.append(f"{name}: the sheet “{found.sheet}” was read")
    if found.headings is not None and found.headings.mapping:
        how = "as told" if found.headings.is_told else "as remembered"
        mapped = (
            f"“{_short(heading)}” is {'left out' if called == LEFT_OUT else called}"
            for heading, called in found.headings.mapped().items()
        )
        notes.append(f"{name}: {', '.join(mapped)} ({how})")
    if found.left_out:
        counted = ", ".join(f"{_short(kind)} {count}" for kind, count in sorted(found.left_out.items()))
        notes.append(f"{name}: lines that are no invoices were left out: {counted}")
    return notes


def _short(text: str) -> str:
    """Words of a file on one line, without what a terminal obeys."""
    return " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())[:60]
