"""What a sandbox is made of, by content: its type, its configuration, and the files and folders that this names.

Of a compose file or a Dockerfile all counts that it names by a path: other Dockerfiles, files of variables, what is copied
or mounted. What stands for a whole folder (`COPY . /app`) does not, for logs may be in it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from inspect_ai.util._sandbox.registry import registry_find_sandboxenv

from motools_inspect.contents import digest, place_of
from motools_inspect.packages import file_digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCKERFILE = "Dockerfile"
WORD = re.compile(r"[^\s\"',:=\[\]{}]+")


def asked(given: str | None) -> Any:
    """Return a sandbox as Inspect takes it: a type, or a type and the file of its configuration."""
    kind, colon, config = (given or "").partition(":")
    return (kind, config) if colon else given


def sandbox_of(sandbox: Any, folder: Path, *, plain: Callable[[Any], Any]) -> Any:
    """Return what there is to tell of a sandbox whose task is run in `folder`; `plain` brings its parameters into JSON."""
    if sandbox is None:
        return None
    kind, config = (sandbox, None) if isinstance(sandbox, str) else (sandbox.type, sandbox.config)
    if config is None:
        config = next((name for name in _looked_for(kind) if (folder / name).is_file()), None)
    if config is None or not isinstance(config, str):
        return {"type": kind, "config": plain(config)}
    place = place_of(config, folder)
    if place is None or not place.is_file():
        return {"type": kind, "config": config}
    return {"type": kind, "config": {"sha256": file_digest(place)}, "names": _named(place)}


def _looked_for(kind: str) -> list[str]:
    """Return the files that a sandbox takes its configuration from where none is named."""
    try:
        found: list[str] = registry_find_sandboxenv(kind).config_files()
    except ValueError:  # there is no such sandbox: it cannot run
        return []
    return found


def _named(config: Path) -> dict[str, str]:
    """Return the digests of what a configuration names, and what that does, by the way there."""
    config = config.resolve()
    base, found, waiting = config.parent, {config}, [config]
    while waiting:
        for each in _paths_in(waiting.pop(), base):
            if each not in found:
                found.add(each)
                if each.is_file() and (DOCKERFILE in each.name or each.suffix in {".yaml", ".yml"}):
                    waiting.append(each)
    return {_way(place, base): digest(place) for place in sorted(found - {config})}


def _paths_in(config: Path, base: Path) -> set[Path]:
    """Return the files and folders that stand in a configuration, from its own folder or that of the first."""
    lines = config.read_text(encoding="utf-8", errors="replace").splitlines()
    words = {word for line in lines if not line.lstrip().startswith("#") for word in WORD.findall(line)}
    found = set()
    for place in (place_of(word, folder) for word in words for folder in (config.parent, base) if word[0] != "/"):
        if place is None:
            continue
        if (place / DOCKERFILE).is_file():
            found.add(place / DOCKERFILE)
        if not any(folder.resolve().is_relative_to(place.resolve()) for folder in (config.parent, base)):
            found.add(place)
    return {place.resolve() for place in found}


def _way(place: Path, base: Path) -> str:
    return str(place.relative_to(base)) if place.is_relative_to(base) else place.name


__all__ = ["asked", "sandbox_of"]
