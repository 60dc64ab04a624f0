"""Twelve of the planted bugs, the quickest to be noticed; `make mutants` plays them all."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from .__main__ import STEPS
from .catalogue import HOUSE, Mutant, every, misfits
from .house import Copy
from .trial import Game, Played, Task

MUTANTS = every()
QUICK = tuple(mutant for mutant in MUTANTS if mutant.quick)
SECONDS = 60.0  # each takes two or three
SEEDS = 8  # tried at most: the first is enough, until somebody changes the simulation


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    with closing(Copy()) as made:
        yield made


def test_every_mutant_still_fits_the_code_that_it_breaks() -> None:
    assert misfits(MUTANTS) == []


def test_there_are_enough_of_them_and_twelve_are_played_here() -> None:
    assert sum(mutant.counts for mutant in MUTANTS) >= 100
    assert len(QUICK) == 12
    assert all(bool(mutant.expects) != bool(mutant.absorbed) for mutant in MUTANTS)


@pytest.fixture(scope="module")
def whole(copy: Copy) -> Callable[[Game], Played]:
    """What a game comes to in a house that is whole; several mutants share one."""
    known: dict[str, Played] = {}

    def played(game: Game) -> Played:
        if repr(game) not in known:
            (known[repr(game)],) = copy.play(Task((game,)), SECONDS).played
        return known[repr(game)]

    return played


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_noticed_and_is_not_there_without_it(
    mutant: Mutant, copy: Copy, whole: Callable[[Game], Played]
) -> None:
    games = tuple(Game(mutant.seed + nth, STEPS, mutant.sky, mutant.game) for nth in range(SEEDS))
    with copy.broken_by(mutant):
        *_, broken = copy.play(Task(games, mutant.expects), SECONDS).played
    assert broken.shows(mutant.expects), broken.violations
    assert not whole(broken.game).shows(mutant.expects), "the code as it is does the same"


def test_a_mutant_is_gone_from_its_copy_afterwards_and_never_was_in_the_house(copy: Copy) -> None:
    mutant = QUICK[0]
    places = [edit.file for edit in mutant.edits]
    with copy.broken_by(mutant):
        assert all((copy.house / place).read_bytes() != (HOUSE / place).read_bytes() for place in places)
    assert all((copy.house / place).read_bytes() == (HOUSE / place).read_bytes() for place in places)
