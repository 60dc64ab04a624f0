"""What customers say about their account: signing in, lists of invoices, saved methods, details, refunds; and the answers
to the questions of those tasks.

A reader here answers with acts, or with nothing. The order of the rules is that of how plainly each is said.
"""

import re
from datetime import date, timedelta

from dialogs.conversation import Asked, Conversation
from dialogs.model import Act, Choose, GetReceipt, Named, New, Pick, See, Show, Slot, Tell, Want
from dialogs.reading import values
from dialogs.reading.buttons import from_button
from services.model import Customer, Filter, InvoiceStatus, Spread

_I = re.IGNORECASE

IN_OWN_WORDS = (Slot.WHY, Slot.ADDRESS, Slot.NICKNAME)  # questions that nearly any sentence answers
COMMAND = re.compile(
    r"\W*(?:please |just |let me |i want to |i'd like to |can you |can i )*(?:pay|show|sign|log|help|start over|go back|talk to|speak (?:to|with))\b",
    re.IGNORECASE,
)
EMAIL = re.compile(r"[^\s@,;:<>()\"]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_CODE = re.compile(r"(?:(?:my |the )?code(?: is)?[ :]*|it'?s )?([0-9](?:[ -]?[0-9]){5})\W*", _I)

_SIGN_OUT = re.compile(r"\b(?:sign|log)(?:ing)?[ -]?(?:me )?(?:out|off)\b", _I)
_EVERYWHERE = re.compile(r"\b(?:everywhere|all (?:devices|browsers|phones)|other devices)\b", _I)
_SIGN_IN = re.compile(
    r"\b(?:sign|log)(?:ing)?[ -]?(?:me )?in(?:to)?\b|\blogin\b|\bsign ?up\b|\bregister\b|^\W*(?:my )?account\W*$", _I
)
_REMEMBER = re.compile(
    r"\b(?:remember me|remember this (?:browser|device|phone)|(?:stay|keep me) (?:signed|logged) in)\b", _I
)
_AGAIN = re.compile(
    r"\b(?:no|another|new|resend|send)\b.{0,20}\bcode\b|\bresend\b"
    r"|\b(?:did ?n[o']?t|have ?n[o']?t|never|not) (?:get|got|gotten|receive[d]?|come|came|arrive[d]?|here)\b",
    _I,
)

_MANY = r"(?:invoices|bills|statements)"
_LIST = re.compile(
    rf"\b(?:show|list|see|view|display|give|send|what|which|how many|any|all|open|unpaid|overdue|outstanding|paid|past)\b.{{0,30}}\b{_MANY}\b"
    rf"|^\W*(?:my |(?:last|this) (?:month|year)(?:'?s)? )?{_MANY}\W*$|\bwhat(?:'?s| is| are) (?:overdue|open|unpaid|outstanding|late|past due)\b"
    r"|\b(?:ones?|invoices?|bills?|statements?) (?:from|of|in|for) (?:january|february|march|april|may|june|july|august|september"
    r"|october|november|december|(?:last|this) (?:month|year))\b", _I)  # fmt: skip
_STATUSES: tuple[tuple[re.Pattern[str], InvoiceStatus], ...] = (
    (re.compile(r"\b(?:overdue|past due|late)\b", _I), InvoiceStatus.OVERDUE),
    (re.compile(r"\b(?:disputed|in dispute)\b", _I), InvoiceStatus.DISPUTED),
    (re.compile(r"\b(?:processing|pending|under ?way|on (?:its|the) way)\b", _I), InvoiceStatus.PROCESSING),
    (re.compile(r"\b(?:part(?:ly|ially)) paid\b", _I), InvoiceStatus.PARTLY_PAID),
    (re.compile(r"\bvoid(?:ed)?\b", _I), InvoiceStatus.VOID),
    (re.compile(r"(?<!un)(?<!not )(?<!to be )\b(?:paid|settled)\b", _I), InvoiceStatus.PAID),
)
_OPEN = re.compile(r"\b(?:open|unpaid|outstanding|owe|not paid|to pay|to be paid)\b", _I)
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH = re.compile(
    rf"\b({'|'.join(_MONTHS)}|{'|'.join(m[:3] for m in _MONTHS if m != 'may')})\b(?:\s+(20[0-9]{{2}}))?", _I
)
_LAST_MONTH, _THIS_MONTH = re.compile(r"\blast month\b", _I), re.compile(r"\bthis month\b", _I)
_THIS_YEAR, _LAST_YEAR = re.compile(r"\bthis year\b", _I), re.compile(r"\blast year\b", _I)

_DETAIL = re.compile(
    r"\b(?:pdf|itemi[sz]ed|line items?|break ?down|details? (?:of|for|on) (?:the |my |this |that )?(?:invoice|bill|#|inv)"
    r"|what(?: was| is| were|'?s) (?:it|that|this|(?:the|this|that|my) (?:invoice|bill)|invoice \S+|bill \S+) for|why (?:is (?:it|this|that)|so) (?:so )?(?:much|high|expensive)|(?:show|see|open|view) (?:me )?(?:the |my )?(?:invoice|bill) #?\S*[0-9]"
    r"|copy of (?:the|my|this|that|an?) (?:invoice|bill))", _I)  # fmt: skip
_THE_INVOICE = re.compile(
    r"\W*(?:please )?(?:can i |could i |let me )?(?:show|see|open|view)(?: me)? (?:the|my|this|that) (?:invoice|bill)\W*$",
    _I,
)
_HISTORY = re.compile(
    r"\b(?:payment history|what (?:did|have) i (?:pay|paid)|(?:past|previous|earlier|recent|all(?: my)?|my|list) payments|history)\b",
    _I,
)

_RECEIPT = re.compile(r"\b(?:receipts?|reciept|recibos?|comprobantes?)\b", _I)
_RECEIPT_BY_MAIL = re.compile(
    r"\b(?:e-?mail|mail|resend|send)\b.{0,30}\b(?:receipts?|reciept)\b|\b(?:receipts?|reciept)\b.{0,30}\b(?:by|to my|in an?) e-?mail\b"
    r"|\b(?:env[ií]\w+|m[aá]nd\w+)\b.{0,30}\b(?:recibos?|comprobantes?)\b|\b(?:recibos?|comprobantes?)\b.{0,30}\bpor (?:e-?mail|correo)\b", _I)  # fmt: skip
_NO_RECEIPT_WANTED = re.compile(  # the setting, the fact that one is missing, and questions that an article answers
    r"\b(?:stop|turn (?:off|on)|remember|unsubscribe|notifications?|no more|only|reminders?|don'?t|avisos|dej\w+ de|one receipt|un solo)\b", _I)  # fmt: skip
_ON_FILE = re.compile(
    r"\b(?:saved|stored|usual|on file|on record|default|same (?:card|account|one|method|way)|(?:card|account|one) (?:you have|from last time|i used))\b", _I)  # fmt: skip
_METHODS = re.compile(
    r"\b(?:my\b.{0,12}\b(?:saved |stored )?(?:cards|accounts|(?:payment )?methods|ways to pay)"
    r"|(?:show|list|manage|see|which|what|change|edit)\b.{0,20}\b(?:saved|stored|on file|my) (?:cards?|accounts?|(?:payment )?methods?|ways to pay)"
    r"|(?:which|what) (?:cards|accounts|methods) (?:do i have|do you have (?:on file|saved)|are saved|have i)|manage (?:my )?(?:payment )?(?:cards|methods)"
    r"|(?:remove|delete|forget|take off)\b.{0,30}\b(?:card|account|method|visa|mastercard|amex)|(?:cards?|accounts?|methods?) (?:on file|saved))\b", _I)  # fmt: skip
_USING = re.compile(r"\b(?:pay|use|charge|with|from|via|on)\b", _I)
_NEW = re.compile(r"\b(?:new|another|different|other)\b.{0,10}\b(?:card|bank(?: account)?|account|method|way)\b", _I)
_BARE_NEW = re.compile(
    r"\W*(?:an? |with |by )*(?:new|another|different|other) (?:credit |debit )?(?:card|bank(?: account)?|account|method)(?: please)?\W*", _I)  # fmt: skip
_ENDING = re.compile(
    r"(?:\b(?:ending|ends|last (?:four|4)(?: digits)?)\s*(?:in|with|is|are|:)?\s*|[•*x]{2,}\s?)([0-9]{4})\b", _I
)
_BRAND_4 = re.compile(r"\b(visa|mastercard|amex|american express|discover|card|account|bank)\s+([0-9]{4})\b", _I)

_ALL_OF_THEM = re.compile(
    rf"\b(?:(?:pay|settle|clear)\b.{{0,20}}\b(?:both|all of them|them all|everything i owe)|all (?:of )?(?:my|the|these|open|unpaid)?\s?(?:open |unpaid |overdue )?{_MANY}"
    r"|(?:my )?(?:whole|entire|full|total) (?:account )?balance)\b", _I)  # fmt: skip
_BOTH = re.compile(
    r"^\W*(?:(?:i want to |i'll |let me )?pay )?(?:both|all|everything|them all|all of it)(?: of (?:them|these))?(?: please)?\W*$",
    _I,
)
_ON_ACCOUNT = re.compile(r"\b(?:on|to|toward|towards|against)\b (?:my |the )?(?:account|balance|oldest)\b", _I)
_OLDEST = re.compile(r"\boldest(?: (?:one|ones|invoice|bill|first))?\b", _I)
_EVENLY = re.compile(r"\b(?:evenly|equally|pro ?rata|proportion\w*|split (?:it )?(?:over|across|between|among))\b", _I)
_AS_NAMED = re.compile(r"\bin (?:that|this) order\b", _I)
_BARE_NUMBERS = re.compile(r"\W*(?:pay )?#?[0-9]{3,12}(?:\s*(?:,|&|\+|\band\b)\s*#?[0-9]{3,12})+\W*", _I)
_AND = re.compile(r"\s*(?:,|&|\+|\band\b|\bplus\b)\s*", _I)
_FIRST_N = re.compile(r"^\W*(?:pay )?(?:the )?(first|last|oldest) (two|three|four|five|[2-9])\W*$", _I)
_NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5}

_FIELDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\be-?mail\b", _I), "email"),
    (re.compile(r"\b(?:phone|telephone|mobile|cell)\b", _I), "phone"),
    (re.compile(r"\b(?:address|moved|street|city)\b", _I), "address"),
    (re.compile(r"\blanguage\b", _I), "language"),
    (re.compile(r"\b(?:notifications?|notices?|reminders?|emails? from you|unsubscribe)\b", _I), "notices"),
)
_DETAILS = re.compile(r"\bmy (?:details|info(?:rmation)?|profile|contact|data|account (?:info|details))\b", _I)
_ALTER = re.compile(r"\b(?:change|update|edit|correct|fix|new|set|stop|moved|turn|wrong)\b", _I)

