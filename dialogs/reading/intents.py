"""Text and the question that was asked -> acts. Rules first, cheapest first; what no rule reads is UNCLEAR.

The question on the screen decides what a bare word means: "2" picks its second button, "50" answers how much,
"94107" which zip. Anything said beside it is read too, so one sentence can answer several questions.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import islice

from dialogs.conversation import Asked, Conversation
from dialogs.guesses import ACTS, can_be_offered
from dialogs.model import (
    Act,
    Agree,
    Change,
    Choose,
    Guess,
    House,
    Named,
    New,
    Share,
    Simple,
    Slot,
    Tell,
    Unanswered,
    Want,
    Wonder,
)
from dialogs.reading import account, spanish, standing, values
from dialogs.reading.buttons import from_button
from dialogs.reading.classifier import OUT_OF_SCOPE
from dialogs.reading.stuck import stuck
from dialogs.reading.words import METHODS
from services.model import Customer, Invoice, Money, Stranger, is_one_of, plain

_I = re.IGNORECASE

# Whole messages. Punctuation and politeness are gone before they are compared.
_WHOLE: dict[str, Act] = {
    r"(?:no[,.!]? )?(?:cancel|stop|quit|exit|abort|never ?mind|forget (?:it|about it)|drop it|scratch that)(?: (?:it|this|that|the payment|my payment|everything))?": Simple.DROP,
        r"(?:i )?(?:do not|don'?t) want to (?:pay|continue|go on)(?: (?:any ?more|now|this))?|not now|(?:maybe )?later": Simple.DROP,
        r"(?:start|begin) (?:over|again|from scratch)|restart|reset|from the (?:beginning|start)": Simple.RESTART,
        r"(?:say that again|repeat|repeat that|again|what\?*|pardon|come again|huh|sorry\??|what did you say)(?: please)?": Simple.REPEAT,
        r"where (?:are|were) we|what now|what(?:'s| is) next|and now|now what": Simple.REPEAT,
        r"(?:hi|hello|hey|hiya|howdy|good (?:morning|afternoon|evening|day))(?: (?:there|again|all|team))?": Simple.GREET,
        r"(?:ok(?:ay)? )?(?:thanks?(?: you)?|thank you|thx|ty|cheers|much appreciated)(?: (?:so much|very much|a lot|again))?": Simple.THANK,
        r"(?:good ?bye|bye(?: ?bye)?|see (?:you|ya)(?: later)?|have a (?:nice|good|great) (?:day|one|evening))": Simple.GOODBYE,
        r"(?:let me |let's |i'll )?(?:try|pay)(?: it)?(?: once)?(?: more| again)|retry": Want("pay"),
        r"(?:my |the |payment )*status|any news": Want("status"),
        r"(?:my |the )*(?:balance|amount due|due date)": Want("balance"),
        r"help|help me|menu|options|commands|what can (?:you|i) do(?: here)?|how does (?:this|it) work": Want("help"),
        r"(?:new |another |resend |send )*(?:the |my |a )?(?:new |payment )?link(?: again)?|(?:the )?link (?:expired|does ?n[o']?t work)": Want("link"),
        r"i(?:'ve| have)? (?:already )?(?:paid|payed)(?: (?:it|already|that|this))*|(?:ok(?:ay)?,? )?(?:all )?(?:done|i(?:'m| am) done|finished)": Want("status"),
}  # fmt: skip
_ACTS = {f"act{n}": act for n, act in enumerate(_WHOLE.values())}
_ANY_WHOLE = re.compile("|".join(f"(?P<act{n}>{pattern})" for n, pattern in enumerate(_WHOLE)), _I)

# Anywhere in a message.
_HUMAN = re.compile(
    r"\b(?:human|real person|(?:talk|speak|chat|connect me) (?:to|with|2) (?:a |an |some|the )?\w*|representative|operator"
    r"|customer (?:service|support|care)|(?:live )?agent|call me(?= (?:back|please|now|at|on|later|today|tomorrow)|\W*$)|(?<!my )(?<!new )phone number|someone real|somebody)\b", _I)  # fmt: skip
_COMPLAINT = re.compile(
    r"\b(?:(?:want|need|like|going) to (?:make a |file a )?complain(?:t)?|(?:make|file|have) a complaint|i(?:'m| am) complaining"
    r"|(?:terrible|awful|horrible|worst|disgraceful|unacceptable) (?:service|company|business|work|job|experience)|this is (?:ridiculous|unacceptable|outrageous|a joke|a scam)"
    r"|(?:my|a) (?:lawyer|attorney)|better business bureau|bbb|report you|sue you|never (?:use|hire) you again)\b", _I)  # fmt: skip
_DROP = re.compile(r"\b(?:cancel|abort|stop (?:it|this|that|the|my|payment|paying))\b", _I)
# what the business does for its customer, and not the payment
_SERVICE = re.compile(
    r"\b(?:cancel|stop|end|pause|reschedule|skip|move|cancelar|cambiar)\b.{0,16}\b(?:services?|appointments?|subscription|plan|visits?|cleaning|mowing|contract|membership|servicio|cita|visita|contrato)\b", _I)  # fmt: skip
_DECLINED = re.compile(
    r"\b(?:(?:card|payment|bank|account|visa|it) (?:was|got|gets|is|has been|keeps? (?:getting|being)) (?:declined|rejected|refused|denied)|declined again|(?:tarjeta|pago|cuenta) (?:fue )?(?:rechazad[ao]|denegad[ao])|me (?:la )?rechaz\w+)\b", _I)  # fmt: skip
_NOT_DROP = re.compile(r"\b(?:do not|don'?t|did ?n[o']?t|not|never|no need to)\b.{0,12}\b(?:cancel|abort|stop)", _I)
_HOW = re.compile(r"^(?:and )?(?:how|can|may|could) (?:do|can|to|i|we)\b", _I)
_STATUS = re.compile(
    r"^\W*(?:so|and|ok|okay|well)?\W*(?:what happened|and now|any (?:news|updates?)|how did (?:it|that) go|did (?:it|that) work)\W*$"
    r"|\b(?:status|did (?:you|it|my|the) .*(?:get|go through|arrive|work|receive)|(?:has|have|is|was) (?:my|the) payment"
    r"|went through|go through|where is my payment|payment (?:received|arrived|go|cleared)|is (?:it|that|this) (?:paid|done|through)|(?:has|did|is) (?:it|the|my) ?(?:money|transfer|cash)? (?:arrived?|come|cleared?|there|here|work(?:ed)?))\b", _I)  # fmt: skip
_BALANCE = re.compile(
    r"\b(?:how much (?:do i|is|are|does|did)|what do i owe|(?:my )?balance|amount due|when is (?:it|this|my|the)\b.*\bdue|due date|what(?:'s| is) due)\b", _I)  # fmt: skip
_PAY = re.compile(r"\b(?:pay|payment|settle|bill|invoice)\b", _I)
_CHANGE = re.compile(
    r"\b(?:change|edit|correct|fix|update|wrong|different|another|other|not (?:the )?right|not my|isn'?t my|incorrect)\b",
    _I,
)
_SLOTS: tuple[tuple[re.Pattern[str], Slot], ...] = (
    (re.compile(r"\b(?:amount|sum|total)\b", _I), Slot.AMOUNT),
    (re.compile(r"\b(?:zip|postal|post ?code)\b", _I), Slot.ZIP),
    (re.compile(r"\bname\b", _I), Slot.NAME),
    (re.compile(r"\b(?:method|card|bank|way to pay)\b", _I), Slot.METHOD),
    (re.compile(r"\b(?:invoice|bill|number)\b", _I), Slot.INVOICE),
)
_NAMED = re.compile(r"\bname(?: on (?:the |my )?(?:account|card))? (?:is|should be|to|:)\s*(.+)", _I)
_CUE = re.compile(r"\b(?:make (?:it|that)|pay|only|just|instead|rather|to)\b", _I)  # a bare number beside it is a sum
_PLAIN_PLACE = re.compile(r"\W*(?:option |number |choice |the )?(?:[0-9]{1,2}|one|first|1st)(?: one| option)?\W*", _I)
_YES_PAY = re.compile(r"(?:yes|yep|yeah|ok|okay|sure)\W{1,3}(?:please )?pay (.{1,30}?)\W{0,3}", _I)
# the number, and the zip that proves it
_BOTH = re.compile(r"\W{0,3}(?P<number>(?=\S*\d)\S{1,60}?)[\s,;/]{1,3}(?P<zip>\d{5}(?:-\d{4})?)\W{0,3}")
_LONE = re.compile(r"#?(?=\S*\d)[\w-]{3,40}")
_SHORTEST_ZIP = 3  # letters and digits: no postal code is shorter (UPU)
_NOT_AN_AMOUNT = re.compile(r"^\W*(?:#|no\.?\s)?\d{5}(?:-\d{4})?\W*$")
_POLITE = re.compile(r"\b(?:please|pls|plz|kindly)\b|^(?:well|so|um+|uh+|oh|hmm+|actually|and)\b,?", _I)


def read(text: str, talk: Conversation, house: House, today: date | None = None) -> tuple[Act, ...]:
    """What the customer did by saying this, at least one act. ``text`` is already redacted.

    ``today`` is the business's; without it no month is understood.
    """
    said = clean(text)
    if not said:
        return (Simple.REPEAT,)
    asked = talk.asked or Asked()
    if days := standing.bare(said, asked):
        return days
    if (picked := _picked(said, asked)) is not None:
        return (picked,)
    if asked.total is not None and _agrees_in_full(said, asked.total):
        return (Simple.YES,)
    if (whole := _ANY_WHOLE.fullmatch(_bare(said))) is not None:
        assert whole.lastgroup is not None
        return (_ACTS[whole.lastgroup],)
    if (in_spanish := spanish.whole(said)) is not None:
        return (in_spanish,)
    commands = account.COMMAND.match(said) or spanish.commands(said)
    if asked.slot in account.IN_OWN_WORDS and len(said.split()) > 1 and not commands:
        return (Tell(asked.slot, said),)  # "it is wrong" is a reason there, and no answer to a question
    if (lost := stuck(said, asked.slot, talk.task)) is not None:
        return (lost,)
    if (answer := values.yes_no(said)) is not None:
        return (Simple.YES if answer else Simple.NO,)
    return _sentence(said, talk, asked, house, today) or (Simple.UNCLEAR,)


def clean(text: str) -> str:
    """One line without control and invisible characters, direction marks among them; NFC."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept = "".join(" " if ch.isspace() else ch for ch in text if ch.isspace() or unicodedata.category(ch)[0] != "C")
    return " ".join(unicodedata.normalize("NFC", kept).split())


