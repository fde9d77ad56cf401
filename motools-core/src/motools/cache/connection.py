"""One SQLite database, as this process uses it.

Reads go straight to a connection of their own: a point read takes microseconds, and in WAL mode no writer is in its
way. Writes wait for locks and for the disk, so they run one after the other in a thread. Connections do not survive a
fork: a child opens its own, and leaves its parent's alone.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from motools.cache.schema import APPLICATION_ID, MIGRATIONS
from motools.errors import CacheCorrupt, CacheError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long a write waits for other processes' writes."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "glusterfs"}
)
"""Where locks and shared memory cannot be relied on."""


class Database:
    """A database file and this process's connections to it; nothing is touched before the first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reader: sqlite3.Connection
        """For point reads, once `open` has returned."""
        self._writer: sqlite3.Connection
        self._thread: ThreadPoolExecutor
        self._pid = 0
        self._opening = Lock()
        self._inherited: list[object] = []

    @property
    def is_open(self) -> bool:
        """Whether `reader` can be used at once."""
        return self._pid == os.getpid()

    async def open(self) -> None:
        """Open the database, making it first where there is none. Does nothing where it is open."""
        if not self.is_open:
            await asyncio.to_thread(self._open)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` as one transaction and return what it returned, once that is on disk.

        A cancelled caller is told when the transaction has ended: what was begun is never left half known.
        """
        await self.open()
        future = asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

    def close(self) -> None:
        """Close the connections of this process; the next use opens them again."""
        if self.is_open:
            self._pid = 0
            self._thread.shutdown()
            self.reader.close()
            self._writer.close()

    def _open(self) -> None:
        with self._opening:
            if not self.is_open:
                self._connect()

    def _connect(self) -> None:
        if self._pid:  # of the parent: closing them here would drop the locks that it holds
            self._inherited += [self.reader, self._writer, self._thread]
        refuse_network(self.path)
        with translated(self.path):
            make_private(self.path)
            writer = connect(self.path)
            prepare(writer, self.path)
            reader = connect(self.path)
            reader.execute("PRAGMA query_only = ON")
        self._writer, self.reader = writer, reader
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="motools-ledger")
        self._pid = os.getpid()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with translated(self.path), transaction(self._writer):
            return work(self._writer)


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that commits durably and checks what it reads as far as SQLite can."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "cell_size_check = ON", "trusted_schema = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a database to the current schema, whoever else may be doing the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:  # changing the mode does not wait for a lock
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    owner, version = _stamp(connection)
    if owner == APPLICATION_ID and version == len(MIGRATIONS):
        return
    with transaction(connection):
        owner, version = _stamp(connection)
        is_empty = not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        if owner != APPLICATION_ID and not (is_empty and owner == 0):
            raise CacheCorrupt(f"{path} is a database of something else. Move it away, or set MOTOOLS_HOME.")
        if version > len(MIGRATIONS):
            raise CacheError(
                f"{path} was written by a newer motools (schema {version}; this one reads up to {len(MIGRATIONS)}). "
                "Upgrade it: pip install -U motools-core"
            )
        for step in MIGRATIONS[version:]:
            for statement in step.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _stamp(connection: sqlite3.Connection) -> tuple[int, int]:
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return owner, version


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of it or nothing; the lock for writing is taken at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say in words what SQLite says in codes."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise CacheError(f"{path}: {_reason(error)}") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # even its messages may be made of damaged text
        raise corrupt(path, str(error)) from error
    except OSError as error:
        raise CacheError(f"{path}: cannot be opened: {error.strerror or error}.") from error


def _reason(error: sqlite3.OperationalError) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"another process has been writing for {BUSY_SECONDS:g} s. Try again; nothing was changed."
    if "full" in text:
        return "the disk is full. Make room and try again; nothing was changed."
    if "I/O" in text:
        return f"the disk refuses ({text}): it may be full or damaged. Nothing was changed."
    return f"SQLite says: {text}."


def corrupt(path: Path, reason: str) -> CacheCorrupt:
    """Return the error for a database that cannot be trusted, with what to do about it."""
    return CacheCorrupt(
        f"{path} is damaged: {reason}. Nothing was answered from it and nothing was submitted. Move {path.name}, "
        f"{path.name}-wal and {path.name}-shm out of the way, or put a backup in their place; "
        f"`sqlite3 {path.name} .recover` saves what is readable."
    )


def make_private(path: Path) -> None:
    """Create the file, for its owner alone, where there is none; SQLite gives its other files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def refuse_network(path: Path) -> None:
    """Raise `CacheError` where the directory is on a network file system."""
    if (kind := file_system(path)) in NETWORK_FILE_SYSTEMS:
        raise CacheError(
            f"{path} is on a network file system ({kind}), where SQLite's locks do not hold and work could be paid for "
            "twice. Set MOTOOLS_HOME, or `home` in motools.toml, to a local directory."
        )


def file_system(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the type of the file system that a path is on; None where the system does not say."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    place, found, depth = path.absolute().parent.resolve(), None, -1
    for line in lines:
        fields, _, source = line.partition(" - ")
        mount = Path(fields.split()[4].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= depth:
            found, depth = source.split()[0], len(mount.parts)
    return found


__all__ = ["BUSY_SECONDS", "Database", "corrupt", "file_system", "translated"]
