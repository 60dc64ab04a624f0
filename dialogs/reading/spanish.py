"""What customers say in Spanish -> acts: the counterpart of `intents` and `account`, for what their rules say in English.

The rules are tables of patterns over `folded` text: small letters without accents, common slips put right, so that each
is written once. Values (sums, numbers, names, yes and no) are read by `values` from the text as it was typed. A message
without a Spanish word costs one look at its words, and every reader here answers nothing to it. All take the message
as `intents.clean` leaves it.
"""

import re
from datetime import date
from functools import lru_cache

from dialogs.conversation import Asked, Conversation
from dialogs.model import Act, Change, Choose, Named, New, Pick, See, Show, Simple, Slot, Tell, Want
from dialogs.reading import values
from dialogs.reading.buttons import from_button
from dialogs.reading.dates import Role, dates
from dialogs.reading.words import SLIPS_ES, SMALL, TELLING
from services.model import Customer, Filter, InvoiceStatus, Spread

# One letter for one, so that places in the text stay what they were.
_ACCENTS = str.maketrans("áàéèíìóòúùüñ", "aaeeiioouuun")
_WORD = re.compile(r"[^\W\d_]+")
_SPANISH = frozenset(word for table in (TELLING, SMALL) for word, language in table.items() if language == "es")
_EDGES = " .!?,;:¡¿"
_POLITE = re.compile(r"\b(?:por favor|porfa(?:vor)?|si es tan amable|oiga|oye|disculpe|bueno|pues|ok)\b,?")

_INVOICES = r"(?:facturas|recibos)"
_INVOICE = r"(?:factura|recibo)"
_PAYS = r"(?:pag(?:o|ar|arl[ao]s?|u?e|u?el[ao]s?|al[ao]s?)|abon(?:o|ar)|liquidar|saldar|cubrir)"


@lru_cache(maxsize=8)  # several readers ask about the same message
def folded(said: str) -> str:
    """The message in small letters, without accents and with common slips put right; "" when no word of it is Spanish."""
    plain = said.lower().translate(_ACCENTS)
    words = _WORD.findall(plain)
    if not SLIPS_ES.keys().isdisjoint(words):
        plain = _WORD.sub(lambda word: SLIPS_ES.get(word[0], word[0]), plain)
        words = _WORD.findall(plain)
    return "" if _SPANISH.isdisjoint(words) and "¿" not in said else plain


# --- whole messages -----------------------------------------------------------------------------------------------

