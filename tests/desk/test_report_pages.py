"""The owner's report as supervisors and owners get it: at the desk, as sheets, as a file; hostile names, empty days, nobody else."""

import csv
import io
import re
from datetime import date, timedelta
from itertools import pairwise

import pytest
from desks import csrf, signed_in
from hypothesis import given
from hypothesis import strategies as st
from test_desk_supervisor import noted, paid, post

from bot.desk.pictures import sections
from bot.desk.plots import Series, bars, columns, round_ticks, stacks, time_ticks
from bot.desk.report_sheets import SHEETS
from bot.report import files, page
from bot.report_commands import write
from bot.send_links import send_links
from bot.sheets import sheet
from services.database import micros
from services.desk import report
from services.desk.days import Days
from services.errors import Misconfigured
from services.model import PaymentState
from services.payments.giving_back import refund
from services.payments.refunds import RefundOrder
from tests.desk.test_desk_numbers import begun

HOSTILE = '</style><script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.fixture
async def chief(world):
    client = await signed_in(world, "Chris", "supervisor")
    yield client
    await client.aclose()


async def mailed_and_paid(world) -> str:
    """One letter was opened and paid an hour later, by its link; one was not."""
    await send_links(world.remit, world.mail, ["INV-1042", "INV-1044"])
    link = next(re.search(r"/i/([\w-]+)", each.text)[1] for each in world.mail.letters if "INV-1042" in each.text)
    assert (await world.browser.get(f"http://remit/i/{link}")).status_code == 200
    world.clock.advance(hours=1)
    for text in (f"/start {link}", "card", "yes", "yes"):
        shown = await world.say("rasa:one", text)
    await world.remit.runtime.drain()
    url = next(message.link.url for message in shown if message.link)
    await world.pay_by_card(await world.page(url), "4242424242424242")
    await world.work()
    return re.search(r"RM-\w+-\w+", str(await world.book()))[0]


