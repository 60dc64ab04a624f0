"""Programs that some tests need: found, or installed by the system's package manager when that is allowed."""

import os
import shutil
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