_AGAIN = r"(?:otra vez|de nuevo|nuevamente|una vez mas)"
_HELLO = r"(?:hola|buenos dias|buen dia|buenas(?: (?:tardes|noches))?|que tal|saludos)"
_BYE = (
    r"(?:adios|hasta (?:luego|pronto|manana|la proxima|la vista)|nos vemos|chao|chau|que (?:le|te) vaya (?:muy )?bien"
    r"|(?:que )?(?:tenga|ten|pase) (?:usted )?(?:un )?(?:muy )?buen[oa]?s? (?:dias?|tardes?|noches?|fin de semana)|feliz (?:dia|tarde|noche))"
)
_THANKS = (
    r"(?:(?:muchas |muchisimas |mil )?gracias(?: por (?:todo|(?:su|la|tu) ayuda))?|(?:muy|que) amable|(?:se lo|te lo|le|te) agradezco(?: mucho)?)"
)  # fmt: skip
_WHOLE: dict[str, Act] = {
    r"(?:cancel(?:a|ar|e|alo|elo|arlo)|anul(?:a|ar|e)(?:lo)?|olvid(?:a|e)lo|dej(?:a|e)lo(?: asi)?|deten(?:er|te|ga|gase)?|par(?:a|e|ar)|basta|salir|ya no|no importa)(?: (?:todo|eso|esto|el pago|mi pago|este pago|ese pago|la operacion))?": Simple.DROP,
    r"(?:ya )?no quiero (?:pagar|seguir|continuar)(?: (?:nada|ahora|esto|mas))?|(?:mejor )?(?:luego|despues|mas tarde|otro dia|en otro momento)": Simple.DROP,
    rf"(?:volver a |vamos a |quiero )*(?:empez|empiez|empec|comenz|comienz|comenc)\w+(?: (?:todo|{_AGAIN}|de cero|desde (?:el )?(?:principio|cero|inicio)))+|volver a (?:empezar|comenzar)|desde el (?:principio|inicio)|desde cero|reinici\w+": Simple.RESTART,
    rf"(?:me (?:lo )?)?(?:puedes? )?(?:repetir(?:me)?(?:lo)?|repit(?:e|a)(?:me)?(?:lo)?)(?: (?:eso|{_AGAIN}|la pregunta))?|{_AGAIN}|como(?: (?:dijo|dijiste|dice|dices))?|que(?: (?:dijo|dijiste|dice|dices|cosa))?|perdon|mande|no (?:te |le )?(?:entendi|entiendo)": Simple.REPEAT,
    r"(?:en |por )?donde (?:estabamos|ibamos|vamos|quedamos)|en que (?:estabamos|ibamos|quedamos)|(?:y )?ahora(?: que)?|(?:y )?que (?:sigue|hago ahora)": Simple.REPEAT,
    rf"{_HELLO}(?:\W+{_HELLO})*(?: (?:a todos|amigo|amiga))?": Simple.GREET,
    rf"(?:ok(?:ay)?\W+|listo\W+|perfecto\W+|vale\W+)?{_THANKS}(?:\W+{_THANKS})*": Simple.THANK,
    rf"(?:(?:ok(?:ay)?|{_THANKS}|eso es todo|nada mas)\W+)*{_BYE}(?:\W+(?:{_BYE}|{_THANKS}))*": Simple.GOODBYE,
    rf"(?:quiero |quisiera |deseo |necesito |me gustaria |vengo a |hacer (?:un|mi) |realizar (?:un|mi) |ir a )*{_PAYS}(?: (?:ahora|ya|{_AGAIN}|por favor|aqui))*|volver a (?:pagar|intentar(?:lo)?)|(?:vamos a )?(?:intent|prueb|prob)\w+(?: {_AGAIN})?|reintentar(?:lo)?": Want("pay"),
    r"(?:el |mi )*estado(?: (?:de mi|del|de un) pago)?|(?:hay )?(?:alguna )?(?:novedad(?:es)?|noticias?)": Want("status"),
    r"ya termine(?: de pagar)?": Want("status"),
    r"(?:mi |el |cual es (?:mi|el) |ver (?:mi|el) |quiero (?:ver|saber) (?:mi|el) )*(?:saldo|adeudo|deuda)(?: (?:actual|pendiente))?": Want("balance"),
    r"ayuda(?:me|r)?|(?:necesito|quiero) ayuda|menu|opciones|(?:que|como) (?:me )?(?:puedes?|puedo)(?: (?:hacer|ayudar|ayudarme|preguntar))?(?: (?:aqui|usted|por mi))?|(?:que|como) (?:haces|funciona)(?: (?:esto|aqui))?": Want("help"),
    rf"(?:mand\w+|envi\w+|dame|deme|quiero|necesito|muestr\w+|me (?:puedes? )?(?:mandar|enviar)|el|mi|un|otro|nuevo|\s)*(?:enlace|link|liga)(?: (?:de pago|nuevo|{_AGAIN}))*|(?:el |mi )?(?:enlace|link|liga) (?:ya )?(?:vencio|expiro|no (?:me )?(?:funciona|sirve|abre))": Want("link"),
    r"(?:(?:yo )?(?:sigo|estoy|ya estoy) aqui|ya (?:regrese|volvi)|continu(?:ar|a|e|emos)|sigamos|seguimos|siga)": Simple.REPEAT,
    r"(?:quiero )?(?:elegir|escoger) varias": Want("several"),
    r"(?:esas )?(?:son|es) tod[ao]s?|nada mas|ninguna mas|solo (?:esas|esos|estas)|ya(?: con eso)?": Want("enough"),
}  # fmt: skip
_ACTS = {f"act{n}": act for n, act in enumerate(_WHOLE.values())}
_ANY_WHOLE = re.compile("|".join(f"(?P<act{n}>{pattern})" for n, pattern in enumerate(_WHOLE)))


def whole(said: str) -> Act | None:
    """What a message means that says one thing and nothing else."""
    if not (es := folded(said)):
        return None
    bare = " ".join(_POLITE.sub(" ", es).strip(_EDGES).split()) or es.strip(_EDGES)
    found = _ANY_WHOLE.fullmatch(bare)
    return _ACTS[found.lastgroup] if found is not None and found.lastgroup is not None else None


# --- answers to the questions of single tasks ---------------------------------------------------------------------

