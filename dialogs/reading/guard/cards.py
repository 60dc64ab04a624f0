"""Finds card numbers in a view: digits that an issuer could have printed, grouped as people group them.

How a card number is told from an order number: it has a length that its issuer range allows (ISO/IEC 7812) and a
right Luhn digit, begins where a group of digits begins, and ends where one ends (or where an expiry date is glued to
it). Dates, phone numbers and prices that happen to stand in a row are recognised as such and left alone, and so is a
number that is called an order's or an invoice's, unless card words stand beside it.

The rarer a way of writing, the more is asked of it: between groups that only spaces, dashes, dots or slashes part, any
grouping will do; other marks must part the groups evenly, or card words must stand nearby.

Every search is linear in the length of the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate, pairwise

import msgspec

_SHORTEST = 12
# ISO/IEC 7812 issuer ranges by their first four digits, and the lengths their cards have.
_ISSUERS = (
    (2200, 2205, (19, 18, 17, 16)),  # Mir, Borica
    (2221, 2720, (16,)),  # Mastercard
    (3000, 3059, (19, 18, 17, 16, 14)),  # Diners Club
    (3095, 3095, (19, 18, 17, 16, 14)),  # Diners Club
    (3100, 3199, (19,)),  # China T-Union
    (3400, 3499, (15,)),  # American Express
    (3528, 3589, (19, 18, 17, 16)),  # JCB
    (3600, 3699, (19, 18, 17, 16, 15, 14)),  # Diners Club
    (3700, 3799, (15,)),  # American Express
    (3800, 3999, (19, 18, 17, 16, 14)),  # Diners Club
    (4000, 4999, (19, 16, 13)),  # Visa
    (5000, 5099, (19, 18, 17, 16, 15, 14, 13)),  # Maestro, Verve, RuPay, Elo
    (5100, 5599, (16,)),  # Mastercard
    (5600, 5899, (19, 18, 17, 16, 15, 14, 13)),  # Maestro
    (6000, 6299, (19, 18, 17, 16)),  # Discover, UnionPay, RuPay, Hipercard
    (6300, 6399, (19, 18, 17, 16, 15, 14, 13)),  # Maestro, Hiper, InstaPayment
    (6400, 6699, (19, 18, 17, 16)),  # Discover, RuPay, Troy
    (6700, 6799, (19, 18, 17, 16, 15, 14, 13)),  # Maestro
    (6800, 6999, (19, 18, 17, 16)),  # Maestro
    (8100, 8299, (19, 18, 17, 16)),  # UnionPay, RuPay
    (8600, 8600, (16,)),  # Uzcard
    (9704, 9704, (19, 16)),  # Napas
    (9792, 9792, (16,)),  # Troy
    (9860, 9860, (16,)),  # Humo
)
# What is too much like a phone number or an order to be taken for a card, unless card words stand beside it.
_RARE = ((1000, 1999, 15), (1946, 1946, 16), (5000, 5099, 12), (5600, 5899, 12), (6000, 6999, 12))  # UATP, GPN, Maestro
_LENGTHS = {f"{prefix:04}": lengths for first, last, lengths in _ISSUERS for prefix in range(first, last + 1)}
for _first, _last, _length in _RARE:
    for _prefix in range(_first, _last + 1):
        _LENGTHS[f"{_prefix:04}"] = (*_LENGTHS.get(f"{_prefix:04}", ()), _length)
_NEED_WORDS = frozenset((f"{prefix:04}", length) for first, last, length in _RARE for prefix in range(first, last + 1))
# ISO/IEC 7812-1, annex B (Luhn): a digit counts as itself, or as the sum of the digits of its double.
_SINGLE = bytes.maketrans(b"0123456789", bytes((0, 1, 2, 3, 4, 5, 6, 7, 8, 9)))
_DOUBLE = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))

_GROUP = re.compile(r"[0-9]+")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_TIGHT = re.compile(r"[\s\-./\\_\x1d]{0,7}")
_SAID = (  # how the marks between groups are dictated
    "dash|hyphen|minus|space|dot|point|period|comma|slash|underscore|then|next|followed by|blank|gap|"
    "guion|espacio|punto|coma|barra|luego|despues|seguido de|x|and|y"
)
_MARKS = r"[^0-9A-Za-z]{0,30}+"
_RUN = re.compile(rf"[0-9](?:{_MARKS}(?:(?:{_SAID})(?![a-z]){_MARKS})?[0-9])*+", re.IGNORECASE)

_DATED = re.compile(
    r"""(?<![0-9])(?:
        (?<![0-9]-)(?<![0-9]/)(?<![0-9]\.)(?:
          (?:19|20)[0-9]{2}(?P<a>[-/.])(?:0?[1-9]|1[0-2])(?P=a)(?:0?[1-9]|[12][0-9]|3[01])      # 2025-12-30
        | (?:0?[1-9]|[12][0-9]|3[01])(?P<b>[-/.])(?:0?[1-9]|[12][0-9]|3[01])(?P=b)(?:19|20)?[0-9]{2}  # 12/30/2025
        | [0-9]{3}(?P<c>[-.])[0-9]{3}(?P=c)[0-9]{4}                                              # 415-555-0132
        )(?![-/.][0-9])
      | \([0-9]{3}\)[ ]?[0-9]{3}[-. ][0-9]{4}                                                    # (415) 555-0132
    )(?![0-9])
    | \+[0-9](?:[ .()-]{0,2}[0-9]){6,12}(?![ .()-]{0,2}[0-9])                                   # E.164
    """,
    re.VERBOSE,
)
_COUNTED = re.compile(
    r"""(?<![0-9])(?:
        (?<![0-9]-)[0-9]{5}-[0-9]{4}(?!-[0-9])                                                   # ZIP+4
      | (?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?=\s)                       # 20251230
      | (?<![^\s$])(?:0|[1-9][0-9]{0,5})\.[0-9]{2}(?![^\s,;!?)])                               # 1250.00
      | (?<![0-9],)[0-9]{1,3}(?:,[0-9]{3}){1,3}(?:\.[0-9]{2})?(?!,?[0-9])                       # 1,250.00
      | (?<![0-9]:)(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?(?![:0-9])                    # 12:30
    )(?![0-9])
    """,
    re.VERBOSE,
)
_PHONE_AND_ZIP = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6} {1,2}[0-9]{5}|[0-9]{5} {1,2}[2-9][0-9]{2}[2-9][0-9]{6}")
_MARKED = re.compile(r"[-/.,:+()]")
_DATE = 8  # signs of the shortest date that alone is evidence: 12/30/25
_HIDDEN = re.compile(r"~+")
_NEIGHBOURHOOD = 20  # characters: a phone number may begin before the digits in question, and end after them
_EXPIRY_GLUED = re.compile(r"(?:0[1-9]|1[0-2])[/-]?(?:20)?[2-4][0-9](?:[0-9]{3,4})?(?![0-9])")
_EXPIRY = re.compile(r"[\s,;|/]{1,3}(?:exp[a-z]{0,9}[\s:.]{0,3})?(?:1[0-2]|0?[1-9])[/-](?:20)?[2-4][0-9](?![0-9])")
CODE_AFTER_EXPIRY = re.compile(
    r"[\s,;|/]{0,3}(?:exp[a-z]{0,9}[\s:.]{0,3})?(?:1[0-2]|0[1-9]|[1-9](?=[\s/|.-]))[\s/|.-]{0,3}(?:20)?[2-4][0-9]"
    r"[\s,;|/-]{0,3}([0-9]{3,4})(?![0-9])",
    re.IGNORECASE,
)

CARD_WORDS = (
    r"(?<![a-z])(?:(?:credit|debit|bank|gift|my|the|new|this)?card(?:no|num|number)?s?|visa|master ?card|amex"
    r"|american express|discover|diners|jcb|maestro|union ?pay|rupay|mir|elo|hiper(?:card)?|verve|troy|credit|debit|ccn?"
    r"|tarjetas?|credito|debito|plastico|pan|cvv2?|cvc2?|csc|expir\w*|exp|vence|caduca|valid thru)(?![a-z])"
)
_CARD_BEFORE = re.compile(CARD_WORDS)
_CARD_AFTER = re.compile(rf"[^a-z0-9]{{0,4}}(?:(?:is|es|for|on|de|as|=)\W(?:\w{{1,6}}\W){{0,3}})?{CARD_WORDS}")
_LETTER = re.compile(r"[a-z]")
_NEAR = 40  # characters before a number in which a card word speaks of it

_THINGS = (
    "inv|invoice|bill|order|ord|po|so|ref|reference|confirmation|conf|tracking|track|case|quote|estimate|contract|"
    "customer|client|policy|meter|serial|sku|item|upc|ean|imei|txn|transaction|trace|auth|rma|claim|usps|ups|fedex|dhl|"
    "parcel|shipment|receipt|statement|ticket|request|job|project|document|doc|delivery|"
    "factura|pedido|orden|referencia|rastreo|guia|folio|cliente|contrato|recibo|poliza|caso|presupuesto|cotizacion|"
    "confirmacion|envio|seguimiento|numero de serie"
)
NUMBERED = re.compile(
    rf"(?:^|[^a-z])(?:{_THINGS})(?:\s?(?:number|numero|no\.?|num\.?|nr\.?|id|code|#))?[\s:#=-]{{0,3}}(?:is\s|es\s|was\s)?"
    r"(?:[a-z]{0,4}[0-9]*[-/.])*[a-z]{0,4}\Z"
)
_SENT = re.compile(
    r"(?:(?:tracking|track|usps|ups|fedex|dhl|rastreo|guia|seguimiento)\W(?:\w{1,8}\W){0,3}\w{0,3}|(?<![a-z0-9])1z[0-9a-z]{0,8})\Z"
)
_SEVERAL = re.compile(r"(?:invoices|bills|orders|numbers|tickets|items|facturas|pedidos|recibos|nos)\W{1,3}\Z")
_FILE = re.compile(r"[\w.()-]{0,12}\.(?:jpe?g|png|pdf|heic|gif|webp|tiff?|docx?|txt|csv|bmp)(?![a-z0-9])")
_LISTED = re.compile(r"[,;\n&]|(?<![a-z])(?:and|y)(?![a-z])", re.IGNORECASE)
_FEW_GROUPS = 40  # in a longer row of them, what overlaps with a card in even groups is not tried as well
_CLOSE = 500  # invoice numbers of one list lie closer together than groups of a card
_PRINTED = frozenset({(4, 6, 5), (4, 6, 4), (6, 13), (8, 8), (6, 10), (4, 4, 5)})


class Known(msgspec.Struct, frozen=True):
    """What the business knows about the conversation, and what tells its own numbers from a card's.

    ``numbers``: of open invoices, accounts, orders, as printed. ``patterns``: regular expressions of the business's
    invoice numbers. ``asked``: the slot that was asked for last, by its name, or "".
    """

    numbers: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    asked: str = ""

    def holds(self, digits: str, token: str) -> bool:
        """Whether these digits, written in this word, are a number of the business."""
        if any(digits == _NOT_DIGIT.sub("", number) for number in self.numbers):
            return True
        return any(re.fullmatch(pattern, token, re.IGNORECASE) for pattern in self.patterns)


class Look(msgspec.Struct, frozen=True):
    """How a view is to be read. ``even``: only even groups count. ``words``: card words were said somewhere.

    ``pieces``: what was said between the digits is left out. ``told``: the digits were words.
    """

    known: Known = Known()
    even: bool = False
    words: bool = False
    pieces: bool = False
    told: bool = False


def cards(plain: str, look: Look) -> Iterator[tuple[int, int]]:
    """Where the card numbers of this text stand, in order."""
    lower = ""
    for run in _RUN.finditer(plain):
        if run.end() - run.start() < _SHORTEST:
            continue
        digits = _NOT_DIGIT.sub("", run[0])
        if len(digits) >= _SHORTEST:
            lower = lower or plain.lower()
            yield from _Run(plain, lower, digits, look, start=run.start(), end=run.end()).found()


class _Window(msgspec.Struct, frozen=True):
    """Digits that may be a card number, and what speaks for and against it.

    ``gaps`` stand between its groups, ``before`` is what is said before it (empty without a letter). ``near``: card words
    stand beside it. ``whole``: nothing else is in its row. ``goes_on``: groups of the same size stand beside it.
    """

    start: int
    stop: int
    sizes: tuple[int, ...]
    gaps: list[str]
    number: str
    printed: bool
    before: str
    near: bool
    whole: bool
    goes_on: bool

    @property
    def orderly(self) -> bool:
        """Whether marks that seldom stand in card numbers stand evenly enough to be part of one."""
        if self.goes_on and not self.near:
            return False
        marks = {"".join(gap.split()).lower() for gap in self.gaps}
        if (len(marks) == 1 and _usual(self.sizes)) or set(self.sizes) == {1} or self.sizes == (4, 4, 4, 4):
            return True
        return self.near and (self.whole or self.printed)


class _Run:
    """Digits in a row, with what stands between them."""

    def __init__(self, plain: str, lower: str, digits: str, look: Look, *, start: int, end: int) -> None:
        self._plain, self._lower, self._digits, self._look = plain, lower, digits, look
        self._groups = [found.span() for found in _GROUP.finditer(plain, start, end)]
        self._firsts = list(accumulate((right - left for left, right in self._groups), initial=0))

    def found(self) -> list[tuple[int, int]]:
        """The cards, those in even groups before others that overlap with them."""
        fits = list(self._fits())
        even = [span for span, printed in fits if printed]
        taken = _apart(even)
        for span, printed in fits:
            if not printed and all(span[1] <= left or right <= span[0] for left, right in even):
                taken += [span]
        return _apart(sorted(taken))

    def _fits(self) -> Iterator[tuple[tuple[int, int], bool]]:
        """Windows that begin where a group does: where they stand, and whether in even groups. The longest first."""
        digits, groups, firsts = self._digits, self._groups, self._firsts
        even, odd = _luhn_sums(digits)
        free = 0
        for group, first in enumerate(firsts):
            if first < free:
                continue
            for length in _LENGTHS.get(digits[first : first + 4], ()):
                last = first + length
                if last > len(digits):
                    continue
                sums = odd if last & 1 else even
                if (sums[last] - sums[first]) % 10:
                    continue
                holder = bisect_left(firsts, last) - 1  # the group that holds the window's last digit
                stop = groups[holder][0] + last - firsts[holder]
                if stop != groups[holder][1] and not _EXPIRY_GLUED.match(self._plain, stop):
                    continue
                window = self._window(group, holder, stop)
                if self._is_card(window):
                    yield (window.start, window.stop), window.printed
                    if window.printed and len(groups) > _FEW_GROUPS:
                        free = last
                    break

    def _window(self, group: int, holder: int, stop: int) -> _Window:
        plain, groups = self._plain, self._groups
        start = groups[group][0]
        sizes = (*(right - left for left, right in groups[group:holder]), stop - groups[holder][0])
        before = self._lower[max(0, start - _NEAR) : start]
        before = before if _LETTER.search(before) else ""
        return _Window(
            start,
            stop,
            sizes,
            [plain[groups[at][1] : groups[at + 1][0]] for at in range(group, holder)],
            self._digits[self._firsts[group] : self._firsts[group] + sum(sizes)],
            _printed(sizes),
            before,
            near=self._look.words
            or (before != "" and _CARD_BEFORE.search(before) is not None)
            or _CARD_AFTER.match(self._lower, stop) is not None,
            whole=group == 0 and holder == len(groups) - 1,
            goes_on=self._size(group - 1) == sizes[0] or self._size(holder + 1) == sizes[-1],
        )

    def _size(self, group: int) -> int:
        return self._groups[group][1] - self._groups[group][0] if 0 <= group < len(self._groups) else 0

    def _is_card(self, window: _Window) -> bool:
        if self._look.even and not window.printed:
            return False
        rare = (window.number[:4], len(window.number)) in _NEED_WORDS
        if rare and not window.near and (window.sizes != (4, 4, 4) or len(set(window.gaps)) > 1):
            return False
        if not all(map(_TIGHT.fullmatch, window.gaps)) and not window.orderly:
            return False
        return not (self._something_else(window) or self._listed(window) or self._named_otherwise(window))

    def _something_else(self, window: _Window) -> bool:
        """Whether dates, phone numbers and prices explain these digits, but for short numbers such as a zip."""
        plain, start, stop = self._plain, window.start, window.stop
        long = min(window.sizes) >= 4 and plain[max(0, start - 1)] != "+"
        if window.printed and (long or not _MARKED.search(plain, max(0, start - 2), stop + 2)):
            return False  # dates, phone numbers and prices have shorter groups, and marks between them
        if not window.near and not self._look.told and _PHONE_AND_ZIP.fullmatch(plain, start, stop):
            return True
        return _explained(plain, start, stop, printed=window.printed, near=window.near and not self._look.pieces)

    def _listed(self, window: _Window) -> bool:
        """Whether this is a list of numbers, such as ``invoices 4001, 4002, 4003``."""
        sizes = window.sizes
        if len(sizes) < 3 or max(sizes) > 6 or min(sizes) < 2:
            return False
        if window.before:
            places = {self._groups[0][0], window.start}
            if any(_SEVERAL.search(self._lower[max(0, place - 20) : place]) for place in places):
                return True
        if window.near:
            return False
        at = list(accumulate(sizes, initial=0))
        values = [int(window.number[left:right]) for left, right in pairwise(at)]
        rising = all(left < right for left, right in pairwise(values)) and values[-1] - values[0] < _CLOSE
        return rising and (all(map(_LISTED.search, window.gaps)) or len(set(sizes)) == 1)

    def _named_otherwise(self, window: _Window) -> bool:
        """Whether this is called an order, or is a number that the business knows."""
        known = self._look.known
        if (known.numbers or known.patterns) and known.holds(window.number, self._word(window)):
            return True
        if not window.before:
            return False
        if _SENT.search(window.before):
            return True
        if window.near or any(gap.isspace() for gap in window.gaps) or _EXPIRY.match(self._plain, window.stop):
            return False
        return NUMBERED.search(window.before) is not None and not _FILE.match(self._lower, window.stop)

    def _word(self, window: _Window) -> str:
        """The number with what is written in one with it, such as the letters of an invoice number."""
        left = window.start
        while (
            left and window.start - left < _NEAR and (self._plain[left - 1].isalnum() or self._plain[left - 1] in "-/.")
        ):
            left -= 1
        return self._plain[left : window.stop]


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """These spans, in order, without those that begin inside an earlier one."""
    kept: list[tuple[int, int]] = []
    for span in spans:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
        elif span[1] > kept[-1][1]:
            kept[-1] = (kept[-1][0], span[1])  # both may be the card: nothing of either may stay
    return kept


def _printed(sizes: tuple[int, ...]) -> bool:
    """Whether groups of these sizes are even, or stand so on cards: all alike but for the first or the last."""
    if len(set(sizes)) == 1 or sizes in _PRINTED:
        return True
    if len(sizes) == 2:
        return False
    if len(set(sizes[:-1])) == 1 and sizes[-1] < sizes[0]:
        return True
    return len(set(sizes[1:])) == 1 and sizes[0] < sizes[1]


def _usual(sizes: tuple[int, ...]) -> bool:
    """Whether groups of these sizes are usual for card numbers and rare in lists: fours, singles, pairs, thousands."""
    return sizes in _PRINTED or (_printed(sizes) and max(sizes) != 5 and len(sizes) > 2)


def _luhn_sums(digits: str) -> tuple[list[int], list[int]]:
    """Running Luhn sums for windows that end after an even, and after an odd number of digits.

    The last digit of a window counts once, the one before it twice. So any window's sum is one subtraction.
    """
    single, double = digits.encode().translate(_SINGLE), digits.encode().translate(_DOUBLE)
    even, odd = bytearray(single), bytearray(single)
    even[::2], odd[1::2] = double[::2], double[1::2]
    return list(accumulate(even, initial=0)), list(accumulate(odd, initial=0))


def _explained(plain: str, start: int, stop: int, *, printed: bool, near: bool) -> bool:
    before = max(0, start - _NEIGHBOURHOOD)
    around = plain[before : stop + _NEIGHBOURHOOD]
    if not printed and not near:
        for found in _DATED.finditer(around):
            if found.end() - found.start() >= _DATE and found.start() < stop - before and found.end() > start - before:
                return True
    inside = _COUNTED.sub(_hidden, _DATED.sub(_hidden, around))[start - before : stop - before]
    if "~" not in inside:
        return False
    left = _GROUP.findall(inside)
    rest = sum(map(len, left))
    if len(left) <= 1 and rest <= 5:
        return True
    pieces = len(_HIDDEN.findall(inside))
    return not near and pieces > 1 and rest <= 10 and all(len(each) <= 6 for each in left)


def _hidden(found: re.Match[str]) -> str:
    return "~" * len(found[0])
