"""Card numbers as people write them: brands, families of renderings, and what stands around them. Seeded by the caller.

Every family takes a number and a source of chance and answers with a text that a reader could turn back into the number.
"""

# ruff: noqa: RUF001  # digits and letters of many scripts

import base64
import html
import random
import urllib.parse
from collections.abc import Callable, Sequence

Family = Callable[[str, random.Random], str]

# Issuer ranges as published, with the lengths in use (ISO/IEC 7812): prefix, lengths.
BRANDS: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "visa": (("4",), (16,)),
    "visa of 13": (("4",), (13,)),
    "visa of 19": (("4",), (19,)),
    "mastercard": (("51", "52", "53", "54", "55"), (16,)),
    "mastercard 2": (("2221", "23", "26", "2720"), (16,)),
    "american express": (("34", "37"), (15,)),
    "discover": (("6011", "644", "645", "65"), (16, 19)),
    "diners club": (("300", "305", "36", "38"), (14,)),
    "diners club of 16": (("305", "36", "38"), (16,)),
    "jcb": (("3528", "3566", "3589"), (16,)),
    "unionpay": (("62", "81"), (16, 17, 18, 19)),
    "maestro": (("5018", "5020", "5038", "6304", "6759", "6761", "6763"), (13, 14, 15, 16, 17, 18, 19)),
    "mir": (("2200", "2204"), (16,)),
    "rupay": (("508500", "606985", "607000", "6521", "8172"), (16,)),
    "elo": (("401178", "438935", "506699", "509000", "627780", "636297", "650031"), (16,)),
    "hipercard": (("606282", "637095"), (16,)),
    "verve": (("506099", "507865", "650002"), (16, 19)),
    "troy": (("9792",), (16,)),
}

# Published test numbers of processors.
PUBLISHED = {
    "visa": ("4242424242424242", "4111111111111111", "4012888888881881", "4000056655665556"),
    "visa of 13": ("4222222222222",),
    "mastercard": ("5555555555554444", "5105105105105100", "5200828282828210"),
    "mastercard 2": ("2223003122003222", "2720990000000007"),
    "american express": ("378282246310005", "371449635398431", "378734493671000"),
    "discover": ("6011111111111117", "6011000990139424"),
    "diners club": ("30569309025904", "36227206271667", "38520000023237"),
    "diners club of 16": ("3056930009020004",),
    "jcb": ("3566002020360505", "3530111333300000"),
    "unionpay": ("6200000000000005", "6205500000000000004"),
    "maestro": ("6304000000000000", "6759649826438453", "5018000000000009"),
}


def number_of(brand: str, chance: random.Random) -> str:
    """A number of this brand: a published one, one time in eight, else any with a right check digit."""
    if brand in PUBLISHED and chance.random() < 1 / 8:
        return chance.choice(PUBLISHED[brand])
    prefixes, lengths = BRANDS[brand]
    body = chance.choice(prefixes)
    length = chance.choice(lengths)
    body += "".join(chance.choices("0123456789", k=length - 1 - len(body)))
    return body + check_digit(body)


def check_digit(body: str) -> str:
    """The Luhn digit that follows these."""
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return str(-sum(each - 9 if each > 9 else each for each in doubled) % 10)


# --- how digits are grouped ---------------------------------------------------------------------------------------


def groups(number: str, chance: random.Random) -> list[str]:
    """As printed on the card of that length."""
    del chance
    sizes = {15: (4, 6, 5), 14: (4, 6, 4), 13: (4, 4, 5)}.get(len(number), (4, 4, 4, 4, 4))
    return _sized(number, sizes)


def _sized(number: str, sizes: Sequence[int]) -> list[str]:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return [part for part in parts if part]


def _every(number: str, size: int) -> list[str]:
    return [number[at : at + size] for at in range(0, len(number), size)]


def _anyhow(number: str, chance: random.Random, most: int = 6) -> list[str]:
    cuts = sorted(chance.sample(range(1, len(number)), chance.randint(1, most)))
    return [number[left:right] for left, right in zip([0, *cuts], [*cuts, len(number)], strict=True)]


def _between(mark: str) -> Family:
    return lambda number, chance: mark.join(groups(number, chance))


def _each(mark: str) -> Family:
    return lambda number, chance: mark.join(number)


def _digits(signs: str) -> Family:
    table = str.maketrans("0123456789", signs)
    return lambda number, chance: chance.choice(("", " ", "-")).join(groups(number, chance)).translate(table)


