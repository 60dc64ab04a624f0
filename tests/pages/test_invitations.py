"""Letters about sign-in: invitations, codes, changed addresses. Who gets one, how often, and what it never says."""

import asyncio
import re

import pytest
from msgspec.structs import replace
from world import HANDOFF, TOKEN

from bot import __main__ as command
from bot.invitations import Fate, Inviting, Outcome, invite
from bot.letters import Letters
from services.errors import Unavailable, Uncertain
from services.model import Stranger
from services.schema import account
from services.sign_in import Code, Locked, Wrong

DANA, MARCO = "portal:dana", "portal:marco"


async def fates(world, post, *customers, **how):
    outcome = await invite(world.remit, post, customers, **how)
    return {each.customer: each.fate for each in outcome.letters}


async def owing(world):
    return {invoice.customer for invoice in await world.remit.books.list_open()}


def email_of(world, customer):
    return world.sandbox.portal.customers[customer.removeprefix("portal:")].email


async def test_everybody_who_owes_something_is_invited_once_in_thirty_days(world, post):
    everybody = await owing(world)
    assert len(everybody) > 1
    assert await fates(world, post) == dict.fromkeys(everybody, Fate.SENT)
    assert sorted(letter.to for letter in post.letters) == sorted(email_of(world, each) for each in everybody)
    assert await fates(world, post) == dict.fromkeys(everybody, Fate.SENT_LATELY)
    world.clock.advance(days=29, hours=23)
    assert await fates(world, post) == dict.fromkeys(everybody, Fate.SENT_LATELY)
    world.clock.advance(hours=1)
    assert await fates(world, post) == dict.fromkeys(everybody, Fate.SENT)
    assert len(post.letters) == 2 * len(everybody)


async def test_an_invitation_says_where_and_how(world, post):
    await fates(world, post, DANA)
    (letter,) = post.letters
    assert letter.to == "dana.whitfield@example.com"
    assert letter.subject == "All your invoices from Green Lane Lawn Care in one place"
    for part in ("Hello Dana Whitfield,", "one tap", "no password", "+1 415 555 0142"):
        assert part in letter.text
        assert part in letter.html
    assert "http://remit/chat#sign-in" in letter.links


async def test_customers_are_named_by_id_or_address(world, post):
    assert await fates(world, post, "Dana.Whitfield@EXAMPLE.com", DANA) == {DANA: Fate.SENT}
    assert await fates(world, post, "nobody@example.com") == {"nobody@example.com": Fate.NO_SUCH_CUSTOMER}
    assert (await invite(world.remit, post, ["nobody@example.com"])).failed
    assert len(post.letters) == 1


async def test_who_signed_in_once_is_not_invited(world, post):
    row = {"customer": DANA, "first_at": 1, "last_at": 1}
    await world.remit.transact(lambda conn: conn.execute(account.insert().values(row)))
    assert await fates(world, post, DANA, again=True) == {DANA: Fate.SIGNED_IN}
    assert post.letters == []


async def test_two_customers_at_one_address_get_one_letter(world, post):
    customers = world.sandbox.portal.customers
    other = next(each for each in await owing(world) if each != DANA)
    name = other.removeprefix("portal:")
    customers[name] = replace(customers[name], email=customers["dana"].email.upper())
    told = await fates(world, post, DANA, other)
    assert told == {DANA: Fate.SENT, other: Fate.SENT_LATELY}
    assert len(post.letters) == 1


async def test_a_customer_who_changes_the_address_is_not_invited_again_at_once(world, post):
    await fates(world, post, DANA)
    customers = world.sandbox.portal.customers
    customers["dana"] = replace(customers["dana"], email="new@example.com")
    assert await fates(world, post, DANA) == {DANA: Fate.SENT_LATELY}


async def test_again_sends_one_at_once_and_begins_the_thirty_days_anew(world, post):
    await fates(world, post, DANA)
    world.clock.advance(days=20)
    assert await fates(world, post, DANA, again=True) == {DANA: Fate.SENT}
    world.clock.advance(days=20)
    assert await fates(world, post, DANA) == {DANA: Fate.SENT_LATELY}
    assert len(post.letters) == 2


async def test_a_dry_run_invites_nobody(world, post):
    assert await fates(world, post, DANA, dry_run=True) == {DANA: Fate.WOULD_SEND}
    assert post.letters == []
    assert await fates(world, post, DANA) == {DANA: Fate.SENT}
    assert await fates(world, post, DANA, dry_run=True) == {DANA: Fate.SENT_LATELY}
    assert await fates(world, post, DANA, dry_run=True, again=True) == {DANA: Fate.WOULD_SEND}


async def test_an_address_that_cannot_get_mail_is_told_and_costs_nothing(world, post):
    customers = world.sandbox.portal.customers
    before = customers["dana"]
    customers["dana"] = replace(before, email="dana at example.com")
    assert await fates(world, post, DANA) == {DANA: Fate.NO_ADDRESS}
    customers["dana"] = before
    assert await fates(world, post, DANA) == {DANA: Fate.SENT}


async def test_an_invitation_that_did_not_leave_is_sent_by_the_next_run(world, post):
    post.break_down()
    outcome = await invite(world.remit, post)
    assert outcome.failed
    assert {each.fate for each in outcome.letters} == {Fate.NOT_SENT}
    post.refuses = None
    assert set((await fates(world, post)).values()) == {Fate.SENT}


