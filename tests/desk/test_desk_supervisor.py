"""What supervisors do on their pages: refund, stop, close, word answers, read the audit; over HTTP, in a whole world."""

import csv
import io
import re

import pytest
from desks import csrf, signed_in, waiting
from sqlalchemy import select
from world import World

from services.desk import audit, canned
from services.payments import cases, pauses, refunds
from services.payments.cases import Trouble
from services.schema import payment

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def chief(world):
    client = await signed_in(world, "Chris", "supervisor")
    yield client
    await client.aclose()


async def paid(world: World, chat: str = "rasa:one") -> str:
    """The reference of a payment of 120.00 USD that went through."""
    await world.say(chat, f"/start {await world.link('INV-1042')}")
    for text in ("card", "yes", "yes"):
        shown = await world.say(chat, text)
    url = next(message.link.url for message in shown if message.link)
    await world.pay_by_card(await world.page(url), "4242424242424242")
    await world.work()
    return await world.remit.transact(lambda conn: conn.execute(select(payment.c.reference)).scalar_one())


async def post(client, path: str, **fields: str):
    return await client.post(f"/desk/{path}", data={"csrf": await csrf(client), **fields})


async def refunded(world: World, reference: str) -> list[int]:
    made = await world.remit.transact(lambda conn: refunds.of_payment(conn, reference))
    return sorted(each.amount.minor for each in made)


async def noted(world: World) -> list[str]:
    return [each.what for each in reversed(await world.remit.transact(lambda conn: audit.newest(conn, 100)))]


async def test_a_refund_is_asked_once_more_then_made_once_however_often_the_form_is_sent(world, chief):
    reference = await paid(world)
    page = await chief.get(f"/desk/payments/{reference}")
    assert "120.00 USD" in page.text
    assert "4242" in page.text
    key = re.search(r'name="key" value="([0-9a-f]+)"', page.text)[1]
    form = {"key": key, "amount": "20", "why": f"goodwill {HOSTILE} 4111 1111 1111 1111"}
    asked = await post(chief, f"payments/{reference}/refund", **form)
    assert "Refund this payment?" in asked.text
    assert "20.00 USD" in asked.text
    assert HOSTILE not in asked.text
    assert "4111" not in asked.text
    assert await refunded(world, reference) == []
    for _ in range(3):
        done = await post(chief, f"payments/{reference}/refund", **form, sure="yes")
        assert done.status_code == 303
    assert await refunded(world, reference) == [2000]
    other = await post(chief, f"payments/{reference}/refund", **(form | {"amount": "30"}), sure="yes")
    assert other.status_code == 409
    assert "nothing more was refunded" in other.text
    await world.work()
    assert (await world.remit.checkout.view(reference)).refunded_minor == 2000
    shown = (await chief.get(f"/desk/payments/{reference}")).text
    assert HOSTILE not in shown
    assert "&lt;script&gt;" in shown
    assert "4111" not in shown
    (made,) = await world.remit.transact(lambda conn: refunds.of_payment(conn, reference))
    assert made.asked_by.startswith("Chris (desk, ")


async def test_the_same_sum_under_another_key_is_refused_until_it_is_ticked(world, chief):
    reference = await paid(world)
    form = {"amount": "20", "why": "goodwill", "sure": "yes"}
    assert (await post(chief, f"payments/{reference}/refund", key="a" * 24, **form)).status_code == 303
    refused = await post(chief, f"payments/{reference}/refund", key="b" * 24, **form)
    assert refused.status_code == 409
    assert 'name="again"' in refused.text
    assert await refunded(world, reference) == [2000]
    assert (await post(chief, f"payments/{reference}/refund", key="b" * 24, again="yes", **form)).status_code == 303
    assert await refunded(world, reference) == [2000, 2000]
    rest = await post(chief, f"payments/{reference}/refund", key="c" * 24, amount="all", why="all", sure="yes")
    assert rest.status_code == 303
    assert await refunded(world, reference) == [2000, 2000, 8000]
    await world.work()
    assert 'name="amount"' not in (await chief.get(f"/desk/payments/{reference}")).text


