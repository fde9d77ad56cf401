"""What an evaluation measures, by content: it becomes part of the cache key. Nothing of Inspect is imported for it.

* A registered task is the distribution and version that provides it; of an editable distribution the source as well.
* A file's task is the file's digest, with those of the modules beside it that it imports and of the files beside it that
  it names in a string (a dataset, a prompt). What it opens in other ways is not seen.
* An argument of a task that is the path of a file is the file's name and digest; a directory is its path alone.
* A model is its reference with the fingerprint of its weights, where a plugin gives one, and the server that the
  environment names for its provider.
* How fast it is done (`settings.Pace`) is left out.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools_inspect import models, packages
from motools_inspect.settings import Sampling, Selection, given

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from motools_inspect.settings import Parameters
    from motools_inspect.tasks import Task


def identity(model_id: str, tasks: Sequence[Task], parameters: Parameters) -> dict[str, Any]:
    """Return the identity of one evaluation, JSON-safe. Reads and digests files."""
    arguments = parameters.task_args or {}
    return {
        "inspect_ai": ".".join(packages.inspect_version().split(".")[:2]),
        "tasks": {task.label: _source(task) | {"args": _arguments(task, arguments)} for task in tasks},
        "model": _placed(models.under_evaluation(model_id, parameters)),
        "model_roles": {role: _placed(found) for role, found in models.roles(parameters.model_roles).items()},
        "settings": given(parameters, Sampling, Selection),
    }


def _placed(reference: dict[str, Any]) -> dict[str, Any]:
    """Return a model's reference with the servers that the environment names for it, where any are."""
    servers = models.servers(reference)
    return reference | {"servers": servers} if servers else reference


def _source(task: Task) -> dict[str, Any]:
    if task.file is None:
        return {"task": task.name, **packages.provider(task.spec.partition("/")[0])}
    path = Path(task.file)
    beside = {os.path.relpath(each, path.parent): packages.file_digest(each) for each in sorted(_beside(path))}
    return {"task": task.name, "file": path.name, "sha256": packages.file_digest(path), "beside": beside}


def _beside(path: Path) -> set[Path]:
    """Return the files around a task's file that it imports or names, and those that its imports do."""
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        for each in _mentioned(waiting.pop()):
            if each not in found and each != path:
                found.add(each)
                if each.suffix == ".py":
                    waiting.append(each)
    return found


def _mentioned(path: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _existing(path.parent, node.value)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(path.parent, alias.name)
        elif isinstance(node, ast.ImportFrom):
            folder = path.parent.joinpath(*[".."] * (node.level - 1)) if node.level else path.parent
            for name in [node.module or "", *(f"{node.module or ''}.{alias.name}" for alias in node.names)]:
                yield from _module(folder, name)


def _module(folder: Path, name: str) -> Iterator[Path]:
    stem = folder.joinpath(*name.strip(".").split("."))
    yield from (
        place.resolve() for place in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py") if _is_file(place)
    )


def _existing(folder: Path, text: str) -> Iterator[Path]:
    """Yield the file that a string names, if it can be one."""
    if text and len(text) < 512 and "\n" not in text and _is_file(folder / text):  # noqa: PLR2004 (no path is longer)
        yield (folder / text).resolve()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _arguments(task: Task, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's arguments, with digests in place of paths."""
    # Inspect changes into the folder of a task's file, so that is where relative paths lead from.
    folder = Path(task.file).parent if task.file else Path.cwd()
    return {name: _content(folder, value) for name, value in arguments.items()}


def _content(folder: Path, value: Any) -> Any:
    if isinstance(value, str):
        path = next(_existing(folder, value), None)
        return value if path is None else {"file": path.name, "sha256": packages.file_digest(path)}
    if isinstance(value, dict):
        return {name: _content(folder, item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_content(folder, item) for item in value]
    return value


__all__ = ["identity"]
