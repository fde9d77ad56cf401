"""Checking all that is recorded: whether it is what was written, and whether it makes sense."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motools.cache.connection import connect
from motools.cache.digests import Fingerprint, digest
from motools.cache.keys import key_of
from motools.cache.redact import in_words
from motools.cache.rows import SELECT, Damaged, checksum, to_record
from motools.cache.transfer import lacking
from motools.errors import MotoolsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from motools.cache.base import Record
    from motools.cache.sqlite import SqliteLedger
    from motools.training.base import DatasetLike


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong: where, and what."""

    where: str
    """A key, a table, or a file."""
    what: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """How much was checked, and what is wrong."""

    records: int
    findings: Sequence[Finding]


async def check(ledger: SqliteLedger, class_of: Callable[[Record], object]) -> Checked:
    """Check the database, every seal and key, and that what is under way can be followed.

    `class_of` returns the class of a record's handle, or raises. Reads only.
    """
    await ledger._database.open()
    return await asyncio.to_thread(_check, ledger, class_of)


def _check(ledger: SqliteLedger, class_of: Callable[[Record], object]) -> Checked:
    connection, number = connect(ledger.path), 0
    findings: list[Finding] = []
    records: list[Record] = []
    try:
        connection.execute("PRAGMA query_only = ON")
        findings += _in_database(connection)
        for row in connection.execute(SELECT):
            number += 1
            try:
                record = to_record(row)
            except (Damaged, ValueError, KeyError) as error:
                findings.append(Finding(where=str(row[0]), what=f"{error}."))
                continue
            findings += [Finding(where=record.key, what=what) for what in _in_record(record)]
            if record.state.is_live and record.handle is not None:
                records.append(record)
        findings += _unfollowable(records, class_of)
        findings += _in_others(connection)
    except sqlite3.DatabaseError as error:
        findings.append(Finding(where=str(ledger.path), what=f"{error}."))
    finally:
        connection.close()
    return Checked(records=number, findings=findings)


def _in_database(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (said,) in connection.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield Finding(where="the database", what=f"SQLite says: {said}.")
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield Finding(where=f"{table} {row}", what=f"belongs to nothing in {parent}.")


def _in_record(record: Record) -> Iterator[str]:
    if record.spec and key_of(record.spec) != record.key:
        yield "its key is not that of its request."
    if record.spec and (record.spec.get("kind"), record.spec.get("backend")) != (record.kind, record.backend):
        yield "its kind or backend is not that of its request."
    if complaint := lacking(record):
        yield complaint


def _unfollowable(records: Sequence[Record], class_of: Callable[[Record], object]) -> Iterator[Finding]:
    for record in records:
        try:
            class_of(record)
        except MotoolsError as error:
            yield Finding(where=record.key, what=f"it is {record.state} and cannot be followed here: {in_words(error)}")


def _in_others(connection: sqlite3.Connection) -> Iterator[Finding]:
    for key, epoch, *texts in connection.execute("SELECT key, epoch, handle, results, details FROM attempts"):
        if not all(text is None or _is_object(text) for text in texts):
            yield Finding(where=f"{key}, attempt {epoch}", what="is not JSON.")
    for *fingerprint, value, seal in connection.execute("SELECT * FROM files"):
        if checksum(*fingerprint, value) != seal:
            yield Finding(where=f"the digest of file {fingerprint[1]}", what="is not what was written; it is not used.")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


async def check_digest(source: DatasetLike, ledger: SqliteLedger) -> Finding | None:
    """Read a file again and compare its digest with the one that is remembered for it."""
    read = await digest(source)
    remembered = None if read.fingerprint is None else await ledger.recall_digest(Fingerprint(*read.fingerprint))
    if remembered in {None, read.sha256}:
        return None
    return Finding(where=str(source), what=f"its digest is {read.sha256}; remembered is {remembered}.")


__all__ = ["Checked", "Finding", "check", "check_digest"]