_NO_REMINDERS = re.compile(
    r"\b(?:(?:stop|quit|do ?n[o']?t|do not|never|no(?: more)?)\b.{0,12}\bremind(?:ing|ers?)?\b(?! e-?mails?)(?:.{0,12}\bme\b)?|no more reminders|without reminders)", _I)  # fmt: skip
_REMIND = re.compile(
    r"^\W*(?:(?:please|yes|ok)\W+)?(?:(?:can you |could you )?remind me(?: here| (?:when|before) (?:it|(?:the|my|an?) (?:bill|invoice)|something) is due| of (?:my|the) (?:bills?|invoices?)| by e-?mail)?|(?:turn|switch) (?:the |my )?reminders (?:back )?on|(?:turn|switch) on (?:the |my )?reminders)(?: again)?(?: please)?\W*$", _I)  # fmt: skip

_ABOUT_REQUEST = re.compile(
    r"^\W*(?:my )?(?:requests|cases|disputes|refund requests)\W*$|\b(?:any|my|open) (?:disputes|requests|cases)\b|\b(?:what about|status of|where(?:'?s| is)|any news|what happened|news (?:of|on|about)|update on)\b.{0,20}\b(?:refund|dispute|case|request|complaint)\b", _I)  # fmt: skip
REFUND = re.compile(r"\b(?:refund\w*|money back|charge ?back|reimburse\w*)\b", _I)
_DISPUTE = re.compile(
    r"\b(?:(?<!in )dispute|contest|i (?:do not|do ?n'?t) owe (?:that|this|it|so|you)|charged (?:me )?(?:twice|double|2 times|again)|double[- ]?charged?|over ?charged|wrong(?:ly)? (?:amount|charge[d]?|billed)|not (?:my|mine)\b.{0,12}\b(?:invoice|bill|charge)"
    r"|(?:never|did ?n[o']?t) (?:come|came|show(?:ed)? up|do(?:ne)? the (?:work|job)))\b", _I)  # fmt: skip


