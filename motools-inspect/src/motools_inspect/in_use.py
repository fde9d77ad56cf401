"""Which code that can be edited an evaluation goes through, of all that its process has loaded.

A process loads every package that registers something with Inspect or with MOTools, also those that have no part in an
evaluation: of these counts what is named in the request, gives a model that is asked, is imported or named in a text by what
counts, is at hand in a module that was imported since, or has more modules since than it was loaded with. Other modules, such as
those beside a task's file and the libraries of an editable package, are there because somebody imports them.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import defaultdict
from functools import cache
from itertools import takewhile
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from inspect_ai._util.registry import registry_find, registry_info

from motools_inspect.captured import closed_over
from motools_inspect.packages import registering
from motools_inspect.reading import can_be_edited, file_of
from motools_inspect.sources import files_asked_for, nodes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

OF_SCORING = ("scorers", "reducer")
"""The facts of a task that make no other answers."""
OWN = ("<", *(f"{Path(str(sys.modules[name].__file__)).parent}/" for name in ("motools", "motools_inspect")))
"""Code that no task is written in."""


@cache
def is_somebodys(place: str) -> bool:
    """Whether a file of code is neither installed nor MOTools' own: it can be edited, and a task may be written in it."""
    return not place.startswith(OWN) and can_be_edited(place)


def code_in_use(spec: Mapping[str, Any], late: Collection[str], asked: Iterable[str] = ()) -> tuple[set[str], set[str]]:
    """Return the files of the modules that a job goes through, and those of others, in the process that does it.

    `asked` are the models that it has asked, as far as is known. In a process that is not there for this job alone, of other
    modules than those of packages that register something only those count which were imported `late`: while the job was done.
    """
    loaded = _by_package()
    apart = {*registering()} & loaded.keys()
    if not spec["in_memory"]:
        late = {name for paths in loaded.values() for name in paths} - at_first()[0].keys()
    used = loaded.keys() - apart
    if apart:
        used |= _with_a_part(apart, loaded, spec, late, asked)
    files = {path for each in used for name, path in loaded[each].items() if _counts(name, apart, spec, late)}
    return files, {path for each in loaded.keys() - used for path in loaded[each].values()} - files


def code_loaded(spec: Mapping[str, Any], late: Collection[str]) -> set[str]:
    """Return the files of all modules that a job may go through, whether it does or not."""
    apart = registering()
    return {path for name, path in _loaded() if _counts(name, apart, spec, late)}


def _counts(name: str, apart: Collection[str], spec: Mapping[str, Any], late: Collection[str]) -> bool:
    return not spec["in_memory"] or name in late or name.partition(".")[0] in apart