async def test_one_that_may_have_left_is_not_sent_again_by_itself(world, post):
    post.refuses = Uncertain("the mail server stopped answering: SMTPReadTimeoutError")
    assert await fates(world, post, DANA) == {DANA: Fate.UNCLEAR}
    post.refuses = None
    assert await fates(world, post, DANA) == {DANA: Fate.SENT_LATELY}


async def test_two_runs_at_once_invite_each_customer_once(world, post):
    await asyncio.gather(fates(world, post), fates(world, post))
    assert len(post.letters) == len(await owing(world))


async def test_books_that_fail_invite_nobody(world, post, monkeypatch):
    async def away(_customer):
        raise Unavailable("the portal cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(world.remit.books, "details", away)
        with pytest.raises(Unavailable):
            await invite(world.remit, post)
    assert post.letters == []


# --- from the command line


async def ask(world, what, **order):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return await world.browser.post(f"{HANDOFF}/internal/{what}", json=order, headers=headers)


async def test_remit_invite_sends_and_says_what_became_of_each(world):
    answer = await ask(world, "invite", customers=[DANA, "nobody@example.com"])
    told = [{"customer": DANA, "fate": "sent"}, {"customer": "nobody@example.com", "fate": "no_such_customer"}]
    assert (answer.status_code, answer.json()) == (200, {"letters": told})
    answer = await ask(world, "invite", customers=[DANA], dry_run=True)
    assert answer.json() == {"letters": [{"customer": DANA, "fate": "sent_lately"}]}
    assert (await world.browser.post(f"{HANDOFF}/internal/invite", json={})).status_code == 401


async def test_remit_unlock_lets_an_address_in_again(world):
    sign_in, email = world.remit.sign_in, "dana.whitfield@example.com"
    for nth in range(10):
        guess = await sign_in.check_code(f"k{nth}", f"web:{nth}", "", email, "000000", "sign_in", Stranger())
        assert guess == Wrong()
    assert await sign_in.check_code("k10", "web:x", "", email, "000000", "sign_in", Stranger()) == Locked()
    assert (await ask(world, "unlock", email="Dana.Whitfield@example.com")).json() == {"unlocked": True}
    assert (await ask(world, "unlock", email=email)).json() == {"unlocked": False}
    assert await sign_in.check_code("k11", "web:x", "", email, "000000", "sign_in", Stranger()) == Wrong()
    assert (await ask(world, "unlock")).status_code == 400


def test_the_commands_say_what_was_done(monkeypatch, capsys):
    class Said:
        async def invite(self, order):
            return Outcome((Inviting(DANA, Fate.SENT), Inviting(order.customers[0], Fate.NO_SUCH_CUSTOMER)))

        async def unlock(self, email):
            return email == "dana@example.com"

    async def running(_settings):
        return Said()

    monkeypatch.setattr(command, "_server", running)
    assert command.main(["invite", "roy", "--again"]) == 1
    assert capsys.readouterr().out == "portal:dana: sent\nroy: no such customer\n"
    assert command.main(["unlock", "dana@example.com"]) == 0
    assert command.main(["unlock", "roy@example.com"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "It can be signed in with again.",
        "No wrong code was counted for this address.",
    ]


# --- what the letters say


@pytest.fixture
def letters(world):
    return Letters(world.settings)


PURPOSES = {
    "sign_in": "wants to sign in at Green Lane Lawn Care",
    "old_address": "wants to change the e-mail address of your account",
    "new_address": "wants to use this e-mail address",
}


@pytest.mark.parametrize(("purpose", "words"), PURPOSES.items())
def test_a_code_stands_on_a_line_of_its_own_and_never_in_the_subject(letters, purpose, words):
    letter = letters.code(Code("dana@example.com", "012345", purpose, "Dana"))
    assert letter.to == "dana@example.com"
    assert "012345" in letter.text.splitlines()
    assert re.search(r">012345</p>", letter.html)
    assert not re.search(r"\d", letter.subject)
    for part in (words, "within 10 minutes", "Never tell it to anybody", "Was it not you?"):
        assert part in letter.text
        assert part in letter.html
    assert "href" not in letter.html  # a letter that asks to follow a link is what others write
    assert letter.html.count("012345") == 1


def test_the_old_address_hears_of_the_change_and_not_of_the_new_address(letters, world):
    letter = letters.address_changed(to="dana@example.com", name="Dana", at=world.clock.at)
    assert "was changed on Mar 2, 2026" in letter.text
    assert "call Green Lane Lawn Care at +1 415 555 0142" in letter.html
    assert "@" not in letter.text + letter.html
    assert "href" not in letter.html


def test_a_language_without_letters_gets_the_first_one(letters):
    letter = letters.code(Code("dana@example.com", "012345", "sign_in", language="tlh"))
    assert letter.text.startswith("Hello,\n")


def test_no_name_can_add_markup_or_a_header(letters):
    letter = letters.code(Code("dana@example.com", "012345", "sign_in", "<script>x</script>\r\nBcc: eve@example.com"))
    assert "<script" not in letter.html
    assert "\r" not in letter.text
    assert "Bcc" not in letter.subject