def answered(said: str, asked: Asked) -> tuple[Act, ...]:
    """The answer to a question that only these tasks ask; nothing when it is no answer."""
    match asked.slot:
        case Slot.EMAIL | Slot.CODE if (address := EMAIL.search(said)) is not None:
            return (Tell(Slot.EMAIL, address[0].rstrip(".")),)
        case Slot.CODE if (code := _CODE.fullmatch(said)) is not None:
            return (Tell(Slot.CODE, "".join(ch for ch in code[1] if ch.isdigit())),)
        case Slot.CODE if _AGAIN.search(said):
            return (Want("send_again"),)
        case Slot.WHY | Slot.ADDRESS | Slot.PHONE | Slot.NICKNAME as slot if not COMMAND.match(said):
            return (Tell(slot, said),)
        case Slot.LANGUAGE:
            return _language(said)
        case Slot.INVOICE:
            return _chosen(said, asked)
        case _:
            return ()


def _language(said: str) -> tuple[Act, ...]:
    plain = said.lower()
    if "spanish" in plain or "español" in plain or "espanol" in plain:
        return (Pick(Slot.DETAIL, "es"),)
    return (Pick(Slot.DETAIL, "en"),) if "english" in plain or "inglés" in plain else ()


def _chosen(said: str, asked: Asked) -> tuple[Act, ...]:
    """Several of the invoices on the screen, by their places: "1 and 3", "the first two", "both"."""
    picks = [act for act in map(from_button, asked.options) if isinstance(act, Pick) and act.slot is Slot.INVOICE]
    if len(picks) < 2:
        return ()
    if _BOTH.match(said):
        return (Choose(),)
    if (some := _FIRST_N.match(said)) is not None:
        count = _NUMBERS.get(some[2].lower()) or int(some[2])
        meant = picks[-count:] if some[1].lower() == "last" else picks[:count]
        return (Choose(tuple(act.key for act in meant)),)
    parts = [part for part in _AND.split(said) if part]
    places = [values.ordinal(part) for part in parts]
    buttons = {at: from_button(option) for at, option in enumerate(asked.options, start=1)} | {-1: picks[-1]}
    acts = [buttons[place] for place in places if place in buttons]
    keys = tuple(act.key for act in acts if isinstance(act, Pick) and act.slot is Slot.INVOICE)
    return (Choose(keys),) if len(parts) > 1 and len(keys) == len(parts) else ()


