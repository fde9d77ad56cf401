"""Running a module in a process of its own, which may take only so long and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


async def run_apart(
    module: str, arguments: Sequence[str], output: Path, seconds: float, **variables: str
) -> int | None:
    """Run `python -m module` with what it prints in a file; return its exit status, None where it had to be ended.

    It has this process's `sys.path` and environment, with `variables` above that. Nothing that it starts is left.
    """
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-P", "-m", module, *arguments],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(place or os.curdir for place in sys.path),
                **variables,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return None
    finally:
        _end(process)
        await process.wait()


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and whatever it has started in its session."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def end_in_words(status: int | None, limit: float, when: str) -> str:
    """Say how a process ended that should have ended with 0."""
    if status is None:
        return f"it had not ended after {limit:g} s, {when}."
    if status < 0:
        return f"it ended the process by {_signal_name(-status)} {when}."
    return f"it ended the process with exit status {status} {when}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


__all__ = ["end_in_words", "run_apart"]