_COMMAND = re.compile(
    r"\W*(?:por favor |solo |quiero |quisiera |puedes? )*(?:pagar|mostrar|muestr\w+|ver mis|iniciar sesion|cerrar sesion|ayuda|empezar|empecemos|cancel(?:ar|a|e)\b|hablar con)\b"
)
_CODE = re.compile(r"(?:(?:mi |el )?codigo(?: es)?[ :]*|es (?:el )?)?([0-9](?:[ -]?[0-9]){5})\W*")
_SEND_AGAIN = re.compile(
    r"\b(?:otro|nuevo|no (?:me )?(?:llego|ha llegado|llega|recibi)|reenvi\w+|mand\w+|envi\w+)\b.{0,20}\bcodigo\b"
    r"|\bcodigo\b.{0,12}\bno (?:me )?(?:llego|llega|ha llegado|funciona)|\breenvi\w+|^\W*no (?:me )?(?:llego|llega|ha llegado)(?: nada)?\W*$"
)
_BOTH = re.compile(r"\W*(?:quiero )?(?:pagar )?(?:(?P<two>ambas|las dos|los dos)|todas(?: (?:ellas|juntas))?)\W*")
_COUNTS = {"dos": 2, "tres": 3, "cuatro": 4, "cinco": 5}
_N = rf"({'|'.join(_COUNTS)}|[2-9])"
_FIRST_N = re.compile(
    rf"\W*(?:pagar )?las (?:{_N} (primeras|ultimas|mas antiguas|mas viejas)|(primeras|ultimas) {_N})\W*"
)
_AND = re.compile(r"\s*(?:,|&|\+|\by\b|\be\b)\s*")


def commands(said: str) -> bool:
    """Whether this is a wish, rather than an answer in the customer's own words ("why?", "which address?")."""
    return bool(_COMMAND.match(folded(said)))


def answered(said: str, asked: Asked) -> tuple[Act, ...]:
    """The answer to the question on the screen; nothing when it is none."""
    if not (es := folded(said)):
        return ()
    match asked.slot:
        case Slot.CODE if (code := _CODE.fullmatch(es)) is not None:
            return (Tell(Slot.CODE, "".join(ch for ch in code[1] if ch.isdigit())),)
        case Slot.CODE if _SEND_AGAIN.search(es):
            return (Want("send_again"),)
        case Slot.WHY | Slot.ADDRESS | Slot.PHONE | Slot.NICKNAME as slot if not _COMMAND.match(es):
            return (Tell(slot, said),)
        case Slot.INVOICE:
            return _chosen(es, asked)
        case _:
            return ()


def _chosen(es: str, asked: Asked) -> tuple[Act, ...]:
    """Several of the invoices on the screen, by their places: "la 1 y la 3", "las dos primeras", "ambas"."""
    acts = tuple(map(from_button, asked.options))
    picks = [act for act in acts if isinstance(act, Pick) and act.slot is Slot.INVOICE]
    if len(picks) < 2:
        return ()
    if (every := _BOTH.fullmatch(es)) is not None and (len(picks) == 2 or not every["two"]):
        return (Choose(),)
    if (some := _FIRST_N.fullmatch(es)) is not None:
        number, which = some[1] or some[4], some[2] or some[3]
        count = _COUNTS.get(number) or int(number)
        meant = picks[-count:] if which == "ultimas" else picks[:count]
        return (Choose(tuple(act.key for act in meant)),)
    parts = [part for part in _AND.split(es) if part]
    places = [values.ordinal(part) for part in parts]
    meant_acts = [acts[place - 1] for place in places if place and 0 < place <= len(acts)]
    keys = tuple(act.key for act in meant_acts if isinstance(act, Pick) and act.slot is Slot.INVOICE)
    return (Choose(keys),) if len(parts) > 1 and len(keys) == len(parts) else ()


# --- wishes -------------------------------------------------------------------------------------------------------

