"""Several workers on one listening socket: started, started again when they die, and ended together.

It knows processes and nothing of what they do. The socket stays ours, so that nobody is refused while a worker is missing.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Sequence

log = logging.getLogger(__name__)

REFUSED = (1, 2)  # exit codes of a server that could not start, and said why
TOO_SOON_SECONDS = 5.0
PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0


def supervise(workers: int, listening: socket.socket, arguments: Sequence[str]) -> int:
    """Run ``workers`` processes of ``python -m bot ARGUMENTS... FILE_DESCRIPTOR`` until Ctrl-C or SIGTERM.

    Answers with the exit code: 0 when they were ended, or that of a worker that could not even start when none ever had.
    """
    return asyncio.run(_Workers(workers, listening, arguments).run())


class _Workers:
    def __init__(self, workers: int, listening: socket.socket, arguments: Sequence[str]) -> None:
        self._workers = workers
        self._socket = listening.fileno()
        self._arguments = (*arguments, str(self._socket))
        self._one_came_up = False

    async def run(self) -> int:
        stop = asyncio.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        stopping = asyncio.create_task(stop.wait())
        keeping = [asyncio.create_task(self._keep()) for _ in range(self._workers)]
        done, _ = await asyncio.wait({stopping, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (stopping, *keeping):
            task.cancel()
        await asyncio.gather(stopping, *keeping, return_exceptions=True)
        return next((task.result() for task in keeping if task in done), 0)

    async def _keep(self) -> int:
        """One worker, started again whenever it dies; ends with the code of one that refused to start, if none ever did."""
        loop = asyncio.get_running_loop()
        pause = PAUSE_SECONDS
        while True:
            worker = await self._spawn()
            lived = loop.call_later(TOO_SOON_SECONDS, self._came_up)
            try:
                code = await worker.wait()
            finally:
                too_soon = lived.when() > loop.time()
                lived.cancel()
                await end(worker)
            if code in REFUSED and not self._one_came_up:
                return code
            # what kept one from starting may pass, and the others serve meanwhile
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS) if too_soon else PAUSE_SECONDS
            log.warning("a worker ended with %d; starting another in %.1f s", code, pause)
            await asyncio.sleep(pause)

    def _came_up(self) -> None:
        self._one_came_up = True

    async def _spawn(self) -> asyncio.subprocess.Process:
        # a pipe on standard input: when this process dies, however, they read its end and stop
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot.child", "bot", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=(self._socket,),
            start_new_session=True,  # Ctrl-C is for the supervisor, which then takes all of them down in order
        )


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to stop; insist after a while."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):  # it ended in this instant
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 8)
    except TimeoutError:
        process.kill()
        await process.wait()
