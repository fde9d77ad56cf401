"""The `runs` table inside a transaction: what stands there, and what is put in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from motools.cache.holder import is_gone, this_process
from motools.cache.rows import SELECT, SELECT_WITH_HOLDER, STORED, to_record, to_row
from motools.cache.schema import UNDER_WAY
from motools.errors import TransitionRefused

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from motools.cache.base import Record


def present(connection: sqlite3.Connection, key: str) -> tuple[Record, str] | None:
    """Return the record under a key and who holds its lease."""
    row = connection.execute(f"{SELECT} WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    (holder,) = connection.execute("SELECT holder FROM runs WHERE key = ?", (key,)).fetchone()
    return to_record(row), holder


def selected(
    connection: sqlite3.Connection, condition: str, values: Sequence[Any], limit: int | None = None
) -> list[Record]:
    """Return the records that meet a condition, latest first and without results. A lease whose holder is gone is none."""
    # `+` keeps SQLite from walking through all records by age where the index of the few under way has those asked for.
    age = "+created_at" if UNDER_WAY in condition else "created_at"
    statement = f"{SELECT_WITH_HOLDER} WHERE {condition} ORDER BY {age} DESC, rowid DESC LIMIT ?"
    found = []
    for *row, holder in connection.execute(statement, [*values, -1 if limit is None else limit]):
        record = to_record(tuple(row))
        found.append(replace(record, leased_until=0.0) if record.leased_until and is_gone(holder) else record)
    return found


def store(connection: sqlite3.Connection, fields: Mapping[str, Any], *, previous: Record | None) -> Record:
    """Write a record over `previous`, add an event, and return the record as it now stands."""
    row = to_row(fields)
    if previous is None:
        marks = ", ".join("?" * len(STORED))
        connection.execute(
            f"INSERT INTO runs ({', '.join(STORED)}, holder) VALUES ({marks}, ?)",  # noqa: S608 (names of our own)
            [*(row[name] for name in STORED), this_process()],
        )
    else:
        _overwrite(connection, row, previous)
    connection.execute("DELETE FROM tags WHERE key = ?", (row["key"],))
    connection.executemany("INSERT INTO tags VALUES (?, ?)", [(tag, row["key"]) for tag in fields["tags"]])
    event = [row["updated_at"], row["key"], row["epoch"], previous and previous.state, row["state"]]
    connection.execute(
        "INSERT INTO events (at, key, epoch, previous, state, job_id, error) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [*event, row["job_id"], row["error"]],
    )
    return to_record(tuple(row[name] for name in STORED))


def _overwrite(connection: sqlite3.Connection, row: Mapping[str, Any], previous: Record) -> None:
    changed = ", ".join(f"{name} = ?" for name in STORED)
    holder = ", holder = ?" if row["epoch"] != previous.epoch else ""
    cursor = connection.execute(
        f"UPDATE runs SET {changed}{holder} WHERE key = ? AND epoch = ? AND state = ?",  # noqa: S608 (names of our own)
        [
            *(row[name] for name in STORED),
            *([this_process()] if holder else []),
            row["key"],
            previous.epoch,
            previous.state,
        ],
    )
    if cursor.rowcount != 1:
        raise TransitionRefused(f"{row['key']}: somebody else wrote first.")


def archive(connection: sqlite3.Connection, record: Record) -> None:
    """Keep an ended attempt before another takes its place."""
    kept = "key, epoch, token, state, job_id, model_id, handle, handle_class, results, results_class, error, details"
    connection.execute(
        f"INSERT INTO attempts SELECT {kept}, updated_at FROM runs WHERE key = ?",  # noqa: S608 (names of our own)
        (record.key,),
    )


__all__ = ["archive", "present", "selected", "store"]
