"""Another label, and more or fewer tags, for what is recorded: neither is part of what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.cache.rows import to_fields
from motools.cache.table import present, store
from motools.errors import CacheError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from motools.cache.base import Record
    from motools.cache.sqlite import SqliteLedger


async def relabel(
    ledger: SqliteLedger,
    key: str,
    *,
    label: str | None = None,
    add: Collection[str] = (),
    remove: Collection[str] = (),
) -> Record:
    """Give a record another label (an empty one takes it away) and other tags, whatever state it is in."""

    def work(connection: sqlite3.Connection) -> Record:
        found = present(connection, key)
        if found is None:
            raise CacheError(f"The record {key} is gone.")
        record = found[0]
        tags = sorted(({*record.tags} | {*add}) - {*remove})
        changed = {"tags": tags, "label": record.label if label is None else label or None}
        return store(connection, {**to_fields(record), **changed}, previous=record)

    return await ledger._database.write(work)


__all__ = ["relabel"]
