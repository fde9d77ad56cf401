"""Whether two records are the same, in little memory: records are compared by digests of 64 bits.

Two records are the same when they are equal as JSON, whatever their spaces, escapes and order of keys. That two that are
not the same have one digest happens once in tens of millions of datasets of a million records.

The digests of the first `MOST_REMEMBERED` different records of a dataset are kept, in about 100 bytes each. Records after
those are still compared with them, and no longer with one another.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_REMEMBERED = 500_000

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def digest_of(record: Mapping[str, Any]) -> int:
    """Return a number that is the same for records that are equal as JSON."""
    return int.from_bytes(blake2b(_encode(record).encode(), digest_size=8).digest())


class Seen:
    """On which line of a dataset a record was seen first; of the first `most` different ones."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._lines: dict[int, int] = {}
        self.full_at: int | None = None
        """The first line whose record is new and not remembered, where there were too many."""

    def line_of(self, digest: int) -> int | None:
        """Return the line of a record, if it was seen."""
        return self._lines.get(digest)

    def first(self, digest: int, line: int) -> int | None:
        """Return the earlier line of a record; one that was not seen before is remembered, and None returned."""
        earlier = self._lines.get(digest)
        if earlier is None:
            if len(self._lines) < self._most:
                self._lines[digest] = line
            elif self.full_at is None:
                self.full_at = line
        return earlier


__all__ = ["MOST_REMEMBERED", "Seen", "digest_of"]
