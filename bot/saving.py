"""Writes what a server sends in pieces, to a file or to standard output. A file gets its name when all of it is there."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

from services.errors import Misconfigured


async def save(pieces: AsyncIterator[bytes], file: Path | None) -> None:
    """Write the pieces to a file, or without one to standard output. Raises `Misconfigured` when that cannot be done."""
    if file is None:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    part = file.with_name(f"{file.name}.part")  # half a document is never called by its name
    try:
        with part.open("wb") as written:
            async for piece in pieces:
                written.write(piece)
        part.replace(file)
    except OSError as error:
        raise Misconfigured(f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    print(f"Written to {file}, which only you can read.", file=sys.stdout)
