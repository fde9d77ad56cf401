"""JSON files that are either whole or not there.

Everything motools keeps as a file is written to a temporary file beside its place, synced, and renamed over it, readable
by its owner alone.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from uuid import uuid4

from aiofiles.os import wrap

from motools.errors import HandleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedIOBase


_is_fleeting = ContextVar("_is_fleeting", default=False)


def replace_text(path: str | os.PathLike[str], text: str) -> None:
    """Put `text` at `path`, durably: after a crash the file holds the old text or the new one, never a part.

    Blocks for the sync to disk; raises OSError and leaves nothing behind when the disk is full.
    """
    with _replacing(path) as file:
        file.write(text.encode())


def replace_file(path: str | os.PathLike[str], source: BufferedIOBase) -> None:
    """Put what is left of `source` at `path`, as `replace_text` does, in flat memory."""
    with _replacing(path) as file:
        shutil.copyfileobj(source, file)


def draft_beside(path: Path) -> Path:
    """Return a hidden name beside a path, like no other: for what takes its place once it is whole, or is on its way out."""
    return path.with_name(f".{path.name}.{uuid4().hex}")


def is_draft(path: Path) -> bool:
    """Whether `draft_beside` has made up a name."""
    return re.fullmatch(r"\..+\.[0-9a-f]{32}", path.name) is not None


@contextmanager
def fleeting() -> Iterator[None]:
    """Do not wait for the disk inside: what is written is read again at once and thrown away."""
    token = _is_fleeting.set(True)
    try:
        yield
    finally:
        _is_fleeting.reset(token)


@contextmanager
def _replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    target = Path(path)
    temporary = draft_beside(target)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            if not _is_fleeting.get():
                os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def sync_directory(path: Path) -> None:
    """Make renames in a directory durable, where the system has a way to."""
    if os.name == "nt" or _is_fleeting.get():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def write_json(path: str | os.PathLike[str], fields: Mapping[str, Any]) -> None:
    """Write one JSON object, as `replace_text` does. Raises TypeError or ValueError, before writing, on other values."""
    text = json.dumps(fields, indent=2, allow_nan=False, ensure_ascii=False, default=_plain) + "\n"
    await asyncio.to_thread(replace_text, path, text)


def _plain(value: object) -> object:
    """Let mappings of other kinds than dict, and tuples' kin, pass as what they are in JSON."""
    from collections.abc import Mapping, Sequence

    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{value!r} of type {type(value).__name__} is not JSON")


def finite(value: Any) -> Any:
    """Return `value` with None in place of every float that is not finite, at any depth."""
    from collections.abc import Mapping, Sequence

    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: finite(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return [finite(inner) for inner in value]
    return value


async def read_json(path: str | os.PathLike[str], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """Read one JSON object that has the required fields. Raises `HandleError` that names the file and what is wrong."""
    try:
        fields = json.loads(await _text_of(Path(path), encoding="utf-8"))
    except OSError as error:
        raise HandleError(f"{os.fspath(path)}: cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise HandleError(f"{os.fspath(path)}: is not a JSON file: {error}.") from error
    except RecursionError as error:
        raise HandleError(f"{os.fspath(path)}: is not a JSON file: it is nested too deeply.") from error
    if not isinstance(fields, dict):
        raise HandleError(f"{os.fspath(path)}: holds a JSON {type(fields).__name__}, not an object.")
    missing = [name for name in required if name not in fields]
    if missing:
        raise HandleError(f"{os.fspath(path)}: lacks {', '.join(missing)}; it was not written by motools.")
    return fields


_text_of = wrap(Path.read_text)
"""Opened, read and closed in one go: whoever is cancelled on the way leaves no file open, even at the end of its loop."""


__all__ = ["finite", "fleeting", "read_json", "replace_file", "replace_text", "sync_directory", "write_json"]
