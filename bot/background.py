"""Keeps what goes on beside the requests going: a bug in it is told, and it begins again after a pause."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

REST_S = 5.0


async def kept_going(
    name: str, run: Callable[[], Awaitable[None]], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Run what should not end before it is canceled; whatever breaks it, it begins again `REST_S` seconds later.

    An end without an error is one: there was nothing to do.
    """
    while True:
        try:
            return await run()
        except Exception as error:  # whatever it is: what ends here would be missed by nobody until somebody looks
            log.exception("%s broke, and begins again in %.0f s", name, REST_S, exc_info=wordless(error))
        await pause(REST_S)


class Broken(Exception):  # noqa: N818  # it stands for another error in the log, and is never raised
    """The kind of an error and the lines that led to it, for the log."""


def wordless(error: BaseException) -> Broken:
    """The error without its own text, which may repeat what a customer said; so are those that led to it."""
    kinds = [type(error).__name__]
    before = error.__cause__ or error.__context__
    if isinstance(error, BaseExceptionGroup):
        kinds = [type(each).__name__ for each in error.exceptions]
        before = error.exceptions[0]  # where the first of a group that ends together broke
    bare = Broken(*kinds).with_traceback(error.__traceback__)
    bare.__cause__ = None if before is None else wordless(before)
    return bare
