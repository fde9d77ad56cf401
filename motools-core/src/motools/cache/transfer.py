"""Exported records as they are read: a line is believed only as far as its key is the digest of its request."""

from __future__ import annotations

import json
import math
import os
import re
from typing import TYPE_CHECKING, Any

from motools.cache.base import Record
from motools.cache.keys import canonical, key_of
from motools.cache.kinds import EVAL, TRAINING
from motools.cache.states import State
from motools.errors import SpecError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

VERSION = 1
"""Of the format; another is refused."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

TYPES: dict[str, tuple[type, ...]] = {
    "key": (str,),
    "kind": (str,),
    "backend": (str,),
    "account": (dict,),
    "model": (str,),
    "spec": (dict,),
    "label": (str, type(None)),
    "tags": (list,),
    "state": (str,),
    "epoch": (int,),
    "token": (str,),
    "created_at": (int, float),
    "updated_at": (int, float),
    "job_id": (str,),
    "model_id": (str, type(None)),
    "handle": (dict, type(None)),
    "handle_class": (str, type(None)),
    "results": (dict, type(None)),
    "results_class": (str, type(None)),
    "error": (str, type(None)),
    "details": (dict,),
}
"""The fields of a record in a file, and their types."""


class LineRefused(ValueError):
    """A line is not one of a record; the message goes on from the place."""


def read(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the records of an exported file. Raises `UsageError` that names the line."""
    name, number = os.fspath(path), 1
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a path of any kind)
            for number, line in enumerate(file, start=1):
                value = _parsed(line)
                if number == 1:
                    _check_header(value)
                elif "end" in value:
                    _check_end(value, number - 2, file.readline())
                    return
                else:
                    yield to_exchanged(value)
        _refuse("the file ends here, without its end: it was cut.")
    except LineRefused as error:
        raise UsageError(f"{name}:{number}: {error} Nothing was imported.") from error
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror or error}.") from error


def _refuse(complaint: str) -> NoReturn:
    raise LineRefused(complaint)


def _check_header(header: dict[str, Any]) -> None:
    if header.get("motools") != "records":
        _refuse("is not the beginning of exported records.")
    if header.get("version") != VERSION:
        _refuse(f"is of version {header.get('version')!r}; this motools reads {VERSION}. Upgrade motools-core.")


def _check_end(value: dict[str, Any], count: int, after: bytes) -> None:
    if value["end"] != count or after.strip():
        _refuse(f"says that {value['end']!r} records end here, and {count} are before it.")


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise LineRefused(f"is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise LineRefused(f"is a JSON {type(value).__name__}, not an object.")
    return value


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def to_exchanged(value: dict[str, Any]) -> Record:
    """Return the record of a parsed line. Raises `LineRefused`."""
    for name in value:
        if name not in TYPES:
            raise LineRefused(f"has the unknown field {name!r}.")
    for name, types in TYPES.items():
        if name not in value:
            raise LineRefused(f"lacks the field {name!r}.")
        if type(value[name]) not in types:
            raise LineRefused(f"{name} is a JSON {type(value[name]).__name__}.")
    _check_key(value)
    _check_values(value)
    record = Record(**value | {"state": State(value["state"]), "tags": tuple(value["tags"])}, leased_until=0.0)
    _check_state(record)
    return record


def _check_key(value: dict[str, Any]) -> None:
    spec = value["spec"]
    try:
        is_canonical = canonical(spec) == spec
    except SpecError as error:
        raise LineRefused(f"its request is no request: {error}") from error
    if not is_canonical or key_of(spec) != value["key"]:
        raise LineRefused(f"the key {value['key'][:20]!r} is not that of the request beside it.")
    for name in ("kind", "backend", "account"):
        if spec.get(name) != value[name]:
            raise LineRefused(f"{name} is not that of the request beside it.")


def _check_values(value: dict[str, Any]) -> None:
    if value["kind"] not in {TRAINING.name, EVAL.name}:
        raise LineRefused(f"there is no kind {value['kind']!r}.")
    if value["state"] not in set(State):
        raise LineRefused(f"there is no state {value['state']!r}.")
    if not all(isinstance(tag, str) for tag in value["tags"]):
        raise LineRefused("tags is not a list of strings.")
    if value["epoch"] < 1 or not TOKEN.fullmatch(value["token"]):
        raise LineRefused("epoch or token is none.")
    if not all(math.isfinite(value[name]) and value[name] >= 0 for name in ("created_at", "updated_at")):
        raise LineRefused("created_at or updated_at is no time.")
    for name in ("handle_class", "results_class"):
        if value[name] is not None and not CLASS.fullmatch(value[name]):
            raise LineRefused(f"{name} is not the path of a class.")


def _check_state(record: Record) -> None:
    """See that a record has what its state says."""
    if complaint := lacking(record):
        raise LineRefused(complaint)


def lacking(record: Record) -> str | None:
    """Say what a record lacks for the state that it is in, or return None."""
    if record.state is State.SUCCEEDED and record.kind == TRAINING.name and not record.model_id:
        return "is a training that succeeded without a model."
    if record.state is State.SUCCEEDED and record.kind == EVAL.name:
        results = record.results or {}
        if not isinstance(results.get("model_id"), str) or not isinstance(results.get("metrics"), dict):
            return "is an evaluation that succeeded without results."
    if record.state.is_live and not record.job_id and record.handle is None:
        return "is under way without an id and without a handle."
    return None


__all__ = ["TYPES", "VERSION", "LineRefused", "lacking", "read", "to_exchanged"]