_PLAIN: tuple[tuple[re.Pattern[str], Act], ...] = (
    (re.compile(rf"(?=.*{_EVERYWHERE.pattern}).*{_SIGN_OUT.pattern}", _I), Want("sign_out_everywhere")),
    (_SIGN_OUT, Want("sign_out")),
    (_REMEMBER, Want("remember")),
    (_NO_REMINDERS, Want("stop_reminders")),
    (_REMIND, Want("remind")),
    (_SIGN_IN, Want("sign_in")),
    (_ABOUT_REQUEST, Want("requests")),
)
_OBJECTIONS: tuple[tuple[re.Pattern[str], Act], ...] = ((REFUND, Want("refund")), (_DISPUTE, Want("dispute")))


def wishes(said: str, talk: Conversation, today: date | None) -> tuple[Act, ...]:
    """What is wished for in this message, if it is one of the things of this file."""
    plain = next((act for pattern, act in _PLAIN if pattern.search(said)), None)
    if plain is not None:
        return (plain,)
    if not isinstance(talk.scope, Customer) and (address := EMAIL.fullmatch(said.rstrip("."))) is not None:
        return (Want("sign_in"), Tell(Slot.EMAIL, address[0]))  # told unasked: there is one thing it can be meant for
    objection = next((act for pattern, act in _OBJECTIONS if pattern.search(said)), None)
    if objection is not None:
        numbers = values.invoice_numbers(said, values.INVOICE_PATTERNS)
        return (objection, *(Tell(Slot.INVOICE, number.value) for number in numbers[:1]))
    if (receipt := _receipt(said)) is not None:
        return (receipt,)
    customer = isinstance(talk.scope, Customer)
    if customer and _BARE_NUMBERS.fullmatch(said):
        return (Choose(numbers=tuple(re.findall(r"[0-9]{3,12}", said))),)
    if (several := _together(said, today, customer=customer)) is not None:
        return several
    asked = talk.asked.slot if talk.asked else None
    if customer and asked in (Slot.METHOD, Slot.CONSENT) and _BARE_NEW.fullmatch(said):
        return (New(values.method(said)),)  # not the saved one that is on the screen
    if (method := _method(said)) is not None:
        return (method,)
    if (shown := _shown(said, today, customer=customer)) is not None:
        return (shown,)
    return (Want("history"),) if _HISTORY.search(said) else _details(said)