@pytest.mark.parametrize(
    ("amount", "why"), [("1e", "x"), ("-5", "x"), ("0", "x"), ("120.01", "x"), ("NaN", "x"), ("20", " ")]
)
async def test_nothing_else_is_refunded_and_what_was_typed_stays(world, chief, amount, why):
    reference = await paid(world)
    answer = await post(chief, f"payments/{reference}/refund", key="a" * 24, amount=amount, why=why, sure="yes")
    assert answer.status_code == 409
    assert 'class="problem"' in answer.text
    assert f'value="{amount}"' in answer.text
    assert await refunded(world, reference) == []
    assert "refund_asked" not in await noted(world) or "refund_refused" in await noted(world)


async def test_payments_are_found_and_each_look_at_one_is_noted(world, chief):
    reference = await paid(world)
    row = f"payments/{reference}"
    for query in ("", f"q={reference.lower()}", "q=inv-1042", "q=4242", "state=succeeded", "day=2026-03-02"):
        assert row in (await chief.get(f"/desk/payments?{query}")).text, query
    for query in ("q=INV-1", "q=4243", "state=failed", "day=2026-03-01", "day=2026-03-03", "q=%25"):
        assert row not in (await chief.get(f"/desk/payments?{query}")).text, query
    for query in ("day=9999-12-31", "day=x", "state=x"):
        assert (await chief.get(f"/desk/payments?{query}")).status_code == 200
    assert HOSTILE not in (await chief.get("/desk/payments", params={"q": f'">{HOSTILE}'})).text
    await chief.get(f"/desk/payments/{reference}")
    await chief.get("/desk/payments/RM-NONE")
    newest = await world.remit.transact(lambda conn: audit.newest(conn, 1))
    assert [(each.what, each.payment) for each in newest] == [("saw_payment", reference)]


async def test_a_supervisor_reads_the_words_that_were_agreed_to(world, chief):
    shown = (await chief.get(f"/desk/payments/{await paid(world)}")).text
    agreed = shown.partition("What the customer agreed to")[2]
    assert "Please check: $120.00 to Green Lane Lawn Care for invoice INV-1042, by card." in agreed
    assert "[Yes, pay $120.00]" in agreed
    assert "record 1." in agreed


async def test_new_payments_stop_and_start_again_after_a_second_yes(world, chief):
    async def stopped() -> bool:
        return await world.remit.transact(pauses.is_paused)

    assert "Stop new payments?" in (await post(chief, "payments/pause", paused="yes", why="fraud")).text
    assert not await stopped()
    for _ in range(2):
        assert (await post(chief, "payments/pause", paused="yes", why="fraud", sure="yes")).status_code == 303
    assert await stopped()
    assert "New payments are stopped" in (await chief.get("/desk/payments")).text
    await post(chief, "payments/pause", paused="no", sure="yes")
    assert not await stopped()
    assert [what for what in await noted(world) if what in {"paused", "resumed"}] == ["paused", "resumed"]


async def test_a_case_is_answered_once_and_the_customer_reads_it_in_the_chat(world, chief):
    reference = await paid(world)
    await world.remit.transact(
        lambda conn: cases.open_case(
            conn,
            "wish:test",
            Trouble.REFUND_WANTED,
            f"money back for {reference} is wanted",
            world.clock(),
            chat="rasa:one",
            payment=reference,
            evidence={"number": "INV-1042", "signed_in": False},
            words=f"give it back {HOSTILE}",
        )
    )
    listed = (await chief.get("/desk/cases")).text
    assert "number: INV-1042, signed in: no" in listed
    assert "&lt;script&gt;" in listed
    assert HOSTILE not in listed
    (case,) = await world.remit.transact(cases.open_cases)
    assert (await post(chief, f"cases/{case.id}/close", answer="It is on its way.")).status_code == 303
    again = await post(chief, f"cases/{case.id}/close", answer="another one")
    assert again.status_code == 409
    assert "another one" in again.text
    await world.work()
    texts = [message.text for message in await world.store.since("rasa:one", 0)]
    assert sum("It is on its way." in text for text in texts) == 1
    assert "closed_case" in await noted(world)


