"""What went wrong, in a sentence: Inspect's errors for people who have not seen its console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.registry import registry_find, registry_info

from motools.errors import MotoolsError, RunFailed, TaskNotFound, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspect_ai.log import EvalLog

LONGEST = 600


def in_a_sentence(log: EvalLog, label: str) -> str:
    """Say how a task ended that is no success."""
    where = f"The log is {log.location.removeprefix('file://')}."
    if log.status == "error":
        said = log.error.message if log.error else "no reason given"
        return f"The task {label!r} failed: {_shortened(said)}. {where}"
    return f"The task {label!r} ended as {log.status!r}, not complete. {where}"


def complaint(error: Exception, spec: Mapping[str, Any]) -> MotoolsError:
    """Return what is to be raised for an error that Inspect raised instead of writing a log."""
    if isinstance(error, MotoolsError):
        return error
    missing = missing_task(spec)
    if missing is not None and isinstance(error, (PrerequisiteError, FileNotFoundError)):
        return missing
    said = _plain(error.message) if isinstance(error, PrerequisiteError) else f"{type(error).__name__}: {error}"
    return RunFailed(f"Inspect refused: {_shortened(said)}.")


def missing_task(spec: Mapping[str, Any]) -> TaskNotFound | None:
    """Return what to say of the first registered task that there is not, with the nearest that there is."""
    known = [registry_info(task).name for task in registry_find(lambda info: info.type == "task")]
    for task in spec["tasks"]:
        if task["file"] is None and not task["name"].startswith("hf/") and task["name"] not in known:
            package = task["name"].partition("/")[0]
            near = nearest(task["name"], [name for name in known if name.startswith(f"{package}/")])
            meant = f" Did you mean {near!r}?" if near else ""
            return TaskNotFound(f"The package {package!r} registers no task {task['name']!r}.{meant}")
    return None


def _plain(message: Any) -> str:
    """Return a message of Inspect's without its markup."""
    from rich.text import Text

    return Text.from_markup(message).plain if isinstance(message, str) else str(message)


def _shortened(text: str) -> str:
    line = " ".join(text.split()).rstrip(".").removeprefix("ERROR: ")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


__all__ = ["complaint", "in_a_sentence", "missing_task"]
