"""The tasks that packages register: whether they are there and take the arguments, asked of Inspect itself."""

from __future__ import annotations

import inspect
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

from inspect_ai._util.registry import registry_find, registry_info, registry_lookup

from motools.errors import RunFailed, TaskNotFound, nearest
from motools_inspect.packages import GROUP
from motools_inspect.tasks import Parameters, refuse_unknown_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOWN = 8
"""How many of a package's tasks an error lists."""


def check_tasks(spec: Mapping[str, Any]) -> None:
    """Raise `TaskNotFound` for a registered task that there is not, and `SettingError` for an argument none takes."""
    parameters: list[Parameters] = []
    for task in spec["tasks"]:
        if task["file"] is not None:
            parameters.append(task["parameters"])
        elif task["module"] is not None or task["name"].startswith("hf/"):
            parameters.append(None)
        else:
            parameters.append(_parameters(task["name"]))
    refuse_unknown_arguments([task["label"] for task in spec["tasks"]], parameters, spec["task_args"])


def _parameters(name: str) -> Parameters:
    function = registry_lookup("task", name)
    if function is None:
        raise _missing(name)
    taken = inspect.signature(function).parameters.values()  # type: ignore[arg-type]  # a task is a callable
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken):
        return None
    return [each.name for each in taken]


def _missing(name: str) -> TaskNotFound | RunFailed:
    package = name.partition("/")[0]
    known = [registry_info(task).name for task in registry_find(lambda info: info.type == "task")]
    of_package = sorted(each for each in known if each.startswith(f"{package}/"))
    if not of_package and (problem := _import_problem(package)):
        return RunFailed(
            f"The package {package!r}, which should have the task {name!r}, cannot be imported: {problem}."
        )
    near = nearest(name, of_package)
    meant = f" Did you mean {near!r}?" if near else ""
    more = len(of_package) - SHOWN
    listed = ", ".join(of_package[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    return TaskNotFound(f"The package {package!r} has no task {name!r}. It has: {listed or 'none'}.{meant}")


def _import_problem(package: str) -> str | None:
    """Return why a package's entry point does not load: Inspect only logs it."""
    for entry in metadata.entry_points(group=GROUP):
        if entry.name == package:
            try:
                import_module(entry.module)
            except Exception as error:  # noqa: BLE001  (whatever it raises is the answer)
                return f"{type(error).__name__}: {error}"
    return None


__all__ = ["check_tasks"]
