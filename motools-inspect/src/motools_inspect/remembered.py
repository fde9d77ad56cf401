"""What a request's tasks are, by content, remembered as long as nothing that this depends on has changed.

    MOTOOLS_HOME/resolved/inspect/DIGEST.json     one request's answer, with the identity and digest of each file it read or saw

An answer stands while every file is the same: by its identity (inode, size and times), or else by its content, or its size
and time where it was only looked at. The identity of a folder says nothing of the entries that were looked at in it. One that was not there must not be there. A link is what it leads to. A file that was
changed within two seconds of being looked at goes by its content, for such a change may leave no other trace.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from stat import S_IFMT, S_ISREG
from typing import TYPE_CHECKING, Any

from motools.config import home
from motools.files import replace_text
from motools_inspect.packages import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CERTAIN_NS = 2_000_000_000
"""Nanoseconds after its last change from which a file's identity tells whether it is the same."""
ABSENT = "absent"
"""In place of the digest of what is not there."""
SCHEMA = 3


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


def remember(
    request: Mapping[str, Any], answer: Any, depends: Mapping[str, Iterable[str | os.PathLike[str]]], *, since: int
) -> None:
    """Keep an answer that `depends` on files in these ways, unless some of them has changed `since` that time."""
    ways = {os.fspath(path): how for how in (SEEN, READ, SCANNED) for path in depends[how]}
    if any(_has_changed(path, how, since) for path, how in ways.items()):
        return
    files = [[path, how, _identity(path, how), _DIGESTS[how](path)] for path, how in sorted(ways.items())]
    _write(_place(request), answer, files)


def _has_changed(path: str, how: str, since: int) -> bool:
    found = _stat(path)
    return found is not None and (how != SEEN or S_ISREG(found.st_mode)) and _latest(found) >= since


def _as_it_is(path: str, how: str, identity: list[int] | None, digest: str) -> list[Any] | None:
    """Return what there is to remember of a file now, or None where it is another."""
    present = _identity(path, how)
    if present == identity and present is not None:
        return [path, how, identity, digest]
    return [path, how, present, digest] if _DIGESTS[how](path) == digest else None


def _identity(path: str, how: str) -> list[int] | None:
    """Return what tells a file from another; None while that is not certain, and of what is not there."""
    found = _stat(path)
    if found is None or how == SCANNED or time.time_ns() - _latest(found) < CERTAIN_NS:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 (hundreds of them)
    except OSError:
        return None


def _latest(found: os.stat_result) -> int:
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _digest(path: str) -> str:
    """Return the digest of a file's bytes, or of the names in a folder."""
    try:
        if os.path.isdir(path):  # noqa: PTH112 (as above)
            names = "\n".join(sorted(each.name for each in Path(path).iterdir() if each.name != "__pycache__"))
            return hashlib.sha256(names.encode()).hexdigest()
        return file_digest(Path(path))
    except OSError:
        return ABSENT


def _scan(path: str) -> str:
    """Return the digest of the names in a folder with what a look at each tells."""
    try:
        entries = sorted(
            f"{each.name} {_look(str(each))}" for each in Path(path).iterdir() if each.name != "__pycache__"
        )
    except OSError:
        return _digest(path)
    return hashlib.sha256("\n".join(entries).encode()).hexdigest()


def _look(path: str) -> str:
    """Return what a look at a file tells of it: its size and time; of a folder only that it is one."""
    found = _stat(path)
    if found is None:
        return "leads nowhere" if os.path.lexists(path) else ABSENT
    return f"{found.st_size} {found.st_mtime_ns}" if S_ISREG(found.st_mode) else f"{S_IFMT(found.st_mode):o}"


READ, SCANNED, SEEN = "read", "scanned", "seen"
_DIGESTS = {READ: _digest, SCANNED: _scan, SEEN: _look}
"""What there is to compare of a file or folder that was read, of a folder with its entries, and of what was only looked at."""


def _write(place: Path, answer: Any, files: list[Any]) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_text(place, json.dumps({"schema": SCHEMA, "answer": answer, "files": files}))


def _place(request: Mapping[str, Any]) -> Path:
    text = json.dumps(request, sort_keys=True, default=str)
    return home() / "resolved" / "inspect" / f"{hashlib.sha256(text.encode()).hexdigest()}.json"


__all__ = ["recall", "remember"]
