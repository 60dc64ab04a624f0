"""Some weeks of a few customers; `make year` plays a year of a thousand."""

import pytest

from .__main__ import play
from .judge import FLIPS


@pytest.mark.parametrize("seed", [1, 2])
def test_weeks_of_autopay_are_authorised_told_and_charged_once_and_a_flipped_byte_is_found(seed):
    counted, violations = play(seed, 8, days=45)
    assert violations == []
    assert counted["autopay_charge"] > 2
    assert counted["payment"] > 0
    assert counted["agreement"] > 5
    assert counted["letter"] > 5
    assert counted["faults"] > 5
    assert FLIPS > 20