def _bare(said: str) -> str:
    return " ".join(_POLITE.sub(" ", said).strip(" .!?,;:").split())


def _picked(said: str, asked: Asked) -> Act | None:
    """A button by its place: "2", "the second one", "last"."""
    if not asked.options or len(said) > 24:
        return None
    place = values.ordinal(said)
    if place is None or not (-1 <= place <= len(asked.options)) or place == 0:
        return None
    act = from_button(asked.options[place if place < 0 else place - 1])
    # "no 1", "pay 1", "last": too little said for consent
    return None if isinstance(act, Agree) and not _PLAIN_PLACE.fullmatch(said) else act


def _agrees_in_full(said: str, total: Money) -> bool:
    """Whether the whole message is the title of the button of consent, typed: yes, pay, and exactly this sum."""
    typed = _YES_PAY.fullmatch(said) or spanish.YES_PAY.fullmatch(said)
    if typed is None:
        return False
    sums = values.amounts(typed[1], total.currency, bare=True)
    return len(sums) == 1 and sums[0].value == total and (sums[0].start, sums[0].end) == (0, len(typed[1]))


def _sentence(said: str, talk: Conversation, asked: Asked, house: House, today: date | None) -> tuple[Act, ...]:
    """Everything that one message tells, wants or changes."""
    said = _REST_LATER.sub("", _HESITATION.sub("", said)) or said
    if (aside := _about_the_chat(said, talk, house) or _aside(said, asked)) is not None:
        return (aside,)
    if of_autopay := standing.answered(said, asked) or standing.wishes(said):
        return of_autopay
    if talk.tasks and _SUGGESTS.search(said):
        told = _told(said, talk, asked, house)
        if any(isinstance(act, Tell) and act.slot is Slot.METHOD for act in told):
            return told
    if answer := spanish.answered(said, asked) or (() if spanish.commands(said) else account.answered(said, asked)):
        return answer
    wish = account.wishes(said, talk, today) or spanish.wishes(said, talk, today)
    if wish and isinstance(wish[0], Named | New):  # which method; what is paid with it may be told beside it
        told = _told(spanish.beside_method(account.beside_method(said)), talk, asked, house)
        return (*(act for act in told if not (isinstance(act, Tell) and act.slot is Slot.METHOD)), *wish)
    if wish:
        return wish
    if (article := _answered_by(said, talk, house)) is not None:
        return (article,)
    if (beside := _beside_paying(said)) is not None:
        return (beside,)
    wished = _told(said, talk, asked, house) or _wished(said) or spanish.wished(said, idle=not talk.tasks)
    return wished or _guessed(said, talk, house)


