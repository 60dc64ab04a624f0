"""What a language has to have to be complete: the same texts as the first one, naming the same values, in every folder."""

import string
import tomllib
from datetime import UTC
from itertools import product

import pytest

from bot.settings import CONFIG
from bot.wording import Wording
from dialogs.reading.words import LENT, SMALL, TELLING

FIRST = "en"
FOLDERS = ("wording", "pages", "letters", "help/pages")
LANGUAGES = sorted(file.stem for file in (CONFIG / "wording").glob("*.toml"))
OTHERS = [language for language in LANGUAGES if language != FIRST]


def texts(folder, language):
    return tomllib.loads((CONFIG / folder / f"{language}.toml").read_text(encoding="utf-8"))


def forms(text):
    return [text] if isinstance(text, str) else list(text.values())


def names(text):
    return {name for form in forms(text) for _, name, _, _ in string.Formatter().parse(form) if name is not None}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_language_has_a_file_in_every_folder(folder):
    assert sorted(file.stem for file in (CONFIG / folder).glob("*.toml")) == LANGUAGES


@pytest.mark.parametrize(("folder", "language"), list(product(FOLDERS, OTHERS)))
def test_a_language_has_the_texts_of_the_first_one_in_their_order(folder, language):
    there, here = texts(folder, FIRST), texts(folder, language)
    assert sorted(there.keys() - here.keys()) == [], "missing"
    assert sorted(here.keys() - there.keys()) == [], "not said any more"
    assert list(here) == list(there)


@pytest.mark.parametrize(("folder", "language"), list(product(FOLDERS, OTHERS)))
def test_a_text_names_the_same_values_in_every_language(folder, language):
    there, here = texts(folder, FIRST), texts(folder, language)
    assert {key: names(text) for key, text in here.items()} == {key: names(there[key]) for key in here}


@pytest.mark.parametrize(("folder", "language"), list(product(FOLDERS, LANGUAGES)))
def test_a_text_is_tidy_and_loads(folder, language):
    Wording.load(CONFIG / folder / f"{language}.toml", UTC)
    for key, text in texts(folder, language).items():
        for form in forms(text):
            assert "  " not in form, key
            assert form == form.strip() or key in {
                "left_out",
                "fee_not_by_bank",  # comes before another sentence
                *(k for k in texts(folder, language) if k.startswith("course_")),
            }, key


@pytest.mark.parametrize("language", OTHERS)
def test_little_is_left_untranslated(language):
    """Names, and sentences that hold nothing but values, are the same everywhere; hardly anything else is."""
    there, here = texts("wording", FIRST), texts("wording", language)
    letters = {
        key: "".join(text for form in forms(there[key]) for text, *_ in string.Formatter().parse(form)) for key in here
    }
    same = {key for key in here if here[key] == there[key] and any(char.isalpha() for char in letters[key])}
    assert same <= {f"language_{each}" for each in LANGUAGES} | {"button_no", "button_english", "button_spanish"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_is_told_by_its_words(language):
    assert language in TELLING.values()
    assert {*SMALL.values()} <= {*LANGUAGES}
    assert TELLING.keys() >= LENT
