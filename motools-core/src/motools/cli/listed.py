"""Plugins as the command line lists them: a table, and below it why some cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.cli.output import put, say, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from motools.plugins.registry import BackendInfo

COLUMNS: Mapping[str, Callable[[BackendInfo], str]] = {
    "NAME": lambda info: info.name,
    "KIND": lambda info: info.kind or "?",
    "DISTRIBUTION": lambda info: info.distribution or info.location,
    "VERSION": lambda info: info.version or "",
    "STATUS": lambda info: info.status,
}
"""What every list of plugins shows, by heading."""


def show(found: Sequence[BackendInfo], columns: Mapping[str, Callable[[BackendInfo], str]] = COLUMNS) -> None:
    """Print plugins under the headings of `columns`, and on stderr why any of them cannot be used."""
    put(table([*columns], [[cell(info) for cell in columns.values()] for info in found]))
    for info in found:
        if info.reason:
            say(f"{info.name} ({info.distribution or info.location}) is {info.status}: {info.reason}")


__all__ = ["COLUMNS", "show"]
