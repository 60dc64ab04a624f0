"""Two customers at the same front end."""

import pytest
from front_end import FrontEnd
from world import World


@pytest.fixture
def front(world: World) -> FrontEnd:
    return FrontEnd(world, "u1")


@pytest.fixture
def another(world: World) -> FrontEnd:
    return FrontEnd(world, "u2")
