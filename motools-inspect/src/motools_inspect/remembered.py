"""What a request's tasks are, by content, remembered as long as nothing that this depends on has changed.

    MOTOOLS_HOME/resolved/inspect/DIGEST.json     one request's answer, with the identity and digest of each file it read

An answer stands while every file is the same: by its identity (inode, size and times), or else by its content. A file
that was changed within two seconds of being looked at goes by its content, for such a change may leave no other trace.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.config import home
from motools.files import replace_text
from motools_inspect.packages import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CERTAIN_NS = 2_000_000_000
"""Nanoseconds after its last change from which a file's identity tells whether it is the same."""
SCHEMA = 1


def recall(request: Mapping[str, Any]) -> Any:
    """Return the answer to a request, or None where there is none that still stands."""
    place = _place(request)
    try:
        found = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return None
    if found.get("schema") != SCHEMA:
        return None
    present = [_as_it_is(*each) for each in found["files"]]
    if None in present:
        return None
    if present != found["files"]:
        _write(place, found["answer"], present)
    return found["answer"]


def remember(request: Mapping[str, Any], answer: Any, inputs: Iterable[str | os.PathLike[str]], *, since: int) -> None:
    """Keep an answer that depends on these files and folders, unless one has changed `since` that time, or has gone."""
    paths = sorted({os.fspath(path) for path in inputs})
    try:
        files = [[path, _identity(path), _digest(path)] for path in paths]
        latest = max((_latest(os.stat(path)) for path in paths), default=0)  # noqa: PTH116 (hundreds of them)
    except OSError:
        return
    if latest < since:
        _write(_place(request), answer, files)


def _as_it_is(path: str, identity: list[int] | None, digest: str) -> list[Any] | None:
    """Return what there is to remember of a file now, or None where it is another."""
    try:
        present = _identity(path)
        if present == identity and present is not None:
            return [path, identity, digest]
        return [path, present, digest] if _digest(path) == digest else None
    except OSError:
        return None


def _identity(path: str) -> list[int] | None:
    """Return what tells a file from another; None while that is not certain."""
    found = os.stat(path)  # noqa: PTH116 (hundreds of them)
    if time.time_ns() - _latest(found) < CERTAIN_NS:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _latest(found: os.stat_result) -> int:
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _digest(path: str) -> str:
    """Return the digest of a file's bytes, or of the names in a folder."""
    if os.path.isdir(path):  # noqa: PTH112 (as above)
        names = "\n".join(sorted(each.name for each in Path(path).iterdir() if each.name != "__pycache__"))
        return hashlib.sha256(names.encode()).hexdigest()
    return file_digest(Path(path))


def _write(place: Path, answer: Any, files: list[Any]) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_text(place, json.dumps({"schema": SCHEMA, "answer": answer, "files": files}))


def _place(request: Mapping[str, Any]) -> Path:
    text = json.dumps(request, sort_keys=True, default=str)
    return home() / "resolved" / "inspect" / f"{hashlib.sha256(text.encode()).hexdigest()}.json"


__all__ = ["recall", "remember"]
