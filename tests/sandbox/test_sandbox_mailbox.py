"""The mailbox: what was mailed can be read, and nothing in a mail can act."""

import asyncio
import re
import smtplib
from email.message import EmailMessage

import pytest


def letter(text="Paid. https://example.com/r/1.", page=None, subject="Your receipt"):
    message = EmailMessage()
    message["From"] = "billing@example.com"
    message["To"] = "dana@example.com"
    message["Subject"] = subject
    message.set_content(text)
    if page:
        message.add_alternative(page, subtype="html")
    return message


async def test_a_message_is_listed_with_its_texts_and_links(stage):
    page = '<p>See <a href="https://example.com/r/1?a=1&amp;b=2">it</a>, https://example.com/r/1</p>'
    stage.sandbox.mailbox.take(["dana@example.com"], letter(page=page, subject="Bezahlt ✓").as_bytes())
    (shown,) = (await stage.http.get("/inbox/api/messages")).json()
    assert set(shown) == {"id", "to", "subject", "text", "html", "links", "at", "sender"}
    assert shown["sender"] == "billing@example.com"
    assert (shown["to"], shown["subject"], shown["at"]) == ("dana@example.com", "Bezahlt ✓", "2026-03-02T15:30:00Z")
    assert shown["text"].strip() == "Paid. https://example.com/r/1."
    assert shown["html"].strip() == page
    assert shown["links"] == ["https://example.com/r/1", "https://example.com/r/1?a=1&b=2"]


async def test_messages_come_oldest_first_and_the_page_shows_the_newest_first(stage):
    for subject in ("first", "second"):
        stage.sandbox.mailbox.take(["dana@example.com"], letter(subject=subject).as_bytes())
    listed = (await stage.http.get("/inbox/api/messages")).json()
    assert [message["subject"] for message in listed] == ["first", "second"]
    page = (await stage.http.get("/inbox/")).text
    assert page.index("second") < page.index("first")


async def test_an_empty_mailbox_says_so(stage):
    assert (await stage.http.get("/inbox/api/messages")).json() == []
    assert "No messages yet" in (await stage.http.get("/inbox/")).text


async def test_html_in_a_message_is_shown_only_in_a_frame_that_can_do_nothing(stage):
    nasty = '<script>alert(1)</script><img src="https://evil.example/x"></iframe>'
    message = stage.sandbox.mailbox.take(["a@example.com"], letter(page=nasty, subject="<b>hi</b>").as_bytes())
    shown = await stage.http.get(f"/inbox/messages/{message.id}")
    assert "<script" not in shown.text
    assert "<b>" not in shown.text
    assert "evil.example" not in re.sub(r"<li>.*?</li>", "", shown.text)  # only its address, in the list of links
    assert 'sandbox="allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape' in shown.text
    body = await stage.http.get(f"/inbox/messages/{message.id}/body")
    policy = body.headers["content-security-policy"]
    for guard in ("default-src 'none'", "form-action 'none'", "frame-ancestors 'self'", "; sandbox allow-top-nav"):
        assert guard in policy
    assert "script" not in policy
    assert nasty in body.text


async def test_a_message_that_is_not_there_is_a_404(stage):
    assert (await stage.http.get("/inbox/messages/msg_1")).status_code == 404
    assert (await stage.http.get("/inbox/messages/msg_1/body")).status_code == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: x\nContent-Type: text/plain; charset=nonsense\n\nhello",
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nbroken",
        b"Subject: =?utf-8?b?broken\n\nhi",
    ],
)
async def test_a_broken_message_is_kept_as_far_as_it_can_be_read(stage, raw):
    stage.sandbox.mailbox.take(["a@example.com"], raw)
    assert len((await stage.http.get("/inbox/api/messages")).json()) == 1
    assert (await stage.http.get("/inbox/")).status_code == 200


async def test_what_is_mailed_over_smtp_arrives(stage):
    server = await stage.sandbox.mailbox.listen("127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await asyncio.to_thread(mail, port, letter())
    finally:
        server.close()
        await server.wait_closed()
    (message,) = stage.sandbox.mailbox.messages
    assert (message.to, message.subject) == ("dana@example.com", "Your receipt")


def mail(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        smtp.send_message(message)
