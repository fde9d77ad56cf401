"""Reading a worker's log while it is being written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

FOLLOW = 0.2
"""Seconds between two looks at a log that is followed."""


async def follow_log(path: Path, is_over: Callable[[], Awaitable[bool]] | None = None) -> AsyncIterator[str]:
    """Yield the lines of a log; with `is_over`, until that says that nothing more will come."""
    place = 0
    while True:
        # Asked before the log is read: what is written last is read last.
        ended = is_over is None or await is_over()
        lines, place = await asyncio.to_thread(_lines_from, path, place, whole=not ended)
        for line in lines:
            yield line
        if ended:
            return
        await asyncio.sleep(FOLLOW)


def _lines_from(path: Path, place: int, *, whole: bool) -> tuple[list[str], int]:
    """Return the lines from a place on, and the place after them; only `whole` ones while more may come."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            content = file.read()
    except FileNotFoundError:
        return [], place
    if whole:
        content = content[: content.rfind(b"\n") + 1]
    return content.decode(errors="replace").splitlines(), place + len(content)


__all__ = ["follow_log"]
