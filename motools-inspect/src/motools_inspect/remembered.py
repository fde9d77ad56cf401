"""What a request's tasks are, by content, remembered as long as nothing that this depends on has changed.

MOTOOLS_HOME/resolved/inspect/DIGEST.json     one request's answer, with each file it depends on as it was
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from motools.config import home
from motools.files import replace_text
from motools_inspect.depends import as_they_are, described, is_changed_since, ways_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from motools_inspect.depends import Depends

SCHEMA = 3


def recall(request: Mapping[str, Any]) -> tuple[Any, Depends] | None:
    """Return the answer to a request and what it depends on, or None where there is none that still stands."""
    place = _place(request)
    try:
        found = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return None
    if found.get("schema") != SCHEMA:
        return None
    before = [tuple(each) for each in found["files"]]
    present = as_they_are(before)
    if present is None:
        return None
    if present != before:
        _write(place, found["answer"], present)
    return found["answer"], present


def remember(
    request: Mapping[str, Any], answer: Any, kinds: Mapping[str, Iterable[str | os.PathLike[str]]], *, since: int
) -> Depends:
    """Keep an answer with the files that it depends on, which come by kind, and return these as they are.

    It is not kept where some of them has changed `since` a time.
    """
    ways = ways_of(kinds)
    files = described(ways)
    if not any(is_changed_since(path, how, since) for path, how in ways.items()):
        _write(_place(request), answer, files)
    return files


def _write(place: Path, answer: Any, files: Depends) -> None:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_text(place, json.dumps({"schema": SCHEMA, "answer": answer, "files": files}))


def _place(request: Mapping[str, Any]) -> Path:
    text = json.dumps(request, sort_keys=True, default=str)
    return home() / "resolved" / "inspect" / f"{hashlib.sha256(text.encode()).hexdigest()}.json"


__all__ = ["recall", "remember"]
