"""A fresh sandbox per test, at a fixed instant and with seeded chance, and a merchant's way to open pages."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.model import Method, Money
from services.payments.gateways.base import PageRequest
from services.payments.gateways.sandbox import SandboxGateway
from services.sandbox.rehearsal import API_KEY, ROOT, SECRET, Rehearsal, rehearse
from services.sandbox.world import load_demo

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
DEMO = Path(__file__).parents[2] / "config" / "demo.toml"


@pytest.fixture
async def stage() -> AsyncIterator[Rehearsal]:
    rehearsal = rehearse(clock=lambda: NOW, random=random.Random(11).randbytes, demo=load_demo(DEMO))
    yield rehearsal
    await rehearsal.aclose()


@pytest.fixture
def gateway(stage) -> SandboxGateway:
    return SandboxGateway(stage.http, f"{ROOT}/processor", API_KEY, SECRET)


@pytest.fixture
def open_page(gateway):
    async def opened(reference="RM-1", method=Method.CARD, *, key=None, **other):
        request = PageRequest(
            **{
                "reference": reference,
                "amount": Money(12000, "USD"),
                "method": method,
                "name": "Dana Whitfield",
                "zip": "94107",
                "numbers": ("INV-1042",),
                "return_url": "http://assistant/chat",
            }
            | other
        )
        return await gateway.open_page(request, key or f"key-{reference}")

    return opened