def _receipt(said: str) -> Act | None:
    """A receipt that is asked for by its invoice, as a PDF or by e-mail; what is vaguer is for the model to read."""
    if not _RECEIPT.search(said) or _NO_RECEIPT_WANTED.search(said):
        return None
    numbers = values.invoice_numbers(said, values.INVOICE_PATTERNS)
    mail = _RECEIPT_BY_MAIL.search(said) is not None
    if numbers or mail or re.search(r"\bpdf\b", said, _I):
        return GetReceipt(number=numbers[0].value if numbers else "", mail=mail)
    return None


def _shown(said: str, today: date | None, *, customer: bool) -> Act | None:
    """One invoice with its lines, or those that are asked for."""
    if _THE_INVOICE.match(said):
        return Show() if customer else See()
    if _DETAIL.search(said):
        numbers = values.invoice_numbers(said, values.INVOICE_PATTERNS)
        return See(number=numbers[0].value if numbers else "")
    return Show(filter_of(said, today)) if _LIST.search(said) else None


def _together(said: str, today: date | None, *, customer: bool) -> tuple[Act, ...] | None:
    """All invoices together, and how a sum is laid over them."""
    spread = Spread.EVENLY if _EVENLY.search(said) else Spread.OLDEST if _OLDEST.search(said) else None
    spread = Spread.CHOSEN if spread is None and _AS_NAMED.search(said) else spread
    laid = customer and (spread is not None or _ON_ACCOUNT.search(said) is not None)
    if laid and (sums := values.amounts(said, "USD", bare=False)):
        told = (Tell(Slot.SPREAD, spread),) if spread is not None else ()
        return (Choose(), Tell(Slot.AMOUNT, sums[0].value), *told)
    if spread is not None and customer:
        return (Tell(Slot.SPREAD, spread),)
    if _ALL_OF_THEM.search(said) and not _LIST_ONLY.search(said):
        some = filter_of(said, today)  # all of some: the list of them has a button that pays just those
        return (Show(some),) if some.statuses or some.since else (Choose(),)
    return None


_LIST_ONLY = re.compile(r"\b(?:show|list|see|view|display|what|which|how many|any)\b", _I)


def _method(said: str) -> Act | None:
    """A saved method, or a new one; or the list of what is saved."""
    if (ending := _ENDING.search(said)) is not None:
        return Named(last4=ending[1])
    if (named := _BRAND_4.search(said)) is not None:
        word = named[1].lower()
        return Named("" if word in ("card", "account", "bank") else word, named[2])
    if _NEW.search(said) and _USING.search(said):
        return New(values.method(said))
    if _METHODS.search(said) and not (_ON_FILE.search(said) and _USING.search(_ON_FILE.sub(" ", said))):
        return Want("methods")
    return Named() if _ON_FILE.search(said) and not _DETAILS.search(said) else None


def beside_method(said: str) -> str:
    """What is left of a message when the method that it names is taken out of it."""
    for named in (_ENDING, _BRAND_4, _ON_FILE, _NEW):
        said = named.sub(" ", said)
    return said


def _details(said: str) -> tuple[Act, ...]:
    field = next((name for pattern, name in _FIELDS if pattern.search(said)), None)
    if field is not None and _ALTER.search(said):
        return (Pick(Slot.DETAIL, field),)
    return (Want("details"),) if _DETAILS.search(said) else ()


def filter_of(said: str, today: date | None) -> Filter:
    """Which invoices are asked for: by their standing, or by when they were issued."""
    status = next((status for pattern, status in _STATUSES if pattern.search(said)), None)
    since, until = _days(said, today) if today is not None else (None, None)
    if status is not None:
        return Filter((status,), since, until)
    return Filter((), since, until, payable=bool(_OPEN.search(said)))


def _days(said: str, today: date) -> tuple[date | None, date | None]:
    if _LAST_MONTH.search(said):
        return _month(today.replace(day=1) - timedelta(days=1))
    if _THIS_MONTH.search(said):
        return _month(today)
    if _THIS_YEAR.search(said):
        return date(today.year, 1, 1), date(today.year, 12, 31)
    if _LAST_YEAR.search(said):
        return date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)
    if (named := _MONTH.search(said)) is None:
        return None, None
    month = next(at for at, name in enumerate(_MONTHS, start=1) if name.startswith(named[1].lower()[:3]))
    year = int(named[2]) if named[2] else today.year - (month > today.month)
    return _month(date(year, month, 1))


def _month(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return first, following - timedelta(days=1)
