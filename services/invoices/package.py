"""Looks through an XLSX package before anything is made of it, and finds what a reader of values would pass over in silence.

A workbook comes from strangers. It is unpacked piece by piece and never more of it than `LARGEST_UNPACKED`; a DOCTYPE,
a sheet that claims cells at the end of the world, and formulas whose results were never saved show themselves here. The
names and places are those of ECMA-376, Part 1, clause 18. Values are read by `workbook`.
"""

import io
import lzma
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import TypeAlias
from xml.parsers import expat  # its danger is a DOCTYPE, at which `_walk` stops

import msgspec

from services.invoices.document import Refused
from services.invoices.table import Fault

LARGEST = 20 * 1024 * 1024  # bytes, as it is stored
LARGEST_UNPACKED = 256 * 1024 * 1024  # bytes of all parts together
MOST_CELLS = 4_000_000  # of the smallest rectangle around a sheet's cells: that is what a reader makes room for
_MOST_PARTS = 2000
_PIECE = 1024 * 1024

# what `zipfile` and the libraries below it raise for bytes that are not what they claim
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, KeyError, ValueError, OSError)

Faults: TypeAlias = dict[tuple[int, int], Fault]  # by line and column, both from 1

Attributes: TypeAlias = Mapping[str, str]

_RELATIONS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships id",
    "http://purl.oclc.org/ooxml/officeDocument/relationships id",  # as "Strict Open XML" has it
)
_DAMAGED = "a damaged workbook: open it in the spreadsheet program and save it again"
_NO_RESULT = Fault("a formula without a saved result: open the workbook in the spreadsheet program and save it again")


class Part(msgspec.Struct, frozen=True):
    """A sheet that is shown, and where in the package it lies."""

    sheet: str
    path: str


class Package:
    """An XLSX file whose parts were counted and measured. Raises `Refused` for anything else."""

    def __init__(self, content: bytes) -> None:
        if len(content) > LARGEST:
            raise Refused(f"larger than {LARGEST // 1024 // 1024} MB")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            self._names = set(self._zip.namelist())
            self._be_a_workbook()
            self._measure()
        except _BROKEN as error:
            raise Refused(_DAMAGED) from error
        except RuntimeError:  # how `zipfile` says that a part is locked with a password
            raise Refused("locked with a password: save it without one") from None

    def _be_a_workbook(self) -> None:
        if "xl/workbook.xml" in self._names:
            return
        if "xl/workbook.bin" in self._names:
            raise Refused("a binary workbook (XLSB): save it as an Excel workbook (.xlsx)")
        if "mimetype" in self._names and b"opendocument" in self._zip.read("mimetype")[:100]:
            raise Refused("an OpenDocument sheet: save it as an Excel workbook (.xlsx) or as CSV")
        raise Refused("an archive that is no Excel workbook: name the files in it")

    def _measure(self) -> None:
        """By unpacking: what a package says of its own sizes may be anything."""
        if len(self._zip.infolist()) > _MOST_PARTS:
            raise Refused(f"more than {_MOST_PARTS} parts in one workbook")
        unpacked = 0
        for info in self._zip.infolist():
            with self._zip.open(info) as part:
                while piece := part.read(_PIECE):
                    unpacked += len(piece)
                    if unpacked > LARGEST_UNPACKED:
                        raise Refused(f"larger than {LARGEST_UNPACKED // 1024 // 1024} MB once it is unpacked")

    def sheets(self) -> list[Part]:
        """The sheets that are shown, in their order. Raises `Refused`."""
        targets = {
            each.get("Id"): each.get("Target", "") for each in self._all("xl/_rels/workbook.xml.rels", "Relationship")
        }
        found = []
        for each in self._all("xl/workbook.xml", "sheet"):
            target = targets.get(next((each[name] for name in _RELATIONS if name in each), None), "")
            path = posixpath.normpath(posixpath.join("xl", target)).lstrip("/")
            if each.get("state", "visible") == "visible" and path in self._names:
                found.append(Part(each.get("name", ""), path))
        return found

    def faults(self, part: Part) -> Faults:
        """The cells of a sheet that have no value of their own. Raises `Refused` when there are too many cells at all."""
        look = _Look()
        self._walk(part.path, look.begin, look.end, look.text)
        return look.faults

    def _all(self, path: str, tag: str) -> list[Attributes]:
        """What the elements of this name say of themselves."""
        found: list[Attributes] = []

        def begin(name: str, attributes: Attributes) -> None:
            if name.endswith(f" {tag}"):
                found.append(attributes)

        self._walk(path, begin)
        return found

    def _walk(
        self,
        path: str,
        begin: Callable[[str, Attributes], None],
        end: Callable[[str], None] = lambda _name: None,
        text: Callable[[str], None] = lambda _text: None,
    ) -> None:
        """Go through a part; no tree is made of it, and nothing in it is fetched or expanded.

        Names come as expat has them: the namespace, a space, the name itself.
        """
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartDoctypeDeclHandler = _no_doctype
        parser.StartElementHandler = begin
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        try:
            with self._zip.open(path) as part:
                while piece := part.read(_PIECE):
                    parser.Parse(piece)
                parser.Parse(b"", True)
        except (expat.ExpatError, *_BROKEN) as error:
            raise Refused(_DAMAGED) from error


