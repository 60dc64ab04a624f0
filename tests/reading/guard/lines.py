"""Ordinary billing talk, in which nothing may be removed: lines, and messages that follow each other. Seeded by the caller."""

import random
import re
from collections.abc import Callable

LINES = (
    "pay INV-{n} by card, ${a}, zip {z}",
    "invoice {n} of {d} is due, please take {a} from my bank",
    "call me at {p} about {d}",
    "{p} {z}",
    "I paid {a} on {d} with the card ending in {f}",
    "RM-{r}-{r} was {a}, INV-{n} was {a}",
    "order {o} from {d}",
    "order number {o}",
    "order #{O} has not arrived, I paid {a}",
    "{d} {d} {a}",
    "{a} {d} {z}",
    "zip+4 is {z}-{f}, phone {p}",
    "invoices {n}, {n}, {n} and {n}",
    "PO {o}, customer account {o}, ${a}",
    "PO-{O} ref {o}",
    "{f}",
    "{n} {a} {d}",
    "{n} {d} {a} {z}",
    "tracking number {t}",
    "tracking 1Z{t}",
    "my account number with you is {o}",
    "confirmation number {O}",
    "transaction id {h}",
    "visa ending {f}, expires {e}",
    "the card on file is {f}, zip {z}",
    "I will pay half, that is {a}, on {d} and {a} on {d}",
    "invoices from {d} to {d}: {a}, {a}, {a}, {a}",
    "{a} + {a} = {a}",
    "qty {q} x {a}, qty {q} x {a}, tax {a}, total {a}",
    "please call {p} between 9:00 and 17:30, ref {o}",
    "invoice INV-{y}-{o6} dated {d} for ${a}",
    "my cell is {p} and office is {p}",
    "email ap{n}@example.com, po box {n}, {z}",
    "I see 4 invoices: {n} for {a}, {n} for {a}, {n} for {a} and {n} for {a}",
    "la factura {n} vence el {d}, son {a}",
    "pedido {O} del {d}",
    "mi teléfono es {p}, código postal {z}",
    "mi número de cliente es {o}",
    "referencia {O}, importe {a}",
    "VAT GB{o9}, invoice {n}",
    "the code you sent is {o6}",
    "purchase order {O}",
    "bill {y}{m2}{q}-{o6} and bill {y}{m2}{q}-{o6}",
    "two invoices, one of {a} and one of {a}",
    "one two three, testing. four invoices, five dollars each",
    "{d} 12:45:30 payment {r}{r} {a}",
    "case {o} opened {d}",
    "policy {O}, premium {a} due {d}",
    "https://pay.example/i/{k}",
    "/pick invoice {b}",
    "/agree {b}{b}",
    "meter reading {o6}, previous {o6}, used {n} kWh, {a}",
    "unit 12, 4500 main st, apt {n}, {z}-{f}",
    "serial no {O}",
    "i paid 50, 100, 150 and 200",
    "{n}/{n}/{n}",
    "+1 {p}",
    "+44 20 7946 0{f3}, fax +44 20 7946 0{f3}",
    "INV{o}",
    "statement {y}-{m2} balance {a} credit {a} debit {a}",
    "why was {a} charged twice on {d} to my visa {f}",
    "is {a} the total for {n} and {n}?",
    "receipt {o} {d} {a} {f}",
    "net 30, 2/10, {a}, {d}",
)
CONVERSATIONS = (
    ("pay", "INV-{n}", "{z}", "card", "yes"),
    ("{n}", "{z}", "{a}", "yes"),
    ("hi", "i want to pay my bill", "{n}", "zip is {z}", "pay {a}", "card"),
    ("invoice {n}", "{z}", "half", "visa ending {f}", "ok"),
    ("what do i owe", "the second one", "{a}", "no make it {a}", "{d}", "bank account"),
    ("{n}", "no, {n}", "{z}", "sorry {z}", "{a}", "yes"),
    ("sign in", "me@example.com", "{o6}", "{n}", "{a}", "yes"),
    ("my phone is {p}", "address {n} main st", "{z}", "{d}", "{a}"),
    ("order {o}", "paid {d}", "{a}", "card {f}", "refund please"),
    ("checking account", "{z}", "{a}", "yes"),
)


def _sum(chance: random.Random) -> str:
    minor = f"{chance.randint(0, 99):02}"
    major = chance.choice((chance.randint(1, 999), chance.randint(1000, 99999)))
    return chance.choice((f"{major}.{minor}", f"{major:,}.{minor}", f"${major:,}.{minor}", f"{major}"))


def _day(chance: random.Random) -> str:
    month, day, year = chance.randint(1, 12), chance.randint(1, 28), chance.randint(2019, 2031)
    return chance.choice(
        (
            f"{month}/{day}/{year}",
            f"{year}-{month:02}-{day:02}",
            f"{day:02}.{month:02}.{year}",
            f"{month:02}/{day:02}/{year % 100:02}",
            f"{day}-{month}-{year}",
        )
    )


def _phone(chance: random.Random) -> str:
    shape = chance.choice(("({}) {}-{:04}", "{}-{}-{:04}", "{}.{}.{:04}", "+1 {}-{}-{:04}", "{} {} {:04}", "{}{}{:04}"))
    return shape.format(chance.randint(201, 989), chance.randint(200, 999), chance.randint(0, 9999))


def _digits(chance: random.Random, least: int, most: int) -> str:
    size = chance.randint(least, most)
    return str(chance.randint(10 ** (size - 1), 10**size - 1))


def _letters(chance: random.Random, alphabet: str, size: int) -> str:
    return "".join(chance.choices(alphabet, k=size))


_WEB = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_FILL: dict[str, Callable[[random.Random], str]] = {
    "n": lambda chance: _digits(chance, 2, 6),
    "a": _sum,
    "z": lambda chance: f"{chance.randint(501, 99950):05}",
    "d": _day,
    "p": _phone,
    "f": lambda chance: f"{chance.randint(0, 9999):04}",
    "f3": lambda chance: f"{chance.randint(0, 999):03}",
    "o": lambda chance: _digits(chance, 6, 12),
    "o6": lambda chance: f"{chance.randint(0, 999999):06}",
    "o9": lambda chance: _digits(chance, 9, 9),
    "O": lambda chance: _digits(chance, 8, 16),
    "t": lambda chance: _digits(chance, 12, 22),
    "h": lambda chance: _letters(chance, "0123456789abcdef", chance.choice((12, 16, 24, 32))),
    "r": lambda chance: _letters(chance, "23456789ABCDEFGHJKMNPQRSTVWXYZ", 4),
    "k": lambda chance: _letters(chance, _WEB, 22),
    "b": lambda chance: _letters(chance, "abcdefghijklmnop", 12),
    "e": lambda chance: f"{chance.randint(1, 12):02}/{chance.randint(26, 35)}",
    "q": lambda chance: str(chance.randint(1, 99)),
    "y": lambda chance: str(chance.randint(2019, 2027)),
    "m2": lambda chance: f"{chance.randint(1, 12):02}",
}


def _filled(line: str, chance: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: _FILL[slot[1]](chance), line)


def line(chance: random.Random) -> str:
    """One line that a customer might write about bills."""
    return _filled(chance.choice(LINES), chance)


def conversation(chance: random.Random) -> list[str]:
    """Two to six messages of one customer, in order."""
    messages = [_filled(each, chance) for each in chance.choice(CONVERSATIONS)]
    least = chance.randint(0, len(messages) - 2)
    return messages[least : least + 6]
