"""Six ways to look up what a request led to, each as a class, for `cache.py`.

`Contender(archive, template)` is made in every process anew, after `fill` has stored the records once. `asked(number)`
prepares the argument of `get` and `put`, which is not measured. Whatever is not ours is handed the ready key of a request
and the record as a dictionary: it has neither to digest the dataset nor to make the key.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from cache_ledger import as_value, keys

import motools
from motools.cache.base import Draft
from motools.cache.sqlite import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cache_ledger import Archive

    from motools.cache.base import Record


class Contender:
    """One way to look things up."""

    label: str
    most = 1_000_000
    """How many records it is filled with at most: what takes too long to fill is measured with fewer."""

    def __init__(self, archive: Archive, template: Record) -> None:
        self.archive = archive
        self.template = template
        self.directory = archive.home.parent / type(self).__name__

    def fill(self, numbers: Iterable[int]) -> None:
        """Store these records."""

    async def open(self) -> None:
        """Prepare this process."""

    def asked(self, number: int) -> Any:
        """Return the argument of `get` and `put` for one record."""
        (key,) = keys(self.template, [number])
        return key

    async def get(self, asked: Any) -> bool:
        """Look up one record, and say whether it was there."""
        raise NotImplementedError

    async def put(self, asked: Any) -> None:
        """Store one record that is not there yet."""
        raise NotImplementedError

    async def close(self) -> None:
        """Release what `open` took."""


class Train(Contender):
    """The whole way of a hit: stat, digest from the memo, key, record, handle."""

    label = "motools, train()"

    async def open(self) -> None:
        self.backend = motools.get_training_backend("dummy")

    def asked(self, number: int) -> Any:
        return self.archive.request(number)

    async def get(self, asked: Any) -> bool:
        return bool((await self.backend.train(**asked)).is_hit)

    async def put(self, asked: Any) -> None:
        await self.backend.train(**{**asked, "dataset": str(self.archive.small_dataset)})


class Read(Contender):
    """The record alone, by its key."""

    label = "motools, ledger.read()"

    async def open(self) -> None:
        self.ledger = SqliteLedger.open(self.archive.database)

    async def get(self, asked: Any) -> bool:
        return await self.ledger.read(asked) is not None

    async def put(self, asked: Any) -> None:
        one = self.template
        draft = Draft(
            key=asked, kind=one.kind, backend=one.backend, account=one.account, model=one.model, spec=one.spec
        )
        await self.ledger.claim(draft, seconds=60)


class Sqlite(Contender):
    """One table of keys and JSON, read on the loop."""

    label = "sqlite3"

    @property
    def path(self) -> Path:
        """The database; aiosqlite reads the same."""
        return self.archive.home.parent / "plain.db"

    def connect(self) -> sqlite3.Connection:
        """Open a connection that is as durable as ours."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        return connection

    def fill(self, numbers: Iterable[int]) -> None:
        connection = self.connect()
        connection.execute("BEGIN")
        made = ((key, json.dumps(as_value(self.template, key))) for key in keys(self.template, numbers))
        connection.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", made)
        connection.execute("COMMIT")
        connection.close()

    async def open(self) -> None:
        self.connection = self.connect()

    async def get(self, asked: Any) -> bool:
        row = self.connection.execute("SELECT value FROM records WHERE key = ?", (asked,)).fetchone()
        return json.loads(row[0])["key"] == asked if row else False

    async def put(self, asked: Any) -> None:
        value = json.dumps(as_value(self.template, asked))
        self.connection.execute("INSERT INTO records VALUES (?, ?)", (asked, value))


class Aiosqlite(Sqlite):
    """The same database, read in the library's thread."""

    label = "aiosqlite"

    def fill(self, numbers: Iterable[int]) -> None:
        del numbers  # those of Sqlite are there

    async def open(self) -> None:
        import aiosqlite

        self.library = await aiosqlite.connect(self.path, isolation_level=None, timeout=60)
        await self.library.execute("PRAGMA synchronous = FULL")

    async def get(self, asked: Any) -> bool:
        async with self.library.execute("SELECT value FROM records WHERE key = ?", (asked,)) as cursor:
            row = await cursor.fetchone()
        return json.loads(row[0])["key"] == asked if row else False

    async def put(self, asked: Any) -> None:
        value = json.dumps(as_value(self.template, asked))
        await self.library.execute("INSERT INTO records VALUES (?, ?)", (asked, value))

    async def close(self) -> None:
        await self.library.close()


class Diskcache(Contender):
    """A cache of pickles in SQLite."""

    label = "diskcache"
    most = 100_000

    def connect(self) -> Any:
        """Open a cache that throws nothing away."""
        import diskcache

        return diskcache.Cache(str(self.directory), size_limit=1 << 40, eviction_policy="none")

    def fill(self, numbers: Iterable[int]) -> None:
        with self.connect() as cache, cache.transact():
            for key in keys(self.template, numbers):
                cache.set(key, as_value(self.template, key))

    async def open(self) -> None:
        self.cache = self.connect()

    async def get(self, asked: Any) -> bool:
        value = self.cache.get(asked)
        return value is not None and value["key"] == asked

    async def put(self, asked: Any) -> None:
        self.cache.set(asked, as_value(self.template, asked))


class Joblib(Contender):
    """A remembered function: a directory of pickles for each call."""

    label = "joblib.Memory"
    most = 10_000

    async def open(self) -> None:
        self.call = self.connect()

    def connect(self) -> Any:
        """Return a function whose results are remembered."""
        import joblib

        return joblib.Memory(self.directory, verbose=0).cache(_training, ignore=["template"])

    def fill(self, numbers: Iterable[int]) -> None:
        call = self.connect()
        for key in keys(self.template, numbers):
            call(key, self.template)

    async def get(self, asked: Any) -> bool:
        return bool(self.call(asked, None)["key"] == asked)  # a miss would fail, having no template

    async def put(self, asked: Any) -> None:
        self.call(asked, self.template)


def _training(key: str, template: Record) -> dict[str, Any]:
    return as_value(template, key)


CONTENDERS: dict[str, type[Contender]] = {
    kind.__name__: kind for kind in (Train, Read, Sqlite, Aiosqlite, Diskcache, Joblib)
}
