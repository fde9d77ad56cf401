"""Files of rows in a work directory: one JSON object a line, appended by the worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from motools.files import replace_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file; none where there is no file. A row that a dying worker left half-written is passed over."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    found = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            found.append(row)
    return found


def keep_rows(path: Path, wanted: Callable[[Mapping[str, Any]], bool]) -> list[dict[str, Any]]:
    """Drop the rows that are not wanted, and half-written ones, durably; return those that are left."""
    kept = [row for row in read_rows(path) if wanted(row)]
    if path.exists():
        replace_text(path, "".join(json.dumps(row) + "\n" for row in kept))
    return kept


__all__ = ["keep_rows", "read_rows"]
