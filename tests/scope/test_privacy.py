"""What is handed out of one customer, and what is left of them once they were erased: in rows, in files, and of money."""

import dataclasses
import json

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select, update
from world import TOKEN

from bot import privacy
from bot.privacy import Asked, NotYet
from dialogs.model import CloseCheckout
from services.errors import Misconfigured
from services.payments import journal
from services.privacy import OTHERS, TABLES
from services.schema import (
    account,
    agreement,
    browser,
    consent,
    handoff,
    handoff_case,
    help_gap,
    hop,
    method_note,
    payment,
    schema,
    sign_in_code,
    telegram_update,
)
from tests.scope.town import DANA, MAILS, MARCO

MONEY = (
    "payment",
    "payment_invoice",
    "payment_event",
    "fact",
    "journal",
    "consent",
    "agreement",
    "refund",
    "ruling",
    "outbox",
)
TYPED = ("marigold", "foxglove", "petunia", "Household of dana", "tansy")  # words of Dana's, wherever words can be told
AGREED = {"billing_name", "billing_zip"}
MINE = {"web:dana", "web:link", "web:lookup"}  # the last two came by an invoice of hers
HERS = Asked(DANA)


@pytest.fixture
async def home(town):
    """Dana's chats, in which she says a word in every place there is, and nothing waits for a person."""
    world = town.world
    await town._all_of("web:dana", "what is the marigold for?", "no", "and the foxglove?", "no")
    close(world, answer="a tansy was sent back")
    await world.work()
    epoch = (await town.talk("dana")).epoch
    with world.engine.begin() as conn:
        gap = {"language": "en", "at": 1, "text": "where is the foxglove?"}
        conn.execute(insert(help_gap).values(key=f"{epoch}/900/0", **gap))
        conn.execute(insert(help_gap).values(key=f"{'f' * 32}/900/0", **gap | {"text": "somebody else"}))
        update_ = {"message": 1, "locale": "en", "at": 1}
        conn.execute(insert(telegram_update).values(update_id=1, chat="web:dana", text="tansy", done_at=2, **update_))
    return town


def close(world, *, answer=""):
    """A person closes all cases; what they answered is told by the next round of the worker."""
    with world.engine.begin() as conn:
        conn.execute(update(handoff_case).values(closed_at=1))
        conn.execute(update(handoff).values(state="resolved", resolved_at=1))
        hers = handoff_case.c.customer == DANA, handoff_case.c.words != ""
        conn.execute(update(handoff_case).where(*hers).values(answer=answer, words="because of the petunia"))


def rows(world, table, *columns):
    with world.engine.connect() as conn:
        return conn.execute(select(*(columns or (table,))).order_by(*table.primary_key.columns)).all()


def money(world):
    """Every row about money, but for who was billed; and the trial balance."""
    with world.engine.connect() as conn:
        tables = [schema.tables[name] for name in MONEY]
        kept = {
            table.name: conn.execute(
                select(*(column for column in table.c if column.name not in AGREED)).order_by(
                    *table.primary_key.columns
                )
            ).all()
            for table in tables
        }
        return kept, journal.trial_balance(conn)


def everything(world):
    """All rows of both stores."""
    store = world.store._write
    said = [
        store.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
        for table in ("conversation", "inbox", "message", "outbox")
    ]
    return said, {name: rows(world, table) for name, table in schema.tables.items()}


def files(world):
    return b"".join(file.read_bytes() for file in sorted(world.folder.iterdir()) if file.is_file())


def in_a_row(numbers):
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def handed_out(world, asked):
    return json.loads(b"".join([piece async for piece in await privacy.document(world.remit, asked)]))


async def erased(world, asked, **how):
    return await privacy.erase(world.remit, asked, **{"dry_run": False} | how)


# --- every table --------------------------------------------------------------------------------------------------------


def test_every_table_says_what_of_it_is_personal():
    """Whoever adds a table adds a line to `services.privacy`, and one to docs/privacy.md."""
    named = {each.table.name for each in TABLES}
    assert named | OTHERS.keys() == set(schema.tables)
    assert not named & OTHERS.keys()
    assert len({each.name for each in TABLES}) == len(TABLES)


