"""Tasks that are objects of the caller's: they are evaluated in the caller's process, and nowhere else can be.

Everything else is as for any job: a directory holds its state and logs, other processes see and cancel it, and who asks
again with the same tasks goes on from its logs. Inspect evaluates one thing at a time in a process, so such jobs queue.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from motools.detached import run_here
from motools.errors import MotoolsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.detached import WorkDirectory

MOST = 64
"""So many requests' tasks are held for those who come back to their jobs; each handle of a job holds its own."""

LOOK = 0.2
"""Seconds between two looks for a cancellation, while others have their turn."""

_at_hand: OrderedDict[str, dict[str, Any]] = OrderedDict()
_one_at_a_time = threading.Lock()


def objects_in(eval_suite: Any) -> list[Any] | None:
    """Return the tasks of a request, where they are objects of Inspect's or functions that make them; else None."""
    if "inspect_ai" not in sys.modules:
        return None
    from inspect_ai import Task

    given = [*eval_suite] if isinstance(eval_suite, (list, tuple)) else [eval_suite]
    return given if given and all(isinstance(each, Task) or callable(each) for each in given) else None


def labels_of(tasks: list[Any]) -> list[str]:
    """Return what the metrics of each are kept under: its name, numbered where several have the same."""
    names = [task.name for task in tasks]
    return [name if names.count(name) == 1 else f"{name}#{number}" for number, name in enumerate(names, 1)]


def hold(tasks: Mapping[str, Any], facts: Any) -> str:
    """Hold tasks for this process's jobs, and return the digest by which they are found."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    _at_hand[digest] = dict(tasks)
    _at_hand.move_to_end(digest)
    while len(_at_hand) > MOST:
        _at_hand.popitem(last=False)
    return digest


def tasks_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tasks of a job, by label, that are objects; none where they are named. Raises where another process had them."""
    if not spec["in_memory"]:
        return {}
    if (found := _at_hand.get(spec["in_memory"])) is not None:
        return found
    labels = ", ".join(task["label"] for task in spec["tasks"])
    raise MotoolsError(
        f"The tasks of the evaluation {spec['job_id']} ({labels}) were objects of the process that asked for it, which "
        "is gone. Ask again with evaluate() and the same tasks: only what is missing is asked."
    )


def launch_here(work: WorkDirectory, lock: int, objects: Mapping[str, Any]) -> None:
    """Do the evaluation of a job's directory in a thread of this process; `objects` are its tasks, by label."""
    from motools_inspect.worker import explain

    def evaluate(worker: Any) -> Mapping[str, Any]:
        from inspect_ai.hooks import _startup
        from inspect_ai.util._display import display_type_initialized, init_display_type

        from motools_inspect.running import run

        while not _one_at_a_time.acquire(timeout=LOOK):
            worker.check_cancel()
        try:
            if not display_type_initialized():
                init_display_type("log")  # which writes least
            _startup._load_registry_hooks()  # done here, Inspect does not print which there are
            return run(worker, objects)
        finally:
            _one_at_a_time.release()

    run_here(work.path, lock, evaluate, explain=explain)


__all__ = ["hold", "labels_of", "launch_here", "objects_in", "tasks_of"]
