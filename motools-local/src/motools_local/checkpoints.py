"""Checkpoints that are known to be whole.

    checkpoints/checkpoint-40/
        …                 what transformers wrote
        whole.json        {"step": 40, "files": {name: [size, sha256]}}, written last, after everything else is on disk

A checkpoint without the marker, or with a file that is not what the marker says, is passed over and removed; the one
before it is then the last. Two are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from motools.files import replace_text, sync_directory

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "whole.json"
KEPT = 2
PREFIX = "checkpoint-"


def seal(checkpoint: Path) -> None:
    """Bring a checkpoint to disk and mark it as whole."""
    files = {}
    for path in _files(checkpoint):
        digest = _sync(path)
        files[str(path.relative_to(checkpoint))] = [path.stat().st_size, digest]
    for directory in {checkpoint, *(path.parent for path in _files(checkpoint))}:
        sync_directory(directory)
    replace_text(checkpoint / MARKER, json.dumps({"step": step_of(checkpoint), "files": files}) + "\n")
    sync_directory(checkpoint.parent)


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint was sealed, and every file still is what it was then."""
    try:
        marker = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
        return all(
            (checkpoint / name).stat().st_size == size and _digest(checkpoint / name) == digest
            for name, (size, digest) in marker["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def last_whole(directory: Path) -> Path | None:
    """Return the newest whole checkpoint, and remove those after it, which are broken."""
    for checkpoint in reversed(_all(directory)):
        if is_whole(checkpoint):
            return checkpoint
        shutil.rmtree(checkpoint, ignore_errors=True)
    return None


def prune(directory: Path) -> None:
    """Remove all checkpoints but the newest ones. To be called after `seal`."""
    for checkpoint in _all(directory)[:-KEPT]:
        shutil.rmtree(checkpoint, ignore_errors=True)


def sealed(directory: Path) -> list[tuple[Path, float]]:
    """Return the checkpoints that are marked as whole, oldest first, each with the time at which it was. Reads no weights."""
    found = []
    for checkpoint in _all(directory):
        with suppress(OSError):  # not marked, or removed since
            found.append((checkpoint, (checkpoint / MARKER).stat().st_mtime))
    return found


def remove(checkpoint: Path) -> None:
    """Remove a checkpoint. Without its marker, what a dying process leaves of it is none."""
    (checkpoint / MARKER).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(checkpoint.name.removeprefix(PREFIX))


def _all(directory: Path) -> list[Path]:
    found = [path for path in directory.glob(f"{PREFIX}*") if path.name.removeprefix(PREFIX).isdigit()]
    return sorted(found, key=step_of)


def _files(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != MARKER)


def _sync(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = ["PREFIX", "is_whole", "last_whole", "prune", "remove", "seal", "sealed", "step_of"]