def _range(zero: str) -> Family:
    return _digits("".join(chr(ord(zero) + digit) for digit in range(10)))


# --- letters and words --------------------------------------------------------------------------------------------

_LETTERS = {
    "0": "Oo",
    "1": "lI",
    "2": "Z",
    "3": "E",
    "4": "A",
    "5": "S",
    "6": "G",
    "7": "T",
    "8": "B",
    "9": "g",
}


def _lettered(which: str, share: float) -> Family:
    def write(number: str, chance: random.Random) -> str:
        def swap(digit: str) -> str:
            return chance.choice(_LETTERS[digit]) if digit in which and chance.random() < share else digit

        return chance.choice(("", " ", "-")).join("".join(map(swap, part)) for part in groups(number, chance))

    return write


ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPANISH = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
_TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SP_TEENS = ["diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve"]
_SP_TWENTIES = [
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
]
_SP_TENS = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]


def _spoken(words: Sequence[str], mark: str) -> Family:
    return lambda number, chance: mark.join(words[int(digit)] for digit in number)


def _oh(number: str, chance: random.Random) -> str:
    zero = chance.choice(("oh", "o"))
    return " ".join(zero if digit == "0" and at else ENGLISH[int(digit)] for at, digit in enumerate(number))


def _doubled(number: str, chance: random.Random) -> str:
    told, at = [], 0
    while at < len(number):
        same = next(n for n in range(1, 20) if number[at : at + n + 1] != number[at] * (n + 1))
        times = min(same, 3)
        told.append(("", "double ", "triple ")[times - 1] + ENGLISH[int(number[at])])
        at += times
    return " ".join(told)


def _pair(pair: str) -> str:
    if len(pair) == 1 or pair[0] == "0":
        return " ".join(ENGLISH[int(digit)] for digit in pair)
    if pair[0] == "1":
        return _TEENS[int(pair[1])]
    return _TENS[int(pair[0]) - 2] + (f" {ENGLISH[int(pair[1])]}" if pair[1] != "0" else "")


def _par(pair: str) -> str:
    if len(pair) == 1 or pair[0] == "0":
        return " ".join(SPANISH[int(digit)] for digit in pair)
    if pair[0] in "12":
        return (_SP_TEENS if pair[0] == "1" else _SP_TWENTIES)[int(pair[1])]
    return _SP_TENS[int(pair[0]) - 3] + (f" y {SPANISH[int(pair[1])]}" if pair[1] != "0" else "")


def _pairs(said: Callable[[str], str], mark: str) -> Family:
    return lambda number, chance: mark.join(said(pair) for pair in _every(number, 2))


def _some_words(number: str, chance: random.Random) -> str:
    words = chance.choice((ENGLISH, SPANISH))
    return " ".join(
        " ".join(words[int(digit)] for digit in part) if chance.random() < 0.5 else part
        for part in groups(number, chance)
    )


def _in_place_of_some(number: str, chance: random.Random) -> str:
    return " ".join(ENGLISH[int(digit)] if at % 2 else digit for at, digit in enumerate(number))


def _with_marks_said(number: str, chance: random.Random) -> str:
    mark = chance.choice((" dash ", " space ", " hyphen ", " dot ", " then ", " guion ", " espacio "))
    return mark.join(groups(number, chance))


def _sentence(number: str, chance: random.Random) -> str:
    first, *rest = groups(number, chance)
    *middle, last = rest
    return f"it starts with {first}, " + "".join(f"then {part}, " for part in middle) + f"and the last ones are {last}"


def _frase(number: str, chance: random.Random) -> str:
    first, *rest = groups(number, chance)
    *middle, last = rest
    return f"empieza con {first}, " + "".join(f"luego {part}, " for part in middle) + f"y termina en {last}"


# --- encodings ----------------------------------------------------------------------------------------------------


def _base64(number: str, chance: random.Random) -> str:
    text = chance.choice(("{}", "card {}", "{} 12/30 123")).format(
        chance.choice((number, " ".join(groups(number, chance))))
    )
    return base64.b64encode(text.encode()).decode()


def _base64_url(number: str, chance: random.Random) -> str:
    return base64.urlsafe_b64encode(f"pan={number}".encode()).decode().rstrip("=")


def _wrapped(before: str, after: str, base: str) -> Family:
    return lambda number, chance: "".join(f"{before}{ord(digit):{base}}{after}" for digit in number)


def _url(number: str, chance: random.Random) -> str:
    return urllib.parse.quote(" ".join(groups(number, chance)))


