"""How often a recorded result was the answer: counted in memory, written down late.

A hit adds one to a number. A thread of its own writes the numbers now and then, and once more when the process ends, to
a small database beside the record, without waiting for the disk and hardly for anybody else: what cannot be written at
once is not written, and the counts of a process that is killed are lost. They are statistics, and never worth a wait.
"""

from __future__ import annotations

import atexit
import os
import time
from contextlib import closing
from pathlib import Path
from threading import Event, Lock, Thread

FLUSH_SECONDS = 30.0
"""How long counts stay in memory alone, at most."""

MOST = 10_000
"""How many records' counts stay in memory alone, about: two megabytes."""

PATIENCE = 0.2
"""Seconds that writing them may wait for another process."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS hits (key TEXT PRIMARY KEY, count INTEGER NOT NULL, last REAL NOT NULL) WITHOUT ROWID"
)
_ADD = "INSERT INTO hits VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET count = count + excluded.count, last = excluded.last"


class Hits:
    """The hits of one record, as this process counts them."""

    def __init__(self, record: Path) -> None:
        self.path = record.with_name(f"{record.stem}-hits{record.suffix}")
        self._counts: dict[str, int] = {}
        self._lock = Lock()

    @classmethod
    def of(cls, store: object) -> Hits | None:
        """Return the one counter that this process has for a store in a file; None for a store of another kind."""
        path = getattr(store, "path", None)
        return _all.setdefault(path, cls(path)) if isinstance(path, Path) else None

    def count(self, key: str) -> None:
        """Note a hit. Touches no file."""
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            is_much = len(self._counts) >= MOST
        if not _is_flushing:
            _start_flushing()
        if is_much:
            _is_due.set()

    def flush(self) -> None:
        """Write down what was counted, or forget it where that is not possible at once."""
        with self._lock:
            counts, self._counts = self._counts, {}
        if counts:
            self._add(counts)

    def read(self) -> dict[str, tuple[int, float]]:
        """Return how often and when last each key was a hit, as far as that has been written down."""
        if not self.path.exists():
            return {}
        import sqlite3

        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return {key: (count, last) for key, count, last in connection.execute("SELECT * FROM hits")}
        except sqlite3.Error:  # begun again by the next flush
            return {}

    def forget(self) -> None:
        """Drop what this process has counted and not written down: after a fork it is the parent's."""
        self._lock, self._counts = Lock(), {}

    def _add(self, counts: dict[str, int]) -> None:
        import sqlite3

        now = time.time()
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection, connection:
                connection.execute("PRAGMA synchronous = OFF")
                connection.execute(_TABLE)
                connection.executemany(_ADD, [(key, count, now) for key, count in counts.items()])
        except (sqlite3.OperationalError, OSError):  # somebody else is writing, or nobody can
            return
        except sqlite3.DatabaseError:  # a power cut has spoilt it, and nothing depends on it
            self.path.unlink(missing_ok=True)


_all: dict[Path, Hits] = {}
_is_flushing = False
_is_due = Event()


def _start_flushing() -> None:
    global _is_flushing  # noqa: PLW0603 (one thread for the process)
    _is_flushing = True
    Thread(target=_flush_now_and_then, name="motools-hits", daemon=True).start()


def _flush_now_and_then() -> None:
    while True:
        _is_due.wait(FLUSH_SECONDS)
        _is_due.clear()
        _flush_all()


@atexit.register
def _flush_all() -> None:
    for hits in list(_all.values()):
        hits.flush()


def _begin_again() -> None:
    """Leave the parent's counts to the parent; the child has no thread yet."""
    global _is_flushing, _is_due
    _is_flushing, _is_due = False, Event()
    for hits in _all.values():
        hits.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_again)


__all__ = ["FLUSH_SECONDS", "Hits"]
