"""Addresses as QR codes (ISO/IEC 18004): a picture for a page, and rows of cells for a letter.

Level M, so that a seventh of it may be dirty, and the quiet zone of 4 modules that the standard asks for. Nothing is
loaded from anywhere: what reads a mail shows no picture that is, and often none that is sent along.
"""

from functools import lru_cache
from itertools import groupby

import segno
from markupsafe import Markup

_QUIET = 4  # modules around it


@lru_cache(maxsize=512)
def picture(url: str) -> Markup:
    """The address as an SVG with neither style nor script."""
    drawn = _made(url).svg_inline(border=_QUIET, omitsize=True, svgclass="qr", lineclass=None)
    return Markup(drawn)  # noqa: S704  # segno draws modules; no character of the address is in it


def rows(url: str) -> list[list[tuple[int, bool]]]:
    """The address as rows of runs: how many modules, and whether they are dark. Every row is as long as the others."""
    matrix = _made(url).matrix_iter(border=_QUIET)
    return [[(len(list(run)), bool(dark)) for dark, run in groupby(row)] for row in matrix]


def _made(url: str) -> segno.QRCode:
    return segno.make(url, error="m", micro=False)