_HUMAN = re.compile(
    r"\b(?:(?:hablar|hablo|comunic\w+|chatear|contactar\w*) (?:con|a)|(?:pas[ae]|pongan?|conect[ae])me (?:con|a)|human[oa]|persona(?: real| de verdad)?|agente"
    r"|asesora?|operadora?|representante|ejecutiv[oa]|(?:atencion|servicio) al cliente|alguien (?:real|que me)|(?:que )?me llamen|ll[aá]menme|numero de telefono de)\b"
)
_COMPLAINT = re.compile(
    r"\b(?:(?:quiero|necesito|voy a) (?:quejarme|presentar una queja|poner una queja|hacer una queja)|tengo una queja|me quiero quejar"
    r"|(?:pesimo|terrible|horrible|mal|peor) (?:servicio|trabajo)|esto es (?:inaceptable|ridiculo|una burla|una estafa)|(?:mi|un) abogad[oa]|los voy a (?:denunciar|demandar|reportar))\b"
)
_SMALL_TALK = re.compile(
    r"\b(?:como (?:esta|estas|le va|te va)\W*$|como (?:se|te) llamas?|quien (?:es usted|eres)|(?:es|eres) (?:usted )?(?:un |una )?(?:bot|robot|human[oa]|persona|maquina|real|ia)\b|cuent[ea]me un chiste|quien (?:te|lo) hizo)"
)
_WHY_ASKED = re.compile(
    r"\b(?:por que|para que)\b.{0,12}\b(?:necesita\w*|quieren?|piden?|preguntan?|lo pide|debo dar|tengo que dar|dar)\b"
    r"|\b(?:prefiero no (?:decir|dar)|no (?:se lo |te lo )?(?:quiero|voy a|pienso) (?:decir|dar)|no le importa|saltar(?:me)? (?:esto|esta)|puedo (?:saltar|omitir))"
)
_WHAT_FOR = re.compile(r"\W*(?:y )?(?:por|para) que(?: (?:es|lo|eso|sirve))*\W*")
_PERSONAL = frozenset({Slot.PROOF, Slot.ZIP, Slot.NAME, Slot.EMAIL, Slot.CODE})  # what nobody likes to be asked for
_RUDE = re.compile(
    r"\b(?:mierda|idiotas?|estupid[oa]s?|inutil(?:es)?|imbecil(?:es)?|pendej[oa]s?|put[oa]s?|carajo|maldit[oa]s?|basura|que asco|chinga\w*|porqueria)\b"
)
_LONGEST_CURSE = 6  # words: whoever says more than anger is read for what they want
_REFUND = re.compile(
    r"\b(?:reembols\w*|devol(?:ucion|ver|vieran)\w*|devuelv\w+|regres\w+ (?:mi|el) (?:dinero|plata)|(?:mi|el) dinero de (?:vuelta|regreso)|contracargos?)\b"
)
_DISPUTE = re.compile(
    r"\b(?:cobr\w+ (?:\w+ ){0,2}(?:dos veces|2 veces|doble|de mas|demas|mal)|(?:doble|dos veces) (?:el )?(?:cobro|cargo)|(?:cobro|cargo) (?:doble|duplicado|indebido)|disputar?|reclam(?:ar|o)"
    r"|(?:factura|cargo|cobro|esa|esta)\b.{0,12}\bno (?:es mi[ao]|l[ao] reconozco|me corresponde)|no reconozco\b.{0,12}\b(?:factura|cargo|cobro)|(?:nunca|no) (?:vinieron|vino|llegaron|hicieron|hizo|se hizo)(?: (?:el|a hacer el) trabajo)?)\b"
)
_PAID = re.compile(
    r"^\W*(?:no\W+)?(?:pero |si )*(?:yo )?(?:eso |es[ae] (?:factura )?)?(?:ya (?:yo )?(?:l[aoe]s? )?(?:pagu?e|he pagado|habia pagado)|ya (?:esta|quedo|fue) pagad[ao])\b"
)
_IN = r"\W*(?:(?:me|habl\w+|escrib\w+|atiend\w+|quiero|prefiero|mejor|puedes?|podemos|podria|se puede|cambi\w+|idioma|a|en|el) )*"
_IN_SPANISH = re.compile(rf"{_IN}(?:castellano|espanol)(?:,? por favor)?\W*$")
_IN_ENGLISH = re.compile(rf"{_IN}ingles(?:,? por favor)?\W*$")
_NEWS_OF_REQUEST = re.compile(
    r"^\W*(?:ver )?(?:mis|las) (?:solicitudes|reclamos|disputas|casos)\W*$"
    r"|\b(?:como va|que paso con|que hay de|estado de|novedades (?:de|sobre)|noticias (?:de|sobre)|donde esta)\b.{0,12}\b(?:reembolso|devolucion|reclamo|disputa|solicitud|caso)\b"
)
_SIGN_OUT = re.compile(
    r"\b(?:cerrar|cierr\w+|terminar|salir de|salir) (?:con )?(?:mi |la |de |de mi |de la )?(?:sesion|cuenta)\b|\bdesconect\w+"
)
_EVERYWHERE = re.compile(
    r"\btod[oa]s (?:lados|partes|los (?:dispositivos|navegadores|lugares|telefonos))|\botros dispositivos"
)
_NO_REMINDERS = re.compile(
    r"\b(?:no (?:me )?(?:recuerde|recuerden|mande|manden|envie|envien)\b.{0,12}\b(?:recordatorios|mas)|no (?:quiero )?mas recordatorios|(?:deje|dejen) de (?:recordarme|mandarme recordatorios)|(?:detenga|detener|desactive|quite) (?:los |mis )?recordatorios|no me recuerden? mas)\b"
)
_REMIND = re.compile(
    r"^\W*(?:por favor\W+)?(?:recuerdeme(?:lo)? (?:(?:mis|la|mi|las) facturas?|cuando venzan?)|(?:active|activar|vuelva a activar|quiero) (?:los |mis )?recordatorios)(?: por favor)?\W*$"
)
_REMEMBER = re.compile(
    r"\brecuerd\w*(?:me| este (?:navegador|telefono|dispositivo))\b|\brecordarme\b|\b(?:mantener|mantenga|dejar?)\b.{0,10}\bsesion\b"
)
_SIGN_IN = re.compile(
    r"\b(?:inici\w+|abrir|entrar|acceder|ingresar|empezar) (?:(?:mi|la|de|a|en|una) )*(?:sesion|cuenta)\b|\b(?:registrar|identificar)me\b|^\W*(?:mi cuenta|entrar|ingresar|acceder|sesion)\W*$|\bcrear (?:una )?cuenta\b"
)
_LIST = re.compile(
    rf"\b(?:mostrar\w*|muestr\w+|ensen\w+|ver|list\w+|dame|deme|cuales|que|cuantas|mis|todas|hay|tengo)\b.{{0,30}}\b{_INVOICES}\b|^\W*(?:mis |las |los )?{_INVOICES}(?: [a-z0-9]+){{0,4}}\W*$"
    rf"|\b(?:que|cuales?)\b.{{0,14}}\b(?:vencid[ao]s?|pendientes?|atrasad[ao]s?)\b|^\W*(?:quiero )?(?:ver )?(?:(?:la|las|{_INVOICE}|{_INVOICES})) (?:de|del) (?:este |el )?(?:mes|ano|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|setiembre|octubre|noviembre|diciembre)\b"
    r"|^\W*(?:las )?(?:vencidas|atrasadas|pendientes|pagadas)\W*$"
)
_STATUSES: tuple[tuple[re.Pattern[str], InvoiceStatus], ...] = (
    (re.compile(r"\b(?:vencid|atrasad)[ao]s?\b"), InvoiceStatus.OVERDUE),
    (re.compile(r"\b(?:en disputa|disputad[ao]s?|reclamad[ao]s?)\b"), InvoiceStatus.DISPUTED),
    (re.compile(r"\b(?:en proceso|procesando(?:se)?|en camino|pagandose)\b"), InvoiceStatus.PROCESSING),
    (re.compile(r"\b(?:pagad[ao]s? (?:en parte|a medias|parcialmente)|parcialmente)\b"), InvoiceStatus.PARTLY_PAID),
    (re.compile(r"\banulad[ao]s?\b"), InvoiceStatus.VOID),
    (re.compile(r"(?<!no )(?<!no estan )\b(?:pagad[ao]s?|ya pague|que pague)\b"), InvoiceStatus.PAID),
)
_COMING = re.compile(r"\b(?:pr[óo]xim|que viene|siguiente|20[0-9]{2}\b)")
_OPEN = re.compile(r"\b(?:pendientes?|abiert[ao]s?|por pagar|sin pagar|no (?:estan )?pagad[ao]s?|debo)\b")
_DETAIL = re.compile(
    rf"\bpdf\b|\bdetalles? de (?:la|mi|esta|esa|el) ?{_INVOICE}|\bdesglose\b|\b(?:de|por|para) que (?:es|fue|era) (?:la|mi|esta|esa) {_INVOICE}"
    rf"|\b(?:ver|mostrar|muestr\w+|ensen\w+) (?:la |mi )?{_INVOICE} #?\S*[0-9]|\bcopia de (?:la|mi|esta|esa|una) {_INVOICE}"
)
_HISTORY = re.compile(
    r"\bhistorial\b|\b(?:mis|los|ultimos) pagos\b|\bque (?:he pagado|pague|pagos)\b|\bpagos (?:anteriores|pasados|recientes|hechos)\b"
)
_METHODS = re.compile(
    r"\b(?:mis|las|ver|mostrar|muestr\w+|administrar|cuales)\b.{0,16}\b(?:tarjetas|cuentas|(?:formas|metodos|medios) de pago)\b|\b(?:elimin|borr|quit)\w+\b.{0,24}\b(?:tarjeta|cuenta|metodo|visa|mastercard|amex)\b"
    r"|\b(?:tarjetas?|cuentas?|metodos?|formas?(?: de pago)?) (?:que tengo )?(?:guardad|registrad)[ao]s?\b"
)
_TAKEN = re.compile(r"\b(?:acepta\w*|recib\w+|puedo pagar)\b")  # which ways to pay there are, not which are saved
_ON_FILE = re.compile(
    r"\b(?:(?:guardad|registrad)[ao]s?|(?:la|el|mi \w+) de siempre|la misma(?: (?:tarjeta|cuenta))?|la (?:de|que use) la (?:ultima|otra) vez|la que (?:ya )?tienen?)\b"
)
_USING = re.compile(r"\b(?:pag\w+|us(?:o|ar|a|e|emos)|cobr\w+|cargu?\w+|con|desde|a la)\b")
_NEW = re.compile(
    r"\b(?:otra|nueva|distinta|diferente)\b.{0,10}\b(?:tarjeta|cuenta)\b|\b(?:tarjeta|cuenta(?: bancaria| de banco)?) (?:nueva|distinta|diferente)\b"
)
_ENDING = re.compile(
    r"\b(?:terminad[ao]|termina|terminacion)\s*(?:en|con)?\s*([0-9]{4})\b|\bultimos (?:cuatro|4)(?: digitos)?(?: son)? ([0-9]{4})\b"
    r"|\b(?:tarjeta|cuenta|la) ([0-9]{4})$"
)
_ALL_OF_THEM = re.compile(
    rf"\b{_PAYS}\b.{{0,20}}\b(?:ambas|las dos|los dos|todas|todo lo que debo|todo lo pendiente)\b|^\W*todas (?:mis |las )?{_INVOICES}(?: pendientes)?\W*$"
)
_ON_ACCOUNT = re.compile(r"\b(?:a|en) (?:(?:mi|la) )?(?:cuenta|saldo|deuda|adeudo)\b(?! (?:bancaria|de|del))")
_PAYING = re.compile(rf"(?<!sin )(?<!por )\b{_PAYS}\b")
_OLDEST = re.compile(r"\b(?:mas (?:antigu|viej)[ao]s?)\b")
_EVENLY = re.compile(r"\b(?:por igual|partes iguales|repart\w+|proporcional\w*|equitativ\w+)\b")
_BARE_NUMBERS = re.compile(
    rf"\W*(?:{_PAYS} )?(?:las? )?(?:{_INVOICES} )?#?[0-9]{{3,12}}(?:\s*(?:,|&|\+|\by\b|\be\b)\s*(?:la )?#?[0-9]{{3,12}})+\W*"
)
_FIELDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:notificaciones|recordatorios|avisos|correos de ustedes)\b"), "notices"),
    (re.compile(r"\b(?:correo|e-?mail)\b"), "email"),
    (re.compile(r"\b(?:telefono|celular|movil)\b"), "phone"),
    (re.compile(r"\b(?:direccion|domicilio|me mude|calle)\b"), "address"),
    (re.compile(r"\bidioma\b"), "language"),
)
_ALTER = re.compile(
    r"\b(?:cambi\w+|actualiz\w+|edit\w+|correg\w+|corrij\w+|modific\w+|nuev[ao]|me mude|dejar de|no quiero|esta mal)\b"
)
_DETAILS = re.compile(r"\bmis (?:datos|detalles)\b|\bmi (?:perfil|informacion)\b")


