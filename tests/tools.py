"""Programs that some tests need: found, or installed by the system's package manager when that is allowed."""

import os
import random
import shutil
import socket
import subprocess
from functools import lru_cache

import pytest


@lru_cache
def tool(program: str, *packages: str) -> str:
    """The path of a program. As root on Debian or Ubuntu it is installed if absent; else the test skips, or fails in CI."""
    if not shutil.which(program) and os.geteuid() == 0 and shutil.which("apt-get"):
        for order in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            silent = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            # a failure shows below: the program is still not here
            subprocess.run(["apt-get", "-q", *order], check=False, capture_output=True, timeout=900, env=silent)
    found = shutil.which(program)
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{program} is not here and could not be installed (packages: {' '.join(packages)})")
    pytest.skip(f"{program} is not here; install {' '.join(packages)}")


_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on, given once, below those that the system hands out by itself (32768 and up).

    A port of the system's choice may be handed out again between our look and our use of it.
    """
    while True:
        port = random.SystemRandom().randrange(26_000, 32_000)
        with socket.socket() as probe:
            free = probe.connect_ex(("127.0.0.1", port)) != 0
        if free and port not in _given:
            _given.add(port)
            return port
