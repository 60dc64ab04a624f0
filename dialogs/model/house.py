"""The business as its customers meet it: all that a conversation may know about it."""

from collections.abc import Mapping

import msgspec

from dialogs.help_center import HelpCenter
from dialogs.reading.classifier import Classifier
from services.model import AutopayRules, Rules
from services.model.hours import Hours


class House(msgspec.Struct, frozen=True):
    """The business as its customers meet it. Built once at start from the settings."""

    name: str
    phone: str
    rules: Rules
    currency: str = "USD"  # of an amount that names none, while no invoice is known
    number_patterns: tuple[str, ...] = ()  # regular expressions of invoice numbers, beside the usual ones
    pause_minutes: int = 30  # after so long a silence, the chat says again where we are
    fresh_seconds: int = 60  # older facts count as missing
    proofs: int = 3  # wrong number-and-zip tries in one conversation before a person is called
    sign_in: tuple[
        str, ...
    ] = ()  # channels in which a customer can sign in; empty: no mail is sent, or the business does not want it
    remember: tuple[str, ...] = ()  # channels whose browsers can be remembered
    hops: bool = False  # whether a chat on a web page can go on in Telegram, and back
    writes: bool = False  # whether customers who have left the page hear by e-mail of a person's answer
    hours: Hours = Hours()  # when a person can be expected
    locales: tuple[str, ...] = ("en",)
    autopay: AutopayRules = AutopayRules()
    mind: Classifier | None = None  # guesses what is meant where no rule reads it
    help: Mapping[str, HelpCenter] = {}  # by language
