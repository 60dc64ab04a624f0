"""What customers say about autopay, in both languages: set it up, see it, change, pause, resume or stop it; and its days.

How it works and whether there is any are questions that a help article answers; they are nothing to this file.
"""

import re

from dialogs.conversation import Asked
from dialogs.model import Act, Change, Slot, Tell, Want

_I = re.IGNORECASE
_AUTOPAY = (
    r"(?:auto[- ]?pay(?:ments?)?|auto(?:matic)?(?:ally)?[- ](?:pay(?:ments?)?|billing|charg(?:e|es|ing)|withdrawals?|debits?)"
    r"|(?:recurring|standing) (?:payments?|orders?)|pagos? autom[aá]ticos?|domiciliaci[oó]n|cobros? autom[aá]ticos?|d[eé]bito autom[aá]tico)"
)
_ABOUT = re.compile(rf"\b{_AUTOPAY}\b", _I)
_ASKS_HOW = re.compile(
    r"^\W*(?:and |so |y )?(?:how|what(?:'?s| is)|why|do you|does|can i|could i|is it possible|may i|c[oó]mo|qu[eé] es|por qu[eé]|tienen|hay|puedo|se puede)\b",
    _I,
)
_MINE = re.compile(
    r"\b(?:am i|is (?:my )?auto|is it on|when (?:will|does|is)|my auto|estoy|tengo|mi pago|cu[aá]ndo)\b", _I
)
_STOP = re.compile(
    r"\b(?:stop|end|cancel|turn(?: that| it| the)?(?: \w+){0,2} off|turn off|switch off|disable|leave|quit|get rid of|remove me|take me off|get me off|unenroll|no more|do ?n[o']?t want"
    r"|parar?|pare[n]?|detener|cancel[ae]r?|quitar?|qu[ií]t(?:e|en|eme)|desactiv[ae]r?|terminar?|ya no quiero|dar(?:me)? de baja|s[aá]quen?me)\b",
    _I,
)
_PAUSE = re.compile(r"\b(?:pause|suspend|hold|paus[ae]r?|suspend(?:er|a)|pausa)\b", _I)
_RESUME = re.compile(r"\b(?:resume|restart|unpause|turn (?:it )?back on|reanud[ae]r?|retomar)\b", _I)
_CHANGE = re.compile(r"\b(?:change|edit|update|raise|lower|set|cambi[ae]r?|editar|subir|bajar)\b", _I)
_LIMIT = re.compile(r"\b(?:limit|amount|maximum|most|l[ií]mite|importe|m[aá]ximo)\b", _I)
_DAY = re.compile(r"\b(?:day|date|when|d[ií]as?|fecha)\b", _I)
_METHOD = re.compile(r"\b(?:card|account|method|bank|tarjeta|cuenta|m[eé]todo)\b", _I)
_TERMS = ((_LIMIT, Slot.AMOUNT), (_DAY, Slot.DAYS), (_METHOD, Slot.METHOD))
_SET_UP = re.compile(r"\b(?:set ?up|turn on|start|activ\w+|poner|inscrib\w+)\b", _I)
_COUNT = re.compile(r"\b([0-9]{1,2}) ?(?:days?|d[ií]as?)\b", _I)
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "un": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5}
_COUNT_IN_WORDS = re.compile(rf"\b({'|'.join(_WORDS)}|a) (?:days?|d[ií]as?)\b", _I)
_ON_THE_DAY = re.compile(
    r"\b(?:due date|due day|same day|on the day|that day|d[ií]a (?:de|del) vencimiento|ese d[ií]a|el mismo d[ií]a|al vencer)\b",
    _I,
)


def wishes(said: str) -> tuple[Act, ...]:
    """What is wished for of autopay; nothing when this is about something else, or asks how it works."""
    if not _ABOUT.search(said) or (_ASKS_HOW.match(said) and not _MINE.search(said)):
        return ()
    if _RESUME.search(said):
        return (Want("autopay_resume"),)
    if _PAUSE.search(said):
        return (Want("autopay_pause"),)
    if _STOP.search(said):
        return (Want("autopay_leave"),)
    if _CHANGE.search(said) and not _SET_UP.search(said):
        slot = next((slot for pattern, slot in _TERMS if pattern.search(said)), None)
        return (Want("autopay_change"), *(() if slot is None else (Change(slot),)))
    return (Want("autopay"),)


def bare(said: str, asked: Asked) -> tuple[Act, ...]:
    """A bare number where days are asked for: it counts days, and is no button's place."""
    number = said.strip(" .!")
    return (Tell(Slot.DAYS, number),) if asked.slot is Slot.DAYS and number.isdecimal() and len(number) <= 2 else ()


def answered(said: str, asked: Asked) -> tuple[Act, ...]:
    """How many days before the due date; nothing when it is no answer to that."""
    if asked.slot is not Slot.DAYS:
        return ()
    if (count := _COUNT.search(said)) is not None:
        return (Tell(Slot.DAYS, str(int(count[1]))),)
    if (word := _COUNT_IN_WORDS.search(said)) is not None:
        return (Tell(Slot.DAYS, str(_WORDS.get(word[1].lower(), 1))),)
    return (Tell(Slot.DAYS, "0"),) if _ON_THE_DAY.search(said) else ()