def _no_doctype(*_told: object) -> None:
    raise Refused("a DOCTYPE in a part of the workbook: no spreadsheet program writes one")


class _Look:
    """Sees the cells of one sheet pass by: how far they reach, and which of them have no value."""

    def __init__(self) -> None:
        self.faults: Faults = {}
        self._top, self._bottom, self._left, self._right = 0, 0, 0, 0
        self._line = self._column = 0
        self._type = ""
        self._formula = self._value = self._is_inside = False
        self._error = ""

    def begin(self, name: str, attributes: Attributes) -> None:
        kind = name[-2:]  # this is called a million times: no more of the name is looked at than tells
        if kind == " c":
            self._line, self._column = _split(attributes.get("r"), self._line, self._column + 1)
            self._type, self._formula, self._value, self._error = attributes.get("t", ""), False, False, ""
            self._reach()
        elif kind == " v":
            self._is_inside = True
        elif kind == " f":
            self._formula = True
        elif name.endswith(" row"):
            self._line, self._column = _number(attributes.get("r"), self._line + 1), 0

    def end(self, name: str) -> None:
        if name[-2:] == " v":
            self._is_inside = False
        if name[-2:] != " c":
            return
        if self._type == "e":
            shown = self._error if self._error.startswith("#") else "an error"
            self.faults[self._line, self._column] = Fault(f"the formula came to {shown}")
        elif self._formula and not self._value and self._type != "str":  # of type str: an empty text is a result
            self.faults[self._line, self._column] = _NO_RESULT

    def text(self, text: str) -> None:
        if self._is_inside:
            self._value = True  # an element without text is no value: some programs write it beside a formula
            if self._type == "e" and len(self._error) < 20:
                self._error += text

    def _reach(self) -> None:
        line, column = self._line, self._column
        self._top, self._bottom = min(self._top or line, line), max(self._bottom, line)
        self._left, self._right = min(self._left or column, column), max(self._right, column)
        if (self._bottom - self._top + 1) * (self._right - self._left + 1) > MOST_CELLS:
            raise Refused(
                "cells far away from the others: delete what stands there, also what is invisible", line, column
            )


def _number(told: str | None, otherwise: int) -> int:
    return int(told) if told and told.isdecimal() and len(told) < 9 else otherwise


def _split(name: str | None, line: int, column: int) -> tuple[int, int]:
    """``E7`` as line 7 and column 5; what the file does not say is where we are."""
    letters = (name or "").rstrip("0123456789")
    if not letters.isascii() or not letters.isalpha() or len(letters) > 3:
        return line, column
    column = 0
    for letter in letters.upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return _number((name or "")[len(letters) :], line), column
