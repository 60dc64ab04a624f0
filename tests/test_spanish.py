"""Spanish as customers in the US write it: with and without accents, misspelled, and mixed with English."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bot.settings import CONFIG
from bot.wording import Wording, money
from dialogs.conversation import Asked, Conversation
from dialogs.model import Change, Choose, Listed, Named, New, Pick, Say, See, Show, Simple, Slot, Tell, Want
from dialogs.reading import spanish, values
from dialogs.reading.buttons import to_button
from dialogs.reading.languages import language
from dialogs.reading.words import LENT, SLIPS_ES, SMALL, TELLING
from services.errors import Misconfigured
from services.model import Customer, Filter, InvoiceStatus, Method, Money, Spread

TODAY = date(2026, 3, 2)
AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
STRANGER = Conversation("web:one", "e")
CUSTOMER = Conversation("web:one", "e", scope=Customer("c", AT, "web:one", AT + timedelta(hours=12)))

# --- which language -----------------------------------------------------------------------------------------------

SPANISH = """
hola|buenos días|quiero pagar|quiero pagar mi factura|pagar con tarjeta|la segunda|sí, adelante|no, cámbialo a 50
cuánto debo|cual es mi saldo|ya pague la semana pasada|la mitad|todo|el mínimo|facturas vencidas|las de marzo
iniciar sesion|cerrar sesión|mis tarjetas guardadas|quiero un reembolso|me cobraron dos veces|hablar con una persona
cancelar|empezar de nuevo|repítelo|gracias|adiós|cincuenta dólares|por favor|claro|está bien|otra vez
¿me pueden ayudar?|con la tarjeta de siempre|no me llegó el código|cambiar mi dirección|cuándo vence|mi código postal es 94107
"""
ENGLISH = """
hi|hello there|pay my invoice|I want to pay by card|the second one|yes, go ahead|no, make it 50|what do I owe
my balance|i already paid last week|half|everything|the minimum|overdue invoices|the ones from march|sign in|log out
my saved cards|I want a refund|i was charged twice|talk to a person|cancel|start over|repeat that|thanks|bye
fifty bucks|please|sure|that's fine|again|can you help me|use the card on file|i didn't get the code|change my address
when is it due|my zip is 94107
"""
EITHER = """
ok|no|50|$50|1.250,00|94107|INV-1042|visa|Visa 4242|total|me|👍|?|Dana Whitfield|Maria Garcia|Los Angeles
12 La Cienega Blvd|San José|dana@example.com|123456|pin|a|zzz|Netflix|10/12|#3
"""


def _each(lines: str) -> list[str]:
    return [said for line in lines.split("\n") for said in line.split("|") if said]


@pytest.mark.parametrize(("said", "told"), [
    *((said, "es") for said in _each(SPANISH)),
    *((said, "en") for said in _each(ENGLISH)),
    *((said, None) for said in _each(EITHER)),
])  # fmt: skip
def test_the_language_of_a_short_message(said, told):
    assert language(said) == told
    assert language(said.upper()) == told


def test_a_hundred_short_messages_were_tried():
    assert len(_each(SPANISH) + _each(ENGLISH) + _each(EITHER)) >= 100


@pytest.mark.parametrize(
    ("said", "spoken"), [("gracias", "en"), ("muchas gracias", "en"), ("cancel", "es"), ("bye", "es")]
)
def test_a_word_that_everybody_uses_changes_no_language(said, spoken):
    assert language(said, spoken) is None
    assert language(said) is not None


@pytest.mark.parametrize(
    ("said", "spoken", "told"),
    [("tarjeta", "en", "es"), ("card please", "es", "en"), ("hola", "en", "es"), ("hello", "es", "en")],
)
def test_one_plain_word_is_enough_to_go_on_in_another_language(said, spoken, told):
    assert language(said, spoken) == told


def test_a_message_with_as_much_of_both_is_in_neither():
    assert language("pagar invoice") is None
    assert language("my name is María de la Cruz") is None or language("my name is María de la Cruz") == "en"


def test_the_tables_of_words_are_as_they_are_looked_up():
    assert all(word == word.lower() and word.isalpha() for word in {*TELLING, *SMALL, *LENT} - {"¿", "¡"})
    assert TELLING.keys().isdisjoint(SMALL)
    assert set(SLIPS_ES) & set(SLIPS_ES.values()) == set()  # no slip of a slip


# --- whole messages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "act"), [
    ("cancelar", Simple.DROP), ("¡Cancélalo!", Simple.DROP), ("canselar", Simple.DROP), ("cancele el pago por favor", Simple.DROP),
    ("olvídelo", Simple.DROP), ("ya no quiero pagar", Simple.DROP), ("más tarde", Simple.DROP),
    ("empezar de nuevo", Simple.RESTART), ("empecemos otra vez", Simple.RESTART), ("volver a empezar", Simple.RESTART),
    ("desde el principio", Simple.RESTART), ("empesar de nuevo", Simple.RESTART),
    ("repítelo", Simple.REPEAT), ("repita por favor", Simple.REPEAT), ("¿me lo puede repetir?", Simple.REPEAT),
    ("¿Cómo?", Simple.REPEAT), ("otra vez", Simple.REPEAT), ("no entendí", Simple.REPEAT), ("¿en qué estábamos?", Simple.REPEAT),
    ("sigo aquí", Simple.REPEAT),
    ("hola", Simple.GREET), ("Hola, buenos días", Simple.GREET), ("buenas", Simple.GREET), ("ola", Simple.GREET),
    ("gracias", Simple.THANK), ("muchas gracias", Simple.THANK), ("ok, mil gracias", Simple.THANK), ("muy amable", Simple.THANK),
    ("grasias", Simple.THANK), ("gracias por su ayuda", Simple.THANK),
    ("adiós", Simple.GOODBYE), ("hasta luego", Simple.GOODBYE), ("gracias, adiós", Simple.GOODBYE), ("que tenga buen día", Simple.GOODBYE),
    ("pagar", Want("pay")), ("quiero pagar", Want("pay")), ("kiero pagar", Want("pay")), ("quisiera pagar ahora", Want("pay")),
    ("intentar de nuevo", Want("pay")),
    ("estado de mi pago", Want("status")), ("¿alguna novedad?", Want("status")),
    ("mi saldo", Want("balance")), ("¿cuál es mi saldo?", Want("balance")),
    ("ayuda", Want("help")), ("¿qué puedo hacer aquí?", Want("help")), ("alluda", Want("help")),
    ("mándeme el enlace", Want("link")), ("el link no funciona", Want("link")),
    ("elegir varias", Want("several")), ("son todas", Want("enough")),
])  # fmt: skip
def test_a_whole_message_that_says_one_thing(said, act):
    assert spanish.whole(said) == act


@pytest.mark.parametrize("said", [
    "cancel", "start over", "hello", "what do I owe", "50", "94107", "", "ok", "no", "Dana Whitfield", "para Dana",
    "no cancele el pago", "la segunda", "la mitad", "cancelar mi deuda", "k",
])  # fmt: skip
def test_what_is_no_whole_message_of_these(said):
    assert spanish.whole(said) is None


@pytest.mark.parametrize("said", [
    "cancel", "pay my invoice", "show my invoices", "I want a refund", "talk to a person", "my saved cards", "change the amount",
    "sign in", "what do I owe", "did my payment go through", "Dana Whitfield", "100 Main Street", "a person", "session", "k",
])  # fmt: skip
def test_the_spanish_rules_are_silent_about_english(said):
    assert spanish.folded(said) == ""
    assert spanish.whole(said) is None
    assert (
        spanish.wishes(said, CUSTOMER, TODAY)
        == spanish.wished(said, idle=True)
        == spanish.answered(said, Asked())
        == ()
    )
    assert not any(reads(said) for reads in (spanish.refund, spanish.cue, spanish.pays, spanish.changing))
    assert spanish.beside_method(said) == said
    assert spanish.aside(said, Asked()) is None


# --- wishes -------------------------------------------------------------------------------------------------------

OVERDUE = Filter((InvoiceStatus.OVERDUE,))
FEBRUARY = Filter((), date(2026, 2, 1), date(2026, 2, 28))


@pytest.mark.parametrize(("said", "act"), [
    ("iniciar sesión", Want("sign_in")), ("quiero entrar a mi cuenta", Want("sign_in")), ("inisiar sesion", Want("sign_in")),
    ("cerrar sesión", Want("sign_out")), ("cerrar mi sesion en todos los dispositivos", Want("sign_out_everywhere")),
    ("recuérdame en este navegador", Want("remember")), ("mantener la sesión aquí", Want("remember")),
    ("ya pagué la semana pasada", Want("status")), ("ya pague", Want("status")), ("no, ya la pagué", Want("status")),
    ("ya está pagada", Want("status")), ("mis solicitudes", Want("requests")), ("¿cómo va mi reembolso?", Want("requests")),
    ("quiero un reembolso", Want("refund")), ("devuélvanme mi dinero", Want("refund")), ("quiero un rembolso", Want("refund")),
    ("me cobraron dos veces", Want("dispute")), ("no reconozco este cargo", Want("dispute")), ("nunca vinieron", Want("dispute")),
    ("mis tarjetas guardadas", Want("methods")), ("mis targetas guardadas", Want("methods")), ("eliminar mi tarjeta", Want("methods")),
    ("con la tarjeta guardada", Named()), ("pagar con la de siempre", Named()), ("la terminada en 4242", Named(last4="4242")),
    ("con la tarjeta terminada en 4242", Named(last4="4242")), ("pagar con otra tarjeta", New(Method.CARD)),
    ("otra tarjeta", New(Method.CARD)), ("usar una cuenta bancaria nueva", New(Method.BANK)),
    ("mis facturas", Show()), ("muéstreme mis facturas", Show()), ("ver las facturas pendientes", Show(Filter(payable=True))),
    ("facturas vencidas", Show(OVERDUE)), ("facturas vensidas", Show(OVERDUE)), ("¿cuáles están vencidas?", Show(OVERDUE)),
    ("facturas pagadas", Show(Filter((InvoiceStatus.PAID,)))), ("facturas sin pagar", Show(Filter(payable=True))),
    ("las de febrero", Show(FEBRUARY)), ("facturas del mes pasado", Show(FEBRUARY)),
    ("las de abril", Show(Filter((), date(2025, 4, 1), date(2025, 4, 30)))),
    ("las facturas del próximo mes", Show(Filter((), date(2026, 4, 1), date(2026, 4, 30)))),
    ("muéstreme la factura 1053", See(number="1053")), ("desglose de la factura 1053", See(number="1053")),
    ("en español por favor", Want("spanish")), ("¿habla español?", Want("spanish")), ("mejor en inglés", Want("english")),
    ("mi historial", Want("history")), ("mis pagos anteriores", Want("history")),
    ("mis datos", Want("details")), ("cambiar mi correo", Pick(Slot.DETAIL, "email")), ("me mudé", Pick(Slot.DETAIL, "address")),
    ("cambiar el idioma", Pick(Slot.DETAIL, "language")), ("nuevo teléfono", Pick(Slot.DETAIL, "phone")),
    ("pagar todas mis facturas", Choose()), ("quiero pagar todo lo que debo", Choose()), ("pagar las dos", Choose()),
    ("pagar 1031 y 1053", Choose(numbers=("1031", "1053"))), ("por igual", Tell(Slot.SPREAD, Spread.EVENLY)),
    ("primero la más antigua", Tell(Slot.SPREAD, Spread.OLDEST)),
])  # fmt: skip
def test_a_wish_about_the_account(said, act):
    assert spanish.wishes(said, CUSTOMER, TODAY)[0] == act


def test_a_sum_on_account_goes_over_all_invoices():
    hundred = Tell(Slot.AMOUNT, Money(10000, "USD"))
    assert spanish.wishes("abonar 100 a mi cuenta", CUSTOMER, TODAY) == (Choose(), hundred)
    spread = (Choose(), hundred, Tell(Slot.SPREAD, Spread.OLDEST))
    assert spanish.wishes("abonar $100 a mi cuenta, la más antigua primero", CUSTOMER, TODAY) == spread
    assert spanish.wishes("abonar 100 a mi cuenta", STRANGER, TODAY) == ()


def test_an_objection_takes_the_invoice_it_is_about():
    said = "me cobraron dos veces la factura INV-1042"
    assert spanish.wishes(said, CUSTOMER, TODAY) == (Want("dispute"), Tell(Slot.INVOICE, "INV-1042"))


@pytest.mark.parametrize("said", ["las de febrero", "facturas de febrero"])
@pytest.mark.parametrize("today", [date(2027, 12, 31), date(2028, 1, 1), date(2028, 2, 29)])
def test_an_invoice_of_a_month_is_never_one_to_come(said, today):
    (show,) = spanish.wishes(said, CUSTOMER, today)
    assert show.filter.since <= today
    assert show.filter.since.month == show.filter.until.month == 2


@pytest.mark.parametrize(("said", "act"), [
    ("¿cuánto debo?", Want("balance")), ("cuanto devo", Want("balance")), ("cuándo vence mi factura", Want("balance")),
    ("¿ya llegó mi pago?", Want("status")), ("¿se cobró algo?", Want("status")),
    ("quiero cancelar el pago", Simple.DROP), ("no cancele el pago", Simple.REPEAT), ("¿cómo cancelo mi pago? cancelar", Want("help")),
    ("cambiar el monto", Change(Slot.AMOUNT)), ("el monto está mal", Change(Slot.AMOUNT)), ("otro nombre", Change(Slot.NAME)),
    ("cambiar el código postal", Change(Slot.ZIP)), ("cambiar la forma de pago", Change(Slot.METHOD)),
    ("pagar otras facturas", Change(Slot.INVOICE)), ("quiero hacer un pago de mi factura", Want("pay")),
])  # fmt: skip
def test_a_wish_about_the_payment(said, act):
    assert spanish.wished(said, idle=False) == (act,)


def test_to_cancel_a_debt_is_to_pay_it_unless_a_payment_runs():
    assert spanish.wished("quiero cancelar mi deuda", idle=True) == (Want("pay"),)
    assert spanish.wished("quiero cancelar mi deuda", idle=False) == (Simple.DROP,)


@pytest.mark.parametrize("said", [
    "quiero hablar con una persona", "ablar con alguien", "comuníqueme con un agente", "páseme con un asesor", "una persona real",
    "atención al cliente", "que me llamen",
])  # fmt: skip
def test_who_asks_for_a_person_is_heard(said):
    assert spanish.aside(said, Asked()) is Simple.HUMAN


@pytest.mark.parametrize(("said", "act"), [
    ("¿por qué necesita mi código postal?", Want("why")), ("¿para qué?", Want("why")), ("prefiero no decirlo", Want("why")),
    ("no quiero dar mi correo", Want("why")), ("¿cómo está?", Want("small_talk")), ("¿es usted un robot?", Want("small_talk")),
    ("esto es una mierda", Want("rude")), ("son unos inútiles", Want("rude")),
    ("¿por qué me cobraron?", None), ("ustedes son unos idiotas y quiero saber cuánto debo ya", None), ("¿cómo pago?", None),
])  # fmt: skip
def test_what_is_said_about_the_asking(said, act):
    assert spanish.aside(said, Asked(Slot.ZIP)) == act


def test_what_for_is_about_the_question_only_where_it_asks_for_something_personal():
    assert spanish.aside("¿para qué es?", Asked(Slot.CONSENT)) is None


# --- answers ------------------------------------------------------------------------------------------------------

PICKS = tuple(to_button(Pick(Slot.INVOICE, key)) for key in ("aaaa", "bbbb", "cccc"))
WHICH = Asked(Slot.INVOICE, (*PICKS, to_button(Choose())))


@pytest.mark.parametrize(("said", "keys"), [
    ("la 1 y la 3", ("aaaa", "cccc")), ("la primera y la tercera", ("aaaa", "cccc")),
    ("las dos primeras", ("aaaa", "bbbb")), ("las 2 últimas", ("bbbb", "cccc")), ("las primeras dos", ("aaaa", "bbbb")),
    ("todas", ()), ("pagar todas", ()),
])  # fmt: skip
def test_several_invoices_are_chosen_by_their_places(said, keys):
    assert spanish.answered(said, WHICH) == (Choose(keys),)


def test_both_means_two():
    assert spanish.answered("ambas", WHICH) == ()
    assert spanish.answered("ambas", Asked(Slot.INVOICE, PICKS[:2])) == (Choose(),)
    assert spanish.answered("las dos", Asked(Slot.INVOICE, PICKS[:1])) == ()


def test_a_code_and_another_code():
    assert spanish.answered("el código es 123 456", Asked(Slot.CODE)) == (Tell(Slot.CODE, "123456"),)
    for said in ("no me llegó", "no me llego el codigo", "mándeme otro código", "reenviar"):
        assert spanish.answered(said, Asked(Slot.CODE)) == (Want("send_again"),)


def test_a_reason_in_the_customers_own_words_is_kept_as_it_is_typed():
    said = "Ya lo había pagado con cheque el día 3"
    assert spanish.answered(said, Asked(Slot.WHY)) == (Tell(Slot.WHY, said),)
    assert spanish.commands("quiero pagar la factura 1042")
    assert spanish.answered("quiero pagar la factura 1042", Asked(Slot.WHY)) == ()


@pytest.mark.parametrize(("said", "place"), [
    ("la segunda", 2), ("la segunda por favor", 2), ("la dos", 2), ("número 2", 2), ("la última", -1), ("la primera factura", 1),
    ("la 3ra", 3), ("quiero la tercera", 3), ("la de abajo", -1), ("un momento", None), ("la mitad", None), ("un", None),
])  # fmt: skip
def test_a_place_in_a_list(said, place):
    assert values.ordinal(said) == place


@pytest.mark.parametrize(("said", "share"), [
    ("todo", "all"), ("todo por favor", "all"), ("páguelo todo", "all"), ("todo el saldo", "all"), ("la mitad", "half"),
    ("mejor la mitad", "half"), ("el mínimo", "minimum"), ("lo menos posible", "minimum"), ("todo bien", None), ("todos", None),
])  # fmt: skip
def test_a_share_of_what_is_due(said, share):
    assert values.share(said) == share


@pytest.mark.parametrize(("said", "method"), [
    ("quiero pagar con tarjeta", Method.CARD), ("con targeta de credito", Method.CARD), ("tarjeta no, banco", Method.BANK),
    ("no con tarjeta, con el banco", Method.BANK), ("no, con tarjeta", Method.CARD), ("desde mi cuenta de banco", Method.BANK),
    ("tarjeta o banco", None),
])  # fmt: skip
def test_a_way_to_pay(said, method):
    assert values.method(said) is method


@pytest.mark.parametrize(("said", "answer"), [
    ("sí, adelante", True), ("si", True), ("sii", True), ("claro que sí", True), ("así está bien", True), ("autorizo", True),
    ("dale, gracias", True), ("no", False), ("así no", False), ("por ahora no", False), ("no, gracias", False),
    ("sí, pero la mitad", None), ("¿sí?", None), ("sí, no", None), ("si no llega", None),
])  # fmt: skip
def test_yes_and_no(said, answer):
    assert values.yes_no(said) is answer


@pytest.mark.parametrize(("said", "name"), [
    ("me llamo Ana María Gómez", "Ana María Gómez"), ("a nombre de José Núñez por favor", "José Núñez"),
    ("mi nombre es Ana", "Ana"), ("Ana", "Ana"), ("quiero cambiar el monto", None), ("¿por qué?", None), ("ayuda", None),
])  # fmt: skip
def test_a_name(said, name):
    assert values.name(said) == name


@pytest.mark.parametrize(
    "said", ["mi código postal es 94107", "código postal: 94107", "codigo postal 94107", "94107 es mi código postal"]
)
def test_a_zip_that_is_called_so(said):
    assert [code.value for code in values.zips(said)] == ["94107"]


def test_a_code_that_was_mailed_is_no_zip():
    assert values.zips("el código es 123456") == ()


@pytest.mark.parametrize("said", ["factura 1042", "la factura número 1042", "mi recibo no. 1042", "factura nro 1042"])
def test_an_invoice_number_that_is_called_so(said):
    assert [number.value for number in values.invoice_numbers(said)] == ["1042"]


@pytest.mark.parametrize(("said", "minor"), [
    ("cincuenta dólares", 5000), ("50 dolares", 5000), ("1.250,00", 125000), ("no, cámbialo a 50", 5000),
    ("doscientos cincuenta", 25000), ("treinta y cinco dólares con veinte centavos", 3520), ("mil doscientos", 120000),
])  # fmt: skip
def test_a_sum(said, minor):
    assert [found.value for found in values.amounts(said, "USD", bare=True)] == [Money(minor, "USD")]


# --- what is said -------------------------------------------------------------------------------------------------

SPEAKS = {name: Wording.load(CONFIG / "wording" / f"{name}.toml", UTC) for name in ("en", "es")}


def test_a_sum_reads_the_same_in_both_languages():
    for amount in (Money(125000, "USD"), Money(5, "USD"), Money(802, "JPY")):
        english, spanish_ = (each.say(Say("plain", {"text": amount})) for each in SPEAKS.values())
        assert english == spanish_
    assert SPEAKS["es"].say(Say("plain", {"text": Money(125000, "USD")})) == "$1,250.00"
    assert SPEAKS["es"].say(Say("plain", {"text": Money(125000, "EUR")})) == "EUR\N{NO-BREAK SPACE}1,250.00"
    assert SPEAKS["es"].say(Say("plain", {"text": date(2026, 2, 9)})) == "9 feb 2026"
    assert money(Money(100, "USD"), SPEAKS["es"]._babel) == "$1.00"


@pytest.mark.parametrize("name", SPEAKS)
def test_one_thing_is_not_counted_like_several(name):
    rows = Listed((Say("plain", {"text": "x"}),))
    one, two, none = (SPEAKS[name].say(Say("invoices_all", {"count": count, "rows": rows})) for count in (1, 2, 0))
    assert "(1)" not in one
    assert "(2)" in two
    assert "(0)" in none
    assert SPEAKS[name].say(Say("what_several", {"count": 1, "parts": "x"})).split()[2].rstrip("s") in (
        "invoice",
        "factura",
    )


def test_a_plural_form_that_is_left_out_reads_like_other():
    speaks = Wording("es", {"k": {"one": "una", "other": "{count} cosas"}}, UTC)
    assert [speaks.say(Say("k", {"count": count})) for count in (0, 1, 2, 1_000_000)] == [
        "0 cosas",
        "una",
        "2 cosas",
        "1000000 cosas",
    ]
    assert speaks.keys() == {"k"}


@pytest.mark.parametrize(
    "forms", [{"one": "x"}, {"other": "x", "few": "y"}, {"other": ""}, {"other": 1}, {"other": "{"}, "", 3, ["x"]]
)
def test_a_table_that_is_none_of_plural_forms_does_not_load(forms):
    with pytest.raises(Misconfigured, match="wording k"):
        Wording("en", {"k": forms}, UTC)
