"""What is recorded, counted, and what recorded results have saved."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from motools.cache.hits import Hits
from motools.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from motools.cache.sqlite import SqliteLedger

PIECE = 500
"""How many keys one statement asks for."""


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many records of a kind and backend are in a state."""

    kind: str
    backend: str
    state: str
    records: int


@dataclass(frozen=True, kw_only=True)
class Saved:
    """What the hits of a kind and backend have saved: that many submissions, and the time that each would have taken."""

    kind: str
    backend: str
    hits: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """The record of paid work in numbers."""

    counts: Sequence[Count]
    size: int
    """Bytes of the database and its log."""
    attempts: int
    """Earlier attempts, which others have followed."""
    uploads: int
    digests: int
    """Files whose digest is remembered."""
    saved: Sequence[Saved]
    last_hit: float | None


async def statistics(ledger: SqliteLedger) -> Statistics:
    """Count what is recorded, and what its hits have saved as far as they have been written down."""
    await ledger._database.open()
    counted = "SELECT kind, backend, state, count(*) FROM runs GROUP BY kind, backend, state ORDER BY 1, 2, 3"
    counts = [Count(kind=k, backend=b, state=s, records=n) for k, b, s, n in _rows(ledger, counted)]
    own = Hits.of(ledger)
    if own is None:
        raise CacheError(f"{ledger!r} is in no file.")
    own.flush()
    hits = own.read()
    others = {table: _number(ledger, table) for table in ("attempts", "uploads", "files")}
    files = [ledger.path.with_name(ledger.path.name + ending) for ending in ("", "-wal")]
    return Statistics(
        counts=counts,
        size=sum(file.stat().st_size for file in files if file.exists()),
        attempts=others["attempts"],
        uploads=others["uploads"],
        digests=others["files"],
        saved=_saved(ledger, {key: count for key, (count, _) in hits.items()}),
        last_hit=max((last for _, last in hits.values()), default=None),
    )


def _rows(ledger: SqliteLedger, statement: str, values: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
    from motools.cache.connection import translated

    with translated(ledger.path):
        yield from ledger._database.reader.execute(statement, values)


def _number(ledger: SqliteLedger, table: str) -> int:
    ((number,),) = _rows(ledger, f"SELECT count(*) FROM {table}")  # noqa: S608 (a name of our own)
    return int(number)


def _saved(ledger: SqliteLedger, hits: dict[str, int]) -> list[Saved]:
    totals: dict[tuple[str, str], tuple[int, float]] = {}
    keys = iter(hits)
    while piece := list(islice(keys, PIECE)):
        marks = ", ".join("?" * len(piece))
        statement = f"SELECT key, kind, backend, updated_at - created_at FROM runs WHERE key IN ({marks})"  # noqa: S608 (question marks)
        for key, kind, backend, seconds in _rows(ledger, statement, piece):
            number, total = totals.get((kind, backend), (0, 0.0))
            totals[kind, backend] = number + hits[key], total + hits[key] * max(0.0, seconds)
    rows = sorted(totals.items())
    return [Saved(kind=kind, backend=name, hits=number, seconds=total) for (kind, name), (number, total) in rows]


__all__ = ["Count", "Saved", "Statistics", "statistics"]
