"""Words that move a chat to another channel, and words that only sound like it."""

import pytest
from msgspec.structs import replace

from dialogs.conversation import Asked, Conversation
from dialogs.flows.pay import PayInvoice
from dialogs.model import House, Slot, Want
from dialogs.reading.intents import read
from services.model import Rules

HOUSE = House("Green Lane", "555", Rules(), locales=("en", "es"), hops=True)
TALK = Conversation("web:one", "e", tasks=(PayInvoice(),), asked=Asked(Slot.METHOD, ("/method card", "/method bank")))

TO_TELEGRAM = """
continue in telegram|let's continue in Telegram|can we go on in telegram?|move this to telegram|switch to Telegram please|telegram
can I pay via telegram|I'd rather do this on my phone in telegram|take me to telegram|finish it on telegram|i want to use it in telegram
seguir en telegram|mejor seguimos en Telegram|¿podemos continuar por telegram?|pásame a telegram|quiero pagar por telegram|sigamos en telegram
"""
TO_WEB = """
back to the web page|back to the website please|continue in the browser|can we go on on the web page|switch to the web|return to the web chat
volver a la página web|quiero volver a la pagina web|regresar al sitio web|seguir en el navegador|sigamos en la web
"""
NEITHER = """
back to the page|go back|send the link again|open the page again|card|what is telegram|pay by card|is the website safe?|I saw it on your website|continue
volver|abrir la página|con tarjeta|¿es segura la página web?|lo vi en su página web|i was charged on the web
"""


def said(text: str) -> list[str]:
    return [line for part in text.strip().splitlines() for line in part.split("|")]


@pytest.mark.parametrize("text", said(TO_TELEGRAM))
def test_what_asks_for_telegram(text):
    assert read(text, TALK, HOUSE) == (Want("to_telegram"),)


@pytest.mark.parametrize("text", said(TO_WEB))
def test_what_asks_for_the_web_page(text):
    assert read(text, TALK, HOUSE) == (Want("to_web"),)


@pytest.mark.parametrize("text", said(NEITHER))
def test_what_asks_for_neither(text):
    assert not {Want("to_telegram"), Want("to_web")} & set(read(text, TALK, HOUSE))


@pytest.mark.parametrize("text", [*said(TO_TELEGRAM), *said(TO_WEB)])
def test_without_a_bot_no_word_asks_for_it(text):
    assert not {Want("to_telegram"), Want("to_web")} & set(read(text, TALK, replace(HOUSE, hops=False)))
