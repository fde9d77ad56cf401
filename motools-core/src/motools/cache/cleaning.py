"""What of the record nobody needs any more. A record never goes, nor does a result or anything that may still run.

Records themselves stay for good: a key that is forgotten would begin again at epoch 1, where a process that has slept
since could write into it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.states import State
from motools.errors import MotoolsError
from motools.files import draft_beside, is_draft

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from motools.cache.base import Record
    from motools.cache.sqlite import SqliteLedger

OF_WORK = {"status.json", "spec.json", "lock"}
"""The files by which a directory of detached work is known."""

GONE_BADLY = (State.FAILED, State.CANCELLED, State.ABSENT, State.INTENT, State.QUEUED)
"""States of an earlier attempt that left nothing behind."""


ATTEMPTS = "SELECT job_id, model_id, token, handle, details FROM attempts"


class What(StrEnum):
    """The kinds of things that are looked at."""

    ATTEMPTS = "earlier attempts"
    DIGESTS = "digests of files"
    DIRECTORIES = "directories"


@dataclass(frozen=True, kw_only=True)
class Found:
    """Some things, whether they go, and why."""

    what: What
    goes: bool
    why: str
    paths: Sequence[Path] = ()
    """Of directories: which."""
    number: int = 0


async def clean(ledger: SqliteLedger, home: Path, *, before: float, apply: bool) -> list[Found]:
    """Find what nobody needs, and remove it where that is asked for.

    That is what was last touched `before` a time: earlier attempts that failed, and directories of work under `home`
    that no record names and that have no result; and digests of files that no recorded training was of.
    """
    records = await ledger.records()
    attempts = await ledger._database.write(lambda connection: connection.execute(ATTEMPTS).fetchall())
    named = _named([*map(_facts, records), *attempts], home)
    directories = await asyncio.to_thread(lambda: list(_directories(home, named, before)))
    found = await ledger._database.write(lambda connection: _in_database(connection, records, before, apply=apply))
    if apply:
        for each in directories:
            await asyncio.to_thread(_remove, each)
    return [*found, *directories]


def _in_database(
    connection: sqlite3.Connection, records: Sequence[Record], before: float, *, apply: bool
) -> list[Found]:
    marks = ", ".join(f"'{state}'" for state in GONE_BADLY)
    old = f"FROM attempts WHERE state IN ({marks}) AND ended_at < ?"
    ((number,),) = connection.execute(f"SELECT count(*) {old}", (before,))
    ((others,),) = connection.execute("SELECT count(*) FROM attempts")
    used = {record.spec.get("dataset") for record in records}
    digests = list(connection.execute("SELECT device, inode, digest FROM files"))
    unused = [(device, inode) for device, inode, digest in digests if digest not in used]
    if apply:
        connection.execute(f"DELETE {old}", (before,))
        connection.executemany("DELETE FROM files WHERE device = ? AND inode = ?", unused)
    kept = "they are recent, have a result, or may have been paid for"
    return [
        Found(what=What.ATTEMPTS, goes=True, why="others followed them, and they left nothing behind", number=number),
        Found(what=What.ATTEMPTS, goes=False, why=kept, number=others - number),
        Found(what=What.DIGESTS, goes=True, why="no recorded training was of those files", number=len(unused)),
        Found(what=What.DIGESTS, goes=False, why="they spare reading a file again", number=len(digests) - len(unused)),
    ]


def _facts(record: Record) -> list[Any]:
    return [record.job_id, record.model_id, record.model, record.token, record.handle, record.details, record.spec]


def _named(facts: Iterable[Any], home: Path) -> set[str]:
    """Return every directory under `home` that is named: by its path, by a path in it, or by its own name."""
    named: set[str] = set()
    for text in _texts(list(facts)):
        named.add(text)
        if text.startswith(str(home)):
            named.update(map(str, Path(text).parents))
    return named


def _texts(value: Any) -> Iterator[str]:
    from collections.abc import Mapping

    if isinstance(value, str) and value.startswith("{"):  # an attempt's, as it is stored
        yield from _texts(json.loads(value))
    elif isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner)


def _directories(home: Path, named: set[str], before: float) -> Iterator[Found]:
    """Look at each directory of detached work under `home`."""
    sorted_out: dict[tuple[bool, str], list[Path]] = {}
    for path in sorted(_works(home)):
        with suppress(FileNotFoundError):  # somebody took it away meanwhile
            sorted_out.setdefault(_judged(path, named, before), []).append(path)
    for (goes, why), paths in sorted_out.items():
        yield Found(what=What.DIRECTORIES, goes=goes, why=why, paths=paths, number=len(paths))


def _works(home: Path) -> Iterator[Path]:
    """Return each directory of detached work. What others make and remove meanwhile is there or not: `os.walk` goes on."""
    for top in next(os.walk(home), ("", [], []))[1]:  # a link among these is followed: work may lie on another disk
        for directory, _, names in os.walk(home / top):
            if set(names) >= OF_WORK:
                yield Path(directory)


def _judged(path: Path, named: set[str], before: float) -> tuple[bool, str]:
    from motools.detached import WorkDirectory, lock
    from motools.detached.status import WorkState

    if str(path) in named or path.name in named:
        return False, "a record names them"
    if (path / "status.json").stat().st_mtime >= before:
        return False, "no record names them, and they are recent"
    if lock.is_held(path / "lock"):
        return False, "no record names them, and somebody works there"
    if is_draft(path):
        return True, "somebody began to make or to remove them and never finished"
    try:
        state = WorkDirectory(path, module="").status().state
    except (MotoolsError, OSError, ValueError):
        return False, "no record names them, and nobody can say how they stand"
    if state is WorkState.SUCCEEDED:
        return False, "no record names them, and they have a result: remove them by hand if you like"
    return True, "no record names them, and they have no result"


def _remove(found: Found) -> None:
    if found.goes:
        for path in found.paths:
            with suppress(FileNotFoundError):  # somebody else removes it
                shutil.rmtree(path.rename(draft_beside(path)))


__all__ = ["Found", "What", "clean"]
