"""The words of English that the readers know, as plain tables: another language is another set of these.

Only words and what they mean live here; how they are looked for stands in `amounts`, `answers` and `values`.
All are in small letters, and without apostrophes ("dont") where whole answers are compared.
"""

from typing import Literal

from services.model import Method


def _words(line: str) -> tuple[str, ...]:
    return tuple(line.split())


def _phrases(line: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in line.split(","))


# --- money --------------------------------------------------------------------------------------------------------

# The currencies that a sign or word may mean, the usual one first; the invoice's is taken if it is among them.
_DOLLARS = _words("USD AUD CAD HKD MXN NZD SGD TWD")
SIGNS = {
    "$": _DOLLARS,
    "us$": ("USD",),
    **dict.fromkeys(("c$", "ca$"), ("CAD",)),
    **dict.fromkeys(("a$", "au$"), ("AUD",)),
    "nz$": ("NZD",),
    "hk$": ("HKD",),
    "s$": ("SGD",),
    "€": ("EUR",),
    "£": ("GBP", "EGP"),
    "¥": ("JPY", "CNY"),
    "₹": ("INR",),
    "₪": ("ILS",),
    "₩": ("KRW",),
    "₫": ("VND",),
    "₱": ("PHP",),
}
CURRENCIES = {
    **dict.fromkeys(
        _words("dollar dollars buck bucks dolar dolars doller dollers dollors dólar dólares dolares"), _DOLLARS
    ),
    **dict.fromkeys(_words("euro euros"), ("EUR",)),
    **dict.fromkeys(_words("pound pounds quid sterling"), ("GBP", "EGP")),
    **dict.fromkeys(_words("yen"), ("JPY",)),
    **dict.fromkeys(_words("yuan rmb"), ("CNY",)),
    **dict.fromkeys(_words("franc francs"), ("CHF",)),
    **dict.fromkeys(_words("rupee rupees rs"), ("INR",)),
    **dict.fromkeys(_words("kr krone kroner krona kronor"), ("SEK", "NOK", "DKK", "ISK")),
    **dict.fromkeys(_words("zł zloty zlotys"), ("PLN",)),
    **dict.fromkeys(_words("peso pesos"), ("MXN", "ARS", "CLP", "COP", "PHP")),
}
CENTS = ("cent", "cents", "centavo", "centavos", "céntimos")
# ISO 4217 codes in capitals, and those that are no word or name ("pay ron 50") in small letters too.
CODES = frozenset(
    _words(
        "AED ARS AUD BGN BHD BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JOD JPY KES KRW KWD "
        "MAD MXN MYR NGN NOK NZD OMR PEN PHP PKR PLN QAR RON SAR SEK SGD THB TND TRY TWD UAH USD VND ZAR"
    )
)
CODES_IN_SMALL = frozenset(
    _words("aed aud brl cad chf czk dkk eur gbp hkd huf inr jpy kwd mxn nok nzd pln sek sgd usd zar")
)
# Where 1.250 is one thousand two hundred and fifty, and how 1 250 is followed where it is the same.
DOT_GROUPS = frozenset(_words("EUR DKK NOK SEK ISK CZK PLN HUF RON BRL ARS CLP COP"))
SPACED = ("€", "zł", r"(?:kr|eur|euros?|nok|sek|dkk|pln|czk)\b")

ONES = {word: n for n, word in enumerate(_words("one two three four five six seven eight nine"), start=1)}
TEENS = {
    word: n
    for n, word in enumerate(
        _words("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"), start=10
    )
}
TENS = {
    **{word: 10 * n for n, word in enumerate(_words("twenty thirty forty fifty sixty seventy eighty ninety"), start=2)},
    "fourty": 40,
    "ninty": 90,
}
NUMBERS = {"a": 1, "an": 1, "zero": 0, **ONES, **TEENS, **TENS}
SCALES = {"hundred": 100, "thousand": 1000, "grand": 1000, "k": 1000}
SPELLED = frozenset({*NUMBERS, *SCALES} - {"a", "an", "k"})  # without one of these there is no number in words
# In Spanish, from the largest to the smallest; "y" stands between tens and ones.
HUNDREDS_ES = {
    "cien": 100,
    "ciento": 100,
    **{
        word: 100 * n
        for n, word in enumerate(
            _words("doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"), 2
        )
    },
}
TENS_ES = {
    word: 10 * n for n, word in enumerate(_words("treinta cuarenta cincuenta sesenta setenta ochenta noventa"), start=3)
}
TEENS_ES = {
    word: n
    for n, word in enumerate(
        _words(
            "diez once doce trece catorce quince dieciseis diecisiete dieciocho diecinueve veinte veintiuno veintidos"
        )
        + _words("veintitres veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve"),
        start=10,
    )
} | {"dieciséis": 16, "veintiún": 21, "veintidós": 22, "veintitrés": 23, "veintiséis": 26}
ONES_ES = {word: n for n, word in enumerate(_words("uno dos tres cuatro cinco seis siete ocho nueve"), start=1)} | {
    "un": 1
}
SPELLED_ES = {**HUNDREDS_ES, **TENS_ES, **TEENS_ES, **ONES_ES, "mil": 1000}
VAGUE = frozenset(_words("couple few several"))  # a few hundred is no sum

