"""The weights of a run as files on this machine, by the SDK's own `tinker checkpoint download`.

The service gives out no sampler weights; it exports the final state, for which that command opens a session.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

from motools.errors import MotoolsError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


async def download(state: str, directory: Path, environment: dict[str, str]) -> Path:
    """Put the files of a state into a directory that is not there yet, whole or not at all, and return it.

    Raises `UsageError` where the directory is there, and `MotoolsError` with the command's words where it fails.
    """
    if await asyncio.to_thread(directory.exists):
        raise UsageError(f"{directory} is there already; name a directory that is not.")
    draft = directory.with_name(f".{directory.name}.{uuid4().hex}")
    command = [sys.executable, "-P", "-m", "tinker.cli", "checkpoint", "download", state, "--output", str(draft)]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=os.environ | environment
        )
        try:
            _, said = await process.communicate()
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            words = " ".join(said.decode(errors="replace").split())
            raise MotoolsError(f"The weights of {state} cannot be downloaded from this service: {words[-300:]}")
        (found,) = draft.iterdir()
        found.rename(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory


__all__ = ["download"]