def aside(said: str, asked: Asked) -> Act | None:
    """What is said about the asking, not about the payment: to a person, why, small talk, anger."""
    if not (es := folded(said)):
        return None
    if _SMALL_TALK.search(es):
        return Want("small_talk")
    if _HUMAN.search(es):
        return Simple.HUMAN
    if _COMPLAINT.search(es):
        return Want("complain")
    if _WHY_ASKED.search(es) or (asked.slot in _PERSONAL and _WHAT_FOR.fullmatch(es)):
        return Want("why")
    return Want("rude") if _RUDE.search(es) and len(es.split()) <= _LONGEST_CURSE else None


def refund(said: str) -> bool:
    """Whether money back is asked for."""
    return bool(_REFUND.search(folded(said)))


def wishes(said: str, talk: Conversation, today: date | None) -> tuple[Act, ...]:
    """What is wished for about the account, invoices, saved methods or details; nothing when it is none of these."""
    if not (es := folded(said)):
        return ()
    if (plain := _plain(es)) is not None:
        return (plain,)
    numbers = values.invoice_numbers(said, values.INVOICE_PATTERNS)
    if _REFUND.search(es) or _DISPUTE.search(es):
        objection = Want("refund" if _REFUND.search(es) else "dispute")
        return (objection, *(Tell(Slot.INVOICE, number.value) for number in numbers[:1]))
    if (several := _together(said, es, customer=isinstance(talk.scope, Customer))) is not None:
        return several
    if (method := _method(said, es)) is not None:
        return (method,)
    if _DETAIL.search(es):
        return (See(number=numbers[0].value if numbers else ""),)
    if _LIST.search(es) and not _PAYING.search(es):
        return (Show(_filter_of(said, es, today)),)
    return (Want("history"),) if _HISTORY.search(es) else _details(es)