def test_no_hash_and_no_key_is_handed_out():
    secret = ("token", "hash", "salt", "key", "vault", "saved", "page", "fence", "lease", "digest")
    shown = {column.name for each in TABLES for column in each.shown}
    assert not [name for name in shown if any(word in name for word in secret)]


# --- handed out -----------------------------------------------------------------------------------------------------------


async def test_everything_of_a_customer_is_handed_out_and_nothing_that_opens_anything(home):
    world, dana = home.world, home.goods["dana"]
    told = await handed_out(world, HERS)
    assert told["customer"] == DANA
    assert told["details"]["email"] == MAILS["dana"]
    (saved,) = told["saved_methods"]
    assert (saved["brand"], saved["last4"], saved["nickname"]) == ("visa", "4242", "Household of dana")
    assert dana.payment in {row["reference"] for row in told["payments"]}
    (agreed,) = [row for row in told["consents"] if row["payment"] == dana.payment]
    assert agreed["quote"]["name"] == "Dana Whitfield"
    assert agreed["at"].startswith("2026-03-02T")
    (sealed,) = [row for row in told["agreements"] if row["subject"] == f"payment:{dana.payment}"]
    assert sealed["words"].startswith("Please check: $")
    assert sealed["words"].endswith("[Yes, pay $31.07]")
    (case,) = [row for row in told["requests"] if row["words"]]
    assert ("petunia" in case["words"], case["answer"]) == (True, "a tansy was sent back")
    assert told["account"][0]["first_at"].startswith("2026-03-02")
    assert len(told["sign_ins"]) == 1
    chats = {chat["chat"]: chat for chat in told["chats"]}
    assert chats.keys() == MINE
    said = chats["web:dana"]["messages"]
    assert in_a_row([line["seq"] for line in said])
    assert any("marigold" in line["text"] for line in said)
    assert all(line["at"].startswith("2026-03-02T") for line in said)
    assert [row["text"] for row in chats["web:dana"]["questions"]][-1] == "where is the foxglove?"
    assert "somebody else" not in json.dumps(told)
    whole = json.dumps(told)
    assert not [each for each in (dana.browser, dana.method, "/go/", "/d/", "code_hash") if each in whole]
    assert MAILS["marco"] not in whole
    assert home.goods["marco"].payment not in whole


async def test_by_e_mail_address_it_is_the_same_and_nobody_is_refused(home):
    world = home.world
    by_mail, by_id = [await handed_out(world, Asked(who)) for who in (MAILS["dana"].upper(), "dana")]
    assert by_mail == by_id
    for nobody in (Asked("nobody@example.com"), Asked("portal:nobody"), Asked(chat="web:nowhere")):
        with pytest.raises(Misconfigured):
            await handed_out(world, nobody)
        with pytest.raises(Misconfigured):
            await erased(world, nobody)


async def test_a_long_chat_is_handed_out_in_pieces(home, monkeypatch):
    monkeypatch.setattr(privacy, "LINES", 3)
    monkeypatch.setattr("services.privacy.PIECE", 1)
    told = await handed_out(home.world, HERS)
    (chat,) = [each for each in told["chats"] if each["chat"] == "web:dana"]
    assert len(chat["messages"]) > 20
    assert in_a_row([line["seq"] for line in chat["messages"]])
    assert len(told["payments"]) == len([row for row in rows(home.world, payment) if row.customer == DANA])


# --- erased ---------------------------------------------------------------------------------------------------------------


async def test_nothing_of_a_customer_is_left_in_any_file_and_no_money_moved(home):
    world = home.world
    before, marco = money(world), await handed_out(world, Asked(MARCO))
    words = files(world)
    assert not [word for word in (*TYPED, MAILS["dana"]) if word.encode() not in words], "they were there"
    told = await erased(world, HERS)
    assert (set(told.chats), told.left) == (MINE, ())
    assert money(world) == before
    kept = files(world)
    assert not [word for word in (*TYPED, MAILS["dana"], home.goods["dana"].browser) if word.encode() in kept]
    agreed = sum(row.quote.count(b"Dana Whitfield") for row in rows(world, consent))
    assert agreed
    agreed += sum(row.words.count("Dana Whitfield") for row in rows(world, agreement))
    assert kept.count(b"Dana Whitfield") == agreed, "what was agreed to names who did, and nothing else does"
    assert (await handed_out(world, Asked(MARCO))) == marco | {"made_at": marco["made_at"]}
    for chat in MINE:
        assert (await world.store.load(chat, "")).talk is None
        assert await world.store.since(chat, 0) == []