def _about_the_chat(said: str, talk: Conversation, house: House) -> Act | None:
    """What was canceled is wanted back, or the chat is to go on elsewhere."""
    if talk.dropped is not None and not talk.tasks and _UNDO.search(said):
        return Want("undo")
    if house.hops and (to_web := _TO_WEB.search(said) or _TO_TELEGRAM.search(said)) is not None:
        return Want("to_web" if to_web.re is _TO_WEB else "to_telegram")
    return None


def _beside_paying(said: str) -> Act | None:
    """What names a card or says "cancel" and neither chooses nor cancels: a decline, or what the business does."""
    if _DECLINED.search(said):
        return Want("failed")
    return Simple.OFF_TOPIC if _SERVICE.search(said) else None


def _aside(said: str, asked: Asked) -> Act | None:
    """What is said about the asking, not about the payment: to a person, why, small talk, anger."""
    if asked.slot in account.IN_OWN_WORDS and not (account.COMMAND.match(said) or spanish.commands(said)):
        return None  # nearly any sentence answers that
    if _SMALL_TALK.search(said):
        return Want("small_talk")
    if _LATER.search(said) or _ONLY_LATER.fullmatch(_bare(said)):
        return Want("later")
    if _HUMAN.search(said):
        return Simple.HUMAN
    if _COMPLAINT.search(said):
        return Want("complain")
    if _WHY_ASKED.search(said) or (asked.slot in _PERSONAL and _WHAT_FOR.search(said)):
        return Want("why")
    rude = _RUDE.search(said) and len(said.split()) <= _LONGEST_CURSE
    return Want("rude") if rude else spanish.aside(said, asked)


