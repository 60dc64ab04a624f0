"""The people at the desk: their accounts, and how they sign in."""

from typing import Literal

import msgspec


class Agent(msgspec.Struct, frozen=True):
    """One person. ``name`` is what customers read."""

    id: int
    email: str
    name: str
    role: Literal["agent", "supervisor"]