async def test_who_was_erased_is_signed_out_everywhere_and_of_their_codes_nothing_can_be_tried(home):
    world, dana = home.world, home.goods["dana"]
    scope = await home.scope("dana")
    assert await world.remit.visitors.holds(scope)
    await erased(world, HERS)
    assert not await world.remit.visitors.holds(scope)
    assert await world.remit.visitors.by_browser(dana.browser, "web:other") is None
    assert [row.customer for row in rows(world, browser)] == [MARCO]
    assert {
        (row.address_hash, row.salt, row.code_hash) for row in rows(world, sign_in_code) if row.chat == "web:dana"
    } == {("", b"", b"")}
    assert await world.remit.sign_in.was_used_in("web:dana"), "an older token of this chat opens nothing"
    assert [row.customer for row in rows(world, account)] == [DANA, MARCO], "nobody is invited to sign in a second time"
    assert {row.nickname for row in rows(world, method_note)} == {"", "Household of marco"}


async def test_erasing_twice_changes_nothing_more(home):
    world = home.world
    await erased(world, HERS)
    before = {name: rows(world, table) for name, table in schema.tables.items() if name not in ("account", "audit")}
    again = await erased(world, HERS)
    assert (
        again.rows,
        {name: rows(world, table) for name, table in schema.tables.items() if name not in ("account", "audit")},
    ) == (
        0,
        before,
    )


async def test_a_try_says_what_would_be_erased_and_erases_nothing(home):
    world = home.world
    before = everything(world)
    told = await erased(world, HERS, dry_run=True)
    assert (set(told.chats), told.rows, everything(world)) == (MINE, 0, before)


# --- what has to end first -------------------------------------------------------------------------------------------------


async def test_an_open_case_is_closed_first(town):
    with pytest.raises(NotYet, match=r"case \d+ is open; close it first \(remit cases --close \d+\)"):
        await erased(town.world, HERS)
    assert (await town.talk("dana")).owner == DANA


async def test_a_payment_that_is_not_final_holds_an_erasure_up_until_it_is(home):
    world = home.world
    shown = await home._all_of("web:dana", "pay $60 of INV-1042", "/new card", "yes")
    page = await world.page(next(line.link.url for line in reversed(shown) if line.link))
    before = everything(world)
    with pytest.raises(
        NotYet, match=r"payment RM-\S+ is open; try again at 2026-\S+ \d\d:\d\d UTC, when its page ends"
    ):
        await erased(world, HERS)
    assert everything(world) == before
    await world.pay_by_card(page, "4242424242424242")
    await world.work()
    await erased(world, HERS)
    assert (await world.store.load("web:dana", "")).talk is None


async def test_a_refund_under_way_and_news_that_were_not_told_hold_it_up(home):
    world = home.world
    with world.engine.begin() as conn:
        conn.execute(update(handoff_case).where(handoff_case.c.customer == DANA).values(told_at=None))
        refund = {
            "payment": home.goods["dana"].payment,
            "state": "asked",
            "request_key": "k",
            "gateway_key": "g",
            "asked_by": "x",
        }
        conn.execute(
            insert(schema.tables["refund"]).values(
                id="RF-1", amount_minor=1, why="", asked_at=1, changed_at=1, **refund
            )
        )
    with pytest.raises(NotYet) as held:
        await erased(world, HERS)
    assert "refund RF-1 is still asked for" in str(held.value)
    assert "about to be told" in str(held.value)


async def test_an_effect_under_way_and_a_message_without_an_answer_hold_it_up(home):
    world, store = home.world, home.world.store
    talk = await home.talk("dana")
    with world.engine.begin() as conn:
        conn.execute(update(telegram_update).values(done_at=None))
    with pytest.raises(NotYet, match="a message is still being answered"):
        await erased(world, HERS)
    with world.engine.begin() as conn:
        conn.execute(update(telegram_update).values(done_at=1))
    store._write.execute(
        "INSERT INTO outbox (key, chat, cause, effect, due_at) VALUES (?, 'web:dana', 'm', ?, ?)",
        (f"{talk.epoch}/999/0", privacy._encode(CloseCheckout("RM-1")), 2**60),
    )
    with pytest.raises(NotYet, match="something is under way in web:dana; try again in a minute"):
        await erased(world, HERS)


