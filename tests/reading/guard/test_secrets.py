"""Security codes, bank numbers and social security numbers: gone where they are called so, left alone where they are not."""

import pytest

from dialogs.reading.guard import Kind, redact, redact_all

CODES = """my cvv is 123
cvc: 4242
the security code is 4242
cvv - one two three
cvv: nueve ocho siete
código de seguridad 123
mi tarjeta es visa y el código es 123
cvv １２３
cvv l23
my cvv number 1-2-3
three digits on the back are 123
the code on the back of my card is 123
the 3 digit code is 123
123 (cvv)
1️⃣2️⃣3️⃣ is my cvc
c\u200bv\u200bv 123
exp 12/30 code 123
c.v.v. 123
cvv code for the visa is 123
cvv%3A%20123
cvv is &#49;&#50;&#51;
Y3Z2IGlzIDEyMyBvaw==""".splitlines()  # noqa: RUF001  # full-width digits
BANKS = """routing 110000000 account 000123456789
my routing # is 0 2 1 0 0 0 0 2 1
routing zero two one zero zero zero zero two one
ruta 021000021 cuenta 123456789
routing/account 021000021/123456789
routing l2l000358 account 12345678
021000021 is my routing number
my bank account is 12345678
my checking acct no. 1234-5678-90
número de cuenta bancaria: 000 123 456 789
my account at Chase is 000123456789
wire to account 000123456789 at wells fargo
123456789 is my bank account number
bank: 021000021 123456789
IBAN DE89370400440532013000
DE89 3704 0044 0532 0130 00
gb29nwbk60161331926819
CLABE 032180000118359719""".splitlines()
PERSONS = """ssn 123-45-6789
123-45-6789
my social is 123456789
social security number: 123 45 6789
ssn one two three four five six seven eight nine
mi seguro social es 123456789
123 45 6789 is my ssn
１２３-４５-６７８９
itin 912-34-5678""".splitlines()  # noqa: RUF001  # full-width digits
ORDINARY = """is the cvv needed for invoice 1042?
do i need a cvv? my invoice is 104
zip code 94107
the code is 123456
promo code 123 please
my card's zip code is 94107
code 402 decline on my card
security deposit of 1200
my account number is 123456789
checking account ending 6789
pay $1250.00 from checking account
bank transfer of 15000 on 12/30/2025
transfer from my account 12345 to account 54321
DE88370400440532013000
123-456-7890
000-12-3456
666-12-3456
912-34-5678
INV-123-45-6789
order 123-45-6789
social event 12345
mi cuenta es 12345678""".splitlines()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        *((text, {Kind.CODE}) for text in CODES),
        *((text, {Kind.ROUTING, Kind.ACCOUNT}) for text in BANKS),
        *((text, {Kind.PERSON}) for text in PERSONS),
    ],
)
def test_what_is_called_secret_goes(text, kinds):
    redacted = redact(text)
    assert redacted.found
    assert set(redacted.found) <= kinds
    assert redact(redacted.text).text == redacted.text


@pytest.mark.parametrize("text", ORDINARY)
def test_what_is_not_called_so_stays(text):
    assert redact(text).text == text


@pytest.mark.parametrize(
    ("messages", "left"),
    [
        (["my cvv is", "123"], ["my cvv is", "[security code removed]"]),
        (["routing", "021000021"], ["routing", "[routing number removed]"]),
        (["my bank account number", "000123456789"], ["my bank account number", "[account number removed]"]),
        (["my ssn", "123 45 6789"], ["my ssn", "[social security number removed]"]),
        (["do i need the cvv?", "1042"], ["do i need the cvv?", "1042"]),
        (["checking account", "94107", "1250"], ["checking account", "94107", "1250"]),
    ],
)
def test_a_label_may_come_a_message_earlier(messages, left):
    assert [each.text for each in redact_all(messages)] == left
