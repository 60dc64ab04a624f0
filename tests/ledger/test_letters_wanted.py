"""Letters as rows, on both kinds of database: once per cause, one worker at a time, and what becomes of each."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from services import letterbox, privacy
from services.database import threaded
from services.letterbox import Held, Standing, State, Wanted
from services.schema import letter

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RECEIPT = Wanted("receipt:RM-1", "receipt", "dana", {"payment": "RM-1"})


@pytest.fixture
def engine(in_files):
    return in_files


@pytest.fixture
def do(engine):
    """Call a function of the letter box in a transaction of its own."""

    def done(what, *told, **named):
        with engine.begin() as conn:
            return what(conn, *told, **named)

    return done


def state_of(do):
    (found,) = do(letterbox.listed, list(State), 10)
    return found.state


def test_a_cause_makes_one_letter_whatever_became_of_it(do):
    assert do(letterbox.want, RECEIPT, NOW)
    assert not do(letterbox.want, RECEIPT, NOW)
    (held,) = do(letterbox.claim, 5, NOW)
    assert held.wanted == RECEIPT
    do(letterbox.hand_over, held, "m", NOW)
    assert do(letterbox.sent, held, NOW)
    assert not do(letterbox.want, RECEIPT, NOW + MINUTE)
    assert do(letterbox.claim, 5, NOW + timedelta(days=9)) == []
    assert do(letterbox.listed, [State.SENT], 9) == [
        Standing(RECEIPT.key, "receipt", "dana", State.SENT, NOW, NOW, 1, "")
    ]


def test_a_cause_that_is_rolled_back_wants_no_letter(engine, do):
    def fails():
        with engine.begin() as conn:
            letterbox.want(conn, RECEIPT, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert do(letterbox.claim, 5, NOW) == []


def test_a_letter_for_later_waits_until_then(do):
    do(letterbox.want, RECEIPT, NOW, NOW + timedelta(days=9))
    assert do(letterbox.claim, 5, NOW + timedelta(days=9) - MINUTE) == []
    assert len(do(letterbox.claim, 5, NOW + timedelta(days=9))) == 1


def test_a_letter_is_held_by_one_worker_until_its_lease_is_over(do):
    do(letterbox.want, RECEIPT, NOW)
    (slow,) = do(letterbox.claim, 5, NOW)
    assert do(letterbox.claim, 5, NOW + letterbox.LEASE - MINUTE) == []
    (quick,) = do(letterbox.claim, 5, NOW + letterbox.LEASE)
    assert do(letterbox.hand_over, slow, "m", NOW + letterbox.LEASE) is None
    for settle in (letterbox.sent, letterbox.later):
        assert not do(settle, slow, NOW + letterbox.LEASE)
    assert do(letterbox.hand_over, quick, "m", NOW + letterbox.LEASE)
    assert do(letterbox.sent, quick, NOW + letterbox.LEASE)


async def test_of_two_workers_at_once_each_letter_is_one_s(engine):
    transact = threaded(engine)
    for n in range(40):
        wanted = Wanted(f"receipt:RM-{n}", "receipt", "dana")
        await transact(lambda conn, wanted=wanted: letterbox.want(conn, wanted, NOW))

    async def worker():
        mine: list[Held] = []
        while some := await transact(lambda conn: letterbox.claim(conn, 4, NOW)):
            mine += some
        return mine

    taken = [held.id for part in await asyncio.gather(*(worker() for _ in range(4))) for held in part]
    assert len(taken) == len(set(taken)) == 40
    transact._threads.shutdown()


async def test_a_cause_that_two_processes_meet_at_once_wants_one_letter(engine):
    transact = threaded(engine)
    wanted = [transact(lambda conn: letterbox.want(conn, RECEIPT, NOW)) for _ in range(12)]
    assert sorted(await asyncio.gather(*wanted)) == [False] * 11 + [True]
    transact._threads.shutdown()


def test_a_mail_server_that_is_away_is_tried_ever_more_rarely_for_five_days(do):
    do(letterbox.want, RECEIPT, NOW)
    at, tries = NOW, []
    while at < NOW + timedelta(days=8):
        for held in do(letterbox.claim, 5, at):
            tries.append(at)
            assert do(letterbox.hand_over, held, "m", at) == at, "it never left, so it bears the day of this try"
            assert do(letterbox.later, held, at, "450", handed=True)
        at += MINUTE
    first_hour = [each for each in tries if each < NOW + timedelta(hours=1)]
    assert len(first_hour) == 4
    assert timedelta(days=4) < tries[-1] - NOW <= letterbox.GIVEN_UP_AFTER
    assert max(b - a for a, b in itertools.pairwise(tries)) == timedelta(hours=3)
    assert state_of(do) is State.EXPIRED
    assert do(letterbox.listed, [State.EXPIRED], 9)[0].code == "450"


def test_without_an_answer_it_is_repeated_once_with_the_same_name_and_date(do):
    do(letterbox.want, RECEIPT, NOW)
    (held,) = do(letterbox.claim, 5, NOW)
    assert do(letterbox.hand_over, held, "m", NOW) == NOW
    assert do(letterbox.unsure, held, NOW)
    assert do(letterbox.claim, 5, NOW + MINUTE) == []
    at = NOW + timedelta(minutes=15)
    (again,) = do(letterbox.claim, 5, at)
    assert do(letterbox.hand_over, again, "m", at) == NOW
    assert not do(letterbox.unsure, again, at)
    assert state_of(do) is State.UNSURE
    assert do(letterbox.claim, 5, NOW + timedelta(days=1)) == []


def test_a_worker_that_died_twice_after_handing_over_is_a_doubt_too(do):
    do(letterbox.want, RECEIPT, NOW)
    at = NOW
    for _ in range(2):
        (held,) = do(letterbox.claim, 5, at)
        assert do(letterbox.hand_over, held, "m", at) == NOW
        at += letterbox.LEASE
    assert do(letterbox.claim, 5, at) == []
    assert state_of(do) is State.UNSURE


def test_a_doubt_stays_one_when_the_repetition_meets_a_server_that_is_away(do):
    do(letterbox.want, RECEIPT, NOW)
    (held,) = do(letterbox.claim, 5, NOW)
    do(letterbox.hand_over, held, "m", NOW)
    do(letterbox.unsure, held, NOW)
    at = NOW
    for _ in range(3):
        at += timedelta(hours=3)
        (again,) = do(letterbox.claim, 5, at)
        assert do(letterbox.hand_over, again, "m", at) == NOW
        do(letterbox.later, again, at, handed=True)
    assert do(letterbox.claim, 5, NOW + timedelta(days=6)) == []
    assert state_of(do) is State.UNSURE


@pytest.mark.parametrize(
    ("settle", "why", "state"),
    [(letterbox.refused, "5.1.1", State.REFUSED), (letterbox.moot, "no address", State.MOOT)],
)
def test_what_is_settled_is_never_tried_again_and_says_why(do, settle, why, state):
    do(letterbox.want, RECEIPT, NOW)
    (held,) = do(letterbox.claim, 5, NOW)
    assert do(settle, held, why, NOW)
    assert do(letterbox.claim, 5, NOW + timedelta(days=1)) == []
    assert [(each.state, each.code) for each in do(letterbox.listed, [state], 9)] == [(state, why)]


def test_an_erasure_stops_what_waits_and_what_is_just_being_written(do, engine):
    do(letterbox.want, RECEIPT, NOW)
    do(letterbox.want, Wanted("receipt:RM-2", "receipt", "marco"), NOW)
    held = {each.wanted.customer: each for each in do(letterbox.claim, 5, NOW)}
    do(privacy.erase, privacy.Whose("dana"), NOW)
    assert do(letterbox.hand_over, held["dana"], "m", NOW) is None
    assert do(letterbox.hand_over, held["marco"], "m", NOW) == NOW
    with engine.connect() as conn:
        left = conn.execute(select(letter.c.about, letter.c.state).where(letter.c.customer == "dana")).one()
    assert tuple(left) == ("{}", "moot")


def test_a_start_gives_back_what_a_dead_process_held(do):
    do(letterbox.want, RECEIPT, NOW)
    do(letterbox.claim, 5, NOW)
    do(letterbox.release_all)
    assert len(do(letterbox.claim, 5, NOW)) == 1
