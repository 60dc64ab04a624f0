"""Letters: what they say, what they can never carry, and that each goes once a day."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import SMTP
from msgspec.structs import replace

from bot.send_links import Fate, LinkSender, send_links
from services.errors import Misconfigured, Unavailable, Uncertain
from services.mail import Letter, Refused, Smtp, one_line, usable
from tests.world import World

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
LETTER = Letter("dana@example.com", "Invoice INV-1042", "Hello.\n", "<p>Hello.</p>")


def smtp(port=25, host="127.0.0.1", **other):
    known = {"sender": "billing@example.com", "name": "Green Lane", "starttls": False}
    return Smtp(host=host, port=port, clock=lambda: NOW, random=bytes, **(known | other))


class Server:
    """A mail server that takes letters, unless it is told to answer something else at one of its steps."""

    def __init__(self, **answers):
        self.answers = answers
        self.taken = []

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802  # aiosmtpd's name
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get("mail", "250 OK")

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802  # as above
        if "rcpt" not in self.answers:
            envelope.rcpt_tos.append(address)
        return self.answers.get("rcpt", "250 OK")

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802  # as above
        self.taken.append(envelope)
        if self.answers.get("data") == "hang up":
            server.transport.abort()
        return self.answers.get("data", "250 OK")


@asynccontextmanager
async def listening(handler):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="test", loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


# --- over the wire ---------------------------------------------------------------------------------------------------


async def test_a_letter_arrives_with_both_parts_and_proper_headers():
    handler = Server()
    async with listening(handler) as port:
        await smtp(port).send(LETTER)
    (envelope,) = handler.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("billing@example.com", ["dana@example.com"])
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert str(message["From"]) == "Green Lane <billing@example.com>"
    assert str(message["Date"]) == "Mon, 02 Mar 2026 15:30:00 +0000"
    assert message["Message-ID"] == f"<{'0' * 32}@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    parts = [part.get_content().strip() for part in message.iter_parts()]
    assert parts == ["Hello.", "<p>Hello.</p>"]


async def test_a_mail_server_that_is_not_there_sent_nothing():
    async with listening(Server()) as port:
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        await smtp(port).send(LETTER)


@pytest.mark.parametrize("step", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("code", ["450", "550"])
async def test_a_refusal_is_no_doubt_and_names_nobody(step, code):
    handler = Server(**{step: f"{code} dana@example.com is not known here"})
    async with listening(handler) as port:
        with pytest.raises(Unavailable, match=f"code {code}") as refused:
            await smtp(port).send(LETTER)
    assert "dana" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("step", "answer", "code"),
    [
        ("rcpt", "550 no such user", "550"),
        ("rcpt", "550 5.1.1 no such user", "5.1.1"),
        ("rcpt", "452 4.2.2 mailbox full", None),
        ("rcpt", "552 too much", None),
        ("data", "554 5.7.1 looks like spam", "5.7.1"),
        ("data", "451 4.3.0 later", None),
        ("mail", "550 5.7.1 you may not send", None),  # about us, and not about the letter
        ("mail", "530 5.7.0 sign in first", None),
    ],
)
async def test_only_a_plain_no_to_the_letter_is_for_good(step, answer, code):
    async with listening(Server(**{step: answer})) as port:
        with pytest.raises(Unavailable) as refused:
            await smtp(port).send(LETTER)
    assert getattr(refused.value, "code", None) == code
    assert isinstance(refused.value, Refused) is (code is not None)


async def test_a_letter_with_a_name_and_a_date_is_the_same_message_each_time():
    handler = Server()
    async with listening(handler) as port:
        for _ in range(2):
            await smtp(port).send(replace(LETTER, id="6f1c", dated=NOW - timedelta(days=1)))
    messages = [message_from_bytes(envelope.content, policy=policy.default) for envelope in handler.taken]
    assert [str(each["Message-ID"]) for each in messages] == ["<6f1c@example.com>"] * 2
    assert {str(each["Date"]) for each in messages} == {"Sun, 01 Mar 2026 15:30:00 +0000"}


async def test_a_line_that_drops_after_the_letter_leaves_a_doubt():
    async with listening(Server(data="hang up")) as port:
        with pytest.raises(Uncertain, match="stopped answering"):
            await smtp(port).send(LETTER)


async def test_a_server_without_tls_gets_no_letter_when_tls_is_asked_for():
    handler = Server()
    async with listening(handler) as port:
        with pytest.raises(Unavailable):
            await smtp(port, starttls=True).send(LETTER)
    assert handler.taken == []


def test_a_password_is_never_set_to_travel_in_the_clear():
    with pytest.raises(Misconfigured, match="starttls"):
        smtp(username="u", password="p", starttls=False)


@pytest.mark.parametrize("sender", ["", "billing", "Green <billing@example.com>", "a@b\nBcc: c@d"])
def test_a_sender_that_is_no_address_is_found_at_start(sender):
    with pytest.raises(Misconfigured, match="from"):
        smtp(sender=sender)


async def test_no_host_means_no_mail(tmp_path):
    async with World(tmp_path, mail={"host": ""}) as world:
        assert world.remit.mail is None


# --- what nobody can slip into a header -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "",
        "dana",
        "dana@",
        "@example.com",
        "dana@example.com, eve@example.com",
        "Dana <dana@example.com>",
        "dana@example.com\r\nBcc: eve@example.com",
        "dana@example.com ",
        '"dana eve"@example.com',
        "dána@example.com",
        "d" * 250 + "@example.com",
    ],
)
async def test_what_is_not_one_plain_address_gets_no_letter(address):
    assert not usable(address)
    with pytest.raises(Unavailable):
        await smtp().send(replace(LETTER, to=address))


@pytest.mark.parametrize(
    "nasty",
    ["Hi\r\nBcc: eve@example.com", "Hi\nBcc: eve@example.com\n\nbody", "Hi\u2028Bcc: eve@example.com", "\ud800Hi"],
)
async def test_no_word_can_add_a_header_or_a_recipient(nasty):
    handler = Server()
    async with listening(handler) as port:
        await smtp(port, name=nasty).send(replace(LETTER, subject=nasty, text=nasty))
    (envelope,) = handler.taken
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert envelope.rcpt_tos == ["dana@example.com"]
    assert "Bcc" not in message
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("  two \t words\r\n", "two words"),
        ("\u202egnirts", "gnirts"),
        ("a\u200cb", "a\u200cb"),  # a joiner is spelling, in Persian for one
        ("x" * 300, "x" * 199 + "…"),
        ("", ""),
    ],
)
def test_one_line_keeps_the_words_and_nothing_unseen(words, line):
    assert one_line(words) == line


# --- remit send-links -------------------------------------------------------------------------------------------------


async def fates(world, post, *numbers, **how):
    outcome = await send_links(world.remit, post, numbers, **how)
    return {each.number: each.fate for each in outcome.letters}


OPEN = {"INV-1031", "INV-1042", "INV-1045", "INV-1046", "INV-1044", "INV-1047", "INV-1050", "INV-1053"}


async def test_every_open_invoice_gets_one_letter_with_a_link_that_opens_it(world, post, site, links):
    assert await fates(world, post) == dict.fromkeys(OPEN, Fate.SENT)
    letters = {letter.subject: letter for letter in post.letters}
    assert len(letters) == len(post.letters) == len(OPEN)
    reminder = letters["Reminder: invoice INV-1031 from Green Lane Lawn Care is overdue"]
    assert reminder.to == "dana.whitfield@example.com"
    for part in ("Hello Dana Whitfield,", "$86.50, overdue since Feb 9, 2026", "May 1, 2026", "+1 415 555 0142"):
        assert part in reminder.text
        assert part in reminder.html
    (link,) = links(reminder)
    assert "Invoice INV-1031" in (await site.get(link)).text


async def test_no_invoice_gets_two_letters_on_one_day(world, post):
    await fates(world, post)
    assert await fates(world, post) == dict.fromkeys(OPEN, Fate.SENT_TODAY)
    assert len(post.letters) == len(OPEN)
    assert await fates(world, post, "INV-1042", again=True) == {"INV-1042": Fate.SENT}
    world.clock.advance(days=1)
    assert await fates(world, post, "inv 1042") == {"INV-1042": Fate.SENT}
    assert len(post.letters) == len(OPEN) + 2


async def test_two_runs_at_once_still_send_one_letter_each(world, post):
    await asyncio.gather(fates(world, post), fates(world, post))
    assert len(post.letters) == len(OPEN)


async def test_a_dry_run_says_what_it_would_do_and_does_nothing(world, post):
    assert await fates(world, post, dry_run=True) == dict.fromkeys(OPEN, Fate.WOULD_SEND)
    assert post.letters == []
    assert (await fates(world, post, "INV-1042"))["INV-1042"] is Fate.SENT
    assert (await fates(world, post, dry_run=True))["INV-1042"] is Fate.SENT_TODAY
    assert (await fates(world, post, "INV-1042", dry_run=True, again=True))["INV-1042"] is Fate.WOULD_SEND


async def test_what_cannot_be_sent_says_why(world, post):
    customers = world.sandbox.portal.customers
    customers["dana"] = replace(customers["dana"], email="dana@example.com\nBcc: eve@example.com")
    assert await fates(world, post, "INV-1042", "INV-1027", "INV-1039", "CN-2003", "INV-9", "INV-1042") == {
        "INV-1042": Fate.NO_ADDRESS,
        "INV-1027": Fate.NOT_PAYABLE,
        "INV-1039": Fate.NOT_PAYABLE,
        "CN-2003": Fate.NOT_PAYABLE,
        "INV-9": Fate.NO_SUCH_INVOICE,
    }
    assert post.letters == []


async def test_a_letter_that_did_not_leave_is_sent_by_the_next_run(world, post):
    post.break_down()
    first = await send_links(world.remit, post)
    assert first.failed
    assert {each.fate for each in first.letters} == {Fate.NOT_SENT}
    post.refuses = None
    assert await fates(world, post) == dict.fromkeys(OPEN, Fate.SENT)


async def test_a_mail_server_that_takes_nothing_is_left_alone_soon(world, post):
    post.break_down()
    asked = []
    refuse = post.send

    async def count(letter):
        asked.append(letter)
        await refuse(letter)

    post.send = count
    await send_links(world.remit, post)
    assert len(asked) == 3


async def test_a_letter_that_may_have_left_is_not_sent_again_by_itself(world, post):
    post.refuses = Uncertain("the mail server stopped answering: SMTPReadTimeoutError")
    assert await fates(world, post, "INV-1042") == {"INV-1042": Fate.UNCLEAR}
    post.refuses = None
    assert await fates(world, post, "INV-1042") == {"INV-1042": Fate.SENT_TODAY}


async def test_books_that_fail_half_way_do_not_use_up_the_day(world, post, monkeypatch):
    async def away(_customer):
        raise Unavailable("the portal cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(world.remit.invoices, "billing", away)
        with pytest.raises(Unavailable):
            await send_links(world.remit, post, ["INV-1042"])
    assert await fates(world, post, "INV-1042") == {"INV-1042": Fate.SENT}


async def test_a_letter_never_carries_markup_from_an_invoice(world, post):
    nasty = "<script>alert(1)</script>\u202e\r\nBcc: eve@example.com"
    invoice = world.sandbox.portal.invoices["inv-1042"]
    customers = world.sandbox.portal.customers
    customers["dana"] = replace(customers["dana"], name=nasty)
    invoice.customer, invoice.number = customers["dana"], "INV<b>1042"
    assert list((await fates(world, post, "INV-B1042")).values()) == [Fate.SENT]
    (letter,) = post.letters
    assert letter.to == "dana.whitfield@example.com"
    assert "<script" not in letter.html
    assert "INV<b>" not in letter.html
    assert "\u202e" not in letter.html + letter.text + letter.subject


@pytest.mark.parametrize(
    ("number", "on_file", "parts"),
    [
        ("INV-1039", (8, "Marco Reyes"), ["Hola, Marco Reyes:", "Usted pidió un enlace nuevo"]),
        ("INV-1042", (0, ""), ["Hello,\r\n", "Invoice INV-1042: $120.00, due today."]),
        ("INV-1042", (None, "Dana"), ["Invoice INV-1042: $120.00.\r\n"]),
    ],
)
async def test_a_fresh_letter_fits_the_invoice_as_it_stands(world, post, number, on_file, parts):
    due_in, name = on_file
    today = world.clock.at.date()
    invoice = world.sandbox.portal.invoices[number.lower()]
    invoice.due_date = None if due_in is None else today + timedelta(days=due_in)
    customers = world.sandbox.portal.customers
    customers[invoice.customer.id] = replace(invoice.customer, name=name)
    assert await LinkSender(world.remit, post).send_fresh(f"portal:{number.lower()}") is Fate.SENT
    (letter,) = post.letters
    for part in parts:
        assert part in letter.text
    assert ("See and pay the invoice" in letter.html) is not invoice.void
    assert ("$" in letter.text) is not invoice.void
