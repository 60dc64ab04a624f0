"""What the page that embeds the widget may say of its visitor, and in which words."""

from base64 import urlsafe_b64encode
from datetime import timedelta

import jwt
import pytest

from services.database import micros
from services.errors import Misconfigured, Unavailable
from services.model import Account
from tests.identity.house import DANA, DANAS, NOBODYS, NOON, PAGE_SECRET, ROY

NOW = micros(NOON) // 1_000_000


def token(*, secret=PAGE_SECRET, algorithm="HS256", **claims):
    told = {"aud": "remit", "sub": "dana", "exp": NOW + 600} | claims
    return jwt.encode({name: value for name, value in told.items() if value is not None}, secret, algorithm)


async def test_a_page_vouches_for_its_visitor_until_its_token_ends(house):
    scope, person = await house.visitors.by_page(token(), "chat")
    assert person == Account(DANA, "Dana Whitfield")
    assert (scope.id, scope.channel, scope.proof) == (DANA, "chat", "page")
    assert (scope.proved_at, scope.until) == (NOON, NOON + timedelta(minutes=10))
    assert not scope.may_charge("chat")
    house.passes(minutes=10)
    assert not await house.visitors.holds(scope)
    assert await house.visitors.by_page(token(), "chat") is None


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "portal:dana"},
        {"sub": None, "email": "Dana@example.com"},
        {"exp": NOW + 3600},
        {"exp": NOW + 3659},  # its clock is a little ahead, and no token counts for more than an hour
        {"exp": NOW + 600.75},
        {"aud": ["shop", "remit"]},
        {"iat": NOW + 59},  # its clock is a little ahead
        {"nbf": NOW, "iat": NOW - 5},
        {"sub": "dana", "email": NOBODYS},
    ],
)
async def test_tokens_that_name_the_customer(house, claims):
    scope, _ = await house.visitors.by_page(token(**claims), "chat")
    assert (scope.id, scope.proved_at <= NOON < scope.until <= NOON + timedelta(hours=1)) == (DANA, True)


@pytest.mark.parametrize(
    "claims",
    [
        {"secret": b"another secret of at least 32 by"},
        {"algorithm": "HS512", "secret": PAGE_SECRET * 2},
        {"exp": None},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": NOW + 7200},
        {"exp": 10**30},
        {"exp": -1},
        {"exp": True},
        {"exp": "soon"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"aud": None},
        {"aud": "shop"},
        {"aud": ["shop"]},
        {"nbf": NOW + 120},
        {"iat": NOW + 120},
        {"iat": "yesterday"},
        {"iat": True},
        {"sub": "x" * 200, "email": DANAS},
        {"sub": "nobody"},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 3000},
        {"sub": "nobody", "email": DANAS},  # an id that is not known is not made good by an address
        {"sub": None},
        {"sub": None, "email": NOBODYS},
        {"sub": None, "email": ""},
        {"sub": None, "email": [DANAS]},
        {"sub": None, "email": f"{DANAS}, {NOBODYS}"},
        {"sub": "portal:portal:dana"},
    ],
)
async def test_tokens_that_count_for_nothing_all_get_the_same_answer(house, claims):
    assert await house.visitors.by_page(token(**claims), "chat") is None


def unsigned(header: str, body: str = "{}", signature: str = "") -> str:
    return ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in (header, body, signature))


DANAS_WORDS = f'{{"aud": "remit", "sub": "dana", "exp": {NOW + 600}}}'


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "a.b.c",
        "\ud800.x.y",
        token() + "x",
        token()[:-1],
        "x" * 100_000,
        unsigned('{"alg": "none"}', DANAS_WORDS),
        unsigned('{"alg": "None", "typ": "JWT"}', DANAS_WORDS),
        unsigned('{"alg": "HS256"}', DANAS_WORDS),
        unsigned('{"alg": "HS256", "x": ' + "[" * 2800),
        unsigned('{"alg": "HS256", "x": ' + "9" * 2800 + "}"),
        unsigned('{"alg": "RS256"}', DANAS_WORDS, "signature"),
        unsigned('{"alg": ["HS256"]}', DANAS_WORDS),
        unsigned("[]", DANAS_WORDS),
    ],
)
async def test_what_is_not_signed_with_the_secret_opens_nothing(house, forged):
    assert await house.visitors.by_page(forged, "chat") is None
    assert house.books.asked == []


async def test_without_a_secret_no_token_opens_anything(house):
    house.again(page_secret=b"")
    forged = unsigned('{"alg": "HS256"}', DANAS_WORDS)
    assert await house.visitors.by_page(forged, "chat") is None
    assert await house.visitors.by_page(token(), "chat") is None


@pytest.mark.parametrize(
    "secret",
    [
        b"short",
        b"x" * 31,
        b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
    ],
)
def test_a_secret_that_can_be_guessed_is_found_at_start(house, secret):
    with pytest.raises(Misconfigured, match=r"random bytes"):
        house.again(page_secret=secret)


async def test_an_address_that_several_customers_share_names_none_of_them(house):
    house.moves(ROY, DANAS)
    assert await house.visitors.by_page(token(sub=None, email=DANAS), "chat") is None
    assert await house.visitors.by_page(token(sub="roy"), "chat")


async def test_an_id_that_two_sources_know_names_nobody(house):
    house.books.add("book:dana", "other@example.com")
    assert await house.visitors.by_page(token(), "chat") is None
    scope, _ = await house.visitors.by_page(token(sub="book:dana"), "chat")
    assert scope.id == "book:dana"


async def test_a_token_from_before_the_customer_signed_out_everywhere_counts_no_more(house):
    old = token(iat=NOW)
    scope, _ = await house.visitors.by_page(old, "chat")
    house.passes(seconds=5)
    await house.visitors.sign_out(scope, "chat", everywhere=True)
    assert await house.visitors.by_page(old, "chat") is None
    house.passes(seconds=5)
    assert await house.visitors.by_page(token(iat=NOW + 10), "chat")


async def test_books_that_do_not_answer_are_no_refusal(house):
    house.books.fails = Unavailable("away")
    with pytest.raises(Unavailable):
        await house.visitors.by_page(token(), "chat")
