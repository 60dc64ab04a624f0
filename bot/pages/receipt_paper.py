"""A receipt on paper: what was worded for the page, set as a PDF, with the code that leads to how it stands now. Pure.

The same receipt on the same day makes the same bytes. It fits Letter and A4 unscaled; which letters it can show is
`services.paper`'s.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest

import msgspec

from bot.pages.reading import Row
from bot.pages.receipt_words import ReceiptShown, receipt_words
from bot.wording import Wording
from dialogs.model import Say
from services.mail import one_line
from services.paper import GREY, HEIGHT, Align, Sheet
from services.payments.receipts import Receipt

_COLUMNS = (0.7, 0.3)  # of the width: what, and for how much
_ALIGNS: tuple[Align, ...] = ("L", "R")
_QR_SIDE = 32  # millimetres, quiet zone included: a module is 0.7 mm or more, which every phone reads
_SMALL, _PLAIN, _LARGE = 9, 10, 20  # points

Code = Sequence[Sequence[tuple[int, bool]]]  # rows of runs of modules: how many, and whether they are dark


class Printed(msgspec.Struct, frozen=True):
    """All that stands on the paper, in words."""

    language: str
    currency: str
    business: str
    questions: str  # whom to ask
    receipt: ReceiptShown
    check: str
    url: str
    code: Code
    made: datetime  # aware

    @classmethod
    def of(  # noqa: PLR0917  # what a receipt consists of
        cls, receipt: Receipt, words: Wording, made: datetime, business: str, phone: str, url: str, code: Code
    ) -> "Printed":
        """A receipt in the language of ``words``. ``code``: the ``url`` as a QR code."""
        name = one_line(business)
        return cls(
            language=words.locale,
            currency=receipt.amount.currency,
            business=name,
            questions=words.say(Say("questions", {"business": name, "phone": one_line(phone)})),
            receipt=receipt_words(receipt, name, words, made),
            check=words.say(Say("receipt_check")),
            url=url,
            code=code,
            made=made,
        )


def receipt_pdf(printed: Printed) -> bytes:
    """The document as PDF, its text in reading order, with its title and language told to whoever reads it aloud."""
    shown = printed.receipt
    page = _Page(printed)
    page.say(printed.business, size=11, grey=GREY)
    page.say(shown.heading, size=_LARGE)
    page.say(shown.state_word, size=13)
    page.gap(0.5)
    page.say(f"{shown.hero.name} {shown.hero.value}", size=16)
    page.say(shown.sentence, size=_PLAIN, grey=GREY)
    page.gap()
    page.table(shown.facts, last=False)
    page.table(shown.parts, heading=shown.parts_heading)
    if shown.refunds:
        page.table(shown.refunds, heading=shown.refunds_heading)
    page.say(shown.made, size=_SMALL, grey=GREY)
    page.check(printed)
    page.say(printed.questions, size=_SMALL, grey=GREY)
    return page.close()


class _Page(Sheet):
    """The document while it is set."""

    def __init__(self, printed: Printed) -> None:
        title, language = printed.receipt.title, printed.language
        super().__init__(currency=printed.currency, title=title, language=language, made=printed.made, fits_both=True)
        self.pdf.set_author(self.shown(printed.business))
        self.pdf.set_draw_color(200)  # of the rules

    def table(self, rows: Sequence[Row], *, heading: str = "", last: bool = True) -> None:
        """Names beside values. ``last``: the last row is what the reader looks for."""
        if heading:
            if self.pdf.will_page_break(HEIGHT * 3):  # a heading stays with what it heads
                self.pdf.add_page()
            self.say(heading, size=11)
            self.gap(0.25)
        for row in rows:
            self.pdf.set_font(size=11 if last and row is rows[-1] else _PLAIN)
            told = (self.shown(row.name), self.shown(row.value))
            for line in zip_longest(*map(self.wrapped, told, _COLUMNS), fillvalue=""):
                self.row(line, _COLUMNS, _ALIGNS)
            self.rule()
        self.gap()

    def check(self, printed: Printed) -> None:
        """The code, and the address in letters for whoever has no camera; both lead to the page."""
        if self.pdf.will_page_break(_QR_SIDE + HEIGHT * 4):
            self.pdf.add_page()
        self.gap(0.5)
        self.say(printed.check, size=_SMALL, grey=GREY)
        self._draw(printed.code)
        self.pdf.set_font(size=_SMALL)
        self.pdf.multi_cell(0, 5, printed.url, align="L", link=printed.url, new_x="LMARGIN", new_y="NEXT")
        self.gap(0.5)

    def _draw(self, code: Code) -> None:
        """Every dark run as one bar; runs leave no hairlines between their modules."""
        module = _QR_SIDE / len(code)
        left, top = self.pdf.l_margin, self.pdf.y
        for nth, row in enumerate(code):
            at = 0
            for length, dark in row:
                if dark:
                    self.pdf.rect(left + at * module, top + nth * module, length * module, module, style="F")
                at += length
        self.pdf.set_y(top + _QR_SIDE)
