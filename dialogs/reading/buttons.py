"""Buttons as text and back: ``/method card`` is the button of an act, on every channel.

Short (Telegram allows 64 bytes), typeable, and free of anything personal. What is not one of ours reads as None.
"""

import re

from dialogs.model import (
    Act,
    Agree,
    Change,
    Choose,
    Edit,
    GetReceipt,
    Named,
    New,
    Pick,
    Rate,
    See,
    Share,
    Show,
    Simple,
    Slot,
    Stars,
    Sure,
    Tell,
    Want,
    Wonder,
)
from services.model import Filter, InvoiceStatus, Method, Spread

_WORDS: dict[str, Act] = {
    "/pay": Want("pay"),
    "/status": Want("status"),
    "/balance": Want("balance"),
    "/link": Want("link"),
    "/help": Want("help"),
    "/refund": Want("refund"),
    "/dispute": Want("dispute"),
    "/requests": Want("requests"),
    "/history": Want("history"),
    "/here": Want("here"),
    "/several": Want("several"),
    "/enough": Want("enough"),
    "/methods": Want("methods"),
    "/autopay": Want("autopay"),
    "/autopay change": Want("autopay_change"),
    "/autopay pause": Want("autopay_pause"),
    "/autopay resume": Want("autopay_resume"),
    "/autopay leave": Want("autopay_leave"),
    "/details": Want("details"),
    "/sign-in": Want("sign_in"),
    "/sign-out": Want("sign_out"),
    "/sign-out everywhere": Want("sign_out_everywhere"),
    "/remind-me": Want("remind"),
    "/stop-reminders": Want("stop_reminders"),
    "/remember": Want("remember"),
    "/send-again": Want("send_again"),
    "/fix-zip": Want("fix_zip"),
    "/verify": Want("verify"),
    "/receipt": Want("receipt"),
    "/failed": Want("failed"),
    "/english": Want("english"),
    "/spanish": Want("spanish"),
    "/language": Want("language"),
    "/unreadable": Want("unreadable"),
    "/edited": Want("edited"),
    "/telegram": Want("to_telegram"),
    "/web": Want("to_web"),
    "/back": Want("back"),
    "/no": Simple.NO,
    "/invoices": Show(),
    "/invoices payable": Show(Filter(payable=True)),
    **{f"/invoices {status}": Show(Filter((status,))) for status in InvoiceStatus},
    "/pay all": Choose(),
    "/saved": Named(),
    "/new": New(),
    **{f"/new {method}": New(method) for method in Method},
    "/cancel": Simple.DROP,
    "/restart": Simple.RESTART,
    "/repeat": Simple.REPEAT,
    "/human": Simple.HUMAN,
    "/start": Simple.GREET,
    "/amount all": Tell(Slot.AMOUNT, Share.ALL),
    "/amount half": Tell(Slot.AMOUNT, Share.HALF),
    "/amount minimum": Tell(Slot.AMOUNT, Share.MINIMUM),
    **{f"/method {method}": Tell(Slot.METHOD, method) for method in Method},
    **{f"/spread {spread}": Tell(Slot.SPREAD, spread) for spread in Spread},
    **{f"/why {why}": Tell(Slot.WHY, why) for why in ("twice", "amount", "work", "other")},
    **{f"/change {slot}": Change(slot) for slot in Slot},
}
_TEXTS = {act: text for text, act in _WORDS.items()}
_KEY = r"[a-z]{1,12}"
_PICK = re.compile(rf"/pick (invoice|method|account|payment|detail|why|days) ({_KEY})")
_EDIT = re.compile(rf"/(remove|favorite|nickname) ({_KEY})")
_SEE = re.compile(rf"/see ({_KEY})")
_RECEIPT = re.compile(rf"/(receipt|mail-receipt) ({_KEY})")
_SURE = re.compile(rf"/sure ({_KEY})")
_TOPIC = r"[a-z0-9-]{1,40}"
_WONDER = re.compile(rf"/help ({_TOPIC})")
_RATE = re.compile(rf"/(helped|unhelped) ({_TOPIC})")
_STARS = re.compile(r"/stars (\d{1,12}) ([1-5])")
_CHOOSE = re.compile(rf"/pay((?: {_KEY}){{1,4}})")


def to_button(act: Act) -> str:  # noqa: C901  # one line per act
    """The text of an act's button. Raises KeyError for an act that has none."""
    if (text := _TEXTS.get(act)) is not None:
        return text
    match act:
        case Agree(digest):
            return f"/agree {digest}"
        case Pick(slot, key):
            return f"/pick {slot} {key}"
        case Edit(what, key):
            return f"/{what} {key}"
        case See(key, _):
            return f"/see {key}"
        case GetReceipt(key, _, mail):
            return f"/{'mail-receipt' if mail else 'receipt'} {key}"
        case Sure(key):
            return f"/sure {key}"
        case Wonder(topic):
            return f"/help {topic}"
        case Rate(topic, helped):
            return f"/{'helped' if helped else 'unhelped'} {topic}"
        case Stars(handoff, stars):
            return f"/stars {handoff} {stars}"
        case Choose(keys, _):
            return f"/pay {' '.join(keys)}"
        case _:
            raise KeyError(act)


def from_button(text: str) -> Act | None:
    """The act of a button's text, or None."""
    words = text.split()
    if len(words) == 2 and words[0] == "/agree":
        return Agree(words[1][:32])
    plain = " ".join(words)
    return _WORDS.get(plain) or _keyed(plain)


def _keyed(text: str) -> Act | None:
    """The act of a button that names one thing among several."""
    if (found := _PICK.fullmatch(text)) is not None:
        return Pick(Slot(found[1]), found[2])
    if (found := _SEE.fullmatch(text)) is not None:
        return See(found[1])
    if (found := _RECEIPT.fullmatch(text)) is not None:
        return GetReceipt(found[2], mail=found[1] == "mail-receipt")
    if (found := _SURE.fullmatch(text)) is not None:
        return Sure(found[1])
    if (found := _EDIT.fullmatch(text)) is not None:
        return Edit(found[1], found[2])  # type: ignore[arg-type]  # as above
    if (found := _WONDER.fullmatch(text)) is not None:
        return Wonder(found[1])
    if (found := _RATE.fullmatch(text)) is not None:
        return Rate(found[2], helped=found[1] == "helped")
    if (found := _STARS.fullmatch(text)) is not None:
        return Stars(int(found[1]), int(found[2]))
    if (found := _CHOOSE.fullmatch(text)) is not None:
        return Choose(tuple(found[1].split()))
    return None
