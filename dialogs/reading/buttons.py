"""Buttons as text and back: ``/method card`` is the button of an act, on every channel.

Short (Telegram allows 64 bytes), typeable, and free of anything personal. What is not one of ours reads as None.
"""

from dialogs.model import Act, Agree, Change, Share, Simple, Slot, Tell, Want
from services.model import Method

_WORDS: dict[str, Act] = {
    "/pay": Want("pay"),
    "/status": Want("status"),
    "/balance": Want("balance"),
    "/link": Want("link"),
    "/help": Want("help"),
    "/refund": Want("refund"),
    "/here": Want("here"),
    "/cancel": Simple.DROP,
    "/restart": Simple.RESTART,
    "/repeat": Simple.REPEAT,
    "/human": Simple.HUMAN,
    "/start": Simple.GREET,
    "/amount all": Tell(Slot.AMOUNT, Share.ALL),
    "/amount half": Tell(Slot.AMOUNT, Share.HALF),
    "/amount minimum": Tell(Slot.AMOUNT, Share.MINIMUM),
    **{f"/method {method}": Tell(Slot.METHOD, method) for method in Method},
    **{f"/change {slot}": Change(slot) for slot in Slot},
}
_TEXTS = {act: text for text, act in _WORDS.items()}


def to_button(act: Act) -> str:
    """The text of an act's button. Raises KeyError for an act that has none."""
    return f"/agree {act.digest}" if isinstance(act, Agree) else _TEXTS[act]


def from_button(text: str) -> Act | None:
    """The act of a button's text, or None."""
    words = text.split()
    if len(words) == 2 and words[0] == "/agree":
        return Agree(words[1][:32])
    return _WORDS.get(" ".join(words))
