"""Files as they were when something was made of them, and whether they still are.

    [path, "read", [device, inode, size, …], sha256]
    [path, "listed .txt /", …]      of a folder the names of such files in it, and of its folders

A file is the same by its identity (inode, size and times), or else by its content; its size and time are enough where it was
only looked at. One that was not there must not be there. A link is what it leads to. The identity of a folder says nothing
of the entries that were looked at in it. A file that was changed within two seconds of being looked at goes by its content,
for such a change may leave no other trace.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from stat import S_IFMT, S_ISREG
from typing import TYPE_CHECKING, TypeAlias

from motools_inspect.packages import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CERTAIN_NS = 2_000_000_000
"""Nanoseconds after its last change from which a file's identity tells whether it is the same."""
ABSENT = "absent"
"""In place of the digest of what is not there."""
Described: TypeAlias = "tuple[str, str, list[int] | None, str]"
"""A path, what was done with it, its identity where that is certain, and what there was to see."""
Depends: TypeAlias = "list[Described]"


def ways_of(kinds: Mapping[str, Iterable[str | os.PathLike[str]]]) -> dict[str, str]:
    """Return what was done with each path, of several things the most."""
    return {os.fspath(path): how for how in _DIGESTS for path in kinds.get(how, ())}


def described(ways: Mapping[str, str]) -> Depends:
    """Return files as they are now."""
    return [(path, how, _identity(path, how), digest_of(path, how)) for path, how in sorted(ways.items())]


def as_they_are(depends: Iterable[Described]) -> Depends | None:
    """Return the same files as they are now, or None where one is another."""
    found = [as_it_is(*each) for each in depends]
    return None if None in found else [each for each in found if each is not None]


def as_it_is(path: str, how: str, identity: list[int] | None, digest: str) -> Described | None:
    """Return the same file as it is now, or None where it is another."""
    present = _identity(path, how)
    if present == identity and present is not None:
        return path, how, identity, digest
    return (path, how, present, digest) if digest_of(path, how) == digest else None


def changed(depends: Iterable[Described]) -> dict[str, str]:
    """Return those files that are others now, with what there is to see of them."""
    return {each[0]: digest_of(each[0], each[1]) for each in depends if as_it_is(*each) is None}


def digest_of(path: str, how: str) -> str:
    """Return what there is to see of a file."""
    way, _, kinds = how.partition(" ")
    return _list(path, kinds.split(" ")) if way == LISTED else _DIGESTS[way](path)


def is_changed_since(path: str, how: str, since: int) -> bool:
    """Whether a file, or a folder that was read, was changed at or after a time in nanoseconds."""
    found = _stat(path)
    return found is not None and (how != SEEN or S_ISREG(found.st_mode)) and _latest(found) >= since


def _identity(path: str, how: str) -> list[int] | None:
    """Return what tells a file from another; None while that is not certain, and of what is not there."""
    found = _stat(path)
    if found is None or how == SCANNED or time.time_ns() - _latest(found) < CERTAIN_NS:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116 (hundreds of them)
    except (OSError, ValueError):  # a text that is no path may be looked for
        return None


def _latest(found: os.stat_result) -> int:
    return max(found.st_mtime_ns, found.st_ctime_ns)


def _read(path: str) -> str:
    """Return the digest of a file's bytes, or of the names in a folder."""
    try:
        if os.path.isdir(path):  # noqa: PTH112 (as above)
            names = "\n".join(sorted(each.name for each in Path(path).iterdir() if each.name != "__pycache__"))
            return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()
        return file_digest(Path(path))
    except (OSError, ValueError):
        return ABSENT


def _list(path: str, kinds: list[str]) -> str:
    """Return the digest of the names in a folder that end like these; of its folders for `/`."""
    try:
        found = [each for each in Path(path).iterdir() if each.name != "__pycache__"]
        entries = [f"{each.name}/" if each.is_dir() else each.name for each in found]
    except OSError:
        return ABSENT
    names = sorted(each for each in entries if (each[-1:] if each.endswith("/") else Path(each).suffix) in kinds)
    return hashlib.sha256("\n".join(names).encode(errors="surrogateescape")).hexdigest()


def _scan(path: str) -> str:
    """Return the digest of the names in a folder with what a look at each tells."""
    try:
        entries = sorted(
            f"{each.name} {_look(str(each))}" for each in Path(path).iterdir() if each.name != "__pycache__"
        )
    except OSError:
        return _read(path)
    return hashlib.sha256("\n".join(entries).encode(errors="surrogateescape")).hexdigest()


def _look(path: str) -> str:
    """Return what a look at a file tells of it: its size and time; of a folder only that it is one."""
    found = _stat(path)
    if found is None:
        return "leads nowhere" if os.path.lexists(path) else ABSENT
    return f"{found.st_size} {found.st_mtime_ns}" if S_ISREG(found.st_mode) else f"{S_IFMT(found.st_mode):o}"


SEEN, READ, SCANNED, LISTED = "seen", "read", "scanned", "listed"
_DIGESTS = {SEEN: _look, READ: _read, SCANNED: _scan}
"""What there is to see of what was only looked at, of a file or folder that was read, and of a folder with its entries."""


__all__ = [
    "LISTED",
    "READ",
    "SEEN",
    "Depends",
    "Described",
    "as_it_is",
    "as_they_are",
    "changed",
    "described",
    "digest_of",
    "is_changed_since",
    "ways_of",
]
