"""Files and folders that are named where their content counts: by their bytes, wherever they are.

    "kind.txt" -> {"file": "kind.txt", "sha256": …}    of what may be a name, as a template, an argument or a picture may

Relative names lead from the folder that a task is run in.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools_inspect.packages import file_digest

if TYPE_CHECKING:
    from collections.abc import Collection

PATH = re.compile(r"(/[\w.+@ -]+)+/?")
"""What may be an absolute path."""
LONGEST = 1024
"""Characters of a path, at most."""


def with_files(value: Any, folder: Path, read: Collection[str] | None = None) -> Any:
    """Return a value with name and digest in place of each text that is a file's path; a folder's stays a path.

    With `read`, the files that building the task has read, any other is its path: a run may read it, and may write it.
    """
    if isinstance(value, dict):
        return {name: with_files(item, folder, read) for name, item in value.items()}
    if isinstance(value, list):
        return [with_files(item, folder, read) for item in value]
    if not isinstance(value, str):
        return value
    place = place_of(value, folder)
    is_read = place is not None and place.is_file() and (read is None or os.path.abspath(place) in read)  # noqa: PTH100 (as `reading` has it)
    if place is not None and is_read:
        return {"file": place.name, "sha256": file_digest(place)}
    return way_to(value, folder)


def way_to(text: str, folder: Path) -> str:
    """Return a text; of an absolute path nearby the way from a folder: where a project is does not matter."""
    if not PATH.fullmatch(text):
        return text
    is_near = Path(text).is_relative_to(folder.parent) or folder.is_relative_to(text)
    return os.path.relpath(text, folder) if is_near else text


def content_of(text: str, folder: Path) -> Any:
    """Return the digest of a file, or of all files in a folder, that is named, or else what is written there."""
    place = place_of(text, folder)
    return text if place is None else {"sha256": digest(place)}


def place_of(text: str, folder: Path) -> Path | None:
    """Return the file or folder that a text names, or None where there is none."""
    if not 0 < len(text) < LONGEST or "\n" in text or "\0" in text:
        return None
    place = folder / text.removeprefix("file://")
    try:
        return place if place.exists() else None
    except OSError:
        return None


def digest(place: Path) -> str:
    """Return the digest of a file's bytes, or of the names and bytes of all files in a folder, links to folders aside."""
    if not place.is_dir():
        return file_digest(place)
    total = hashlib.sha256()
    for parent, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            told = file_digest(path) if path.is_file() else "no file"
            total.update(f"{path.relative_to(place)}\0{told}\n".encode(errors="surrogateescape"))
    return total.hexdigest()


__all__ = ["content_of", "digest", "place_of", "way_to", "with_files"]