def _plain(es: str) -> Act | None:
    if _SIGN_OUT.search(es):
        return Want("sign_out_everywhere" if _EVERYWHERE.search(es) else "sign_out")
    if _IN_SPANISH.match(es) or _IN_ENGLISH.match(es):
        return Want("spanish" if _IN_SPANISH.match(es) else "english")
    readers = (
        (_NO_REMINDERS, Want("stop_reminders")),
        (_REMIND, Want("remind")),  # before the next: "recuérdeme" alone asks to be remembered
        (_REMEMBER, Want("remember")),
        (_SIGN_IN, Want("sign_in")),
        (_NEWS_OF_REQUEST, Want("requests")),
        (_PAID, Want("status")),
    )
    return next((act for pattern, act in readers if pattern.search(es)), None)


def _together(said: str, es: str, *, customer: bool) -> tuple[Act, ...] | None:
    """All invoices together, several by their numbers, and how a sum is laid over them."""
    if customer and _BARE_NUMBERS.fullmatch(es):
        return (Choose(numbers=tuple(re.findall(r"[0-9]{3,12}", es))),)
    spread = Spread.EVENLY if _EVENLY.search(es) else Spread.OLDEST if _OLDEST.search(es) else None
    on_account = bool(_ON_ACCOUNT.search(es))
    sums = values.amounts(said, "USD", bare=on_account and bool(_PAYING.search(es)))
    if customer and sums and (spread is not None or on_account):
        told = (Tell(Slot.SPREAD, spread),) if spread is not None else ()
        return (Choose(), Tell(Slot.AMOUNT, sums[0].value), *told)
    if spread is not None and customer:
        return (Tell(Slot.SPREAD, spread),)
    return (Choose(),) if _ALL_OF_THEM.search(es) else None