# --- cut short ---------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ended here."""


class Dying:
    """Counts what is written, and ends the process before or after one of it."""

    def __init__(self, remit, at, *, before):
        self.left, self.before, self.remit = at, before, remit

    async def _count(self, work):
        self.left -= 1
        if not self.left and self.before:
            raise Killed
        found = await work()
        if not self.left:
            raise Killed
        return found

    async def transact(self, work):
        return await self._count(lambda: self.remit.transact(work))

    async def erase(self, *told):
        return await self._count(lambda: self.remit.store.erase(*told))

    def __getattr__(self, name):
        return getattr(self.remit.store, name)

    def all_of(self):
        return dataclasses.replace(self.remit, transact=self.transact, store=self)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_an_erasure_that_was_killed_anywhere_is_finished_by_the_next(tmp_path, home, before):
    """Each try dies one write later than the one before, until one comes to its end: all along money stands still."""
    world = home.world
    ledger, at = money(world), 0
    while True:
        at += 1
        try:
            await privacy.erase(Dying(world.remit, at, before=before).all_of(), HERS, dry_run=False)
            break
        except Killed:
            world.crash()
            assert money(world) == ledger
    assert at > 12
    kept = files(world)
    assert not [word for word in (*TYPED, MAILS["dana"]) if word.encode() in kept]
    assert not [row for row in rows(world, browser) if row.customer == DANA]


@pytest.mark.parametrize("at", [*range(1, 70, 4)])
async def test_an_erasure_that_was_killed_once_is_finished_by_the_next(home, at):
    world = home.world
    ledger = money(world)
    try:
        await privacy.erase(Dying(world.remit, at, before=at % 8 == 1).all_of(), HERS, dry_run=False)
    except Killed:
        world.crash()
        await erased(world, HERS)
    kept = files(world)
    assert not [word for word in (*TYPED, MAILS["dana"]) if word.encode() in kept]
    assert money(world) == ledger
    for chat in MINE:
        assert (await world.store.load(chat, "")).talk is None


