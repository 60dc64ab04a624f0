"""The articles themselves: that all are there, in both languages, whole, and true to what the product says."""

import re

import pytest

from bot.help_articles import FOLDER, GROUPS, articles, help_centers
from services.errors import Misconfigured

TOPICS = [
    "pay-without-login",
    "sign-in",
    "ways-to-pay",
    "ach-how-long",
    "ach-return",
    "card-safety",
    "saved-methods",
    "autopay",
    "partial-payment",
    "several-invoices",
    "program-fee",
    "declined",
    "wrong-zip",
    "update-address",
    "receipt",
    "refund",
    "dispute",
    "pop-up-blocked",
    "link-expired",
    "telegram",
    "talk-to-a-person",
    "privacy",
    "language",
]
GOOD = """+++
title = "Rainy days"
questions = ["Do you come when it rains?"]
+++
We come when it rains. Call {phone} if you would rather wait.

More about {business}.
"""


def own(folder, text, name="rain", language="en"):
    (folder / language).mkdir(exist_ok=True)
    (folder / language / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_topic_has_a_whole_article(language):
    found = {article.topic: article for article in articles(language)}
    assert set(TOPICS) <= set(found)
    for article in found.values():
        assert 60 <= len(article.short) <= 320, f"{article.topic}: the short answer is two or three sentences"
        assert article.short.count(". ") <= 3, article.topic
        assert len(article.questions) >= 10, article.topic
        assert article.button, article.topic
        assert len(article.text) > 200, article.topic
        assert 2 <= len(article.related) <= 4, article.topic
        assert article.topic not in article.related
        assert article.group in GROUPS


def test_both_languages_send_to_the_same_tasks():
    english, spanish = (
        {a.topic: (a.task, a.group, a.related) for a in articles(language)} for language in ("en", "es")
    )
    assert english == spanish


def test_no_question_stands_in_two_articles():
    for language in ("en", "es"):
        every = [question.casefold() for article in articles(language) for question in article.questions]
        assert sorted(every) == sorted(set(every))


def test_links_inside_articles_lead_to_articles():
    for language in ("en", "es"):
        for article in articles(language):
            for target in re.findall(r"\]\(([^)]+)\)", article.text):
                topic, _, query = target.partition("?")
                assert topic in TOPICS, f"{article.topic} links to {target}"
                assert query == f"lang={language}"


def test_nothing_is_promised_that_is_not_there():
    english = {article.topic: article.short for article in articles("en")}
    assert "offers" in english["autopay"]
    assert "not offered" in english["telegram"]


def test_a_business_replaces_one_article_and_adds_another(tmp_path):
    own(tmp_path, GOOD)
    own(tmp_path, GOOD.replace("Rainy days", "Our own refunds"), name="refund")
    centers = help_centers(tmp_path)
    assert centers["en"].articles["refund"].title == "Our own refunds"
    assert centers["en"].articles["rain"].task == "/human"
    assert "rain" not in centers["es"].articles
    assert len(centers["en"].articles) == len(help_centers()["en"].articles) + 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace("+++", "---"), "front matter"),
        (GOOD.replace("title =", "titel ="), "titel"),
        (GOOD.replace('"Do you come when it rains?"', "12"), "questions"),
        (GOOD.replace('"Do you come when it rains?"', ""), "no questions"),
        (GOOD.replace("{phone}", "{fax}"), "fax"),
        (GOOD.replace("We come", "We <b>come</b>"), "plain sentences"),
        (GOOD.replace("We come", "[We come](https://example.com)"), "plain sentences"),
        (GOOD.replace("questions =", 'task = "/steal"\nquestions ='), "task is one of"),
        (GOOD.replace("questions =", 'task = "/pay"\nquestions ='), "button"),
        (GOOD.replace("questions =", 'group = "weather"\nquestions ='), "group is one of"),
        (GOOD.replace("questions =", 'related = ["sunshine"]\nquestions ='), "sunshine"),
        (GOOD[: GOOD.rindex("+++\n") + 4], "short answer"),
        ("Hello\n" + GOOD, "above"),
    ],
)
def test_an_article_that_cannot_be_used_stops_the_start_and_names_its_file(tmp_path, text, says):
    own(tmp_path, text)
    with pytest.raises(Misconfigured, match=r"rain\.md") as refused:
        articles("en", tmp_path)
    assert says in str(refused.value)


def test_an_article_whose_name_is_no_address_is_refused(tmp_path):
    own(tmp_path, GOOD, name="Rainy Days")
    with pytest.raises(Misconfigured, match="small letters"):
        articles("en", tmp_path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Misconfigured, match="there is no folder"):
        help_centers(tmp_path / "missing")


def test_a_language_has_articles_words_and_page_texts():
    languages = {file.stem for file in (FOLDER / "words").glob("*.toml")}
    assert languages == {file.stem for file in (FOLDER / "pages").glob("*.toml")} == {"en", "es"}