def _method(said: str, es: str) -> Act | None:
    """A saved method, or a new one; or the list of what is saved."""
    if (ending := _ENDING.search(es)) is not None:
        return Named(last4=next(digits for digits in ending.groups() if digits))
    if _NEW.search(es) and (_USING.search(es) or _NEW.fullmatch(es.strip(_EDGES))):
        return New(values.method(said))
    using = bool(_ON_FILE.search(es) and _USING.search(es))
    if _METHODS.search(es) and not using and not _TAKEN.search(es):
        return Want("methods")
    return Named() if _ON_FILE.search(es) else None


def beside_method(said: str) -> str:
    """What is left of a message when the method that it names is taken out of it."""
    if not folded(said):
        return said
    for named in (_ENDING, _ON_FILE, _NEW):
        said = named.sub(" ", said.lower().translate(_ACCENTS))
    return said


def _details(es: str) -> tuple[Act, ...]:
    field = next((name for pattern, name in _FIELDS if pattern.search(es)), None)
    if field is not None and _ALTER.search(es):
        return (Pick(Slot.DETAIL, field),)
    return (Want("details"),) if _DETAILS.search(es) else ()


def _filter_of(said: str, es: str, today: date | None) -> Filter:
    """Which invoices are asked for: by their standing, or by when they were issued: never later than ``today``."""
    since, until = (None, None) if today is None else _days(said, today)
    status = next((status for pattern, status in _STATUSES if pattern.search(es)), None)
    if status is not None:
        return Filter((status,), since, until)
    return Filter((), since, until, payable=bool(_OPEN.search(es)))


def _days(said: str, today: date) -> tuple[date | None, date | None]:
    found = next((found for found in dates(said, today, day_first=True) if found.value.role is Role.DURING), None)
    if found is None:
        return None, None
    first, last = found.value.first, found.value.last
    if first > today and not _COMING.search(said):
        # the name of a month means the next one to come; an invoice of it is of the last one
        return _a_year_before(first), _a_year_before(last)
    return first, last


def _a_year_before(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if leap_day else day.day)


# --- payments -----------------------------------------------------------------------------------------------------