_TO_TELEGRAM = re.compile(
    r"^\W*telegram\W*$|\b(?:continue|carry on|go on|keep going|move|switch|proceed|finish|pay|chat|talk|take|open|use|do)\b.{0,25}?\b(?:in|on|to|into|via|with|over|through|by)\b (?:my )?telegram\b"
    r"|\b(?:segu\w*|sig[ao]\w*|continu\w*|p[aá]s\w+|pagar\w*|cambi\w*|mov\w+|m[uú]ev\w+|ll[eé]v\w+|ir|vamos|termin\w+|hablar|usar)\b.{0,25}?\b(?:en|a|al|por|con)\b (?:mi )?telegram\b", _I)  # fmt: skip
_WEB_PAGE = (
    r"(?:web ?(?:page|site|chat)|website|browser|p[aá]gina web|sitio web|web|navegador|chat de la (?:p[aá]gina )?web)"
)
_TO_WEB = re.compile(
    rf"\b(?:back|continue|carry on|go on|move|switch|return|proceed|finish)\b.{{0,25}}?\b(?:in|on|to|into)\b (?:the |my )?{_WEB_PAGE}\b"
    rf"|\b(?:volver|vuelv\w+|regres\w+|segu\w*|sig[ao]\w*|continu\w*|p[aá]s\w+|cambi\w*)\b.{{0,25}}?\b(?:en|a|al)\b (?:la |el |mi )?{_WEB_PAGE}\b", _I)  # fmt: skip
