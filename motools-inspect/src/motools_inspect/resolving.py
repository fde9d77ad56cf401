"""What a request's tasks are, by content, and what that depends on: asked by a caller who has not loaded Inspect.

    {"tasks": …, "task_args": …, "settings": …, …} -> {"tasks": {label: facts}, "read": [path, …], "scanned": …, "seen": …}
                                                   or {"error": class, "message": sentence}

A process answers one request and ends, for building a task runs its code. What was read meanwhile, looked at, or looked for
in vain, and can be edited, is told: as long as nothing of it changes, the answer stays the same.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.errors import MotoolsError
from motools_inspect.environment import load
from motools_inspect.reading import Reading, can_be_edited, modules
from motools_inspect.words import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspect_ai import Task


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a request's tasks, or what is wrong with it."""
    try:
        if Path(request["cwd"]).is_dir():
            os.chdir(request["cwd"])
        load()
        reading = Reading()
        reading.with_looks()
        with reading.listening():
            facts = _facts(request, reading)
    except MotoolsError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told)
        return {"error": "RunFailed", "message": f"The tasks cannot be built: {reason_of(error)}."}
    return {"tasks": facts, **_depends(reading)}


def _depends(reading: Reading) -> dict[str, list[str]]:
    """Return what the facts depend on and can be edited: the files and folders read, scanned, and only looked at."""
    read = {*reading.read} | reading.searched | modules()
    kinds = {"read": read, "scanned": {*reading.scanned}, "seen": {*reading.seen}}  # a look at them is heard, too
    return {kind: sorted(path for path in paths if can_be_edited(path)) for kind, paths in kinds.items()}


def _facts(request: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    from motools_inspect.building import build

    return facts_of_built(build({**request, "in_memory": None}), request, reading)


def facts_of_built(
    tasks: Mapping[str, Task], request: Mapping[str, Any], reading: Reading | None = None
) -> dict[str, Any]:
    """Return the facts of tasks that are built, while a process that was there for this was listened to."""
    from inspect_ai import Epochs

    from motools_inspect.building import solver_of
    from motools_inspect.facts import facts_of

    settings = request["settings"]
    epochs = Epochs(settings["epochs"], request["epochs_reducer"]) if settings.get("epochs") else None
    solver = solver_of(request)
    read = None if reading is None else frozenset(reading.read)
    return {
        label: facts_of(task, settings, solver=solver, epochs=epochs, sandbox=request["sandbox"], read=read)
        for label, task in tasks.items()
    }


def tell(request: Mapping[str, Any], connection: int) -> None:
    """Answer a request through an open connection."""
    with os.fdopen(connection, "wb", closefd=False) as told:
        told.write(json.dumps(answer(request)).encode())


def main() -> None:
    """Answer the request that stands on standard input, on standard output."""
    sys.stdout, told = sys.stderr, sys.stdout  # a task may print while it is built
    json.dump(answer(json.load(sys.stdin)), told)
    told.flush()


if __name__ == "__main__":
    main()


__all__ = ["answer", "facts_of_built", "tell"]