def table(html: str, caption: str) -> list[list[str]]:
    """The rows of one table, as text."""
    found = re.search(rf"<caption>{re.escape(caption)}</caption>(.*?)</table>", html, re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", found, re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


async def test_a_letter_is_followed_from_the_mail_to_the_money(world, chief):
    await mailed_and_paid(world)
    html = (await chief.get("/desk/report")).text
    assert table(html, "Letters by step")[1:] == [
        ["Letter sent", "2", "100 %", "2"],
        ["Link opened", "1", "50 %", "1"],
        ["Chat begun", "1", "50 %", "1"],
        ["Method chosen", "1", "50 %", "1"],
        ["Sum confirmed", "1", "50 %", "1"],
        ["Payment page opened", "1", "50 %", "1"],
        ["Paid", "1", "50 %", "1"],
    ]
    assert table(html, "Time until a letter was paid")[1:] == [
        ["All", "1", "1 h", "1 h", "1 h"],
        ["Card", "1", "1 h", "1 h", "1 h"],
    ]
    assert table(html, "USD by method, and what went back")[1:] == [["Card", "1", "$120.00"]]
    assert "Recorded since 2026-03-02; of the days before, nothing is known." in html


async def test_what_is_opened_twice_is_kept_once_and_a_program_that_only_asks_opens_nothing(world):
    token = await world.link("INV-1042")
    at = micros(world.clock())

    async def kept() -> list[int | None]:
        (row,) = await world.remit.transact(
            lambda conn: conn.exec_driver_sql("SELECT sent_at, opened_at, begun_at, chosen_at FROM pay_link").all()
        )
        return list(row)

    await world.browser.head(f"http://remit/i/{token}")
    assert await kept() == [None] * 4
    for _ in range(2):
        await world.browser.get(f"http://remit/i/{token}")
        world.clock.advance(minutes=1)
    assert await kept() == [None, at, None, None]
    await world.say("rasa:one", f"/start {token}")
    assert await kept() == [None, at, at + 120_000_000, None]
    await world.say("rasa:one", "card")
    await world.remit.runtime.drain()
    assert await kept() == [None, at, at + 120_000_000, at + 120_000_000]


async def test_a_refund_is_shown_apart_from_what_came_in(world, chief):
    reference = await paid(world)
    made = RefundOrder("k", reference, None, "agent", "asked for")
    await refund(world.remit.checkout, made)
    await world.work()
    html = (await chief.get("/desk/report")).text
    assert "$120.00 came in, $120.00 went back: $0.00 together." in html
    assert table(html, "USD by day")[1:] == [["2026-03-02", "$120.00", "-$120.00", "$0.00"]]
    assert table(html, "Payments by outcome and reason")[1:] == [["Paid, refunded in full", "", "1", "$120.00"]]


async def test_each_currency_has_a_plot_of_its_own(world, chief):
    def several(conn) -> None:
        for nth, currency in enumerate(("USD", "JPY", "BHD")):
            at = {"cleared_at": micros(world.clock()), "amount_minor": 123456, "currency": currency}
            begun(conn, f"RM-{nth}", f"c{nth}", PaymentState.SUCCEEDED, world.clock(), **at)

    await world.remit.transact(several)
    html = (await chief.get("/desk/report")).text
    assert re.findall(r'<h2 id="money[^>]*>(.*?)</h2>', html) == ["Money in, BHD", "Money in, JPY", "Money in, USD"]
    assert "BHD\N{NO-BREAK SPACE}123.456 came in" in html
    assert "¥123,456 came in" in html
    assert "$1,234.56 came in" in html


async def test_days_on_which_nothing_happened_say_so_and_draw_nothing(world, chief):
    html = (await chief.get("/desk/report?from=2020-01-01&to=2020-12-31")).text
    for words in ("No money came in or went back", "No payment began", "No letter of these days has been paid"):
        assert words in html
    assert "Nothing is recorded yet" in html
    assert "<svg" not in html


@pytest.mark.parametrize(
    "query",
    ["from=x", "from=2026-03-02&to=2026-03-01", "from=2000-01-01", "to=9999-12-31", "from=0001-01-01&to=0001-01-02"],
)
async def test_days_that_are_none_are_told_and_nothing_breaks(chief, query):
    answer = await chief.get(f"/desk/report?{query}")
    assert answer.status_code == 400
    assert 'class="problem"' in answer.text


async def test_every_sheet_is_taken_out_as_csv_and_each_is_a_line_in_the_audit(world, chief):
    await mailed_and_paid(world)
    days = {"from": "2026-03-01", "to": "2026-03-02"}
    found = {}
    for name in SHEETS:
        answer = await post(chief, "report/export", sheet=name, **days)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert f'filename="{name}-2026-03-01-2026-03-02.csv"' in answer.headers["content-disposition"]
        assert answer.text.count("\r\n") == answer.text.count("\n")
        found[name] = list(csv.DictReader(io.StringIO(answer.text)))
    (money,) = found["money-in"]
    assert (money["day"], money["amount_minor"], money["amount"], money["currency"]) == (
        "2026-03-02",
        "12000",
        "120.00",
        "USD",
    )
    (letters,) = found["letters"]
    assert (letters["sent"], letters["paid"], letters["seen_opened"]) == ("2", "1", "1")
    assert sum(int(row["letters"]) for row in found["time-to-pay"] if row["method"] == "all") == 1
    assert (await noted(world)).count("exported_report") == len(SHEETS)
    assert (await post(chief, "report/export", sheet="passwords", **days)).status_code == 400


async def test_agents_see_neither_pictures_nor_sheets(world):
    client = await signed_in(world, "Maria")
    assert (await client.get("/desk/report")).status_code == 403
    assert "report" not in (await client.get("/desk")).text
    answer = await client.post("/desk/report/export", data={"csrf": await csrf(client), "sheet": "money-in"})
    assert answer.status_code == 403
    assert "exported_report" not in await noted(world)
    await client.aclose()


# --- files ------------------------------------------------------------------------------------------------------------


async def of_now(world, business: str = "Green Lane") -> report.Report:
    days = Days(date(2026, 3, 1), date(2026, 3, 2), world.settings.zone)
    return await report.read(world.remit.transact, days, business, world.clock())


async def test_the_file_needs_nothing_beside_it_and_a_hostile_name_stays_text(world):
    await mailed_and_paid(world)

    def hostile(conn) -> None:
        more = {"reason": "<b>&", "submitted_at": 1, "method": "<i>"}
        begun(conn, "RM-X", "x", PaymentState.FAILED, world.clock(), **more)

    await world.remit.transact(hostile)
    html = page(await of_now(world, HOSTILE), [])
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>" not in html.lower().replace("<bdi>", "")
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert not re.search(r"<[^>]*\s(?:src|href|on\w+)\s*=", html)
    assert "url(" not in html
    assert html.count("<svg") >= 4


async def test_files_are_written_whole_over_those_of_an_earlier_report_and_touch_no_other(world, tmp_path):
    await mailed_and_paid(world)
    folder = tmp_path / "new" / "report"
    made = files(await of_now(world))
    write(folder, made)
    (folder / "mine.txt").write_text("kept")
    names = write(folder, made)
    assert sorted(each.name for each in folder.iterdir()) == sorted([*made, "mine.txt"])
    assert [each.name for each in names] == ["report.html", *(f"{name}.csv" for name in SHEETS)]
    assert (folder / "money-in.csv").read_bytes().endswith(b"\r\n")
    with pytest.raises(Misconfigured, match="cannot be written"):
        write(folder / "mine.txt", made)
    assert (folder / "mine.txt").read_text() == "kept"


async def test_long_spans_are_drawn_by_weeks_or_months_and_lose_nothing(world):
    await paid(world)
    for days, unit, label in ((62, "day", "2026-03-02"), (63, "week", "2026-03-02"), (371, "month", "2026-03")):
        chosen = Days(date(2026, 3, 5) - timedelta(days=days - 1), date(2026, 3, 5), world.settings.zone)
        shown = sections(await report.read(world.remit.transact, chosen, "", world.clock()))[0]
        assert (shown.tables[0].caption, shown.tables[0].rows) == (f"USD by {unit}", [[label, "$120.00", "$120.00"]])


@given(st.lists(st.lists(st.text() | st.integers(), min_size=1, max_size=4), max_size=4))
def test_a_sheet_gives_back_what_was_put_in_and_no_cell_of_words_runs(rows):
    made = list(csv.reader(io.StringIO(sheet(["head"], rows), newline="")))[1:]
    for row, told in zip(made, rows, strict=True):
        for cell, value in zip(row, told, strict=True):
            plain = str(value).replace("\0", "")
            assert cell in (plain, f"'{plain}")
            assert isinstance(value, int) or not cell.lstrip().startswith(("=", "+", "-", "@"))


# --- plots ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**15), max_size=400), st.lists(st.integers(0, 10**15), max_size=400))
def test_columns_stay_on_their_ground_and_keep_their_proportions(into, out):
    labels = [str(nth) for nth in range(min(len(into), len(out)))]
    drawn = stacks(
        "n", labels, [Series("in", "in0", into[: len(labels)]), Series("out", "out0", out[: len(labels)], True)]
    )
    _, _, wide, high = map(int, re.search(r'viewBox="([\d ]+)"', drawn)[1].split())
    for left, top, width, height in re.findall(
        r'<rect class="\w+" x="([\d.]+)" y="([\d.-]+)" width="([\d.]+)" height="(\d+)"><t', drawn
    ):
        assert float(left) >= 0
        assert float(left) + float(width) <= wide + 1
        assert 0 <= float(top) <= float(top) + int(height) <= high
    assert drawn.count("<title>") == sum(value > 0 for value in (*into[: len(labels)], *out[: len(labels)]))


@given(st.integers(0, 10**16))
def test_an_axis_has_few_round_values_and_reaches_the_highest(most):
    for ticks in (round_ticks(most), time_ticks(most)):
        assert 2 <= len(ticks) <= 5
        assert ticks[0] == 0
        assert ticks[-1] >= most
        assert len({after - before for before, after in pairwise(ticks)}) == 1


def test_a_plot_says_in_words_what_it_shows_and_labels_stay_text():
    drawn = bars("By <kind>", [("<b>", 3), ("none", 0)]) + columns("Days", [("Mon", 7)])
    assert 'aria-label="By &lt;kind&gt;. &lt;b&gt;: 3, none: 0."' in drawn
    assert 'aria-label="Days. Mon: 7."' in drawn
    assert "<b>" not in drawn