_HESITATION = re.compile(
    r"^(?:oh |ok |okay |hmm+ |um+ |er |no )?(?:wait|hold on|hang on|oops)[,.! ]+no[,.! ]+(?=\w)", _I
)
_UNDO = re.compile(
    r"\b(?:undo|un-?cancel|(?:go|take me) back|bring (?:it|that) back|(?:do not|don'?t|did ?n[o']?t (?:mean|want) to) cancel|(?:i )?changed my mind|(?:i )?take (?:it|that) back|by (?:mistake|accident)|accident(?:al)?ly"
    r"|deshac\w+|no (?:lo )?cancel\w+|me arrepent[ií]|cambi[eé] de (?:opini[oó]n|idea)|sin querer|por error|volver atr[aá]s)\b", _I)  # fmt: skip
_DAY = (
    r"(?:tomorrow|tmrw|later|(?:mon|tues|wednes|thurs|fri|satur|sun)day|next (?:week|month|year)|in (?:a|an|a few|one|two|three|\d+) (?:hours?|days?|weeks?)|payday|(?:the )?end of (?:the |this )?(?:week|month)|when(?:ever)? i get paid"
    r"|ma[nñ]ana|m[aá]s tarde|luego|el (?:lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo)|la (?:pr[oó]xima|otra) semana|el (?:pr[oó]ximo|otro) mes|cuando (?:me paguen|cobre))"
)
_REST_LATER = re.compile(
    rf"[,;]? *\b(?:and|y) (?:the |el )?(?:rest|remainder|other half|resto)\b.{{0,20}}?\b{_DAY}\b", _I
)
_LATER = re.compile(
    r"\b(?:i(?:'?ll| will| would| wanna| want to|'?d (?:like|rather)(?: to)?)|i(?:'?m| am) (?:going to|gonna)|(?:can|could|may) i|let me|i get|i'?m getting"
    rf"|you)\b.{{0,12}}?\b(?:pay|paid|settle|charge|do (?:it|this|that))\b(?!.*\bnow\b).{{0,20}}?\b{_DAY}\b"
    rf"|\b(?:pag(?:o|ar[eé]|arla|arlo|ar)|cobre(?:n|me)?)\b(?!.*\bahora\b).{{0,20}}?\b{_DAY}\b", _I)  # fmt: skip
_ONLY_LATER = re.compile(rf"(?:(?:on|by|not now|maybe|no[,.]?) )?{_DAY}(?: (?:please|maybe|instead))?", _I)
_WHY_ASKED = re.compile(
    r"\bwhy (?:do|would|should|must) (?:you|i) (?:need|want|ask|have|give|tell|enter)|\bwhy is (?:that|this|it) (?:needed|necessary|required)"
    r"|\b(?:i(?:'?d| would)? rather not|i (?:do not|don'?t) (?:want to|wanna) (?:say|tell|give|share)|i won'?t (?:say|tell|give)|none of your business|skip(?: it| this| that)?$|can i skip)\b", _I)  # fmt: skip
_WHAT_FOR = re.compile(r"\bwhat(?: do you need| is|'?s) (?:it|that|this) for\b|\bwhat for\b", _I)
_PERSONAL = frozenset({Slot.PROOF, Slot.ZIP, Slot.NAME, Slot.EMAIL, Slot.CODE})
_SMALL_TALK = re.compile(
    r"\b(?:how are you|how(?:'?s| is) it going|what(?:'?s| is) your name|who are you|are you (?:a |an )?(?:bot|robot|human|person|real|ai|machine|chatgpt)|tell me a joke|who made you)\b", _I)  # fmt: skip
_RUDE = re.compile(
    r"\b(?:f+u+c+k\w*|sh+i+t\w*|bullsh\w*|damn(?:ed)?|idiot\w*|stupid|moron\w*|useless|wtf|crap|garbage|you suck|screw you|a+s+s+hole\w*)\b", _I)  # fmt: skip
_LONGEST_CURSE = 6  # words: whoever says more than anger is read for what they want


def _answered_by(said: str, talk: Conversation, house: House) -> Wonder | None:
    """The help article that answers this, if it is plainly a question about how things are, and names no sum."""
    center = house.help.get(talk.locale)
    if center is None or not _QUESTION.search(said) or _about_own(said):
        return None
    found = center.best(_SHORT_IS.sub(r"\1 is", said))
    return None if found is None else Wonder(found.article.topic)