async def test_evidence_of_every_shape_reads_as_words(world, chief):
    def work(conn) -> None:
        for key, seen in (
            ("a", {"minor": 1250, "currency": "USD"}),
            ("b", [{"id": "evt_1", "amount": {"minor": 5, "currency": "JPY"}, "refund": None}, "a word"]),
        ):
            cases.open_case(conn, key, Trouble.CONTRADICTION, "look", world.clock(), evidence=seen)

    await world.remit.transact(work)
    listed = (await chief.get("/desk/cases")).text
    for line in ("<bdi>12.50 USD</bdi>", "<bdi>id: evt_1, amount: 5 JPY</bdi>", "<bdi>a word</bdi>"):
        assert line in listed
    assert "<textarea" not in listed  # nobody would be told


async def test_answers_are_worded_by_supervisors_and_read_by_everybody(world, chief):
    assert (await post(chief, "answers/save", title="Hello", text=f"Hello {{name}} {HOSTILE}")).status_code == 303
    assert (await post(chief, "answers/save", title="Hello", text="taken")).status_code == 409
    unknown = await post(chief, "answers/save", title="New", text="your {iban}")
    assert unknown.status_code == 409
    assert "your {iban}" in unknown.text
    (kept,) = await world.remit.transact(canned.every)
    maria = await signed_in(world)
    read = (await maria.get("/desk/answers")).text
    assert "Hello {name}" in read
    assert HOSTILE not in read
    assert "<textarea" not in read
    assert (await post(maria, "answers/save", title="Mine", text="mine")).status_code == 403
    await maria.aclose()
    assert (await post(chief, "answers/save", answer=str(kept.id), title="Hi", text="Hi")).status_code == 303
    (kept,) = await world.remit.transact(canned.every)
    assert (kept.title, kept.text) == ("Hi", "Hi")
    await post(chief, "answers/remove", answer=str(kept.id))
    assert await world.remit.transact(canned.every) == []


async def test_the_audit_is_narrowed_paged_and_taken_out_which_is_noted(world, chief):
    def work(conn) -> None:
        for nth in range(150):
            audit.note(conn, None, "wrote", world.clock(), f"web:{nth % 2}")
        audit.note(conn, None, "saw", world.clock(), "=1+1")

    await world.remit.transact(work)
    one = (await chief.get("/desk/audit", params={"chat": "web:1", "what": "wrote"})).text
    assert one.count("<tr>") == 76
    assert "web:0" not in one
    first = (await chief.get("/desk/audit", params={"what": "wrote"})).text
    assert first.count("<tr>") == 101
    older = re.search(r'href="[^"]*(audit\?[^"]*before=[0-9]+)"', first)[1].replace("&amp;", "&")
    assert (await chief.get(f"/desk/{older}")).text.count("<tr>") == 51
    taken = await post(chief, "audit/export", what="saw")
    assert taken.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(taken.text))
    assert (row["what"], row["chat"]) == ("saw", "'=1+1")
    assert (await noted(world))[-1] == "exported_audit"


async def test_the_numbers_page_counts_what_happened_and_its_plots_have_words(world, chief):
    await paid(world)
    await waiting(world, "rasa:two", link="INV-1044")
    shown = (await chief.get("/desk/numbers?days=30")).text
    assert "1 waiting" in shown
    assert '<th scope="row">Paid</th><td class="number">1</td>' in shown
    assert '<th scope="row">Handed to a person</th><td class="number">1</td>' in shown
    assert "120.00 USD" in shown
    assert shown.count("<svg") == shown.count('role="img"') == 6
    assert " style=" not in shown
    for days in ("0", "x", "99999999999"):
        assert (await chief.get(f"/desk/numbers?days={days}")).status_code == 200
