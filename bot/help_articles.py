"""The help articles as files: ours in ``config/help/<language>/*.md``, and a business's own beside them.

Reads and checks them, once, at start; which of them answers a question is in `dialogs.help_center`, how they look in
`bot.pages.help`. A business's article with the name of one of ours takes its place, another name adds one.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from bot.settings import CONFIG
from dialogs.help_center import Article, Found, HelpCenter
from dialogs.help_words import Words
from services.errors import Misconfigured

FOLDER = CONFIG / "help"
TASKS = (
    "/pay",
    "/status",
    "/balance",
    "/refund",
    "/dispute",
    "/methods",
    "/autopay",
    "/details",
    "/invoices",
    "/history",
    "/sign-in",
    "/human",
    "/help",
)
GROUPS = ("paying", "bank", "trouble", "after", "account", "safety", "contact", "more")

_FENCE = "+++"  # TOML front matter, as Hugo and Zola write it
_TOPIC = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_BRACES = re.compile(r"\{([^{}]*)\}")
_VALUES = {"business", "phone"}
_NOT_PLAIN = re.compile(r"[<>`\[\]#_]|https?:")  # the chat shows the short answer as it is


class _Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands above an article."""

    title: str
    questions: tuple[str, ...]
    group: str = "more"
    task: str = "/human"
    button: str = ""
    tags: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@cache  # one installation, one set of files: whoever asks, they are read and counted once
def help_centers(folder: Path | None = None) -> Mapping[str, HelpCenter]:
    """A help center for each language there are words for, English first.

    ``folder`` is the business's own, with a folder for each language in it. Raises `Misconfigured`, naming the file.
    """
    if folder is not None and not folder.is_dir():
        raise Misconfigured(f"[help] folder: there is no folder {folder}")
    languages = sorted((file.stem for file in (FOLDER / "words").glob("*.toml")), key=lambda name: (name != "en", name))
    return {language: HelpCenter(articles(language, folder), words(language)) for language in languages}


def find(centers: Mapping[str, HelpCenter], question: str, language: str | None = None) -> Found | None:
    """The article that answers the question, asked in ``language``, or else in whichever of them it is understood best."""
    asked = [centers[language]] if language is not None and language in centers else list(centers.values())
    found = [best for center in asked if (best := center.best(question)) is not None]
    return max(found, key=lambda each: each.score, default=None)


def articles(language: str, folder: Path | None = None) -> list[Article]:
    """All articles of one language in the order of their names. Raises `Misconfigured`."""
    files = {file.stem: file for each in (FOLDER, folder) if each for file in sorted((each / language).glob("*.md"))}
    found = [_article(language, files[topic]) for topic in sorted(files)]
    for article in found:
        if missing := set(article.related) - set(files):
            raise Misconfigured(
                f"{files[article.topic]}: related names {', '.join(sorted(missing))}, which is not here"
            )
    return found


def words(language: str) -> Words:
    """What is known of a language beside its articles. Raises `Misconfigured`."""
    file = FOLDER / "words" / f"{language}.toml"
    try:
        return msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Words)
    except (OSError, ValueError) as error:  # of TOML, of msgspec, of UTF-8
        raise Misconfigured(f"{file}: {error}") from error


def _article(language: str, file: Path) -> Article:
    try:
        above, front, body = file.read_text(encoding="utf-8").split(f"{_FENCE}\n", 2)
        told = msgspec.convert(tomllib.loads(front), _Front)
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file}: {error}; an article begins with its front matter between lines of +++") from error
    first, _, text = body.strip().partition("\n\n")
    short = " ".join(first.replace("*", "").split())
    if fault := _fault(file.stem, told, short, above, body):
        raise Misconfigured(f"{file}: {fault}")
    return Article(
        topic=file.stem,
        language=language,
        title=told.title,
        short=short,
        text=text.strip(),
        group=told.group,
        task=told.task,
        button=told.button,
        questions=told.questions,
        tags=told.tags,
        related=told.related,
    )


def _fault(topic: str, told: _Front, short: str, above: str, body: str) -> str:
    """What is wrong with an article, in words; nothing when it is right."""
    strange = {name for text in (told.title, told.button, body) for name in _BRACES.findall(text)} - _VALUES
    checks = {
        f"{topic!r} is no name of a page; use small letters, digits and dashes": _TOPIC.fullmatch(topic),
        "something stands above its first line of +++": not above.strip(),
        "its first paragraph is its short answer, and there is none": short,
        "its first paragraph must be plain sentences, since the chat shows it": not _NOT_PLAIN.search(short),
        "it has no questions, so that nobody can find it": told.questions,
        f"task is one of {', '.join(TASKS)}": told.task in TASKS,
        f"group is one of {', '.join(GROUPS)}": told.group in GROUPS,
        "a button needs a title: button = ...": told.button or told.task == "/human",
        f"only {{business}} and {{phone}} are filled in, not {', '.join(sorted(strange))}": not strange,
    }
    return next((fault for fault, right in checks.items() if not right), "")
