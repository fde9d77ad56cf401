"""What is in a dataset, by its bytes, without reading them again while the file is as it was.

The digest is the hexadecimal sha256 of the bytes; that of records is the digest of the JSONL they would be saved as.
A file's digest is remembered under its `Fingerprint`. After `cp -p` or `rsync -t` size, modification time and inode can
be those of other content, so the time of change counts too; and a file that was written in the last moments may be
written again within the resolution of its clock, so only a digest of a file that has rested is remembered.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from motools.cache.flight import Flights
from motools.datasets import Dataset
from motools.errors import DatasetError

if TYPE_CHECKING:
    from motools.training.base import DatasetLike

RESTED_NS = 2_000_000_000
"""How long a file must have been left alone before its digest is remembered."""

MOST_RECENT = 1000
"""How many digests a process keeps at hand."""

_BLOCK = 1 << 20


class Fingerprint(NamedTuple):
    """What the file system says of a file; changes whenever the content does, given the file has rested."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Fingerprint:
        """Take the fingerprint from what `stat` said."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def has_rested(self, now_ns: int) -> bool:
        """Whether the file has been left alone for long enough that a further change would show."""
        return max(self.mtime_ns, self.ctime_ns) + RESTED_NS <= now_ns


@runtime_checkable
class DigestMemo(Protocol):
    """Where digests are remembered; `SqliteLedger` is one."""

    async def recall_digest(self, fingerprint: Fingerprint) -> str | None:
        """Return the digest that was remembered for a file in exactly this state."""

    async def remember_digest(self, fingerprint: Fingerprint, digest: str) -> None:
        """Remember the digest of a file in this state."""


class RecentDigests:
    """A memo in front of another: what this process has recalled once is a look into a dictionary."""

    def __init__(self, memo: DigestMemo) -> None:
        self._memo = memo
        self._known: dict[Fingerprint, str] = {}

    async def recall_digest(self, fingerprint: Fingerprint) -> str | None:
        known = self._known.get(fingerprint)
        if known is None and (known := await self._memo.recall_digest(fingerprint)):
            if len(self._known) >= MOST_RECENT:
                self._known.clear()
            self._known[fingerprint] = known
        return known

    async def remember_digest(self, fingerprint: Fingerprint, digest: str) -> None:
        await self._memo.remember_digest(fingerprint, digest)


class Digested(NamedTuple):
    """A dataset whose bytes are known."""

    source: DatasetLike
    """What to hand on: the path or dataset as it was given; for an iterable of records, which has been read to its end
    by now, a dataset of what it gave."""
    sha256: str
    fingerprint: Fingerprint | None
    """The file's, when it was hashed; None for records."""

    @property
    def name(self) -> str:
        """What messages call the dataset."""
        return Dataset.of(self.source).name

    def check_unchanged(self) -> None:
        """Raise `DatasetError` unless the file is still the one that was hashed."""
        if self.fingerprint is None:
            return
        dataset = Dataset.of(self.source)
        try:
            is_same = Fingerprint.of(Path(dataset.name).stat()) == self.fingerprint
        except FileNotFoundError as error:
            words = "is no longer there: it was moved, or something has changed the working directory. Nothing was paid for."
            raise DatasetError([f"{dataset.name}: {words}"]) from error
        except OSError:
            is_same = False
        if not is_same:
            raise _changed(dataset)

    async def was_read_unchanged(self) -> bool:
        """Whether who has read the file since can only have read what was hashed.

        Another name or mode of the file changes nothing but the time of change: then its bytes decide.
        """
        if self.fingerprint is None:
            return True
        dataset = Dataset.of(self.source)
        try:
            present = Fingerprint.of(await asyncio.to_thread(os.stat, dataset.name))
            if present == self.fingerprint:
                return True
            is_untouched = present._replace(ctime_ns=self.fingerprint.ctime_ns) == self.fingerprint
            return is_untouched and (await asyncio.to_thread(_hash, dataset))[0] == self.sha256
        except (OSError, DatasetError):
            return False


async def digest(source: DatasetLike, memo: DigestMemo | None = None, flights: Flights | None = None) -> Digested:
    """Return a dataset's digest: from the memo where the file is as it was, else by reading it in a thread.

    With `flights`, those who ask at the same time share one reading.
    """
    path = source.path if isinstance(source, Dataset) else source
    if not isinstance(path, (str, os.PathLike)):
        dataset = Dataset.of(source)
        return Digested(dataset, await asyncio.to_thread(dataset.sha256), None)
    try:
        fingerprint = Fingerprint.of(os.stat(path))  # noqa: PTH116 (on the way of every hit)
    except (OSError, ValueError):
        fingerprint = None
    if fingerprint and memo and (known := await memo.recall_digest(fingerprint)):
        return Digested(source, known, fingerprint)
    name = ("digest", os.fspath(path), fingerprint)
    call = (flights or Flights()).join(name, lambda: _read(Dataset.of(source), memo))
    return Digested(source, *await call.join())


async def _read(dataset: Dataset, memo: DigestMemo | None) -> tuple[str, Fingerprint]:
    started_ns = time.time_ns()
    sha256, fingerprint = await asyncio.to_thread(_hash, dataset)
    if memo and fingerprint.has_rested(started_ns):
        await memo.remember_digest(fingerprint, sha256)
    return sha256, fingerprint


def _hash(dataset: Dataset) -> tuple[str, Fingerprint]:
    """Hash a file in blocks, and see that it stays the same meanwhile."""
    hasher, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
    with dataset.open() as file:
        before = Fingerprint.of(os.fstat(file.fileno()))
        while size := file.readinto(block):
            hasher.update(block[:size])
        after = Fingerprint.of(os.fstat(file.fileno()))
    if before != after:
        raise _changed(dataset)
    return hasher.hexdigest(), after


def _changed(dataset: Dataset) -> DatasetError:
    return DatasetError([f"{dataset.name}: changed while it was being used. Ask again when it is complete."])


__all__ = ["DigestMemo", "Digested", "Fingerprint", "RecentDigests", "digest"]
