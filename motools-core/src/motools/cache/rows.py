"""A record as a row of the `runs` table, and back."""

from __future__ import annotations

import json
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

from motools.cache.base import Record
from motools.cache.states import State

if TYPE_CHECKING:
    from collections.abc import Mapping

SEALED = (
    "key", "kind", "backend", "account", "model", "spec", "label", "tags", "state", "epoch", "token",
    "created_at", "updated_at", "job_id", "model_id", "handle", "handle_class", "results_class", "results_seal", "error",
    "details",
)  # fmt: skip
"""The columns under the seal. Results can be large and have a checksum of their own, so that lists need not read them."""
STORED = (*SEALED, "seal", "results", "leased_until")
CHANGEABLE = frozenset({"job_id", "model_id", "handle", "handle_class", "results", "results_class", "error", "details"})

SELECT = f"SELECT {', '.join(STORED)} FROM runs"  # noqa: S608 (names of our own)
SELECT_WITH_HOLDER = SELECT.replace(" results,", " NULL,").replace(" FROM", ", holder FROM")
"""Without results, and with the holder of the lease last."""

_JSON = tuple(SEALED.index(name) for name in ("account", "spec", "tags", "handle", "details"))
_TAGS, _STATE = SEALED.index("tags"), SEALED.index("state")
_RESULTS_SEAL = SEALED.index("results_seal")
_FIELDS = (*SEALED, "leased_until", "results")
_decode = json.JSONDecoder().raw_decode
_states = {state.value: state for state in State}


class Damaged(sqlite3.DatabaseError):
    """A row is not what was written."""


def checksum(*values: Any) -> int:
    """Return the checksum that stands beside stored values."""
    return zlib.crc32(repr(values).encode())


def to_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of a record's fields: text, numbers and JSON, with their seals."""
    row = {name: fields.get(name) for name in SEALED}
    row["details"] = row["details"] or {}
    for position in _JSON:
        name = SEALED[position]
        row[name] = _json(row[name])
    results = _json(fields.get("results"))
    row["state"] = str(row["state"])
    row["results_seal"] = None if results is None else checksum(results)
    return {**row, "seal": checksum(*row.values()), "results": results, "leased_until": fields["leased_until"]}


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"), allow_nan=False)


def to_record(row: tuple[Any, ...]) -> Record:
    """Return the record of a row that was selected with `SELECT`. Raises `Damaged`."""
    *values, seal, results, leased_until = row
    is_whole = checksum(*values) == seal
    if not is_whole or (results is not None and checksum(results) != values[_RESULTS_SEAL]):
        raise Damaged(f"the record {values[0]!r} is not what was written")
    for position in _JSON:
        if values[position] is not None:
            values[position] = _decode(values[position])[0]
    values[_STATE] = _states[values[_STATE]]
    values[_TAGS] = tuple(values[_TAGS])
    fields = dict(zip(SEALED, values, strict=True))
    del fields["results_seal"]
    return Record(**fields, leased_until=leased_until, results=None if results is None else _decode(results)[0])


def to_fields(record: Record) -> dict[str, Any]:
    """Return the fields of a record by name."""
    return {name: getattr(record, name) for name in _FIELDS if name != "results_seal"}


__all__ = [
    "CHANGEABLE",
    "SELECT",
    "SELECT_WITH_HOLDER",
    "STORED",
    "Damaged",
    "checksum",
    "to_fields",
    "to_record",
    "to_row",
]
