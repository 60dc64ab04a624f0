"""A sheet of paper while it is set: font, lines of text, columns, rules, and the bytes of a PDF in the end.

Knows no invoice and no payment; what stands where is told by whoever sets one. The letters are Noto Sans (Latin, Greek,
Cyrillic, Vietnamese, Devanagari); one that it lacks is shown as \N{REPLACEMENT CHARACTER}, and is never left out. The same
values make the same bytes, since the day on which the document was made is one of them.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Literal, TypeAlias

import fontpkg  # type: ignore[import-untyped]  # one function, which answers with a path
from fpdf import FPDF
from fpdf.enums import MethodReturnValue
from fpdf.fonts import TTFFont

Align: TypeAlias = Literal["L", "R", "C"]

MARGIN = 20  # millimetres
HEIGHT = 6  # of a line, millimetres
GREY = 110
_LACKING = "\N{REPLACEMENT CHARACTER}"
_LETTER = frozenset(("USD", "CAD", "MXN"))  # where paper is not of the A series (ISO 216)
_FONT = "Noto Sans"
_A4_BEYOND_LETTER = 18  # millimetres by which A4 is longer than Letter (ISO 216, ANSI/ASME Y14.1)


class Sheet:
    """One document. ``pdf`` is at hand for what only one kind of document needs."""

    def __init__(self, *, currency: str, title: str, language: str, made: datetime, fits_both: bool = False) -> None:
        """The paper is that of the currency's countries. ``made`` is aware, and only metadata. ``fits_both``: what is set
        on A4 stays within Letter, so that either prints without scaling.
        """
        letter = currency in _LETTER
        self.pdf = FPDF(format="letter" if letter else "a4")
        self.pdf.set_creation_date(made)
        self.pdf.set_margin(MARGIN)
        bottom = MARGIN if letter or not fits_both else MARGIN + _A4_BEYOND_LETTER
        self.pdf.set_auto_page_break(auto=True, margin=bottom)
        self.pdf.add_font(_FONT, fname=_font_file())
        self.pdf.set_font(_FONT)
        font = self.pdf.current_font
        assert isinstance(font, TTFFont), "the one that was added from a file"
        self._has = frozenset(font.cmap)
        self.pdf.set_title(self.shown(title))
        self.pdf.set_lang(language)
        self.pdf.add_page()

    def say(self, text: str, *, size: int, grey: int = 0) -> None:
        """A paragraph."""
        self.pdf.set_font(size=size)
        self.pdf.set_text_color(grey)
        self.pdf.multi_cell(0, size * 0.5, self.shown(text), align="L", new_x="LMARGIN", new_y="NEXT")
        self.pdf.set_text_color(0)

    def gap(self, lines: float = 1) -> None:
        """So many empty lines."""
        self.pdf.ln(HEIGHT * lines)

    def rule(self) -> None:
        """A line across the page."""
        self.pdf.line(self.pdf.l_margin, self.pdf.y, self.pdf.l_margin + self.pdf.epw, self.pdf.y)

    def row(self, cells: Sequence[str], shares: Sequence[float], aligns: Sequence[Align]) -> None:
        """One line of columns, as wide as their shares of the page; each cell fits, see `wrapped`."""
        for cell, share, align in zip(cells, shares, aligns, strict=True):
            self.pdf.cell(self.pdf.epw * share, HEIGHT, cell, align=align)
        self.pdf.ln(HEIGHT)

    def wrapped(self, text: str, share: float) -> list[str]:
        """The text, already `shown`, in lines that fit into this share of the page."""
        width = self.pdf.epw * share
        if self.pdf.get_string_width(text) < width - 2 * self.pdf.c_margin:
            return [text]
        lines = self.pdf.multi_cell(width, HEIGHT, text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list), "what was asked for as output"
        return lines

    def shown(self, text: str) -> str:
        """The text in letters that the font has, on one line; what only steers other programs is left out."""
        told = "".join(ch for ch in text if ch.isspace() or unicodedata.category(ch) not in ("Cc", "Cf"))
        return "".join(ch if ord(ch) in self._has else _LACKING for ch in " ".join(told.split()))

    def close(self) -> bytes:
        """The finished document."""
        return bytes(self.pdf.output())


@cache
def _font_file() -> str:
    return str(fontpkg.path(_FONT))
