"""The promise of `docs/taps.md`: every common way takes at most half of what the portal asks for, and the page says so truly."""

import pytest

from tests.browser.conftest import ROOT
from tests.browser.taps import WAYS, walked, wrong_zip_in_the_chat

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOLD = (ROOT / "docs" / "taps.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "portal", "way"), WAYS, ids=[way.__name__ for _, _, way in WAYS])
async def test_a_way_takes_what_the_page_says_and_at_most_half_of_the_portals(house, browser, name, portal, way):
    walk = await walked(way, house, browser)
    assert walk.row(name, portal) in TOLD
    if way is not wrong_zip_in_the_chat:  # which the page owns up to: it changes what is on file as well
        assert 2 * walk.actions <= portal
