"""Why a request is no hit: what differs between it and the nearest request that is recorded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from motools.cache.adopting import ADOPTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from motools.cache.base import Draft, Ledger, Record

SEARCHED = 20_000
"""How many of the latest records are compared."""

WEIGHTS = {"backend": 64, "package": 64, "account": 16, "model": 12, "dataset": 10, "version": 6, "measured": 2}
"""How far apart a difference sets two requests, by the field of the spec that it is in."""
LIGHT = 1
"""The weight of the other fields."""


class _Absent:
    def __repr__(self) -> str:
        return "(absent)"


ABSENT: Any = _Absent()
"""Stands where one of the two has no such field."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place in which two requests differ: `path` in the spec, and what each has there."""

    path: str
    request: Any
    record: Any

    @property
    def weight(self) -> int:
        """How far apart it sets the two."""
        return WEIGHTS.get(self.path.partition(".")[0].partition("[")[0], LIGHT)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is recorded under a request's key, and how the nearest other one differs, heaviest difference first."""

    key: str
    recorded: Record | None
    nearest: Record | None = None
    differences: Sequence[Difference] = ()
    datasets: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    """Where the dataset differs: the records that have each of the two digests."""


async def explain(request: Draft, ledger: Ledger) -> Explanation:
    """Compare a request (or a record) with what is recorded of its kind."""
    recorded = await ledger.read(request.key)
    others = [
        record
        for record in await ledger.records(kind=request.kind, limit=SEARCHED)
        if record.key != request.key and record.spec and ADOPTED not in record.spec
    ]
    if not others:
        return Explanation(key=request.key, recorded=recorded)
    compared = [(list(differences(request.spec, record.spec)), record) for record in others]
    found, nearest = min(compared, key=lambda pair: sum(each.weight for each in pair[0]))
    digests = next(([each.request, each.record] for each in found if each.path == "dataset"), [])
    return Explanation(
        key=request.key,
        recorded=recorded,
        nearest=nearest,
        differences=sorted(found, key=lambda each: -each.weight),
        datasets={digest: [each for each in others if each.spec.get("dataset") == digest] for digest in digests},
    )


def differences(request: Any, record: Any, path: str = "") -> Iterator[Difference]:
    """Yield where two specs differ. `1`, `1.0`, `true` and `"1"` are four different things, as they are in a key."""
    if isinstance(request, Mapping) and isinstance(record, Mapping):
        for name in [*request, *(name for name in record if name not in request)]:
            inner = f"{path}.{name}" if path else name
            yield from differences(request.get(name, ABSENT), record.get(name, ABSENT), inner)
    elif isinstance(request, list) and isinstance(record, list) and len(request) == len(record):
        for position, pair in enumerate(zip(request, record, strict=True)):
            yield from differences(*pair, f"{path}[{position}]")
    elif not _is_same(request, record):
        yield Difference(path=path, request=request, record=record)


def _is_same(one: Any, other: Any) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    if type(one) is type(other) and not isinstance(one, (Mapping, list)):
        return bool(one == other)
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


__all__ = ["ABSENT", "Difference", "Explanation", "differences", "explain"]
