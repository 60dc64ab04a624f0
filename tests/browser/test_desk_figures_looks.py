"""The desk's pages beside the chats in a real browser: numbers, money, cases, customers, answers, audit; each as it is looked at."""

import contextlib
import sys
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio
from sqlalchemy import insert
from world import World

from bot.report import files
from bot.report_commands import write
from services.database import micros
from services.desk import audit, canned, report
from services.desk.days import Days
from services.model import PaymentState
from services.payments import cases
from services.payments.cases import Trouble
from services.schema import pay_link, payment_invoice
from tests.browser.conftest import ARTEFACTS, DESKTOP, PHONE
from tests.browser.test_bill_looks import LOOKS, bound, look, serving

sys.path.insert(0, str(Path(__file__).parents[1] / "desk"))  # what tests of the desk share
from desks import PASSWORD, account, waiting
from test_desk_numbers import asked, begun
from test_desk_supervisor import paid

pytestmark = pytest.mark.asyncio(loop_scope="session")
S = PaymentState
HOSTILE = "<script>alert(1)</script>"


def busy(conn, now: datetime, chief: int) -> None:
    """Some weeks of payments in two currencies, letters, and chats whose customers waited for seconds or minutes."""
    chance = Random(5)
    for nth in range(150):
        at = now - timedelta(minutes=chance.randint(1, 60 * 24 * 25))
        cleared = at + timedelta(minutes=chance.choice((3, 40, 300, 4000)))
        paid = chance.random() < 0.8 and cleared < now
        state = (
            chance.choice((S.SUCCEEDED,) * 8 + (S.RETURNED, S.REFUNDED)) if paid else chance.choice((S.FAILED, S.OPEN))
        )
        more = {
            "cleared_at": micros(cleared) if paid else None,
            "happened_at": micros(min(now, cleared + timedelta(days=2))),
        }
        why = chance.choice(("page_expired", "insufficient_funds")) if state in (S.FAILED, S.RETURNED) else None
        more |= {"method": chance.choice(("card", "card", "bank")), "saved": chance.choice(("", "pm")), "reason": why}
        money = {"amount_minor": chance.randint(2000, 60000), "currency": "USD" if nth % 9 else "EUR"}
        begun(conn, f"RM-{nth}", f"web:{nth}", state, at, **money, **more)
        line = {
            "payment": f"RM-{nth}",
            "invoice": f"book:{nth}",
            "number": f"INV-{nth}",
            "version": "1",
            "amount_minor": 1,
        }
        conn.execute(insert(payment_invoice).values(**line, live=False, reserved=False))
        sent = micros(at - timedelta(minutes=chance.choice((4, 90, 1000, 9000))))
        link = {"token_hash": f"{nth:064}", "invoice": f"book:{nth}", "created_at": sent, "expires_at": 2**60}
        conn.execute(insert(pay_link).values(**link, sent_at=sent, opened_at=sent if nth % 4 else None))
        if nth % 3 == 0:
            taken = at + timedelta(seconds=chance.choice((4, 12, 25, 40, 90, 200, 700)))
            asked(
                conn,
                f"web:{nth}",
                at,
                state="resolved",
                agent=chief,
                taken_at=taken,
                resolved_at=taken,
                stars=nth % 5 + 1,
            )


@pytest_asyncio.fixture(loop_scope="session")
async def desk(tmp_path):
    """The address of a desk with something on every page, and the paths to look at."""
    socket, address = bound()
    async with contextlib.AsyncExitStack() as stack:
        world = await stack.enter_async_context(World(tmp_path))
        chief = await account(world, "Chris", "supervisor")
        await account(world, "Maria")
        reference = await paid(world)
        await waiting(world, "rasa:two", link="INV-1044")
        (invoice,) = await world.remit.invoices.find("INV-1044")

        def fill(conn) -> None:
            canned.add(conn, chief.id, f"Hello {HOSTILE}", "Hello {name}, your invoice is {invoice}.", world.clock())
            words = f"Please give it back. {HOSTILE}"
            told = {"evidence": {"number": "INV-1042", "signed_in": False}, "words": words, "payment": reference}
            cases.open_case(conn, "a", Trouble.REFUND_WANTED, "money back is wanted", world.clock(), **told)
            audit.note(conn, chief.id, "saw", world.clock(), "rasa:two")

        await world.remit.transact(fill)
        await world.remit.transact(lambda conn: busy(conn, world.clock(), chief.id))
        await stack.enter_async_context(serving(world._assistant, socket))
        yield (
            address,
            {
                "numbers": "numbers",
                "report": "report",
                "payments": "payments",
                "payment": f"payments/{reference}",
                "cases": "cases",
                "customers": "customers?q=INV-1044",
                "customer": f"customer?id={invoice.customer}",
                "answers": "answers",
                "audit": "audit",
                "team": "team",
                "queue": "",
            },
        )


@pytest.mark.parametrize(("viewport", "dark"), LOOKS)
async def test_every_page_beside_the_chats_reads_well(desk, visit, request, viewport, dark):
    address, pages = desk
    async with visit(viewport=viewport, dark=dark) as visitor:
        page = await visitor.page(f"{address}/desk/sign-in")
        await page.get_by_label("E-mail").fill("chris@example.test")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/desk/")
        for kind, path in pages.items():
            await page.goto(f"{address}/desk/{path}")
            await look(page, f"desk-{request.node.callspec.id}-{kind}")


async def test_a_refund_is_confirmed_on_a_page_of_its_own(desk, visit):
    address, pages = desk
    async with visit() as visitor:
        page = await visitor.page(f"{address}/desk/sign-in")
        await page.get_by_label("E-mail").fill("chris@example.test")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/desk/")
        await page.goto(f"{address}/desk/{pages['payment']}")
        await page.get_by_label("Amount").fill("20")
        await page.get_by_label("Why").fill("goodwill")
        await page.get_by_role("button", name="Refund…").click()
        await page.get_by_role("heading", name="Refund this payment?").wait_for()
        await look(page, "desk-confirm")
        await page.get_by_role("button", name="Refund").click()
        await page.get_by_role("heading", name="Refunds asked for here").wait_for()
        assert await page.get_by_text("20.00 USD").first.is_visible()


@pytest.mark.parametrize(("viewport", "dark"), [(DESKTOP, True), (PHONE, False)], ids=["desktop-dark", "phone-light"])
async def test_the_report_reads_well_as_a_file_that_has_nothing_beside_it(tmp_path, visit, request, viewport, dark):
    async with World(tmp_path) as world:
        chief = await account(world, "Chris", "supervisor")
        await world.remit.transact(lambda conn: busy(conn, world.clock(), chief.id))
        days = Days(world.remit.today() - timedelta(days=29), world.remit.today(), world.settings.zone)
        made = await report.read(world.remit.transact, days, f"Green Lane {HOSTILE}", world.clock())
    file, *_ = write(tmp_path / "report", files(made))
    async with visit(viewport=viewport, dark=dark) as visitor:
        page = await visitor.page(file.as_uri())
        await look(page, f"report-file-{request.node.callspec.id}")
        assert await page.locator("svg").count() >= 5
        assert await page.evaluate("document.scripts.length") == 0
        await page.pdf(path=ARTEFACTS / "report-file.pdf", format="A4")
