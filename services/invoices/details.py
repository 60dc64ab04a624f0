"""How the details of a customer may be spelled, whoever tells them: the customer, a sheet, the portal.

Here are lengths and characters. Never who may change what, nor whether an address or a telephone answers.
"""

import re

from services.invoices.document import hides_something, is_address
from services.model import Details, Revision

LONGEST = {  # characters
    "name": 300,
    "street": 300,
    "city": 120,
    "region": 120,
    "zip": 32,
    "email": 254,  # RFC 5321
    "phone": 40,
    "language": 16,
}
IMPORTED = ("name", "street", "city", "region", "zip", "email", "phone")  # what a document may tell of its customer

_LANGUAGE = r"([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?"  # BCP 47, as far as wording goes; empty: not said


def misspelt(changed: Revision | Details) -> str | None:
    """The first detail that no book can hold as it is told, by its name; None when all of them can be.

    A name and an e-mail address may be changed but not taken away: both tell who the customer is.
    """
    return next((name for name in LONGEST if not _fits(name, getattr(changed, name))), None)


def _fits(name: str, text: str | None) -> bool:
    if text is None:
        return True
    if len(text) > LONGEST[name] or hides_something(text):
        return False
    match name:
        case "name":
            return bool(text.strip())
        case "email":
            return is_address(text)
        case "language":
            return bool(re.fullmatch(_LANGUAGE, text))
        case _:
            return True
