"""In which language a page is shown: the one that its address names, else the first that the browser asks for."""

from collections.abc import Collection, Mapping

from starlette.requests import Request

from bot.settings import CONFIG, Settings
from bot.wording import Wording

_MOST = 20  # languages that a browser may ask for; nobody reads more


def page_words(settings: Settings) -> Mapping[str, Wording]:
    """The words of bills and links, by language: of the first there have to be some."""
    first, *others = settings.chat.locales
    files = {name: CONFIG / "pages" / f"{name}.toml" for name in others}
    words = {first: Wording.load(CONFIG / "pages" / f"{first}.toml", settings.zone)}
    return words | {name: Wording.load(file, settings.zone) for name, file in files.items() if file.is_file()}


def language_for(request: Request, spoken: Collection[str]) -> str:
    """One of ``spoken`` (ISO 639, at least one, the usual one first): of ``?lang=``, or of Accept-Language (RFC 9110).

    Browsers name the best one first, so its weights are not looked at; one that is refused (``q=0``) is left out.
    """
    asked = request.query_params.get("lang", "")
    if asked in spoken:
        return asked
    for preferred in request.headers.get("accept-language", "").split(",")[:_MOST]:
        tag, _, weight = preferred.strip().partition(";")
        language = tag.partition("-")[0].lower()
        if language in spoken and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return language
    return next(iter(spoken))
