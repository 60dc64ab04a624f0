"""Numbers in English and Spanish words, as people dictate them: "four two, double four", "cuarenta y dos", "nil".

What a spelled number is made of belongs here. Whether its digits are a card's never will.
"""

import re

_UNITS = {
    "zero": 0,
    "nought": 0,
    "naught": 0,
    "nil": 0,
    "oh": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "niner": 9,
    "cero": 0,
    "uno": 1,
    "una": 1,
    "un": 1,
    "dos": 2,
    "tres": 3,
    "cuatro": 4,
    "cinco": 5,
    "seis": 6,
    "siete": 7,
    "ocho": 8,
    "nueve": 9,
}

_TEENS = {
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "diez": 10,
    "once": 11,
    "doce": 12,
    "trece": 13,
    "catorce": 14,
    "quince": 15,
    "dieciseis": 16,
    "diecisiete": 17,
    "dieciocho": 18,
    "diecinueve": 19,
    "veintiuno": 21,
    "veintiun": 21,
    "veintiuna": 21,
    "veintidos": 22,
    "veintitres": 23,
    "veinticuatro": 24,
    "veinticinco": 25,
    "veintiseis": 26,
    "veintisiete": 27,
    "veintiocho": 28,
    "veintinueve": 29,
}
_TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fourty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "veinte": 20,
    "treinta": 30,
    "cuarenta": 40,
    "cincuenta": 50,
    "sesenta": 60,
    "setenta": 70,
    "ochenta": 80,
    "noventa": 90,
}
_HUNDREDS = {
    "cien": 100,
    "ciento": 100,
    "doscientos": 200,
    "trescientos": 300,
    "cuatrocientos": 400,
    "quinientos": 500,
    "seiscientos": 600,
    "setecientos": 700,
    "ochocientos": 800,
    "novecientos": 900,
}
_TIMES = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4, "doble": 2}
_VALUES = {"o": 0} | _UNITS | _TEENS | _TENS | _HUNDREDS
_MULTIPLIED = ("hundred", "thousand", "mil")
_JOINED = ("and", "y")

_ANY = "|".join(sorted({*_VALUES, *_TIMES, *_MULTIPLIED} - {"o"}, key=len, reverse=True))
_COUNTED = "|".join(sorted({*_VALUES, *_TIMES} - {"o"}, key=len, reverse=True))
_BETWEEN = r"[^a-z0-9\x1d]{0,4}+"
# Words that stand in a row, glued or not: "fourtwo", "four-two", "four, two", "cuarenta y dos", "four o two".
ROW = re.compile(
    rf"(?<![a-z])(?:{_COUNTED})(?:{_BETWEEN}(?:(?:and|y)(?![a-z]){_BETWEEN})?(?:{_ANY}|o(?![a-z])))*(?![a-z])"
)
LAST_APART = re.compile(rf"(?:{'|'.join(_TENS)})[^a-z0-9]{{1,4}}(?:{'|'.join(_UNITS)})\Z")
_WORD = re.compile(rf"{_ANY}|and|y|o|[,;.:/|\n]")  # a mark ends a number: "two hundred, nine thousand"
_SINGLE = re.compile(_COUNTED)
# Every dictated number has one of these in it.
_PARTS = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero", "teen", "enty", "rty", "ifty"),
    *(
        "cero",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "enta",
        "diez",
        "veint",
        "oh ",
    ),
)
_TWO_IN_A_ROW = re.compile(rf"(?:{_COUNTED})[^a-z]{{0,4}}(?:{_ANY})")


def spoken(lower: str) -> bool:
    """Whether two number words stand beside each other somewhere in this lower-case text."""
    for part in _PARTS:  # a plain loop, for every message passes here
        if part in lower:
            return _TWO_IN_A_ROW.search(lower) is not None
    return False


def words(lower: str) -> int:
    """How many number words this lower-case text holds, at most."""
    return len(_SINGLE.findall(lower))


def digits_of(row: str, *, last_apart: bool = False) -> str:
    """The digits that a row of number words dictates: ``double four forty two`` is ``4442``.

    ``last_apart``: its last word is a number of its own.
    """
    words = _WORD.findall(row)
    if last_apart and LAST_APART.search(row):
        return digits_of(row[: row.rindex(words[-1])].rstrip(" ,.-")) + str(_UNITS[words[-1]])
    told: list[str] = []
    at = 0
    while at < len(words):
        times = _TIMES.get(words[at], 1)
        at += times > 1
        if at < len(words) and words[at] in _JOINED:
            at += 1
            continue
        value, after = _cardinal(words, at)
        if after == at:  # a multiplier with nothing to multiply
            at += 1
            continue
        told.append(str(value) * times)
        at = after
    return "".join(told)


def _cardinal(words: list[str], at: int) -> tuple[int, int]:
    """One number below ten thousand, the longest that begins here, and where the next one begins."""
    value, after = _below_thousand(words, at)
    if at < len(words) and words[at] == "mil":
        value, after = 1, at
    if after < len(words) and words[after] in ("thousand", "mil") and 0 < value < 100:
        begin = _past_join(words, after + 1)
        rest, end = _below_thousand(words, begin)
        return (value * 1000 + rest, end) if rest else (value * 1000, after + 1)
    return value, after


def _below_thousand(words: list[str], at: int) -> tuple[int, int]:
    if at < len(words) and (hundreds := _HUNDREDS.get(words[at])):
        rest, end = _below_hundred(words, at + 1)
        return (hundreds + rest, end) if rest else (hundreds, at + 1)
    value, after = _below_hundred(words, at)
    if after < len(words) and words[after] == "hundred" and value:
        begin = _past_join(words, after + 1)
        rest, end = _below_hundred(words, begin)
        return (value * 100 + rest, end) if rest else (value * 100, after + 1)
    return value, after


def _below_hundred(words: list[str], at: int) -> tuple[int, int]:
    if at >= len(words):
        return 0, at
    word = words[at]
    if word in _TENS or word == "diez":
        unit = _past_join(words, at + 1)
        joined = word in _TENS or unit > at + 1  # "diez y seis" is 16, "diez seis" is not
        if joined and unit < len(words) and _UNITS.get(words[unit], 0):
            return _VALUES[word] + _UNITS[words[unit]], unit + 1
        return _VALUES[word], at + 1
    if word in _UNITS or word in _TEENS or word == "o":
        return _VALUES[word], at + 1
    return 0, at


def _past_join(words: list[str], at: int) -> int:
    return at + 1 if at < len(words) and words[at] in _JOINED else at
