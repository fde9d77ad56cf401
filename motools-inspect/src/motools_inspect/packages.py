"""Which installed packages register something with Inspect, from metadata alone."""

from __future__ import annotations

import hashlib
import json
import sys
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "inspect_ai"
"""Inspect's entry-point group; in it the entry point's name is the package's, and so the prefix of its tasks."""
OF_MOTOOLS = "motools."
"""How the names of all of MOTools' groups begin."""


def names() -> list[str]:
    """Return the packages that tasks can be named of."""
    return sorted({entry.name for entry in _entries() if entry.group == GROUP})


def registering() -> set[str]:
    """Return the packages that register anything with Inspect or with MOTools, and are loaded for that."""
    return {entry.module.partition(".")[0] for entry in _entries()}


def provider(package: str) -> dict[str, Any]:
    """Return what a package's tasks are: distribution and version; for an editable one the digest of its source too."""
    entry = _entry(package)
    if entry is None or entry.dist is None:
        return {}
    found = {"distribution": entry.dist.metadata["Name"], "version": entry.dist.version}
    if _is_editable(entry.dist):
        found["sha256"] = digest_of(_sources(entry))
    return found


def files_of(package: str) -> list[Path]:
    """Return the files that tell whether a package's tasks are still the same."""
    entry = _entry(package)
    if entry is None or entry.dist is None:
        return []
    return [*_metadata_of(entry.dist), *(_sources(entry) if _is_editable(entry.dist) else ())]


def files_of_inspect() -> list[Path]:
    """Return the files that tell whether Inspect is still of the same version."""
    return _metadata_of(metadata.distribution("inspect-ai"))


def _metadata_of(distribution: metadata.Distribution) -> list[Path]:
    place = getattr(distribution, "_path", None)  # the one way to its directory
    return [] if place is None else [Path(place) / "METADATA"]


def _entry(package: str) -> metadata.EntryPoint | None:
    return next((entry for entry in _entries() if entry.group == GROUP and entry.name == package), None)


def _entries() -> tuple[metadata.EntryPoint, ...]:
    """Return the entry points of Inspect's group and of MOTools'; looking through all that is installed takes a tenth of a second."""
    return _entries_of(tuple((path, _changed_at(path)) for path in sys.path))


@lru_cache(maxsize=4)
def _entries_of(_path: tuple[tuple[str, int], ...]) -> tuple[metadata.EntryPoint, ...]:
    known = metadata.entry_points()
    groups = [each for each in sorted(known.groups) if each == GROUP or each.startswith(OF_MOTOOLS)]
    return tuple(entry for group in groups for entry in known.select(group=group))


def _changed_at(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def inspect_version() -> str:
    """Return the installed version of Inspect."""
    return metadata.version("inspect-ai")


def _is_editable(distribution: metadata.Distribution) -> bool:
    origin = distribution.read_text("direct_url.json")
    return bool(origin and json.loads(origin).get("dir_info", {}).get("editable"))


def _sources(entry: metadata.EntryPoint) -> list[Path]:
    spec = util.find_spec(entry.module.partition(".")[0])
    places = list(spec.submodule_search_locations or ()) if spec else []
    return [path for place in places for path in sorted(Path(place).rglob("*.py"))]


def digest_of(paths: Iterable[Path]) -> str:
    """Return one digest of the contents of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(file_digest(path).encode())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """Return what `sha256sum` prints for a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


__all__ = [
    "GROUP",
    "digest_of",
    "file_digest",
    "files_of",
    "files_of_inspect",
    "inspect_version",
    "names",
    "provider",
    "registering",
]
