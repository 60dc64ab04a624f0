"""The help center over HTTP: what a visitor, a search engine and an attacker get."""

import json
import re

import httpx
import pytest
from starlette.applications import Starlette
from world import HANDOFF

from bot.help_articles import FOLDER, help_centers
from bot.pages import help as help_pages
from bot.wording import Wording
from services.errors import Misconfigured

LETTER = """+++
title = "<b>Snow</b> & {business}"
questions = ["Do you plow snow?"]
+++
We plow & salt.

<script>alert(1)</script> **bold** [bad](javascript:alert(1)) ![spy](https://evil.example/x.png) [good](https://example.com)

## How & when

Ask {business}.
"""


@pytest.fixture
async def site(world):
    async with visitor(world) as http:
        yield http


def visitor(world, folder=None):
    app = Starlette(routes=help_pages.routes(world.remit, folder))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HANDOFF, trust_env=False)


async def test_all_topics_are_one_page_away(site):
    page = await site.get("/help")
    assert page.status_code == 200
    for topic in help_centers()["en"].articles:
        assert f'href="help/{topic}?lang=en"' in page.text
        article = await site.get(f"/help/{topic}?lang=en")
        assert article.status_code == 200
        assert "{business}" not in article.text
        assert "{phone}" not in article.text


@pytest.mark.parametrize(
    ("path", "header", "expected"),
    [
        ("/help", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("/help", "fr-FR, es;q=0.5", "es"),
        ("/help", "de", "en"),
        ("/help", "", "en"),
        ("/help?lang=es", "en-US", "es"),
        ("/help?lang=xx", "es", "es"),
        ("/help/refund?lang=es", "en", "es"),
    ],
)
async def test_the_language_is_the_one_asked_for_or_the_browsers(site, path, header, expected):
    page = await site.get(path, headers={"Accept-Language": header})
    assert f'<html lang="{expected}">' in page.text
    assert page.headers["content-language"] == expected
    assert "Accept-Language" in page.headers["vary"]


async def test_each_language_of_a_page_names_the_others(site, world):
    page = await site.get("/help/refund?lang=es")
    base = world.settings.base_url
    for language in ("en", "es"):
        assert f'hreflang="{language}" href="{base}/help/refund?lang={language}"' in page.text
    assert f'hreflang="x-default" href="{base}/help/refund"' in page.text
    assert f'rel="canonical" href="{base}/help/refund?lang=es"' in page.text


async def test_a_question_is_answered_or_frankly_not(site):
    found = await site.get("/help", params={"q": "how long till the bank thing goes through", "lang": "en"})
    assert "help/ach-how-long" in found.text
    nothing = await site.get("/help", params={"q": "when do you mow my lawn", "lang": "en"})
    assert "We have no answer to this yet" in nothing.text
    for page in (found, nothing):
        assert page.headers["cache-control"] == "no-store"
        assert "noindex" in page.headers["x-robots-tag"]


async def test_a_card_number_in_the_search_is_not_shown_back(site):
    page = await site.get("/help", params={"q": "is 4242 4242 4242 4242 safe here"})
    assert "4242" not in page.text


async def test_what_a_visitor_types_is_text(site):
    page = await site.get("/help", params={"q": '"><script>alert(1)</script>'})
    assert "<script>alert" not in page.text
    page = await site.get("/help/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert page.status_code == 404
    assert "<script>alert" not in page.text


async def test_the_policy_is_strict_and_the_structured_data_is_valid(site):
    page = await site.get("/help/card-safety?lang=en")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page.text, re.DOTALL)
    data = json.loads(block)
    (question,) = data["mainEntity"]
    assert data["@type"] == "FAQPage"
    assert question["name"] == "Is it safe to give my card number?"
    assert question["acceptedAnswer"]["text"].startswith("Yes, on the secure page")
    assert "<" not in question["acceptedAnswer"]["text"]


async def test_an_unknown_topic_is_a_404_with_a_way_on(site):
    page = await site.get("/help/nothing-here")
    assert page.status_code == 404
    assert "There is no such page" in page.text
    assert 'href="../help/refund?lang=en"' in page.text


async def test_a_businesss_article_can_hold_no_script_picture_or_tag(world, tmp_path):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "snow.md").write_text(LETTER, encoding="utf-8")
    async with visitor(world, tmp_path) as http:
        page = (await http.get("/help/snow?lang=en")).text
    assert "<script>alert" not in page
    assert "javascript:" not in re.sub(r"\[bad\]\(javascript:alert\(1\)\)", "", page)
    assert 'href="javascript' not in page
    assert "<img" not in page
    assert "<b>Snow" not in page
    assert '<h2 id="how-when">How &amp; when</h2>' in page
    assert "<strong>bold</strong>" in page
    assert '<a href="https://example.com">good</a>' in page


async def test_an_article_that_one_language_lacks_is_shown_in_the_other(world, tmp_path):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "snow.md").write_text(LETTER, encoding="utf-8")
    async with visitor(world, tmp_path) as http:
        page = await http.get("/help/snow?lang=es")
        assert page.status_code == 303
        assert (await http.get(page.headers["location"], follow_redirects=True)).status_code in (200, 404)
        followed = await http.get("/help/snow?lang=es", follow_redirects=True)
    assert str(followed.url).endswith("/help/snow?lang=en")
    assert 'hreflang="es"' not in followed.text, "no way to a page that is not there"


async def test_a_name_with_markup_in_it_stays_text(world):
    business = world.settings.business.model_copy(update={"name": "Smith & <Sons>"})
    world.settings = world.settings.model_copy(update={"business": business})
    world.crash()
    async with visitor(world) as http:
        page = (await http.get("/help/privacy?lang=en")).text
    assert "<Sons>" not in page
    assert "Smith &amp; &lt;Sons&gt;" in page
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert "Smith & <Sons>" in json.loads(block)["mainEntity"][0]["acceptedAnswer"]["text"]


async def test_links_are_relative_so_that_it_may_live_below_another_site(site):
    page = await site.get("/help/refund?lang=en")
    assert not re.findall(r'(?:href|action)="/', page.text)
    sheet = re.search(r'href="\.\./(pages/help\.css\?[0-9a-f]{12})"', page.text)
    assert sheet is not None
    assert (await site.get(f"/{sheet[1]}")).headers["content-type"].startswith("text/css")


async def test_a_folder_that_is_not_there_stops_the_start(world, tmp_path):
    with pytest.raises(Misconfigured, match="help"):
        help_pages.routes(world.remit, tmp_path / "missing")


def test_both_languages_have_the_same_page_texts(world):
    texts = [
        Wording.load(FOLDER / "pages" / f"{language}.toml", world.settings.zone).keys() for language in ("en", "es")
    ]
    assert texts[0] == texts[1]
