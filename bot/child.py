"""Runs a module as a child that ends with its parent: ``python -m bot.child MODULE ARGUMENT...``.

The parent holds the other end of our standard input. When it is gone, for whatever reason, we read the end of it.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 20


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)  # nobody is left who could insist


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
