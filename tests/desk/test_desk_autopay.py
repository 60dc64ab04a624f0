"""The page of autopay at the desk: runs as they were, and the switch, which stops what autopay would charge and nothing else."""

from desks import csrf, signed_in

from services.model import Money
from services.payments import pauses
from services.payments.autopay.runs import Line, write


async def test_a_supervisor_looks_at_a_run_line_by_line(world):
    lines = [Line("portal:dana", "portal:inv-1042", "INV-1042", "skipped", "above_limit", Money(12000, "USD"))]
    run = await world.remit.transact(lambda conn: write(conn, None, lines, "", world.clock()))
    client = await signed_in(world, "Sam", "supervisor")
    listed = await client.get("/desk/autopay")
    assert f'href="/desk/autopay/{run}"' in listed.text
    one = await client.get(f"/desk/autopay/{run}")
    assert all(told in one.text for told in ("INV-1042", "portal:dana", "above limit", "120.00"))
    (noted,) = await world.remit.transact(
        lambda conn: list(conn.exec_driver_sql("SELECT what FROM audit WHERE what = 'saw_autopay_run'"))
    )
    assert noted[0] == "saw_autopay_run"
    await client.aclose()


async def test_the_switch_asks_once_more_and_stops_autopay_alone(world):
    client = await signed_in(world, "Sam", "supervisor")
    fields = {"csrf": await csrf(client), "paused": "yes", "why": "wrong prices"}
    asked = await client.post("/desk/autopay/pause", data=fields)
    assert "Pause autopay?" in asked.text
    assert not await world.remit.transact(pauses.is_autopay_paused)
    done = await client.post("/desk/autopay/pause", data=fields | {"sure": "yes"})
    assert done.status_code == 303
    assert await world.remit.transact(pauses.is_autopay_paused)
    assert not await world.remit.transact(pauses.is_paused)
    assert "Autopay is paused" in (await client.get("/desk/autopay")).text
    await client.aclose()