def _about_own(said: str) -> bool:
    """Whether this asks how the customer's own payment or balance stands."""
    return bool(_STATUS.search(said) or _BALANCE.search(said)) or spanish.about_own(said)


def _guessed(said: str, talk: Conversation, house: House) -> tuple[Act, ...]:
    """What the model makes of a message that no rule reads: an act, two to choose from, or a question for the business.

    Thresholds are those at which guesses about strangers' words were right nine times in ten, and two in three.
    """
    if house.mind is None or not any(sign.isalpha() for sign in said):
        return ()
    best, *others = house.mind.classify(said)
    center = house.help.get(talk.locale)
    article = None if center is None else center.best(said)
    if article is not None and best.intent not in _ABOUT_MINE and _QUESTION.search(said):
        return (Wonder(article.article.topic),)
    act = ACTS.get(best.intent)
    if act is not None and best.score >= (_SURE_TO_DROP if act is Simple.DROP else _SURE):
        return (act,)
    if best.intent == OUT_OF_SCOPE and best.score >= _SURE_OF_NOTHING:
        return (Unanswered(said, talk.locale),) if _QUESTION.search(said) else (Simple.OFF_TOPIC,)
    if best.score >= _WORTH_ASKING and can_be_offered(best.intent) and house.mind.knows(said):
        second = (each.intent for each in others if each.score >= _WORTH_A_BUTTON and can_be_offered(each.intent))
        return (Guess((best.intent, *islice(second, 1))),)
    return (Unanswered(said, talk.locale),) if _QUESTION.search(said) else ()


_SURE, _SURE_TO_DROP, _SURE_OF_NOTHING, _WORTH_ASKING, _WORTH_A_BUTTON = 0.75, 0.9, 0.8, 0.3, 0.02
_SUGGESTS = re.compile(  # asked of a payment that is being put together, it chooses
    r"^\W*(?:how|what) about\b|^\W*(?:can|could|may) (?:i|we) (?:just |also |still )?(?:pay|use|do)\b|^¿?(?:qu[eé] tal|y) (?:con|por|si)\b|^¿?puedo (?:pagar|usar)\b", _I)  # fmt: skip
_SHORT_IS = re.compile(r"\b(what|how|where|who|when)'?s\b", _I)
_ABOUT_MINE = frozenset({"payment_status", "check_balance", "due_date", "list_invoices", "pay_invoice"})
_QUESTION = re.compile(
    r"\?|[,.;!] (?:and |so |but )?(?:can i|could i|how|what|why|when|where|do i|is there)\b|^\W*(?:how|what|whats|hows|wheres|whos|whens|why|when|where|which|who|can|could|do|does|is|are|will|would|should|may|am i"
    r"|c[oó]mo|qu[eé]|por qu[eé]|cu[aá]ndo|d[oó]nde|cu[aá]l(?:es)?|qui[eé]n|puedo|se puede|es|son|hay|tengo que)\b", _I)  # fmt: skip


def _wished(said: str) -> tuple[Act, ...]:
    """What is wanted in a message that tells nothing."""
    if _DROP.search(said):
        if _HOW.search(said):
            return (Want("help"),)
        return (Simple.REPEAT if _NOT_DROP.search(said) else Simple.DROP,)
    if (slot := _changing(said)) is not None:
        return (Change(slot),)
    if _STATUS.search(said):
        return (Want("status"),)
    if _BALANCE.search(said):
        return (Want("balance"),)
    return (Want("pay"),) if _PAY.search(said) else ()


_CORRECTS = re.compile(r"\b(?:sorry|i mean(?:t)?|no|oops|actually|correction|rather|perd[oó]n|digo|quise decir)\b", _I)
_PAY_NUMBER = re.compile(r"\W*(?:pay|pagar) (?:for |la |the |invoice |factura |#)*(\d{3,12})\W*", _I)


