"""Which installed packages register something with Inspect, from metadata alone."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "inspect_ai"
"""Inspect's entry-point group; in it the entry point's name is the package's, and so the prefix of its tasks."""


def names() -> list[str]:
    """Return the packages that tasks can be named of."""
    return sorted({entry.name for entry in metadata.entry_points(group=GROUP)})


def provider(package: str) -> dict[str, Any]:
    """Return what a package's tasks are: distribution and version; for an editable one the digest of its source too."""
    entries = [entry for entry in metadata.entry_points(group=GROUP) if entry.name == package]
    distribution = entries[0].dist if entries else None
    if distribution is None:
        return {}
    found = {"distribution": distribution.metadata["Name"], "version": distribution.version}
    if _is_editable(distribution):
        found["sha256"] = _source_digest(entries[0].module.partition(".")[0])
    return found


@cache
def inspect_version() -> str:
    """Return the installed version of Inspect."""
    return metadata.version("inspect-ai")


def _is_editable(distribution: metadata.Distribution) -> bool:
    origin = distribution.read_text("direct_url.json")
    return bool(origin and json.loads(origin).get("dir_info", {}).get("editable"))


def _source_digest(package: str) -> str:
    spec = util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return digest_of(path for place in places for path in sorted(Path(place).rglob("*.py")))


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


__all__ = ["GROUP", "digest_of", "file_digest", "inspect_version", "names", "provider"]
