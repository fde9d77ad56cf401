"""The tasks of a request, resolved without importing them.

    "package/task"      a task that an installed package registers with Inspect
    "file.py@task"      a task of a file; the path is made absolute at once
    "file.py"           every task of a file
    "module:function"   a function that returns a Task, in a module that the caller can import
    a list of these

A file is parsed, not run, so a misspelt name is found before anything is started. What a package registers is known only
when it is imported, so of those the package alone is checked here; whoever builds the task finds the rest.
"""

from __future__ import annotations

import ast
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from motools.errors import SettingError, TaskNotFound, nearest
from motools_inspect import packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Parameters: TypeAlias = "Sequence[str] | None"
MODULE_FORM = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
FORMS = 'Write "package/task", "file.py@task", "module:function", or a list of these.'


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a request."""

    label: str
    """What its metrics are kept under: the registry name, or the name of a file's task."""
    spec: str
    """What Inspect is given."""
    name: str
    file: str | None = None
    """The absolute path of its file; None for another kind of task."""
    module: str | None = None
    """The module of its function; None for another kind of task."""
    parameters: Parameters = None
    """The arguments that it takes; None where that is not known here."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-safe dictionary."""
        return asdict(self)


def resolve(eval_suite: Any) -> list[Task]:
    """Return the tasks that a request names, in order. Raises `TaskNotFound` for the first that there is not."""
    names = [eval_suite] if isinstance(eval_suite, (str, os.PathLike)) else eval_suite
    if not isinstance(names, (list, tuple)) or not names:
        raise TaskNotFound(f"{eval_suite!r} names no task. {FORMS}")
    found = [task for name in names for task in _resolve(name)]
    specs = [task.spec for task in found]
    for spec in specs:
        if specs.count(spec) > 1:
            raise TaskNotFound(f"The task {spec!r} is named twice; its results would be one. Name it once.")
    labels = [task.label for task in found]
    return [task if labels.count(task.label) == 1 else _with_long_label(task) for task in found]


def refuse_unknown_arguments(
    labels: Sequence[str], parameters: Sequence[Parameters], arguments: Mapping[str, Any]
) -> None:
    """Raise `SettingError` for an argument that none of the tasks takes: Inspect would ignore it."""
    if any(taken is None for taken in parameters):
        return
    known = sorted({name for taken in parameters for name in taken or ()})
    for name in arguments:
        if name not in known:
            near = nearest(name, known)
            meant = f" Did you mean {near!r}?" if near else ""
            raise SettingError(
                f"No task of {', '.join(labels)} takes the argument {name!r}.{meant} Known: {', '.join(known) or 'none'}."
            )


def file_in(given: str | os.PathLike[str]) -> Path | None:
    """Return the absolute path of the file in a name of the form `file.py@task` or `file.py`; None of any other."""
    text = os.fspath(given)
    path, at, _ = text.rpartition("@")
    return _absolute(path if at else text) if (path if at else text).endswith(".py") else None


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (Path.absolute leaves `..` in)


def _with_long_label(task: Task) -> Task:
    return replace(task, label=task.spec)


def _resolve(given: Any) -> Iterator[Task]:
    if not isinstance(given, (str, os.PathLike)):
        raise TaskNotFound(f"{given!r} is not the name of a task. {FORMS}")
    text = os.fspath(given)
    path, at, name = text.rpartition("@")
    if at and path.endswith(".py"):
        yield _of_file(path, name, text)
    elif text.endswith(".py"):
        names = _Source(text, text).tasks
        if not names:
            raise TaskNotFound(f"{text}: defines no task; a task is a function decorated with @task.")
        for each in names:
            yield _of_file(text, each, text)
    elif MODULE_FORM.fullmatch(text):
        module, _, function = text.partition(":")
        yield Task(label=text, spec=text, name=function, module=module)
    else:
        yield _registered(text)


def _of_file(path: str, name: str, text: str) -> Task:
    source = _Source(path, text)
    if not source.may_define(name):
        near = nearest(name, list(source.tasks))
        meant = f" Did you mean {near!r}?" if near else ""
        known = ", ".join(source.tasks) or "none"
        raise TaskNotFound(f"{path} defines no task {name!r}. It defines: {known}.{meant}")
    return Task(
        label=name, spec=f"{source.path}@{name}", name=name, file=str(source.path), parameters=source.tasks.get(name)
    )


class _Source:
    """A file's tasks, as its text tells."""

    def __init__(self, path: str, text: str) -> None:
        self.path = _absolute(path)
        if not self.path.is_file():
            what = "is a directory" if self.path.is_dir() else "does not exist"
            raise TaskNotFound(f"There is no task {text!r}: the file {self.path} {what}.")
        try:
            tree = ast.parse(self.path.read_bytes(), filename=str(self.path))
        except (SyntaxError, ValueError) as error:
            line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            raise TaskNotFound(f"{path}{line}: is not valid Python: {getattr(error, 'msg', None) or error}.") from error
        except OSError as error:
            raise TaskNotFound(f"{path}: cannot be read: {error.strerror or error}.") from error
        self.tasks: dict[str, Parameters] = {}
        self.imported: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.tasks |= {
                    name: _parameters(node)
                    for decorator in node.decorator_list
                    if (name := _task_name(decorator, node.name))
                }
            elif isinstance(node, ast.ImportFrom):
                self.imported.update(alias.asname or alias.name for alias in node.names)

    def may_define(self, name: str) -> bool:
        """Whether a task of that name is there, or comes from a module that the file imports."""
        return name in self.tasks or name in self.imported or "*" in self.imported


def _task_name(decorator: ast.expr, function: str) -> str | None:
    """Return the name under which a decorator registers a task, or None when it is another decorator."""
    call = decorator.func if isinstance(decorator, ast.Call) else decorator
    if (call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", None)) != "task":
        return None
    given = decorator.keywords if isinstance(decorator, ast.Call) else []
    for keyword in given:
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, str):
            return keyword.value.value
    return function


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Parameters:
    """Return the names of a task's parameters, or None where it takes any, or is a class."""
    if isinstance(node, ast.ClassDef) or node.args.kwarg:
        return None
    return [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


def _registered(text: str) -> Task:
    package, slash, name = text.partition("/")
    if not slash or not package or not name or Path(text).is_dir():
        raise TaskNotFound(f"{text!r} does not name a task. {FORMS}")
    offering = packages.names()
    if package not in offering and package != "hf":
        near = nearest(package, offering)
        meant = f" Did you mean '{near}/{name}'?" if near else ""
        known = ", ".join(offering) or "none"
        raise TaskNotFound(
            f"There is no task {text!r}: no installed package {package!r} has tasks for Inspect. Installed: {known}.{meant}"
        )
    return Task(label=text, spec=text, name=text)


__all__ = ["Parameters", "Task", "file_in", "refuse_unknown_arguments", "resolve"]
