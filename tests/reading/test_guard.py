"""Numbers that must go, however they are written, and lines of ordinary billing talk that must stay as they are."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.reading.guard import Kind, Redacted, redact

CARD, CODE = "[card number removed]", "[security code removed]"
ROUTING, ACCOUNT = "[routing number removed]", "[account number removed]"

# Published test numbers of processors, one or more per brand and length.
BRANDS = [
    "4242424242424242",
    "4000056655665556",
    "4222222222222",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "2720990000000007",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "6011000990139424",
    "3056930009020004",
    "30569309025904",
    "36227206271667",
    "38520000023237",
    "3566002020360505",
    "6200000000000005",
    "6205500000000000004",
    "6304000000000000",
    "6759649826438453",
    "5018000000000009",
]


def luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def with_check_digit(body: str) -> str:
    return next(body + d for d in "0123456789" if luhn(body + d))


@pytest.mark.parametrize("number", BRANDS)
def test_every_brand_is_known(number):
    assert luhn(number)
    assert redact(f"my card is {number} ok") == Redacted(f"my card is {CARD} ok", (Kind.CARD,))


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "4242.4242.4242.4242",
        "4242/4242/4242/4242",
        "4242 - 4242 - 4242 - 4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242\u202f4242\u20114242\u20134242",
        "4242\n4242\r\n4242\t4242",
        "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        "42 42 42 42 42 42 42 42",
        "42424242 42424242",
        "424242424242 4242",
        "4\u200b2\u200c4\u200d2\ufeff424242424242",
        "\u202e4242 4242 4242 4242\u202c",
        "４２４２ ４２４２ ４２４２ ４２４２",  # noqa: RUF001  # full-width digits
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "४२४२ ४२४२ ४२४२ ४२४२",
        "4️⃣2️⃣4️⃣2️⃣ 4242 4242 4242",
        "④②④② 4242 4242 4242",
        "4242|4242|4242|4242",
        "4242,4242,4242,4242",
        "4242·4242·4242·4242",
        "3782 822463 10005",
        "3782|822463|10005",
        "3056 930902 5904",
    ],
)
def test_a_card_number_does_not_survive_its_disguise(text):
    redacted = redact(f"here: {text}!")
    assert redacted.found == (Kind.CARD,)
    assert redacted.text.replace("\u202e", "").replace("\u202c", "") == f"here: {CARD}!"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("card 4242-4242-4242-4242 exp 12/30 cvc 123", f"card {CARD} exp 12/30 cvc {CODE}"),
        ("4242424242424242 12/30 123", f"{CARD} 12/30 {CODE}"),
        ("4242424242424242,12/2030,123", f"{CARD},12/2030,{CODE}"),
        ("4242424242424242|12|2030|123|94107", f"{CARD}|12|2030|{CODE}|94107"),
        ("42424242424242421230123", f"{CARD}1230{CODE}"),
        ("4242 4242 4242 42421230", f"{CARD}1230"),
        ("12/30 4242 4242 4242 4242 94107", f"12/30 {CARD} 94107"),
        ("pay INV-1042 with 5555555555554444 and 378282246310005", f"pay INV-1042 with {CARD} and {CARD}"),
        ("the cvv is 1234", f"the cvv is {CODE}"),
        ("CVC: 123", f"CVC: {CODE}"),
        ("cvc123", f"cvc{CODE}"),
        ("my cvv number is 1 2 3", f"my cvv number is {CODE}"),
        ("security code = 123", f"security code = {CODE}"),
        ("123 is my cvc", f"{CODE} is my cvc"),
        ("cvv２ １２３", f"cvv２ {CODE}"),  # noqa: RUF001  # full-width digits
        ("routing 110000000 account 000123456789", f"routing {ROUTING} account {ACCOUNT}"),
        ("ABA: 110-000-000, acct #: 000 123 456 789.", f"ABA: {ROUTING}, acct #: {ACCOUNT}."),
        ("my routing number is 110000000", f"my routing number is {ROUTING}"),
        ("bank account number 000123456789", f"bank account number {ACCOUNT}"),
        ("savings account 12345678", f"savings account {ACCOUNT}"),
    ],
)
def test_what_stands_around_a_number_stays(text, left):
    assert redact(text).text == left


def test_each_mark_is_told_once_and_in_order():
    found = redact("cvc 123, card 4242424242424242, routing 110000000 account 000123456789").found
    assert found == (Kind.CODE, Kind.CARD, Kind.ROUTING, Kind.ACCOUNT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yes please",
        "INV-1042",
        "pay INV-1042 by card, $50, zip 94107",
        "061828591|01/10/2020|0|1.1|0|1",
        "RM-7KQ2-9XTD",
        "4242424242424241",  # the check digit is wrong
        "1234567812345670",  # passes Luhn, but no issuer has it
        "0000000000000000",
        "42424242424242424242424242424242424242424",  # one run, far too long for a card
        "9400 1000 0000 0000 0000 00",
        "call 415-555-0132 or (415) 555-0199",
        "347-555-0132 10001",
        "+44 20 7946 0958",
        "on 12/30/2025 I paid 1250.00",
        "2025-12-30 2026-01-31 4000.50",
        "$1,250.00 12/30/2025 94107-1234 415-555-0132",
        "pay 4001, 4002, 4003 and 4004",
        "my account number with you is 123456789",
        "checking account ending in 6789",
        "checking account 6789",
        "the code is 123456",
        "visa 4242",
    ],
)
def test_ordinary_lines_are_left_alone(text):
    assert redact(text).text == text
    assert redact(text).found == ()


PREFIXES = (
    "4",
    "51",
    "55",
    "2221",
    "2720",
    "34",
    "37",
    "6011",
    "65",
    "644",
    "3528",
    "3589",
    "36",
    "300",
    "62",
    "50",
    "67",
)
LENGTHS = {"4": (13, 16, 19), "34": (15,), "37": (15,), "36": (14,), "300": (14,)}
MANY = {"6011", "65", "644", "3528", "3589", "62", "50", "67"}
GAPS = ("", " ", "-", ".", "/", "\u00a0", "\u200b", " - ", "_", "\u2013", "\n", "  ")
AROUND = ("", "pay with ", "INV-1042, card: ", "zip 94107! ", "exp 12/30, ", "é ", "12/30 ", "Nº ")


@st.composite
def card_numbers(draw):
    prefix = draw(st.sampled_from(PREFIXES))
    length = draw(st.sampled_from((16, 17, 18, 19) if prefix in MANY else LENGTHS.get(prefix, (16,))))
    rest = length - len(prefix) - 1
    return with_check_digit(prefix + draw(st.text("0123456789", min_size=rest, max_size=rest)))


@st.composite
def written(draw, number):
    gap, odd = draw(st.sampled_from(GAPS)), draw(st.sampled_from(GAPS))
    style = draw(st.sampled_from(("whole", "fours", "any")))
    cuts = {"whole": set(), "fours": {4, 8, 12, 16}}.get(style) or draw(st.sets(st.integers(1, len(number) - 1)))
    zero = draw(st.sampled_from("0٠०０"))  # noqa: RUF001  # digits of other scripts
    digits = [chr(ord(zero) + int(d)) for d in number]
    return "".join((draw(st.sampled_from((gap, odd))) if i in cuts else "") + d for i, d in enumerate(digits))


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.data())
def test_a_card_number_never_survives_whatever_separates_its_digits(data):
    number = data.draw(card_numbers())
    before, after = data.draw(st.sampled_from(AROUND)), data.draw(st.sampled_from(AROUND))
    redacted = redact(f"{before}{data.draw(written(number))} {after}")
    assert Kind.CARD in redacted.found
    assert number not in "".join(str(int(ch)) for ch in redacted.text if ch.isdecimal())
    assert redact(redacted.text) == Redacted(redacted.text)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from("0123456789 -./|cvvaba٤²\u017f\u212a\u200b⃣"), st.characters())))
def test_any_text_is_taken_and_a_redacted_one_is_final(text):
    once = redact(text)
    assert redact(once.text).text == once.text
    assert (once.text == text) == (once.found == ())


LINES = (
    "pay INV-{n} by card, ${a}, zip {z}",
    "invoice {n} of {d} is due, please take {a} from my bank",
    "call me at {p} about {d}",
    "{p} {z}",
    "I paid {a} on {d} with the card ending in {f}",
    "RM-{f}-9XTD was {a}, INV-{n} was {a}",
    "order {o} from {d}",
    "{d} {d} {a}",
    "{a} {d} {z}",
    "zip+4 is {z}-{f}, phone {p}",
    "invoices {n}, {n}, {n} and {n}",
    "PO {o}, customer account {o}, ${a}",
    "{f}",
    "{n} {a} {d}",
)


def legit_line(chance):
    month, day, year = chance.randint(1, 12), chance.randint(1, 28), chance.randint(2019, 2031)
    phone = (chance.randint(201, 989), chance.randint(200, 999), chance.randint(0, 9999))
    fill = {
        "n": lambda: str(chance.randint(1, 99999)),
        "a": lambda: f"{chance.randint(1, 99999)}.{chance.randint(0, 99):02}",
        "z": lambda: f"{chance.randint(501, 99950):05}",
        "d": lambda: chance.choice(
            (f"{month}/{day}/{year}", f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}")
        ),
        "p": lambda: chance.choice(("({}) {}-{:04}", "{}-{}-{:04}", "{}.{}.{:04}", "+1 {}-{}-{:04}")).format(*phone),
        "f": lambda: f"{chance.randint(0, 9999):04}",
        "o": lambda: str(chance.randint(10**5, 10**12 - 1)),
    }
    return re.sub(r"\{(\w)\}", lambda slot: fill[slot[1]](), chance.choice(LINES))


def test_five_thousand_billing_lines_lose_nothing():
    chance = random.Random(20251230)
    lines = [legit_line(chance) for _ in range(5000)]
    assert [line for line in lines if redact(line).text != line] == []
