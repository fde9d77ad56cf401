"""Records as a file, for two people to join theirs.

    {"motools": "records", "version": 1, "written_by": …}
    {"key": "mk1:…", "kind": …, "spec": {…}, "state": …, …}        one line for each record
    {"end": 1}                                                      how many there were: a cut file is noticed

A file is checked line by line before anything of it is taken over, and taken over as a whole or not at all. It brings
data, never code: a handle's class is looked for in its backend's own plugin alone, as with any saved handle.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from motools.cache.holder import is_gone
from motools.cache.keys import without_credentials
from motools.cache.redact import named_secret
from motools.cache.rows import to_fields
from motools.cache.states import LIVE, REPEATABLE, UNSETTLED, State
from motools.cache.table import archive, present, store
from motools.cache.transfer import TYPES, VERSION, read
from motools.errors import CacheError
from motools.files import replace_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from motools.cache.base import Ledger, Record
    from motools.cache.sqlite import SqliteLedger


async def export(ledger: Ledger, path: Path, **filters: Any) -> int:
    """Write the records that match to a file and return how many there are.

    What was never paid for stays out, and so does a record without its request. Fields named like a credential are
    left out; a value that the environment holds as one is an error, and nothing is written.
    """
    from motools import __version__

    count = 0
    with tempfile.TemporaryFile() as draft:
        header = {"motools": "records", "version": VERSION, "written_by": f"motools-core {__version__}"}
        draft.write(_line(header))
        for known in await ledger.records(**filters):
            record = await ledger.read(known.key)
            if record is None or record.state.is_repeatable or not record.spec:
                continue
            line = _line(without_credentials({name: getattr(record, name) for name in TYPES}))
            if name := named_secret(line.decode()):
                raise CacheError(f"The record {record.key} holds the value of {name}: nothing was exported.")
            draft.write(line)
            count += 1
        draft.write(_line({"end": count}))
        draft.seek(0)
        replace_file(path, draft)
    return count


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"


class Action(StrEnum):
    """What became of an imported record."""

    ADDED = "added"
    SAME = "same"
    """It was there already."""
    KEPT = "kept"
    """What was there says more."""
    REPLACED = "replaced"
    """It says more than what was there, which is kept among the attempts."""
    CONFLICT = "conflict"
    """Both have succeeded, with different results: the older one stands."""
    BUSY = "busy"
    """A process is submitting the same request: import it again later."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """An imported record, and what became of it."""

    record: Record
    action: Action
    words: str = ""


async def take_over(ledger: SqliteLedger, path: Path) -> list[Imported]:
    """Merge the records of an exported file into a ledger, all of them or none."""
    await asyncio.to_thread(_check, path)

    def work(connection: sqlite3.Connection) -> list[Imported]:
        return [_merge(connection, record) for record in read(path)]

    return await ledger._database.write(work)


def _check(path: Path) -> None:
    for _ in read(path):
        pass


def _merge(connection: sqlite3.Connection, record: Record) -> Imported:
    found = present(connection, record.key)
    if found is None:
        store(connection, to_fields(record), previous=None)
        return Imported(record=record, action=Action.ADDED)
    there, holder = found
    if not there.state.is_ended and there.leased_until > time.time() and not is_gone(holder):
        return Imported(record=record, action=Action.BUSY, words="A process is submitting the same request.")
    if _rank(record) == _rank(there):
        return _of_equal_rank(connection, record, there)
    if _rank(record) < _rank(there):
        return Imported(record=record, action=Action.KEPT, words=_beside(record, there))
    _put(connection, record, there)
    return Imported(record=record, action=Action.REPLACED, words=_beside(there, record))


def _rank(record: Record) -> int:
    """Return how much a record says: an answer, a run that is paid for, one that may be, an end without an answer."""
    if record.state is State.SUCCEEDED:
        return 4
    ranks = dict.fromkeys(LIVE, 3) | dict.fromkeys(UNSETTLED, 2) | dict.fromkeys(REPEATABLE, 0)
    return ranks.get(record.state, 1)


def _of_equal_rank(connection: sqlite3.Connection, record: Record, there: Record) -> Imported:
    if record.state is not State.SUCCEEDED:
        is_same = record.token == there.token
        words = "" if is_same else _beside(record, there)
        return Imported(record=record, action=Action.SAME if is_same else Action.KEPT, words=words)
    if (record.model_id, record.results) == (there.model_id, there.results):
        return Imported(record=record, action=Action.SAME)
    older, newer = (record, there) if record.updated_at < there.updated_at else (there, record)
    if older is record:
        _put(connection, record, there)
    words = f"{_result(older)} stands, of {_day(older)}; {_result(newer)} of {_day(newer)} is the other."
    return Imported(record=record, action=Action.CONFLICT, words=words)


def _result(record: Record) -> str:
    return repr(record.model_id) if record.model_id else f"job {record.job_id!r}"


def _day(record: Record) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(record.updated_at))


def _beside(lesser: Record, other: Record) -> str:
    """Say what was paid for besides the record that stands."""
    if lesser.state.is_live and lesser.job_id != other.job_id:
        return f"{lesser.job_id!r} is paid for as well: look at it, and perhaps cancel it."
    return ""


def _put(connection: sqlite3.Connection, record: Record, there: Record) -> None:
    if record.token != there.token:
        archive(connection, there)
    label, tags = there.label or record.label, {*there.tags, *record.tags}
    merged = replace(record, epoch=there.epoch + 1, label=label, tags=sorted(tags))
    store(connection, to_fields(merged), previous=there)


__all__ = ["Action", "Imported", "export", "take_over"]