def _twice(number: str, chance: random.Random) -> str:
    return "".join(f"%25{ord(digit):02x}" for digit in number)


def _entities_between(number: str, chance: random.Random) -> str:
    mark = chance.choice(("&nbsp;", "&#160;", "&ensp;", "&#8203;", "&#x2009;"))
    assert html.unescape(mark) != mark
    return mark.join(groups(number, chance))


def _zero_width(number: str, chance: random.Random) -> str:
    return "".join(
        digit + chance.choice(("", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")) for digit in number
    )


def _marks(number: str, chance: random.Random) -> str:
    mark = chance.choice(("\u0336", "\u0332", "\u20dd", "\u0301"))
    return "".join(digit + mark for digit in number)


def _many_scripts(number: str, chance: random.Random) -> str:
    zeros = "0٠०০๐０𝟎𝟶"
    return "".join(chr(ord(chance.choice(zeros)) + int(digit)) for digit in number)


def _file(number: str, chance: random.Random) -> str:
    name = chance.choice(
        ("card_{}.jpg", "IMG-{}.png", "scan {}.pdf", "{}.jpeg", "my-visa-{}.heic", "photo({}).png", "{}_front.png")
    )
    return name.format(chance.choice(("", "_", "-", " ")).join(groups(number, chance)))


def _link(number: str, chance: random.Random) -> str:
    return chance.choice(
        ("https://pay.example/?card={}&exp=12%2F30", "tel:{}", "see example.com/c/{}/ok", "?pan={}")
    ).format(number)


def _structured(number: str, chance: random.Random) -> str:
    shape = chance.choice(
        (
            '{{"card": "{}", "exp": "12/30"}}',
            "<card>{}</card>",
            "card;{};12/30",
            "number={}",
            "| card | {} |",
            "`{}`",
            "**{}**",
            "'{}'",
            "[{}]",
            "#{}",
        )
    )
    return shape.format(chance.choice(("", " ")).join(groups(number, chance)))


def _glued(number: str, chance: random.Random) -> str:
    return chance.choice(("card{}", "cc{}exp1230", "visa{}", "{}x", "n{}exp", "PAN:{}")).format(number)


def _with_expiry(number: str, chance: random.Random) -> str:
    return number + chance.choice(("1230", "12/30", "0529", " 12/30", "1230123"))


def _backwards(number: str, chance: random.Random) -> str:
    return chance.choice(("backwards: {}", "{} (reversed)", "al revés: {}", "\u202e{}\u202c")).format(number[::-1])


def _label_after(number: str, chance: random.Random) -> str:
    said = chance.choice(
        (
            "{} is my card number",
            "{} <- my card",
            "{} (visa)",
            "{} es mi tarjeta",
            "{}: the new card",
            "{} = card number",
        )
    )
    return said.format(chance.choice(("", " ", ", ")).join(groups(number, chance)))


def _cardinal(part: str) -> str:
    """A group as one number: "four thousand two hundred forty two"; with a zero in front, its digits."""
    if len(part) != 4 or part[0] == "0" or part[1:] == "000":
        return " ".join(ENGLISH[int(digit)] for digit in part)
    hundreds = f" {ENGLISH[int(part[1])]} hundred" if part[1] != "0" else ""
    rest = f" {_pair(part[2:] if part[2] != '0' else part[3])}" if part[2:] != "00" else ""
    return f"{ENGLISH[int(part[0])]} thousand{hundreds}{rest}"


_SP_HUNDREDS = [
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
]


def _cardinal_es(part: str) -> str:
    if len(part) != 4 or part[0] in "01" or part[1:] == "000" or part[1:] == "100":
        return " ".join(SPANISH[int(digit)] for digit in part)
    hundreds = f" {_SP_HUNDREDS[int(part[1]) - 1]}" if part[1] != "0" else ""
    rest = f" {_par(part[2:] if part[2] != '0' else part[3])}" if part[2:] != "00" else ""
    return f"{SPANISH[int(part[0])]} mil{hundreds}{rest}"


def _numbered(number: str, chance: random.Random) -> str:
    mark = chance.choice((")", ".", ":"))
    return "\n".join(f"{at}{mark} {part}" for at, part in enumerate(groups(number, chance), start=1))


FAMILIES: dict[str, Family] = {
    "plain": lambda number, chance: number,
    "spaces": _between(" "),
    "dashes": _between("-"),
    "dots": _between("."),
    "slashes": _between("/"),
    "backslashes": _between("\\"),
    "underscores": _between("_"),
    "commas": _between(","),
    "commas and spaces": _between(", "),
    "pipes": _between("|"),
    "semicolons": _between("; "),
    "colons": _between(":"),
    "plus signs": _between("+"),
    "stars": _between(" * "),
    "tildes": _between("~"),
    "middle dots": _between("·"),
    "bullets": _between(" • "),
    "emoji": _between("👉"),
    "arrows": _between(" → "),
    "brackets": lambda number, chance: "".join(f"({part})" for part in groups(number, chance)),
    "no-break spaces": _between("\u00a0"),
    "narrow spaces": _between("\u202f"),
    "en dashes": _between("–"),
    "dashes with spaces": _between(" - "),
    "double spaces": _between("  "),
    "tabs": _between("\t"),
    "lines": _between("\n"),
    "blank lines": _between("\n\n"),
    "single digits": _each(" "),
    "single digits with dashes": _each("-"),
    "single digits with commas": _each(", "),
    "a digit a line": _each("\n"),
    "single digits with dots": _each("."),
    "pairs": lambda number, chance: " ".join(_every(number, 2)),
    "threes": lambda number, chance: chance.choice(" -.").join(_every(number, 3)),
    "fives": lambda number, chance: " ".join(_every(number, 5)),
    "thousands": lambda number, chance: f"{int(number):,}",
    "halves": lambda number, chance: f"{number[:8]} {number[8:]}",
    "anyhow": lambda number, chance: chance.choice(" -.").join(_anyhow(number, chance)),
    "anyhow with many marks": lambda number, chance: "".join(
        part + chance.choice((" ", "-", ".", "/", " - ")) for part in _anyhow(number, chance)
    ),
    "zero width": _zero_width,
    "soft hyphens": _each("\u00ad"),
    "strokes and rims": _marks,
    "right to left marks": lambda number, chance: "\u200f" + "\u200e".join(groups(number, chance)),
    "full width": _range("０"),
    "arabic": _range("٠"),
    "persian": _range("۰"),
    "devanagari": _range("०"),
    "bengali": _range("০"),
    "thai": _range("๐"),
    "mathematical": _range("𝟎"),
    "double struck": _range("𝟘"),
    "segmented": _range("🯰"),
    "superscript": _digits("⁰¹²³⁴⁵⁶⁷⁸⁹"),
    "subscript": _digits("₀₁₂₃₄₅₆₇₈₉"),
    "circled": _digits("⓪①②③④⑤⑥⑦⑧⑨"),
    "black circled": _digits("⓿❶❷❸❹❺❻❼❽❾"),
    "chinese": _digits("〇一二三四五六七八九"),
    "braille": _digits("⠚⠁⠃⠉⠙⠑⠋⠛⠓⠊"),
    "many scripts": _many_scripts,
    "keycaps": lambda number, chance: "".join(f"{digit}\ufe0f\u20e3" for digit in number),
    "keycaps with spaces": lambda number, chance: " ".join(f"{digit}\u20e3" for digit in number),
    "o for zero": _lettered("0", 1),
    "l for one": _lettered("1", 1),
    "o and l": _lettered("01", 1),
    "some letters": _lettered("0125", 0.5),
    "o, l, s and z": _lettered("0125", 1),
    "o, l, s, z and b": _lettered("01258", 1),
    "many letters": _lettered("0123456789", 0.4),
    "other alphabets' letters": lambda number, chance: number.replace("0", chance.choice("ОΟ")).replace("3", "З"),
    "words": _spoken(ENGLISH, " "),
    "words in capitals": lambda number, chance: _spoken(ENGLISH, " ")(number, chance).upper(),
    "words with commas": _spoken(ENGLISH, ", "),
    "words with dashes": _spoken(ENGLISH, "-"),
    "glued words": _spoken(ENGLISH, ""),
    "words, oh for zero": _oh,
    "doubles and triples": _doubled,
    "words in pairs": _pairs(_pair, " "),
    "words in pairs with commas": _pairs(_pair, ", "),
    "spanish words": _spoken(SPANISH, " "),
    "spanish words with commas": _spoken(SPANISH, ", "),
    "spanish words in pairs": _pairs(_par, ", "),
    "some words": _some_words,
    "every other digit a word": _in_place_of_some,
    "marks said": _with_marks_said,
    "in a sentence": _sentence,
    "in a spanish sentence": _frase,
    "groups as numbers": lambda number, chance: ", ".join(map(_cardinal, groups(number, chance))),
    "groups as spanish numbers": lambda number, chance: ", ".join(map(_cardinal_es, groups(number, chance))),
    "numbered lines": _numbered,
    "tags": lambda number, chance: "".join(f"<b>{part}</b>" for part in groups(number, chance)),
    "wide gaps": _between("            "),
    "rows of dots": _between("....."),
    "escaped lines": _between("\\n"),
    "octal": _wrapped("\\", "", "03o"),
    "groups in base64": lambda number, chance: " ".join(
        base64.b64encode(part.encode()).decode() for part in groups(number, chance)
    ),
    "base64": _base64,
    "base64 for urls": _base64_url,
    "base32": lambda number, chance: base64.b32encode(number.encode()).decode(),
    "hexadecimal": _wrapped("", "", "02x"),
    "hexadecimal with spaces": _wrapped("", " ", "02x"),
    "0x": _wrapped("0x", " ", "02x"),
    "binary": _wrapped("", " ", "08b"),
    "codes": lambda number, chance: " ".join(str(ord(digit)) for digit in number),
    "percent": _wrapped("%", "", "02x"),
    "percent twice": _twice,
    "url": _url,
    "entities": _wrapped("&#", ";", "d"),
    "hexadecimal entities": _wrapped("&#x", ";", "x"),
    "entities between": _entities_between,
    "escapes": _wrapped("\\u", "", "04x"),
    "x escapes": _wrapped("\\x", "", "02x"),
    "quoted printable": _wrapped("=", "", "02X"),
    "file name": _file,
    "link": _link,
    "structured": _structured,
    "glued to letters": _glued,
    "expiry after": _with_expiry,
    "backwards and said so": _backwards,
    "label after": _label_after,
}

AROUND: tuple[tuple[str, str], ...] = (
    ("", ""),
    ("", ""),
    ("my card is ", ""),
    ("my card number: ", " thanks"),
    ("card ", ", exp 12/30"),
    ("pay INV-1042 with ", ""),
    ("please use ", " for $50.00"),
    ("here you go ", "!"),
    ("cc: ", "\nzip 94107"),
    ("visa ", ""),
    ("es ", " gracias"),
    ("mi tarjeta es ", ""),
    ("número de tarjeta: ", " vence 12/30"),
    ("charge 120.00 to ", " please"),
    ("ok so it's ", ""),
    ("use this one instead: ", ""),
    ("can i pay with ", " ?"),
)


def case(family: str, brand: str, chance: random.Random) -> tuple[str, str, str]:
    """A message that holds a number of this brand in this family's writing, the number, and what stands around it."""
    number = number_of(brand, chance)
    before, after = chance.choice(AROUND)
    return f"{before}{FAMILIES[family](number, chance)}{after}", number, f"{before} {after}"


# --- in pieces ----------------------------------------------------------------------------------------------------

_SAID: tuple[tuple[str, ...], ...] = (
    ("{}",),
    ("{}",),
    ("{} ", " {}"),
    ("my card is {}", "{}"),
    ("it starts with {}", "then {}", "and {}"),
    ("the first ones are {}", "next {}", "then {}"),
    ("my card number starts {}", "next are {}"),
    ("empieza con {}", "luego {}", "después {}"),
    ("{}...", "...{}"),
    ("card: {}", "{}", "{}"),
    ("part 1: {}", "part 2: {}", "part 3: {}", "part 4: {}", "part 5: {}", "part 6: {}"),
)
_CHATTER = ("wait", "ok hold on", "one sec", "un momento", "sorry, typing on my phone", "👍", "still there?")


def pieces(brand: str, chance: random.Random) -> tuple[list[str], str, list[str]]:
    """One number over two to six messages: the messages, the number, and its pieces. Sometimes with talk in between."""
    number = number_of(brand, chance)
    parts = chance.choice((groups(number, chance), _anyhow(number, chance, most=5)))
    if len(parts) == 1:
        parts = _anyhow(number, chance, most=5)
    write = chance.choice((str, str, str, _as_full_width, " ".join, "-".join, _as_words))
    said = chance.choice(_SAID)
    messages = [said[min(at, len(said) - 1)].format(write(part)) for at, part in enumerate(parts)]
    while len(messages) < 6 and chance.random() < 0.15:
        messages.insert(chance.randint(1, len(messages) - 1), chance.choice(_CHATTER))
    return messages, number, parts


def _as_full_width(part: str) -> str:
    return "".join(chr(ord("０") + int(digit)) for digit in part)


def _as_words(part: str) -> str:
    return " ".join(ENGLISH[int(digit)] for digit in part)