def _by_package() -> dict[str, dict[str, str]]:
    """Return the files of somebody's modules, by package and name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name, path in _loaded():
        found[name.partition(".")[0]][name] = path
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
    yield from at_first()[0].items()
    yield from _somebodys(_modules_since())


def _modules_since() -> list[tuple[str, ModuleType]]:
    """Return the modules that were imported since it was first asked; all where that cannot be told."""
    _, number, last = at_first()
    try:
        new = [*takewhile(lambda each: each[0] != last, reversed(sys.modules.items()))]
    except RuntimeError:  # another thread imports something
        new = []
    return new if number + len(new) >= len(sys.modules) else [*sys.modules.items()]


def _somebodys(modules: Iterable[tuple[str, ModuleType]]) -> Iterator[tuple[str, str]]:
    for name, module in modules:
        path = file_of(module)
        if path and is_somebodys(path):
            yield str(name), path  # of whatever kind it is


def _with_a_part(
    apart: set[str],
    loaded: Mapping[str, Mapping[str, str]],
    spec: Mapping[str, Any],
    late: Collection[str],
    asked: Iterable[str],
) -> set[str]:
    """Return the packages that a request names, of which more was imported than is registered, and those that code reaches which counts."""
    ways = _ways(apart)
    text = json.dumps([spec["measured"], spec["model"], spec["model_roles"], sorted(asked)])
    used = {each for each, names in ways.items() if any(f'"{name}' in text for name in names)}
    used |= {each for each in apart if {*loaded[each]} & {*late} and {*loaded[each]} - {*late}}
    used |= _at_hand(_others_at_work(spec, apart)) & apart
    looked: set[str] = set()
    waiting = {str(path) for path in files_asked_for(spec)}  # they are no modules that are imported
    waiting.update(path for each in loaded.keys() - (apart - used) for path in loaded[each].values())
    while waiting:
        path = waiting.pop()
        looked.add(path)
        for package in _named_in(path, {each: names for each, names in ways.items() if each not in used}):
            used.add(package)
            waiting.update({*loaded[package].values()} - looked)
    return used


def _ways(apart: set[str]) -> dict[str, set[str]]:
    """Return how the texts begin, quotation marks behind them included, that lead to packages: `package/`, `provider/`."""
    ways = {each: {f"{each}/", f"{each}.", f'{each}"'} for each in apart}
    for found in registry_find(lambda info: True):  # noqa: ARG005 (it is all)
        info = registry_info(found)
        _, slash, name = info.name.rpartition("/")
        # Whoever names these names no package, nor does Inspect where the distribution has another name.
        if info.type in {"modelapi", "sandboxenv"} or not slash:
            for package in _packages_of(found) & apart:
                ways[package].add(f"{name}/" if info.type == "modelapi" else f'{name}"')
    return ways


def _packages_of(found: Any) -> set[str]:
    """Return the packages of what is registered, and of what it wraps: a provider is a function around a class."""
    inner = [value for _, value in closed_over(found)] if type(found) is FunctionType else []
    return {str(getattr(each, "__module__", "")).partition(".")[0] for each in (found, *inner)}


def without_scorers(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as if it was for answers alone."""
    tasks = {
        label: {name: value for name, value in facts.items() if name not in OF_SCORING}
        for label, facts in spec["measured"]["tasks"].items()
    }
    return {**spec, "measured": {**spec["measured"], "tasks": tasks}, "scorers": {}}


def _named_in(path: str, ways: Mapping[str, Collection[str]]) -> set[str]:
    """Return the packages that a file imports from, anywhere in it, or names in a text."""
    try:
        source = Path(path).read_bytes()
    except OSError:
        return set()
    ways = {each: names for each, names in ways.items() if any(name[:-1].encode() in source for name in names)}
    found: set[str] = set()
    for node in nodes(Path(path)) if ways else ():
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= {each for each, names in ways.items() if f'{node.value}"'.startswith((*names,))}
    return found & ways.keys()


def _others_at_work(spec: Mapping[str, Any], apart: set[str]) -> list[Any]:
    """Return the modules, installed ones as well, that may have to do with a job, but for those of packages that register something."""
    text = json.dumps(spec["measured"])
    named = {each for each in registering() - apart if f'"{each}/' in text}
    found: list[tuple[str, Any]] = [*sys.modules.items()] if spec["in_memory"] else _modules_since()
    if named:
        found += [(name, sys.modules.get(name)) for name in [*sys.modules] if str(name).partition(".")[0] in named]
    return [module for name, module in found if str(name).partition(".")[0] not in apart]


def _at_hand(modules: Iterable[Any]) -> set[str]:
    """Return the packages of the modules, functions and classes that modules have at hand."""
    found = set()
    for module in modules:
        for value in [*vars(module).values()] if issubclass(type(module), ModuleType) else ():
            if type(value) is ModuleType:
                found.add(vars(value).get("__name__"))
            elif type(value) is FunctionType:
                found.add(value.__module__)
            elif issubclass(type(value), type):
                found.add(vars(value).get("__module__"))
    return {each.partition(".")[0] for each in found if isinstance(each, str)}


__all__ = [
    "OF_SCORING",
    "OWN",
    "at_first",
    "code_in_use",
    "code_loaded",
    "is_somebodys",
    "without_scorers",
]