def _told(said: str, talk: Conversation, asked: Asked, house: House) -> tuple[Act, ...]:
    """The slots filled by this message; the invoice first, since another invoice means another payment."""
    if named := _NAMED.search(said) or spanish.NAMED.search(said):
        name = values.name(named.group(1))
        return (Tell(Slot.NAME, name),) if name else ()
    if asked.slot is Slot.NAME and not _says_more(said) and (name := values.name(said)) is not None:
        return (Tell(Slot.NAME, name),)
    if asked.slot is Slot.INVOICE and (both := _BOTH.fullmatch(said)):
        return (Tell(Slot.INVOICE, both["number"]), Tell(Slot.ZIP, both["zip"]))
    first = isinstance(talk.scope, Stranger | Customer) and not talk.tasks
    paying = _PAY.search(said) or spanish.pays(said)
    lone = first and bool(paying or _LONE.fullmatch(said))  # "pay 1042", or just that, to begin with
    if asked.slot is Slot.CONSENT and (again := _PAY_NUMBER.fullmatch(said)) and is_one_of(again[1], talk.numbers):
        return (Tell(Slot.INVOICE, again[1]),)  # the number of an invoice that is on show, and no sum
    numbers = values.invoice_numbers(said, _patterns(house.number_patterns), bare=lone)
    if len(numbers) > 1 and isinstance(talk.scope, Customer):
        return (Choose(numbers=tuple(number.value for number in numbers)),)
    return _with_number(said, numbers[:1], talk, asked, house)


def _with_number(
    said: str, numbers: Sequence[values.Found[str]], talk: Conversation, asked: Asked, house: House
) -> tuple[Act, ...]:
    """The invoice, if one is named, and what else is told beside its number."""
    acts: list[Act] = []
    rest = said
    for number in numbers:
        acts.append(Tell(Slot.INVOICE, number.value))
        rest = rest[: number.start] + " " + rest[number.end :]
    asked_zip = asked.slot in (Slot.ZIP, Slot.PROOF) or (
        asked.slot in (Slot.CONSENT, Slot.METHOD) and bool(_NOT_AN_AMOUNT.match(rest))
    )
    codes = [code for code in values.zips(rest, bare=asked_zip) if len(plain(code.value)) >= _SHORTEST_ZIP]
    corrected = len(codes) == 2 and _CORRECTS.search(rest[codes[0].end : codes[1].start])
    for code in codes[1:] if corrected else codes[:1]:
        acts.append(Tell(Slot.PROOF if asked.slot is Slot.PROOF else Slot.ZIP, code.value))
        rest = rest[: code.start] + " " + rest[code.end :]
    if (method := values.method(rest)) is not None:
        acts.append(Tell(Slot.METHOD, method))
    about_money = asked.slot not in (Slot.INVOICE, Slot.PROOF) and bool(talk.tasks)
    asked_amount = asked.slot in (Slot.AMOUNT, Slot.CONSENT, Slot.METHOD) or (
        about_money and (bool(_CUE.search(rest)) or spanish.cue(rest))
    )
    if asked.slot is not Slot.INVOICE or acts or "$" in rest:
        if (share := values.share(rest)) is not None:
            acts.append(Tell(Slot.AMOUNT, Share(share)))
        else:
            found = values.amounts(rest, _currency(talk, house), bare=asked_amount)
            acts.extend(Tell(Slot.AMOUNT, amount.value) for amount in found[:1])
    if asked.slot is Slot.INVOICE and not any(isinstance(act, Tell) and act.slot is Slot.INVOICE for act in acts):
        lone_number = values.invoice_numbers(rest, (), bare=True)
        acts = [*(Tell(Slot.INVOICE, number.value) for number in lone_number), *acts]
    return tuple(acts)


def _says_more(said: str) -> bool:
    """Whether an answer to "which name?" is not one: a question, another wish, or a way to pay."""
    other = _changing(said) or spanish.changing(said)
    refund = bool(account.REFUND.search(said)) or spanish.refund(said)
    return said.lower() in METHODS or (other is not None and other is not Slot.NAME) or refund


def _changing(said: str) -> Slot | None:
    """The slot that the customer wants to change without saying to what."""
    if not _CHANGE.search(said):
        return None
    return next((slot for pattern, slot in _SLOTS if pattern.search(said)), None)


def _currency(talk: Conversation, house: House) -> str:
    invoices = [known.fact for known in talk.known if isinstance(known.fact, Invoice)]
    return invoices[-1].due.currency if invoices else house.currency


@lru_cache(maxsize=8)
def _patterns(sources: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return (*(re.compile(source, _I) for source in sources), *values.INVOICE_PATTERNS)
