"""Months of autopay under a few seeds; `make mutants` plays planted bugs in the same game."""

import pytest

from tests.simulation.standing import play


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_months_of_autopay_charge_what_was_agreed_and_told(seed):
    found = play(seed)
    assert found.violations == ()
    assert found.charged > 5
    assert found.killed > 5


def test_the_same_seed_gives_the_same_story():
    assert play(4, 40) == play(4, 40)