async def test_a_message_that_comes_while_a_chat_is_erased_begins_a_new_one_and_stays(home):
    world = home.world
    remove = privacy._remove

    async def slowly(remit, chat, customer):
        if chat == "web:dana":
            await world.say("web:dana", "hello again")
        await remove(remit, chat, customer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(privacy, "_remove", slowly)
        await erased(world, HERS)
    said = [line.text for line in await world.store.since("web:dana", 0) if line.sender == "customer"]
    assert said == ["hello again"]


# --- afterwards ------------------------------------------------------------------------------------------------------------


async def test_a_return_that_comes_after_an_erasure_is_told_in_a_chat_that_begins_anew_and_revives_no_word(home):
    world = home.world
    shown = await home._all_of("web:dana", "pay $70 of INV-1042", "/new bank", "yes")
    page = await world.page(next(line.link.url for line in reversed(shown) if line.link))
    await world.pay_by_bank(page, "000555555559")  # settles after 3 days, and is returned 2 days after that
    await world.work()
    with pytest.raises(NotYet, match=r"payment RM-\S+ is processing; try again once it is settled"):
        await erased(world, HERS)
    await world.wait(days=3, minutes=1)
    await erased(world, HERS)
    assert (await world.store.load("web:dana", "")).talk is None
    await world.wait(days=2, minutes=1)
    assert [row.state for row in rows(world, payment) if row.amount_minor == 7000] == ["returned"]
    assert (await home.talk("dana")).keys == 1, "an older token of the chat reads none of it"
    said = await world.store.since("web:dana", 0)
    assert {line.sender for line in said} == {"notice"}
    assert any("$70.00" in line.text for line in said)
    kept = files(world)
    assert not [word for word in (*TYPED, MAILS["dana"]) if word.encode() in kept]
    agreed = sum(row.quote.count(b"Dana Whitfield") for row in rows(world, consent))
    agreed += sum(row.words.count("Dana Whitfield") for row in rows(world, agreement))
    assert kept.count(b"Dana Whitfield") == agreed


async def test_a_message_that_was_answered_before_it_was_erased_does_nothing_a_second_time(home):
    world = home.world
    await world.say("web:dana", "pay $61 of INV-1042", id="pays")
    count = len(rows(world, payment))
    await world.say("web:dana", "/cancel")
    await erased(world, HERS)
    await world.say("web:dana", "yes", id="again")
    await world.say("web:dana", "pay $61 of INV-1042", id="pays")
    assert len(rows(world, payment)) == count


# --- chats that several used --------------------------------------------------------------------------------------------------


async def _share(home):
    """Marco signs in where Dana was."""
    home.world.clock.advance(minutes=5)
    for text in ("/sign-out", "/sign-in", MAILS["marco"]):
        await home.world.say("web:dana", text)
    await home.world.say("web:dana", home.world.mail.code(MAILS["marco"]))
    await home.world.say("web:dana", "it is I, with the goldenrod")


async def test_a_chat_that_two_customers_used_is_left_whole_unless_that_is_said(home):
    world = home.world
    await _share(home)
    told = await handed_out(world, HERS)
    assert told["left_out"] == ["web:dana"]
    assert "goldenrod" not in json.dumps(told)
    assert home.goods["dana"].payment in json.dumps(told), "what names her is hers wherever it was said"
    done = await erased(world, HERS)
    assert (set(done.chats), done.left) == (MINE - {"web:dana"}, ("web:dana",))
    assert any("goldenrod" in line.text for line in await world.store.since("web:dana", 0))
    assert "petunia" not in repr(rows(world, handoff_case))
    whole = await erased(world, replace(HERS, whole_chats=True))
    assert "web:dana" in whole.chats
    assert "goldenrod" not in files(world).decode(errors="replace")
    assert (await world.store.load("web:dana", "")).talk is None


async def test_a_chat_of_somebody_who_never_signed_in_is_erased_by_its_name(home):
    world = home.world
    await world.say("web:stranger", "my goldenrod is dead")
    told = await handed_out(world, Asked(chat="web:stranger"))
    assert (told["customer"], [chat["chat"] for chat in told["chats"]]) == ("", ["web:stranger"])
    assert any("goldenrod" in line["text"] for line in told["chats"][0]["messages"])
    assert (await erased(world, Asked(chat="web:stranger"))).chats == ("web:stranger",)
    assert b"goldenrod" not in files(world)
    assert (await home.talk("dana")).owner == DANA


async def test_a_chat_that_went_on_elsewhere_is_followed(home):
    world = home.world
    with world.engine.begin() as conn:
        moved = {"keys": 0, "channel": "telegram", "made_at": 1, "expires_at": 2, "used_at": 1, "used_by": "m"}
        conn.execute(insert(hop).values(token_hash="h", chat="web:dana", used_in="rasa:elsewhere", **moved))
    await world.say("rasa:elsewhere", "the goldenrod once more")
    assert set((await erased(world, HERS)).chats) == MINE | {"rasa:elsewhere"}
    assert b"goldenrod" not in files(world)
    assert rows(world, hop) == []


# --- through the routes -----------------------------------------------------------------------------------------------------


async def test_the_routes_are_for_the_command_line_alone_and_name_nobody_in_the_log(home, caplog):
    world = home.world
    caplog.set_level("INFO")
    url = "http://remit/internal/privacy/"
    for what in ("export", "erase"):
        assert (await world.browser.post(url + what, json={"customer": DANA})).status_code == 401
    own = {"Authorization": f"Bearer {TOKEN}"}
    assert (await world.browser.post(url + "export", json={}, headers=own)).status_code == 400
    told = (await world.browser.post(url + "export", json={"customer": DANA}, headers=own)).json()
    assert told["customer"] == DANA
    done = await world.browser.post(url + "erase", json={"customer": DANA}, headers=own)
    assert (done.status_code, set(done.json()["chats"])) == (200, MINE)
    noted = rows(world, schema.tables["audit"])
    assert [row.what for row in noted] == ["exported", "erased"]
    logged = [line.getMessage() for line in caplog.records if line.name.startswith(("bot", "services", "dialogs"))]
    assert "dana" not in f"{noted}{logged}".lower()
