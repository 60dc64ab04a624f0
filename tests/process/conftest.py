"""One demo for all tests that do it no harm; whoever kills something starts another."""

from collections.abc import Iterator

import pytest
from running import Demo, running_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture
def fresh_demo(tmp_path) -> Iterator[Demo]:
    with running_demo(tmp_path) as running:
        yield running