# The button of consent, typed: yes, pay, and a sum, which is read by `values`.
YES_PAY = re.compile(r"(?:sí|si|claro|dale|ok)\W{1,3}(?:por favor )?pag(?:ar|o|ue) (.{1,30}?)\W{0,3}", re.IGNORECASE)
NAMED = re.compile(
    r"\b(?:me llamo|a nombre de|nombre(?: (?:en|de) (?:la|mi) (?:tarjeta|cuenta))? (?:es|sería|seria|a|:))\s*(.+)",
    re.IGNORECASE,
)
_CUE = re.compile(
    rf"\b(?:{_PAYS}|solo|solamente|nada mas|mejor|que sean|sean|pong[ao]|pon|cambi\w+ a|que pague|seria|son)\b"
)
_CHANGE = re.compile(
    r"\b(?:cambi\w+|edit\w+|corrij\w+|correg\w+|actualiz\w+|modific\w+|mal|equivocad[ao]|incorrect[ao]|otr[ao]s?|distint[ao]s?|diferente|erroneo|no es (?:el|la|mi|ese|esa))\b"
)
_SLOTS: tuple[tuple[re.Pattern[str], Slot], ...] = (
    (re.compile(r"\b(?:monto|cantidad|importe|suma|total)\b"), Slot.AMOUNT),
    (re.compile(r"\b(?:codigo postal|postal|zip)\b"), Slot.ZIP),
    (re.compile(r"\b(?:nombre|titular)\b"), Slot.NAME),
    (re.compile(r"\b(?:metodo|forma|manera|medio|tarjeta|banco|cuenta)\b"), Slot.METHOD),
    (re.compile(r"\b(?:facturas?|recibos?|numero)\b"), Slot.INVOICE),
)
_DROP = re.compile(
    r"\b(?:cancel(?:ar|a|e|en|alo|elo|arlo|acion)|anul(?:ar|a|e|en)|deten(?:er|ga|gan)|par(?:ar|e|en) (?:el|mi|este) pago)\b"
)
_NOT_DROP = re.compile(r"\bno\b.{0,14}\b(?:cancel|anul|deten)")
# "cancelar una deuda" is to pay it
_CANCELS_A_DEBT = re.compile(
    r"\bcancelar(?: (?:mi|la|el|esta|una|toda))* (?:deuda|saldo|factura|recibo|adeudo)|\bcancelar lo que debo"
)
_HOW = re.compile(r"^\W*(?:y )?(?:como|puedo|se puede|podria|podemos)\b")
_STATUS = re.compile(
    r"^\W*(?:y|entonces|bueno)?\W*(?:que paso|y ahora|alguna novedad|hay novedades|como (?:le |me )?fue|funciono)\W*$|"
    r"\b(?:mi|el|un) pago\b.{0,30}\b(?:llego|paso|recib\w+|entro|aparece|reflej\w+|proces\w+|estado|hizo|realizo|fue)\b|\b(?:llego|paso|recibieron|entro|aparece|refleja|estado|donde esta|que paso con|como va)\b.{0,20}\b(?:pago|dinero|transferencia)\b"
    r"|\b(?:se|me) (?:cobro|cobraron) (?:algo|ya)\b|\bya (?:se|me) cobr\w+|\bya (?:esta|quedo|se) (?:pag\w+|list[ao]|hecho)|\bya (?:l[ao] )?pagu?e\b"
)
_BALANCE = re.compile(
    r"\b(?:cuanto|que|lo que)\b.{0,14}\b(?:debo|se debe|deb(?:e|en|emos)|tengo que pagar|falta|queda)\b|\bcuanto (?:es|sale|seria|hay)\b|\b(?:saldo|adeudo)\b"
    r"|\bcuando (?:se )?(?:vence|tengo que pagar|debo pagar)|\bfecha (?:limite|de vencimiento|de pago)\b"
)
_PAY = re.compile(rf"\b(?:{_PAYS}|pagos?|{_INVOICE})\b")


def cue(said: str) -> bool:
    """Whether a bare number in this message is a sum: "mejor 50", "cambialo a 50"."""
    return bool(_CUE.search(folded(said)))


def pays(said: str) -> bool:
    """Whether this message is about paying something."""
    return bool(_PAY.search(folded(said)))


def about_own(said: str) -> bool:
    """Whether this asks how the customer's own payment or balance stands, which no help article knows."""
    es = folded(said)
    return bool(_STATUS.search(es) or _BALANCE.search(es))


def changing(said: str) -> Slot | None:
    """The slot that the customer wants to change without saying to what."""
    es = folded(said)
    if not _CHANGE.search(es):
        return None
    return next((slot for pattern, slot in _SLOTS if pattern.search(es)), None)


def wished(said: str, *, idle: bool) -> tuple[Act, ...]:
    """What is wanted in a message that tells nothing. ``idle``: no task is running."""
    if not (es := folded(said)):
        return ()
    if idle and _CANCELS_A_DEBT.search(es):
        return (Want("pay"),)
    if _DROP.search(es):
        if _HOW.search(es):
            return (Want("help"),)
        return (Simple.REPEAT if _NOT_DROP.search(es) else Simple.DROP,)
    if (slot := changing(said)) is not None:
        return (Change(slot),)
    if _STATUS.search(es):
        return (Want("status"),)
    if _BALANCE.search(es):
        return (Want("balance"),)
    return (Want("pay"),) if _PAY.search(es) else ()
