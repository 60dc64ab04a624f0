"""What people say who cannot answer or go on, in both languages: they don't know, need a moment, or lost the page.

Looked for before a yes or a no: "I don't have it" is neither. Never here: values, and what is wished for otherwise.
"""

import re

from dialogs.flows.pay import PayInvoice
from dialogs.model import Act, Slot, Want

_I = re.IGNORECASE
_ASKS_FOR_WHAT_IS_KNOWN = frozenset({Slot.INVOICE, Slot.PROOF, Slot.ZIP})
_DIGIT = re.compile(r"[0-9]")
_UNKNOWN = re.compile(
    r"\b(?:(?:do ?n[o']?t|can ?n?[o']?t|did ?n[o']?t|never) (?:really |actually |even |seem to )?(?:know|have|remember|recall|find|see|got|get|receive)"
    r"|(?:no|not) (?:idea|clue|sure)|lost (?:it|the|my)|forgot(?:ten)?|where (?:do|can|could|would|should) (?:i|one)|where(?:'?s| is) (?:it|that|the|my)|(?:^\W*my|what|which) (?:invoice |bill |billing )?(?:number|zip)\W*$"
    r"|no (?:lo |la |me )?(?:s[eé]|tengo|recuerdo|acuerdo|encuentro|veo)|ni idea|(?:lo|la) perd[ií]|d[oó]nde (?:est[aá]|lo|la|encuentro|veo))\b", _I)  # fmt: skip
_MOMENT = re.compile(
    r"\W*(?:(?:ok(?:ay)?|oh|um+|hmm+|no|please|por favor|ay)[,.! ]+)?(?:wait|hold on|hang on|one (?:sec(?:ond)?|moment|minute)|(?:just )?(?:a|1) (?:sec(?:ond)?|moment|minute|min)|give me (?:a|one) (?:sec(?:ond)?|moment|minute)|let me (?:think|check|see|look|get (?:it|my \w+))(?: about (?:it|that))?|brb"
    r"|esper[ae](?:me)?|(?:un|deme un) (?:momento|segundo|momentito)|d[eé]jeme (?:pensar|ver|revisar)(?:lo)?)(?: (?:a|one) (?:sec(?:ond)?|moment|minute|min|bit)| please| por favor| un (?:momento|segundo))*\W*", _I)  # fmt: skip
_PAGE_LOST = re.compile(
    r"\b(?:(?:can ?n?[o']?t|could ?n[o']?t|wo ?n[o']?t|does ?n[o']?t|did ?n[o']?t|is ?n[o']?t|not|no se|no me) (?:open|see|find|load|work|abre|carga|funciona)\w*"
    r"|(?:it |page |link )?(?:says?|is|was|has|it'?s) expired|(?:closed|lost|cerr[eé]|perd[ií]) (?:it|the|that|my|la|el)\b.{0,12}?\b(?:window|page|tab|link|browser|ventana|p[aá]gina|pesta[nñ]a|enlace)|(?:blank|white|empty) (?:page|screen)|p[aá]gina en blanco"
    r"|where (?:do|can|should) i (?:type|enter|put|go|pay)|d[oó]nde (?:escribo|pongo|pago|la escribo))\b", _I)  # fmt: skip


def stuck(said: str, slot: Slot | None, task: object) -> Act | None:
    """Where somebody is stuck at the question of ``slot``, or on the page of the running ``task``; else None."""
    if _MOMENT.fullmatch(said):
        return Want("moment")
    if slot in _ASKS_FOR_WHAT_IS_KNOWN and not _DIGIT.search(said) and _UNKNOWN.search(said):
        return Want("unknown")
    if isinstance(task, PayInvoice) and task.running and _PAGE_LOST.search(said):
        return Want("link")
    return None
