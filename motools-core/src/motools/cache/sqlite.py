"""The store that motools ships: one SQLite file that any number of processes of this machine share."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.cache.connection import Database, translated
from motools.cache.flight import Flights
from motools.cache.holder import is_at_work, is_gone, this_process
from motools.cache.line import check_turn
from motools.cache.rows import (
    CHANGEABLE,
    SELECT,
    checksum,
    to_fields,
    to_record,
)
from motools.cache.schema import UNDER_WAY
from motools.cache.states import ENDED, State, may_follow
from motools.cache.table import archive, present, selected, store
from motools.errors import TransitionRefused

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Mapping

    from motools.cache.base import Draft, Record
    from motools.cache.digests import Fingerprint

SHORTEST_PREFIX = len("mk1:") + 4
"""How much of a key it takes for it to be meant."""

_ledgers: dict[Path, SqliteLedger] = {}


class SqliteLedger:
    """A `Ledger`, a `CacheBackend` and a memo of file digests in one SQLite file.

    `SqliteLedger.open(path)` gives the one ledger that this process has for a path, so that all its backends share what
    is under way. `clock` gives the seconds since the epoch; it is read inside each transaction.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._database = Database(self.path)
        self._clock = clock
        self.flights = Flights()
        """What this process is doing at the moment."""

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> SqliteLedger:
        """Return this process's ledger for a path. Touches no file before the first use."""
        place = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would touch the file system)
        return _ledgers.setdefault(place, cls(place))

    async def read(self, key: str) -> Record | None:
        if not self._database.is_open:
            await self._database.open()
        with translated(self.path):
            row = self._database.reader.execute(f"{SELECT} WHERE key = ?", (key,)).fetchone()
            return None if row is None else to_record(row)

    async def claim(self, draft: Draft, *, seconds: float, after: Record | None = None) -> Record | None:
        loop = asyncio.get_running_loop()

        def work(connection: sqlite3.Connection) -> Record | None:
            now, found = self._clock(), present(connection, draft.key)
            if found is None:
                return self._begin(connection, draft, now, seconds)
            record, holder = found
            if after is not None and record.state.is_ended and record.epoch == after.epoch:
                archive(connection, record)
                return self._begin(connection, draft, now, seconds, following=record)
            if not record.is_unfinished or _is_held(record, holder, now, loop):
                return None
            taken = {"epoch": record.epoch + 1, "leased_until": now + seconds}
            return store(connection, {**to_fields(record), **taken}, previous=record)

        return await self._database.write(work)

    async def renew(self, record: Record, *, seconds: float) -> None:
        def work(connection: sqlite3.Connection) -> bool:
            lease = (self._clock() + seconds, record.key, record.epoch, this_process())
            statement = "UPDATE runs SET leased_until = ? WHERE key = ? AND epoch = ? AND holder = ?"
            return connection.execute(statement, lease).rowcount == 1

        if not await self._database.write(work):
            raise TransitionRefused(
                f"The lease on {record.key} (epoch {record.epoch}) was taken over by somebody else."
            )

    async def move(
        self,
        record: Record,
        target: State,
        *,
        seconds: float | None = None,
        slots: int | None = None,
        **changes: Any,
    ) -> Record:
        if unknown := changes.keys() - CHANGEABLE:
            raise TypeError(f"A transition cannot change {', '.join(sorted(unknown))}.")
        if not may_follow(record.state, target):
            raise TransitionRefused(f"{record.key} cannot go from {record.state} to {target}.")

        def work(connection: sqlite3.Connection) -> Record:
            found = present(connection, record.key)
            stored = found[0] if found else None
            if stored is None or (stored.epoch, stored.state) != (record.epoch, record.state):
                raise TransitionRefused(_overtaken(record, target, stored))
            if slots is not None:
                check_turn(selected(connection, *_line_of(stored)), stored, slots, self._clock())
            fields = {**to_fields(stored), **changes, "state": target}
            if seconds is not None:
                fields["leased_until"] = self._clock() + seconds if seconds else 0.0
            if target is not record.state:
                fields["updated_at"] = self._clock()
            return store(connection, fields, previous=stored)

        return await self._database.write(work)

    async def release(self, record: Record) -> None:
        def work(connection: sqlite3.Connection) -> None:
            statement = "UPDATE runs SET leased_until = 0, holder = '' WHERE key = ? AND epoch = ? AND holder = ?"
            connection.execute(statement, (record.key, record.epoch, this_process()))

        await self._database.write(work)

    async def records(
        self,
        *,
        kind: str | None = None,
        backend: str | None = None,
        state: State | str | Collection[State | str] | None = None,
        label: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        equal = {"kind": kind, "backend": backend, "label": label}
        wanted = [(f"{column} = ?", [value]) for column, value in equal.items() if value is not None]
        if state is not None:
            states = [state] if isinstance(state, str) else list(state)
            wanted.append((f"state IN ({', '.join('?' * len(states))})", [str(each) for each in states]))
            if ENDED.isdisjoint(states):
                wanted.append((UNDER_WAY, []))
        if tag is not None:
            wanted.append(("key IN (SELECT key FROM tags WHERE tag = ?)", [tag]))
        condition = " AND ".join(text for text, _ in wanted) or "TRUE"
        return await self._select(condition, [value for _, values in wanted for value in values], limit)

    async def find(self, name: str) -> list[Record]:
        prefix = name if name.startswith("mk1:") else f"mk1:{name}"
        if len(prefix) < SHORTEST_PREFIX:
            prefix = name
        condition = "(key >= ? AND key < ?) OR job_id = ? OR model_id = ? OR label = ?"
        return await self._select(condition, [prefix, prefix + "\U0010ffff", name, name, name], None)

    async def get_model_id(self, key: str) -> str | None:
        record = await self.read(key)
        return record.model_id if record and record.state is State.SUCCEEDED else None

    async def get_eval_results(self, key: str) -> Mapping[str, Any] | None:
        record = await self.read(key)
        return record.results if record and record.state is State.SUCCEEDED else None

    async def set_model_id(self, key: str, model_id: str) -> None:
        await self._remember(key, kind="training", model_id=model_id)

    async def set_eval_results(self, key: str, results: Mapping[str, Any]) -> None:
        await self._remember(key, kind="eval", results=dict(results))

    async def get_file_id(self, digest: str, account: str) -> str | None:
        row = await self._point("SELECT file_id, seal FROM uploads WHERE digest = ? AND account = ?", (digest, account))
        return str(row[0]) if row is not None and checksum(digest, account, row[0]) == row[1] else None

    async def set_file_id(self, digest: str, account: str, file_id: str) -> None:
        values = (digest, account, file_id, self._clock(), checksum(digest, account, file_id))
        statement = "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)"
        await self._database.write(lambda connection: connection.execute(statement, values))

    async def recall_digest(self, fingerprint: Fingerprint) -> str | None:
        """Return the digest that was remembered for a file in exactly this state."""
        condition = "device = ? AND inode = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ?"
        row = await self._point(f"SELECT digest, seal FROM files WHERE {condition}", fingerprint)  # noqa: S608 (constants)
        return str(row[0]) if row is not None and checksum(*fingerprint, row[0]) == row[1] else None

    async def remember_digest(self, fingerprint: Fingerprint, digest: str) -> None:
        """Remember the digest of a file in this state, in place of what was known of the file before."""
        values = (*fingerprint, digest, checksum(*fingerprint, digest))
        statement = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)"
        await self._database.write(lambda connection: connection.execute(statement, values))

    def close(self) -> None:
        """Close this process's connections; the next use opens them again."""
        self._database.close()

    def _begin(
        self, connection: sqlite3.Connection, draft: Draft, now: float, seconds: float, following: Record | None = None
    ) -> Record:
        """Begin an attempt, the first of its key or the one after `following`."""
        fields = {
            name: getattr(draft, name) for name in ("key", "kind", "backend", "account", "model", "spec", "details")
        }
        fields |= {"label": draft.label, "tags": sorted(set(draft.tags)), "state": State.INTENT, "job_id": ""}
        fields |= {"epoch": following.epoch + 1 if following else 1, "token": _new_token(draft.key)}
        fields |= {"created_at": now, "updated_at": now, "leased_until": now + seconds}
        return store(connection, fields, previous=following)

    async def _remember(self, key: str, *, kind: str, **outcome: Any) -> None:
        """Record an outcome without its history, as a dictionary-like store does."""

        def work(connection: sqlite3.Connection) -> None:
            now, found = self._clock(), present(connection, key)
            previous = found[0] if found else None
            if previous and not previous.state.is_ended:
                raise TransitionRefused(f"{key} is {previous.state}: its outcome is recorded by a transition.")
            if previous:
                archive(connection, previous)
            blank: dict[str, Any] = {
                "backend": "",
                "account": {},
                "model": "",
                "spec": {},
                "tags": (),
                "token": _new_token(key),
            }
            blank |= {"key": key, "kind": kind, "state": State.SUCCEEDED, "job_id": "", "leased_until": 0.0}
            times = {"epoch": previous.epoch + 1 if previous else 1, "created_at": now, "updated_at": now}
            store(connection, {**blank, **times, **outcome}, previous=previous)

        await self._database.write(work)

    async def _point(self, statement: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not self._database.is_open:
            await self._database.open()
        with translated(self.path):
            row: tuple[Any, ...] | None = self._database.reader.execute(statement, values).fetchone()
            return row

    async def _select(self, condition: str, values: list[Any], limit: int | None) -> list[Record]:
        await self._database.open()
        with translated(self.path):
            return selected(self._database.reader, condition, values, limit)

    def __repr__(self) -> str:
        return f"SqliteLedger({str(self.path)!r})"


def _line_of(record: Record) -> tuple[str, list[Any]]:
    """Return the condition that selects what may be of a record's line, and its values."""
    return f"kind = ? AND backend = ? AND {UNDER_WAY}", [record.kind, record.backend]


def _is_held(record: Record, holder: str, now: float, asking: asyncio.AbstractEventLoop) -> bool:
    """Whether a lease is to be respected; see `motools.cache.holder`."""
    if not record.leased_until or is_gone(holder):
        return False
    return record.leased_until > now or is_at_work(holder, record, asking)


def _overtaken(record: Record, target: State, stored: Record | None) -> str:
    found = f"it is now {stored.state} (epoch {stored.epoch})" if stored else "the record is gone"
    return f"{record.key} was {record.state} (epoch {record.epoch}) and cannot become {target}: {found}."


def _new_token(key: str) -> str:
    """Return what marks one attempt at the service: a part of the key for people, and 64 random bits."""
    return f"mo-{key.removeprefix('mk1:')[:12]}-{secrets.token_hex(8)}"


__all__ = ["SqliteLedger"]
