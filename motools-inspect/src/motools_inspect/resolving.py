"""What a request's tasks are, by content, and what that depends on: asked by a caller who has not loaded Inspect.

    {"tasks": …, "task_args": …, "settings": …, …} -> {"tasks": {label: facts}, "read": [path, …], "seen": [path, …]}
                                                   or {"error": class, "message": sentence}

A process answers one request and ends, for building a task runs its code. What was read meanwhile, looked at, or looked for
in vain, and can be edited, is told: as long as nothing of it changes, the answer stays the same.
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from functools import lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.errors import MotoolsError
from motools_inspect.environment import load
from motools_inspect.words import reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inspect_ai import Task

INSTALLED = tuple({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "purelib", "platlib")})
"""Where nobody edits: what is there goes by the version of its distribution."""
NOT_FILES = ("/proc/", "/sys/", "/dev/")


class Reading:
    """The files and folders that this process reads from now on, and those that it only looks at or misses, by the names it has for them."""

    def __init__(self) -> None:
        self._read: set[str] = set()
        self._seen: set[str] = set()
        self._is_over = False
        sys.addaudithook(self._hear)
        self._hear_looks()

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_over:
            return
        if event == "open":
            path, mode, flags = arguments
            is_written = isinstance(mode, str) and any(each in mode for each in "wax+")
            if isinstance(path, (str, bytes)) and not is_written and not int(flags or 0) & (os.O_WRONLY | os.O_RDWR):
                self._read.add(_absolute(path))
        elif event in {"os.listdir", "os.scandir"} and isinstance(arguments[0], (str, bytes)):
            self._read.add(_absolute(arguments[0]))

    def _hear_looks(self) -> None:
        """Note what `os.stat` is asked about, by which `os.path` and `pathlib` look: it raises no audit event."""
        look = os.stat

        @wraps(look)
        def stat(path: Any, *arguments: Any, **keywords: Any) -> os.stat_result:
            if isinstance(path, (str, bytes, os.PathLike)) and keywords.get("dir_fd") is None:
                self._seen.add(_absolute(path))
            return look(path, *arguments, **keywords)

        os.stat = stat
        for functions in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            functions.add(stat)

    def end(self) -> dict[str, list[str]]:
        """Return what was read and can be edited, the modules that were imported included, and what was only looked at."""
        self._is_over = True
        read = {path for path in self._read | modules() if can_be_edited(path)}
        seen = {path for path in self._seen - read if can_be_edited(path)}
        return {"read": sorted(read), "seen": sorted(seen)}


def _absolute(path: str | bytes | os.PathLike[Any]) -> str:
    """Return the place that a path names: of a link its own, for it may come to lead elsewhere."""
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (a path may be of any form)


def modules() -> set[str]:
    """Return the files of all modules that are imported."""
    return {path for module in [*sys.modules.values()] if (path := getattr(module, "__file__", None))}


def can_be_edited(path: str) -> bool:
    """Whether a file counts by its content, and not by the version of what it is installed with."""
    if path.endswith(".dist-info/METADATA"):
        return True
    if path.endswith((".pyc", ".so")):
        return False
    folder, _, name = path.rpartition("/")
    place = f"{real_folder(folder)}/{name}"
    return not place.startswith((*INSTALLED, *NOT_FILES)) and "site-packages" not in place


@lru_cache(maxsize=4096)
def real_folder(folder: str) -> str:
    """Return where a folder is, without links: a look at each of its parents, for thousands of modules in few folders."""
    return os.path.realpath(folder)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a request's tasks, or what is wrong with it."""
    try:
        if Path(request["cwd"]).is_dir():
            os.chdir(request["cwd"])
        load()
        reading = Reading()
        facts = _facts(request)
    except MotoolsError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told)
        return {"error": "RunFailed", "message": f"The tasks cannot be built: {reason_of(error)}."}
    return {"tasks": facts, **reading.end()}


def _facts(request: Mapping[str, Any]) -> dict[str, Any]:
    from motools_inspect.building import build

    return facts_of_built(build({**request, "in_memory": None}), request)


def facts_of_built(tasks: Mapping[str, Task], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of tasks that are built."""
    from inspect_ai import Epochs

    from motools_inspect.building import solver_of
    from motools_inspect.facts import facts_of

    settings = request["settings"]
    epochs = Epochs(settings["epochs"], request["epochs_reducer"]) if settings.get("epochs") else None
    solver = solver_of(request)
    return {label: facts_of(task, settings, solver=solver, epochs=epochs) for label, task in tasks.items()}


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


__all__ = ["answer", "can_be_edited", "facts_of_built", "modules", "real_folder", "tell"]