MONTHS = _words(
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
MONTHS_ES = _words("enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre")
# A bare number beside one of these is not a sum.
NOT_MONEY_BEFORE = frozenset(
    _words(
        "factura facturas recibo número numero código codigo postal paso opción opcion cuenta tarjeta termina terminada"
    )
    + _words(
        "account acct number num no nr invoice invoices inv bill zip code postcode ending ends digits option choice"
    )
    + _words("step past card routing phone cvc cvv exp")
    + MONTHS
)
NOT_MONEY_AFTER = frozenset(
    _words("percent million billion am pm day days week weeks month months year years hour hours minute minutes time")
    + _words("times th st nd rd invoice invoices bill bills payment payments installments instalments people cards")
    + _words(
        "digits facturas cuotas veces días dias semanas meses años pagos plazos personas tarjetas cuentas dígitos digitos"
    )
    + MONTHS
    + MONTHS_ES
)
NUMBERS_BESIDES = frozenset({"once"})  # the Spanish eleven is an English word: alone it is no sum
# Regular expressions, for whole sentences: before or behind a bare number they make it a sum.
SUM_BEFORE = (
    r"tran\w*f\w*r\w*|send(?:ing)?|sent|pay(?:ing|ed)?|paid|amounts?|amt|charg\w+|spen[dt]\w*|purchas\w+|costs?|price|total",
    r"balance|limit|has|worth|deposit\w*|withdr[ae]w\w*|refund\w*|debited|credited|deducted|billed|than|owe|mentioned",
    r"make (?:it|that|the)|change (?:it|that)|should be|meant|add|show(?:s|ed|ing)?|put|take|just|only|remitt?|transactions?",
    r"abonar|abono|pagar|pago|monto|importe|cantidad|cobraron|cobró|transferir|enviar|debo|solo|sean|serían|quise decir",
)
SUM_BETWEEN = (
    r"of|is|as|for|the|a|an|it|be|me|was|were|to|up|by|about|around|exactly|only|just|over|amount|transactions?|charged?|more",
    r"payment|money|my|bill|should|than|less|que|de|por|un|total|approximately|being|will|i|not|actually|additionally",
)
SUM_AFTER = (
    r"(?:i |is |have )*(?:need|want|wanna|have)s? ?(?:to )?(?:be )?tran\w*f\w*r\w*|to (?:be )?transfer\w*|transfer\w*|charge",
    r"(?:has |is |was |have )?(?:been )?charged|money|on my (?:invoice|bill|account)|towards?|out of|into (?:my|the)|but it shows",
    r"from (?:my|the|savings?|checking|account|[0-9]{4})|de mi factura|a mi cuenta",
)
# Behind a bare number of a sentence stands one of these or nothing; another word is what it counts.
SUM_GOES_ON = _words(
    "to from and but on at for please pls in into as by not has have had is was will be it i they he she only ok okay now so "
    "then out towards toward transfer transfered transferred charged charge money instead because since until each every "
    "per with via using back off of this that which my the more need want wanna yesterday today tomorrow last next thanks "
    "approximately additionally a can could would amount por para de en y pero al el la hoy ayer"
)
# Before a number that names an account, not a sum.
ACCOUNT = (
    r"(?:account|acct|acc|ac|a/c|accounts|cuenta)(?: ?(?:numbers?|numbet|num|no|nr|ends?|ending|ended|with|in|is|of|número|numero|af|my|actually))*",
    r"(?:last (?:four|4)|digits?|checking|savings?)(?: (?:is|are|of|digits?|account|acc|acct|number|on|that|one|my))*",
    r"(?:transfer|transfered|transferred|send|sent|money) to",
)
# Regular expressions: a number with one of these behind it is not the number of an invoice.
NOT_NUMBER_AFTER = _words("percent % k hundred thousand days? weeks? months? am pm invoices bills")

# --- whole answers ------------------------------------------------------------------------------------------------

YES = frozenset(
    _words("yes yep yeah yea ye yeap yup yess ya y ok okay okey k kk sure surely certainly absolutely definitely")
    + _words("correct right confirm confirmed agree agreed accept approve approved affirmative proceed perfect great")
    + _words("fine good true indeed exactly positive aye 👍 👌 ✅ ✔")
    + _phrases(
        "of course, for sure, go ahead, go for it, go on, do it, do that, do so, lets do it, lets do that, lets go"
    )
    + _phrases("please do, i do, i am, it is, i confirm, i agree, i accept, i approve, i am sure, im sure, you bet")
    + _phrases("thats right, that is right, its right, it is right, thats correct, that is correct, its correct")
    + _phrases("it is correct, all correct, all good, very good, everything is correct, everything looks good")
    + _phrases("looks good, looks right, looks correct, look good, it looks good, that looks good, sounds good")
    + _phrases("sounds right, thats fine, that is fine, its fine, thats good, that is good, thats ok, thats okay")
    + _phrases("that is ok, that is okay, that works, works for me, thats true, that is true, why not, make it so")
    + _phrases("confirm it, confirm that, confirm payment, confirm the payment")
    + _words("sí si sip claro vale dale bueno correcto exacto exactamente perfecto confirmo confirmado acepto adelante")
    + _words(
        "hazlo hágalo hagalo hágale hagale procede proceda listo seguro cierto ajá aja órale simón autorizo sii siii okey"
    )
    + _phrases(
        "claro que sí, claro que si, por supuesto, desde luego, de acuerdo, está bien, esta bien, así es, asi es"
    )
    + _phrases("es correcto, está correcto, esta correcto, me parece bien, todo bien, todo correcto, eso es, cómo no")
    + _phrases(
        "así está bien, asi esta bien, está perfecto, esta perfecto, muy bien, sí autorizo, lo autorizo, va bien"
    )
    + _phrases("sí quiero, si quiero, lo confirmo, estoy de acuerdo, estoy seguro, estoy segura, está todo bien")
)
NO = frozenset(
    _words("no nope nah nay n noo nooo never negative incorrect wrong false dont 👎 ❌")
    + _phrases("do not, not now, not yet, not today, not really, not quite, not this time, not right, not correct")
    + _phrases("not ok, not okay, not good, not at all, no way, absolutely not, definitely not, certainly not")
    + _phrases("of course not, i dont, i do not, i dont agree, i do not agree, i disagree, i dont want to")
    + _phrases("i do not want to, i dont think so, i do not think so, id rather not, dont do it, do not do it")
    + _phrases("dont do that, thats wrong, that is wrong, its wrong, it is wrong, thats incorrect, that is incorrect")
    + _phrases("thats not right, that is not right, thats not correct, that is not correct, its not right")
    + _phrases("it is not right, its not correct, it is not correct, it isnt, its not, it is not, isnt right")
    + _words("nunca jamás jamas nel nop incorrecto falso negativo tampoco")
    + _phrases("para nada, de ninguna manera, claro que no, todavía no, todavia no, aún no, aun no, ahora no, hoy no")
    + _phrases("mejor no, creo que no, no quiero, no lo quiero, no acepto, no estoy de acuerdo, no es correcto")
    + _phrases(
        "no está bien, no esta bien, no es así, no es asi, eso no, no lo hagas, ni hablar, no hace falta, así no, asi no"
    )
    + _phrases("por ahora no, no por ahora, ahorita no, no lo haga, no autorizo, no me parece, está mal, esta mal")
)
# What changes neither a yes nor a no.
POLITE = frozenset(
    _words("please pls plz thanks thank thankyou thx ty you u so much very kindly sir madam maam mam miss then oh ah")
    + _words("um uh well hmm hey hi friend lot alot a 🙏 gracias señor señora senor senora señorita pues muchas mil")
    + _phrases("por favor, por fa")
)

_FIRST_TO_TENTH = _phrases(
    "first 1st, second 2nd, third 3rd, fourth 4th, fifth 5th, sixth 6th, seventh 7th, eighth 8th, ninth 9th, tenth 10th"
)
ORDINALS = {
    **{word: place for place, line in enumerate(_FIRST_TO_TENTH, start=1) for word in line.split()},
    **{
        word: place
        for place, line in enumerate(
            _phrases(
                "primero primera primer 1ro 1ra, segundo segunda 2do 2da, tercero tercera tercer 3ro 3ra, cuarto cuarta 4to 4ta, quinto quinta, sexto sexta,"
                " séptimo séptima septimo septima, octavo octava, noveno novena, décimo décima decimo decima"
            ),
            start=1,
        )
        for word in line.split()
    },
    **dict.fromkeys(("último", "última", "ultimo", "ultima"), -1),
    "top": 1,
    "last": -1,
    "bottom": -1,
    "de arriba": 1,
    "de abajo": -1,
}
# What an ordinal counts; "just a second" and "my first name" count nothing.
COUNTED = _words(
    "one invoice bill option choice card method item line account factura recibo opción opcion tarjeta cuenta"
)

METHODS = {
    **dict.fromkeys(_phrases("card, credit card, debit card, bank card, credit, debit, cc"), Method.CARD),
    **dict.fromkeys(_phrases("visa, mastercard, master card, amex, american express, discover"), Method.CARD),
    **dict.fromkeys(
        _phrases("bank, bank account, bank transfer, ach, banking, online banking, net banking"), Method.BANK
    ),
    **dict.fromkeys(
        _phrases("checking, savings, checking account, savings account, saving account, chequing"), Method.BANK
    ),
    **dict.fromkeys(
        _phrases(
            "tarjeta, tarjeta de crédito, tarjeta de credito, tarjeta de débito, tarjeta de debito, crédito, débito, targeta,"
            " tarjeta crédito, tarjeta credito, tarjeta débito, tarjeta debito, credito, debito, targeta de credito, trajeta"
        ),
        Method.CARD,
    ),
    **dict.fromkeys(
        _phrases("banco, cuenta bancaria, cuenta de banco, cuenta del banco, transferencia, transferencia bancaria"),
        Method.BANK,
    ),
    **dict.fromkeys(
        _phrases(
            "cuenta bancarea, cuenta de cheque, chequera, débito directo, debito directo, debito bancario, cuenta corriente, cuenta de ahorros, cuenta de ahorro, ahorros, cuenta de cheques, débito bancario"
        ),
        Method.BANK,
    ),
    **dict.fromkeys(_phrases("current account, echeck, e-check, e check, electronic check, direct debit"), Method.BANK),
}
DENIALS = _phrases(
    "not, never, without, dont, cant, wont, cannot, isnt, instead of, rather than, except, less than, en vez de, en lugar de, sin, nada de"
)

# Regular expressions, each matched as whole words, and the answers that mean all of it only when they stand alone.
SHARES: dict[Literal["all", "half", "minimum"], tuple[str, ...]] = {
    "minimum": (
        "minimum",
        "minimal",
        "(?<![0-9] )min",
        "(?<!at )least",
        "lowest",
        "smallest",
        "mínimo",
        "minimo",
        "lo menos(?: posible)?",
    ),
    "half": ("half(?! past)(?! an)", "50 ?%", "50 percent", "fifty percent", "(?:la )?mitad"),
    "all": (
        "everything(?! (?:is|was|looks|seems|else|ok|okay|good|fine|correct))",
        "in full",
        "(?:full|whole|entire|total|complete|outstanding|remaining) (?:amount|balance|sum|bill|invoice|payment|thing|due)",
        "all of (?:it|them|that)",
        "it all",
        "pay all",
        "pay (?:it |this |that )?off",
        "(?:what|all) (?:that )?i owe",
        "the (?:total|lot|rest)",
        "todo (?:lo que (?:debo|se debe)|el (?:saldo|monto|total|importe))",
        "todo(?= por favor$)",
        "(?:pagar|p[aá]gu?[ae]|pago|cubrir|saldar|liquidar)(?:lo|la)? (?:el )?(?:todo|total)",
        "(?:el )?saldo (?:completo|total|entero)",
        "(?:la )?factura completa",
        "completa?(?= por favor$)",
        "(?:el|la) (?:total|totalidad|saldo completo|monto completo)",
    ),
}
WHOLE_ALL = frozenset(
    _phrases(
        "todo, todas, completo, completa, todo completo, por completo, el saldo, all, full, the full, whole, the whole, total, max, maximum, the maximum"
    )
)

# --- which language -----------------------------------------------------------------------------------------------

# Without accents. Left out: what both have ("no", "me", "total", "visa"), and a word of one that is a common slip or name
# of the other ("once", "come", "son", "sin", "may", "mark").
TELLING = {
    **dict.fromkeys(
        _words(
            "i my the to you is it do what how that want need not have this of with was get are why from there up dont "
            "thats take much number help did now use does your by will check thank thanks would make whats good know im "
            "got about more where yes yeah yep nope give work right could other tell show when details didnt let just say "
            "another bills back phone email out still but call lets someone through its been which today who contact "
            "something anything everything nothing put any ask please pls should look sure sorry wont cant doesnt isnt "
            "wasnt ive id youre again all already always am an and anybody at bank be both bought bye can cancel card "
            "cards cash change charge charged cheaper checking choose close correct credit debit declined delete "
            "different due each edit either enough evening every fee fees find first fix for forget full go goodbye had "
            "half has hello her here hey hi his human if in invoice invoices instead language last later least less log "
            "login mine money month morning most never new next nice off old oldest on one only open or order outstanding "
            "over overdue owe paid pay paying payment payments people person receipt refund remove repeat restart save "
            "saved second send settle sign skip some speak split start status stop street sum talk than then these they "
            "third those tomorrow top try twice two three unpaid update us week weeks went were whole won works wrong "
            "year yesterday yet zip balance view billing available same savings account accounts transfer alright fine "
            "exactly absolutely definitely certainly indeed true agreed confirmed confirm approve proceed great sounds "
            "yup dispute continue history remaining statement late sent reminder spanish english minimum everyone easy "
            "broken expired nobody thx ty cheers nevermind reset signed came bucks bill"
        ),
        "en",
    ),
    **dict.fromkeys(
        _words(
            "¿ ¡ que pagar quiero es con por un una esta tengo como en cuenta cuentas mis mi para eso esa ese esto este "
            "cuando cuanto cuantos cuantas debo necesito hablar factura facturas otra otro recibo recibos todo todos toda "
            "todas mas si transferencia hay aceptan datos donde gracias cual cuales mal pague pagado pagada pagadas "
            "pagados dia dias pendiente pendientes dinero cargo hacer numero hola puede puedo puedes pueden favor "
            "porfavor porfa bien direccion persona vez veces ver dar bancaria debito credito cobran cobraron cobro algo "
            "alguien hoy ayer manana seguro telefono cancelar cancela cancelalo cancele correo hasta comision comprobante "
            "fecha mucho mucha muchas reembolso devolucion estoy dolares centavos mes meses monto fue estan nombre minimo "
            "maximo actualizar correcto ahora ahorita aqui mitad vence vencen vencida vencidas vencido tarjeta tarjetas "
            "claro nuevo nueva agente tarde deuda desde corriente trabajo decir semana usar voy prefiero cheques funciona "
            "recargo luego nada codigo buenas buenos buen muy adios informacion dos tres cuatro cinco seis siete ocho "
            "nueve diez veinte treinta cuarenta cincuenta cien ciento mil quinientos tiempo tienen tiene tienes menos "
            "ahorros servicio cambia cambie cambiar cambialo cambielo cambio llamar ayuda ayudar ayudeme pasa entiendo "
            "entendi llego copia quisiera saber limite abonar abono banco efectivo guardar guardada guardadas guardado "
            "guardados quitar cliente contacto eres problema aparece pero hice llegado rechazado rechazada rechazaron "
            "pagina quien hago listo falta queda saldo consultar tanto pronto plazo pon ponga postal correcta buscar "
            "detalle despues parcial misma mismo formas pagos pagalo paguelo vale dale bueno sean perdon corregir espera "
            "basta olvidalo dejalo anular anulada empezar asesor pasame atienda pregunta repite repita repitelo repetir "
            "quiere demora devolver devuelvan disputa reclamo cobrar modificar domicilio manda ustedes usted sesion "
            "iniciar cerrar entrar salir contrasena primera primero segunda segundo tercera tercero cuarta ultima ultimo "
            "ambas ambos cualquiera solo solamente tambien nunca siempre porque espanol ingles idioma enero febrero marzo "
            "abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes miercoles jueves viernes "
            "sabado domingo yo ella ellos nosotros soy somos llamo vivo hable habla hablas ola chao enlace liga boton "
            "siguiente anterior ninguna ninguno mandeme mande envie enviar mostrar muestre muestra muestrame ensename "
            "dame digame dime antigua vieja correos elegir varias varios adelante acepto confirmo exacto perfecto cierto "
            "acuerdo sip nel pago metodo metodos medios opciones automatico activar tarifa exactamente confirmado sigue "
            "continua continuar hazlo hagalo hagale procede proceda verdad orale venga andele dele incorrecto falso "
            "negativo todavia aun jamas creo hagas senor senora ayudame reiniciar historial solicitudes solicitud olvidelo dejelo mude mierda estupido estupida inutil inutiles idiotas imbecil pendejo carajo porqueria prefiero llamas necesitan piden quieren reenviar reenvie vengan "
            "celular bancario mejor mismas quitenme eliminar elimina borrar borra detalles desglose empecemos olvida "
            "paguen quedo ibamos estabamos mostrarme q le te"
        ),
        "es",
    ),
    **dict.fromkeys("¿¡", "es"),
}
# Of one language, and said in others too: they change no language that was spoken before.
LENT = frozenset(_words("gracias muchas adios yes cancel stop help email card cash bill bye thanks hi"))
# In names and addresses too ("Los Angeles", "de la Cruz"): they count only beside a telling one.
SMALL = dict.fromkeys(_words("el la los las de del al y e o lo se su sus"), "es")
# Slips of Spanish, without accents, and what was meant; only of words that the rules look for, and never of another word.
SLIPS_ES = {
    **dict.fromkeys(_words("kiero qiero quero kero quieor qero"), "quiero"),
    **dict.fromkeys(_words("kuanto cuanro qanto cuato quanto"), "cuanto"),
    **dict.fromkeys(_words("devo deboo"), "debo"),
    **dict.fromkeys(_words("facura fatura facrura factra facturra fatcura"), "factura"),
    **dict.fromkeys(_words("facuras faturas factras fatcuras"), "facturas"),
    **dict.fromkeys(_words("targeta trajeta tarjta tarjet tajeta"), "tarjeta"),
    **dict.fromkeys(_words("targetas trajetas tarjtas tajetas"), "tarjetas"),
    **dict.fromkeys(_words("canselar cansela canzelar cancelr cancelra"), "cancelar"),
    **dict.fromkeys(_words("rembolso reenbolso rembolzo rrembolso reembolzo"), "reembolso"),
    **dict.fromkeys(_words("devolusion debolucion devolucoin"), "devolucion"),
    **dict.fromkeys(_words("sesio secion sesin"), "sesion"),
    **dict.fromkeys(_words("vensidas bencidas vencdias"), "vencidas"),
    **dict.fromkeys(_words("pendietes pendeintes pendinetes"), "pendientes"),
    **dict.fromkeys(_words("empesar enpezar empezr"), "empezar"),
    **dict.fromkeys(_words("grasias graicas grcias gracais"), "gracias"),
    **dict.fromkeys(_words("ola hla holaa holi"), "hola"),
    **dict.fromkeys(_words("adioz adio"), "adios"),
    **dict.fromkeys(_words("ablar hablr"), "hablar"),
    **dict.fromkeys(_words("perzona presona"), "persona"),
    **dict.fromkeys(_words("ayda alluda aiuda"), "ayuda"),
    **dict.fromkeys(_words("q ke qe"), "que"),
    **dict.fromkeys(_words("zaldo"), "saldo"),
    **dict.fromkeys(_words("pagr pgar pagarr pajar"), "pagar"),
    **dict.fromkeys(_words("mitda mita"), "mitad"),
    **dict.fromkeys(_words("serrar"), "cerrar"),
    **dict.fromkeys(_words("inisiar iniciiar"), "iniciar"),
}

# --- names ---------------------------------------------------------------------------------------------------------

# Embeddings, overrides and marks of direction: invisible, and able to make a name read as another (Unicode TR 36).
DIRECTIONS = frozenset("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
ABBREVIATED = frozenset(_words("inc ltd co corp jr sr llc llp bros esq gmbh plc pty st mr mrs ms dr"))
NOT_FIRST_IN_NAMES = frozenset(
    _words("pay paid paying invoice help cancel stop skip change wait agent human person card credit debit amount same")
    + _words("none nothing unknown please thanks thank")
    + _words(
        "pagar pago pague factura ayuda cancelar cancela cancele cambiar cambia cambie espere espera agente persona"
    )
    + _words("tarjeta banco nada ninguno ninguna gracias hola mismo misma igual cuenta dinero")
)
NOT_IN_NAMES = frozenset(
    _words("why what whose how when where which want need dont cant can could would should have does did know think")
    + _words("tell give show is are was my me your")
    + _words(
        "quiero quisiera necesito puedo puede como cómo cuando cuándo cuanto cuánto donde dónde porque por qué que"
    )
    + _words("cual cuál tengo debo tiene esta está mi mis sé pagar")
)
