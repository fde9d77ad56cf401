"""Which code that can be edited an evaluation goes through, of all that its process has loaded.

A process loads every package that registers something with Inspect or with MOTools, also those that have no part in an
evaluation: of these counts what is named in the request, gives a model that is asked, or is imported by what counts. Other
modules, such as those beside a task's file and the libraries of an editable package, are there because somebody imports them.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import defaultdict
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai._util.registry import registry_find, registry_info

from motools_inspect.packages import registering
from motools_inspect.reading import can_be_edited, file_of
from motools_inspect.sources import nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from types import ModuleType

OWN = ("<", *(f"{Path(str(sys.modules[name].__file__)).parent}/" for name in ("motools", "motools_inspect")))
"""Code that no task is written in."""


@cache
def is_somebodys(place: str) -> bool:
    """Whether a file of code is neither installed nor MOTools' own: it can be edited, and a task may be written in it."""
    return not place.startswith(OWN) and can_be_edited(place)


def code_in_use(spec: Mapping[str, Any], late: Collection[str]) -> tuple[set[str], set[str]]:
    """Return the files of the modules that a job goes through, and those of others, in the process that does it.

    In a process that is not there for this job alone, of other modules than those of packages that register something only
    those count which were imported `late`: while the job was done.
    """
    loaded = _by_package(spec, late)
    apart = registering() & loaded.keys()
    used = loaded.keys() - (apart - _named(spec) if apart else set())
    while imported := (apart - used) & {name for each in used for path in loaded[each] for name in _imports(path)}:
        used |= imported
    files = {path for each in used for path in loaded[each]}
    return files, {path for paths in loaded.values() for path in paths} - files


def code_loaded(spec: Mapping[str, Any], late: Collection[str]) -> set[str]:
    """Return the files of all modules that a job may go through, whether it does or not."""
    return {path for paths in _by_package(spec, late).values() for path in paths}


def _by_package(spec: Mapping[str, Any], late: Collection[str]) -> dict[str, set[str]]:
    apart, found = registering(), defaultdict(set)
    for name, path in _loaded():
        package = name.partition(".")[0]
        if package in apart or name in late or not spec["in_memory"]:
            found[package].add(path)
    return found


@cache
def at_first() -> tuple[Mapping[str, str], int, str]:
    """Return the files of somebody's modules when this was first asked, by name, how many modules there were, and the last.

    A server asks before it forks: for a fork, to look at a module is to copy the memory that it lies in.
    """
    modules = [*sys.modules.items()]
    return dict(_somebodys(modules)), len(modules), modules[-1][0]


def _loaded() -> Iterator[tuple[str, str]]:
    """Yield somebody's modules and their files."""
    known, number, last = at_first()
    yield from known.items()
    try:
        new = [*takewhile(lambda each: each[0] != last, reversed(sys.modules.items()))]
    except RuntimeError:  # another thread imports something
        new = []
    yield from _somebodys(new if number + len(new) >= len(sys.modules) else [*sys.modules.items()])


def _somebodys(modules: Iterable[tuple[str, ModuleType]]) -> Iterator[tuple[str, str]]:
    for name, module in modules:
        path = file_of(module)
        if path and is_somebodys(path):
            yield str(name), path  # of whatever kind it is


def _named(spec: Mapping[str, Any]) -> set[str]:
    """Return the packages whose tasks, solvers or scorers a request comes to, and those of the providers of its models."""
    asked = {str(each["model"]).partition("/")[0] for each in (spec["model"], *spec["model_roles"].values())}
    providers = registry_find(lambda info: info.type == "modelapi" and info.name.rpartition("/")[2] in asked)
    text = json.dumps(spec["measured"])
    of_models = {registry_info(each).name.partition("/")[0] for each in providers}
    return of_models | {each for each in registering() if f'"{each}/' in text}


def _imports(path: str) -> Iterator[str]:
    """Yield the packages that a file imports from, anywhere in it."""
    for node in nodes(Path(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


__all__ = ["OWN", "at_first", "code_in_use", "code_loaded", "is_somebodys"]
