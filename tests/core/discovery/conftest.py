"""Synthetic environments, and what importlib-metadata and the interpreter say of them."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import importlib_metadata
import pytest

from motools.plugins.discovery import canonical, scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STDLIB_ORACLE = """
import importlib.metadata, json, sys
sys.path[:] = json.loads(sys.argv[1])
found = importlib.metadata.entry_points()
ours = [entry for group in found.groups if group.startswith("motools.") for entry in found.select(group=group)]
print(json.dumps(sorted([entry.group, entry.name, entry.value] for entry in ours)))
"""


class Site:
    """A directory of a path, to be filled with distributions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = str(root)
        root.mkdir(parents=True, exist_ok=True)

    def install(
        self,
        directory: str,
        entry_points: str | bytes | None = None,
        *,
        metadata: str | None = "METADATA",
        name: str | None = None,
        version: str = "1.0",
    ) -> Path:
        """Write a metadata directory; `metadata` is the name of the file with its headers, None for none."""
        info = self.root / directory
        info.mkdir(exist_ok=True)
        if metadata:
            name = name or directory.rpartition(".")[0].partition("-")[0]
            (info / metadata).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText.\n")
        if entry_points is not None:
            data = entry_points.encode() if isinstance(entry_points, str) else entry_points
            (info / "entry_points.txt").write_bytes(data)
        return info


Row = tuple[str, str, str, str]
"""Group, name, distribution and value."""


class Found:
    """What was found, in the form in which the scanner and the oracles are compared."""

    @staticmethod
    def by_scanner(path: list[str]) -> list[Row]:
        return [(found.group, found.name, found.distribution, found.value) for found in scan(path)]

    @staticmethod
    def by_importlib_metadata(path: list[str]) -> list[Row]:
        """Report what `importlib_metadata.entry_points()` reports with that `sys.path`."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "path", path)
            return sorted(
                (found.group, found.name, canonical(found.dist._normalized_name), found.value)
                for found in importlib_metadata.entry_points()
                if found.group.startswith("motools.")
            )

    @staticmethod
    def by_interpreter(path: list[str]) -> list[tuple[str, str, str]]:
        command = [sys.executable, "-c", STDLIB_ORACLE, json.dumps(path)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        return [tuple(row) for row in json.loads(answer.stdout)]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def later_site(tmp_path: Path) -> Site:
    """A directory further back on the path."""
    return Site(tmp_path / "later")


@pytest.fixture
def make_site() -> type[Site]:
    return Site


@pytest.fixture(scope="session")
def found() -> type[Found]:
    return Found


@pytest.fixture
def agreed(found: type[Found]):
    """Check that scanner and importlib-metadata agree on a path, and return names with their distributions."""

    def check(*path: object) -> list[tuple[str, str]]:
        directories = [getattr(one, "path", str(one)) for one in path]
        ours = found.by_scanner(directories)
        assert ours == found.by_importlib_metadata(directories)
        return [(name, distribution) for _, name, distribution, _ in ours]

    return check


@pytest.fixture
def _archives_are_closed() -> Iterator[None]:
    """Close the zip files that importlib-metadata keeps open, before a later test is blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        importlib_metadata.MetadataPathFinder.invalidate_caches()
        gc.collect()
