"""Tasks as Inspect has them, built from what a request names; in the worker, and where a request is resolved.

Whatever keeps a task from being built is a `TaskNotFound`, a `SettingError`, or a `RunFailed` that says which task.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspect_ai import Task
from inspect_ai._eval.loader import load_task_spec, scorer_from_spec, solver_from_spec
from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.registry import registry_lookup
from inspect_ai.dataset import MemoryDataset
from inspect_ai.scorer._scorer import ScorerSpec
from inspect_ai.solver import SolverSpec

from motools.errors import MotoolsError, RunFailed, SettingError, TaskNotFound, nearest
from motools_inspect.registered import check_tasks
from motools_inspect.words import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver


LABEL = "motools_task"
"""The field of a log's metadata that says which of a job's tasks it is of."""


@contextmanager
def _without_bytecode() -> Iterator[None]:
    """Keep no bytecode of what is imported meanwhile.

    Python tells by size and second whether it is of the present source. An edit may change neither, and what then ran
    would be recorded as the result of a source that it is not of.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


@_without_bytecode()
def build(spec: Mapping[str, Any], objects: Mapping[str, Task] | None = None) -> dict[str, Task]:
    """Return the tasks of a request, by label, with the scorers that it asks for; `objects` are those that need no building."""
    if objects:
        return of_objects(objects, spec)
    sys.path.extend(path for path in spec["path"] if path not in sys.path)
    check_tasks(spec)
    return {task["label"]: _built(task, spec) for task in spec["tasks"]}


def of_objects(objects: Mapping[str, Task], spec: Mapping[str, Any]) -> dict[str, Task]:
    """Return copies of tasks that are objects, with the scorers that a request asks for."""
    tasks = {label: copy(task) for label, task in objects.items()}
    for label, task in tasks.items():
        task.metadata = {**(task.metadata or {}), LABEL: label}
        asked = task.dataset  # Inspect shuffles a dataset in place
        task.dataset = MemoryDataset([*asked], asked.name, asked.location, asked.shuffled)
        if spec["scorers"]:
            task.scorer = [_scorer(name, arguments, {"file": None}) for name, arguments in spec["scorers"].items()]
    return tasks


def _built(task: Mapping[str, Any], spec: Mapping[str, Any]) -> Task:
    try:
        built = _from_function(task, spec["task_args"]) if task["module"] else _from_inspect(task, spec["task_args"])
        if spec["scorers"]:
            built.scorer = [_scorer(name, arguments, task) for name, arguments in spec["scorers"].items()]
    except MotoolsError:
        raise
    except Exception as error:
        raise RunFailed(f"The task {task['label']!r} cannot be built: {reason_of(error)}.") from error
    built.metadata = {**(built.metadata or {}), LABEL: task["label"]}
    return built


def _from_inspect(task: Mapping[str, Any], arguments: Mapping[str, Any]) -> Task:
    found: list[Task] = load_task_spec(task["spec"], dict(arguments))
    if len(found) != 1:
        raise TaskNotFound(f"{task['spec']!r} stands for {len(found)} tasks. Name one.")
    return found[0]


def _from_function(task: Mapping[str, Any], arguments: Mapping[str, Any]) -> Task:
    function = function_of(task)
    taken = inspect.signature(function).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values())
    built = function(**{name: value for name, value in arguments.items() if takes_all or name in taken})
    if not isinstance(built, Task):
        raise TaskNotFound(f"{task['spec']} returned a {type(built).__name__}, not a Task.")
    return built


def function_of(task: Mapping[str, Any]) -> Any:
    """Return the function that a task of the form `module:function` names."""
    try:
        module = import_module(task["module"])
    except ModuleNotFoundError as error:
        raise TaskNotFound(f"There is no task {task['spec']!r}: {error}.") from error
    found = getattr(module, task["name"], None)
    if not callable(found):
        functions = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        near = nearest(task["name"], functions)
        meant = f" Did you mean {near!r}?" if near else ""
        raise TaskNotFound(f"There is no task {task['spec']!r}: the module has no such function.{meant}")
    return found


def _scorer(name: str, arguments: Mapping[str, Any], task: Mapping[str, Any]) -> Scorer:
    spec = ScorerSpec(scorer=name, args=dict(arguments))
    try:
        return scorer_from_spec(spec, Path(task["file"]) if task["file"] else None, **arguments)
    except (PrerequisiteError, TypeError) as error:
        raise SettingError(f"The scorer {name!r} cannot be used: {reason_of(error)}.") from error


@_without_bytecode()
def solver_of(spec: Mapping[str, Any]) -> Solver | None:
    """Return the solver that a request asks for in place of the tasks' own."""
    if not spec["solver"]:
        return None
    name, arguments = spec["solver"]["name"], spec["solver"]["args"]
    try:
        return solver_from_spec(SolverSpec(name, dict(arguments), dict(arguments)))
    except (PrerequisiteError, TypeError, ValueError, LookupError) as error:
        raise SettingError(f"The solver {name!r} cannot be used: {reason_of(error)}.") from error


def arguments_of(task: Task, passed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's arguments, with the defaults of those that were not passed."""
    function = registry_lookup("task", task.registry_name) if task.registry_name else None
    if function is None:
        return dict(passed)
    taken = inspect.signature(function).parameters  # type: ignore[arg-type]  # a task is a callable
    defaults = {name: each.default for name, each in taken.items() if each.default is not inspect.Parameter.empty}
    return defaults | dict(passed)


__all__ = ["LABEL", "arguments_of", "build", "function_of", "of_objects", "solver_of"]
