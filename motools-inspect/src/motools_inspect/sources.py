"""Where a task's code is, and what stands beside it.

* A registered task is the distribution and version that provides it; of an editable distribution the source as well.
* A file's task, or a module's, is the file's digest, with those of the modules beside it that it imports.

Other files beside it may be read or written, by building the task or by a run: see `observing`.
"""

from __future__ import annotations

import ast
import os
import re
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools_inspect import packages
from motools_inspect.reading import can_be_edited
from motools_inspect.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


UNHEARD = frozenset(
    {".arrow", ".feather", ".orc", ".parquet"}
    | {".bash", ".jar", ".jl", ".js", ".lua", ".mjs", ".php", ".pl", ".ps1", ".py", ".r", ".rb", ".sh", ".sql", ".ts"}
)
"""Endings of files that Python does not open itself."""
TEXT = re.compile(r"""["']([^"'\n]+)(?=["'])""")
"""All that stands between two quotation marks, be it a text or what is between two."""


def source_of(task: Task) -> dict[str, Any]:
    """Return a task's source: the version of its distribution, or the digests of its file and of those around it."""
    path = _file_of(task)
    if path is None:
        return {"task": task.name, **packages.provider(task.spec.partition("/")[0])}
    return {"task": task.name, **_of_file(path)}


def source_of_name(name: str) -> dict[str, Any]:
    """Return the source of a solver or scorer that is named as `file.py@name`; nothing of one that a package registers."""
    path = _file_in(name)
    return {} if path is None else _of_file(path)


def names_instead(fields: Mapping[str, Any]) -> list[str]:
    """Return the names of the scorers, and of the solver, that a request asks for in place of the tasks' own."""
    return [*fields["scorers"], *([fields["solver"]["name"]] if fields["solver"] else [])]


def sources_instead(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sources of those that are files', by name without the folder: where files are does not matter."""
    return {name.rpartition("/")[2]: source for name in names_instead(fields) if (source := source_of_name(name))}


def _of_file(path: Path) -> dict[str, Any]:
    beside = {os.path.relpath(each, path.parent): packages.file_digest(each) for each in sorted(_beside(path))}
    return {"file": path.name, "sha256": packages.file_digest(path), "beside": beside}


def inputs_of(task: Task) -> list[Path]:
    """Return the files that `source_of` looks at."""
    path = _file_of(task)
    return packages.files_of(task.spec.partition("/")[0]) if path is None else [*with_beside(path)]


def inputs_of_name(name: str) -> list[Path]:
    """Return the files that `source_of_name` looks at."""
    path = _file_in(name)
    return [] if path is None else [*with_beside(path)]


def files_asked_for(fields: Mapping[str, Any]) -> set[Path]:
    """Return the files that a request names and that can be edited, with the modules beside them; of objects none."""
    tasks = [] if fields["in_memory"] else [Task(**each) for each in fields["tasks"]]
    files = [*map(_file_of, tasks), *map(_file_in, names_instead(fields))]
    return {each for path in files if path is not None and can_be_edited(str(path)) for each in with_beside(path)}


def _file_in(name: str) -> Path | None:
    path, at, _ = name.rpartition("@")
    found = Path(path if at else name)
    return found.absolute() if found.suffix == ".py" and found.is_file() else None


def _file_of(task: Task) -> Path | None:
    if task.module is None:
        return None if task.file is None else Path(task.file)
    spec = util.find_spec(task.module)
    return Path(spec.origin) if spec is not None and spec.origin else None


def with_beside(path: Path) -> set[Path]:
    """Return a Python file, and the modules beside it that it imports."""
    return {path, *_beside(path)}


def named_in(path: Path) -> set[Path]:
    """Return the programs and tables that a Python file names from its folder.

    Others run the ones, and Arrow maps the others: nothing is heard of either. What a run reads itself is.
    """
    try:
        source = path.read_text(encoding="utf-8", errors="replace")
        beside = {each.name for each in path.parent.iterdir()}
    except OSError:
        return set()
    # To take a library apart, and to look for each text in it, would take seconds.
    texts = _texts(path) if any(_may_lead(text, beside) for text in TEXT.findall(source)) else ()
    named = {place for text in texts if _may_lead(text, beside) for place in _existing(path.parent, text)}
    return {place for place in named if place.suffix.lower() in UNHEARD or os.access(place, os.X_OK)}


def _may_lead(text: str, beside: Collection[str]) -> bool:
    """Whether a text begins as the names of files in a folder do, or as a path that leads elsewhere."""
    first, slash, rest = text.partition("/")
    return first in beside or (bool(slash and rest) and first in {"", ".", ".."})


def _beside(path: Path) -> set[Path]:
    """Return the modules around a Python file that it imports, and those that these do."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for each in _imported(waiting.pop()):
            if each not in found and each != path:
                found.add(each)
                waiting.append(each)
    return found


def nodes(path: Path) -> Iterator[ast.AST]:
    """Yield all that a Python file is made of; nothing of one that is gone, is no Python, or is nested too deep for that."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError):
        return
    yield from ast.walk(tree)


def _texts(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _imported(path: Path) -> Iterator[Path]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(path.parent, alias.name)
        elif isinstance(node, ast.ImportFrom):
            folder = path.parent.joinpath(*[".."] * (node.level - 1)) if node.level else path.parent
            for name in [node.module or "", *(f"{node.module or ''}.{alias.name}" for alias in node.names)]:
                yield from _module(folder, name)


def _module(folder: Path, name: str) -> Iterator[Path]:
    stem = folder.joinpath(*name.strip(".").split("."))
    yield from (
        _absolute(place) for place in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py") if _is_file(place)
    )


def _existing(folder: Path, text: str) -> Iterator[Path]:
    """Yield the file that a string names, if it can be one."""
    if text and len(text) < 512 and "\n" not in text and _is_file(folder / text):  # noqa: PLR2004 (no path is longer)
        yield _absolute(folder / text)


def _absolute(path: Path) -> Path:
    """Return the place that a path names: of a link its own, for it may come to lead elsewhere."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (`resolve` follows links)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


__all__ = [
    "files_asked_for",
    "inputs_of",
    "inputs_of_name",
    "named_in",
    "names_instead",
    "nodes",
    "source_of",
    "source_of_name",
    "sources_instead",
    "with_beside",
]
