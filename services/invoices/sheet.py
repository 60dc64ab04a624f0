"""Reads a sheet of invoices: a line of headings, one invoice (or one line of one) per line. How the file is opened is `delimited` and
`workbook`, what the headings mean `headings`, what is a report's own `report`; what a line says is `line`'s. Here is
how they go together.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from services.invoices import delimited, headings, workbook
from services.invoices.document import Document, Refusal, Refused, sheet_hash
from services.invoices.headings import DAYS, SUMS, Headings
from services.invoices.line import Asked, Line, Sheet, document
from services.invoices.notation import Notation, settle
from services.invoices.report import Report
from services.invoices.table import Table

LARGEST = delimited.LARGEST  # bytes
MOST_ROWS = 100_000
MOST_REFUSALS = 100  # of one file: a sheet with a wrong column has one reason, not a hundred thousand
_STEP = 500  # lines between two words on how far it is


class Progress(Protocol):
    """Hears how far the work is: what is done now, how many of how many lines."""

    def __call__(self, stage: str, done: int, of: int, /) -> None: ...


class Reading(msgspec.Struct):
    """What was found while a file was read, beside its documents."""

    headings: Headings | None = None
    sheet: str = ""  # its name, in a workbook
    left_out: dict[str, int] = {}  # lines of a report that are no invoices, by type


def deaf(_stage: str, _done: int, _of: int) -> None:
    """Nobody wants to know how far it is."""


def read(
    file: str, content: bytes, asked: Asked, found: Reading | None = None, progress: Progress = deaf
) -> Iterator[Document | Refusal]:
    """Every invoice of the sheet, or why its line was not taken; what else there is to say goes into ``found``.

    The currency and supplier of ``asked`` count where the sheet has no such column or its cell is empty. The lines are
    gone through twice, once for how sums and days are written, and never held.
    """
    found = Reading() if found is None else found
    try:
        sheet = _open(file, content, asked)
        found.headings = sheet.headings
        found.sheet = sheet.table.name
        yield from _documents(sheet, found, progress)
    except Refused as refused:
        yield refused.refusal(file)


def _documents(sheet: Sheet, found: Reading, progress: Progress) -> Iterator[Document | Refusal]:
    notation = settle((_written(line, SUMS), _written(line, DAYS)) for line in _lines(sheet, Report(sheet.headings)))
    report = Report(sheet.headings)
    read = _each(sheet, report, notation, progress)
    yield from _joined(read) if "line_amount" in sheet.columns else read
    found.left_out = dict(report.left_out)


def _written(line: Line, fields: Sequence[str]) -> Iterator[str]:
    return map(line.written, fields)


def _lines(sheet: Sheet, report: Report) -> Iterator[Line]:
    below = (row for row in sheet.table.rows() if row[0] > sheet.headings.line)
    return (Line(sheet, *row) for row in report.invoices(below))


def _each(sheet: Sheet, report: Report, notation: Notation, progress: Progress) -> Iterator[Document | Refusal]:
    """What every line says by itself."""
    refused = rows = 0
    for line in _lines(sheet, report):
        rows += 1
        if rows > MOST_ROWS:
            raise Refused(f"more than {MOST_ROWS} lines: split the file", line.line)
        if rows % _STEP == 0:
            progress("reading", line.line, max(line.line, sheet.table.length))
        try:
            yield document(line, notation)
        except Refused as reason:
            yield reason.refusal(sheet.file, line.line)
            refused += 1
        if refused == MOST_REFUSALS:
            raise Refused(f"{MOST_REFUSALS} lines were refused; the rest was not read", line.line)
    if not rows:
        raise Refused("no invoices below the headings")


def _joined(read: Iterator[Document | Refusal]) -> Iterator[Document | Refusal]:
    """Lines of the sheet that stand together and differ in what they bill alone are lines of one invoice."""
    held: list[Document] = []
    for one in read:
        if isinstance(one, Refusal):
            yield one
        elif held and _unlined(one) == _unlined(held[0]):
            held.append(one)
        else:
            if held:
                yield _one_invoice(held)
            held = [one]
    if held:
        yield _one_invoice(held)


def _unlined(one: Document) -> Document:
    return msgspec.structs.replace(one, line=None, lines=(), hash="")


def _one_invoice(parts: list[Document]) -> Document:
    if len(parts) == 1:
        return parts[0]
    whole = msgspec.structs.replace(parts[0], lines=tuple(line for part in parts for line in part.lines))
    return msgspec.structs.replace(whole, hash=sheet_hash(whole))


# --- the file as a whole ------------------------------------------------------------------------------------------


def _open(file: str, content: bytes, asked: Asked) -> Sheet:
    is_workbook = content.startswith((workbook.ZIP, workbook.OLE))
    if asked.sheet and not is_workbook:
        raise Refused("no workbook, so it has no sheet to choose: leave --sheet out")
    tables = _of_workbook(content, asked) if is_workbook else iter(delimited.readings(content))
    best: tuple[Table, Headings] | None = None
    for table in tables:
        found = headings.find(table, asked.mappings)
        if found is None:
            continue
        if best is None or _worth(found) > _worth(best[1]):
            best = table, found
        if is_workbook and not headings.missing(found):
            break  # the first will do; of the readings of a text file the one that says most is right
    if best is None:
        raise Refused("empty" if is_workbook else "neither XML nor a sheet of invoices: nothing is in it")
    return _checked(Sheet(file, *best, asked))


def _of_workbook(content: bytes, asked: Asked) -> Iterator[Table]:
    book = workbook.Workbook(content)
    if asked.sheet and asked.sheet not in book.names:
        raise Refused(f"no sheet is called “{asked.sheet}”: there are {', '.join(f'“{name}”' for name in book.names)}")
    for name in [asked.sheet] if asked.sheet else book.names:
        yield book.sheet(name)


def _worth(found: Headings) -> tuple[bool, int, int]:
    return not headings.missing(found), len(found.columns), sum(map(bool, found.texts))


def _checked(sheet: Sheet) -> Sheet:
    told = sheet.asked.mappings.told
    if headings.missing(sheet.headings) or (told and not sheet.headings.is_told):
        raise headings.why_not(sheet.headings, told)
    headings.check(sheet.headings)
    return sheet
