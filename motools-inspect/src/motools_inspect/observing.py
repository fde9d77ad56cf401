"""What a job reads while it runs, of files that somebody may edit.

    read.part     in the job's directory until its end: [path, time of the first read] a line, of all its workers

Not of interest are the job's own files, those that it wrote, caches, and what belongs to the system.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from motools.config import home
from motools_inspect.depends import LISTED, READ, described, is_changed_since
from motools_inspect.observed import values_in
from motools_inspect.reading import Reading, can_be_edited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from motools.detached import Worker
    from motools_inspect.depends import Depends

PART = "read.part"
OF_THE_SYSTEM = (
    *("/bin/", "/etc/", "/lib", "/run/", "/sbin/", "/usr/"),
    *("/var/cache/", "/var/lib/", "/var/log/", "/var/run/"),
)
CACHES = ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "TIKTOKEN_CACHE_DIR", "INSPECT_CACHE_DIR")
"""The variables that name folders of what can be fetched again."""


class Observing:
    """Listens to what a job reads."""

    def __init__(self, worker: Worker) -> None:
        self._part = worker.path / PART
        self._began = time.time_ns()
        self._reading = Reading()
        self._noted: set[str] = set()
        python = (sys.prefix, sys.base_prefix)
        logs = worker.spec["log_dir"].removeprefix("file://")
        self._apart = tuple(f"{place}/" for place in (home(), worker.path, logs, *python, *_caches()))

    def listening(self) -> AbstractContextManager[Reading]:
        """Listen in the meantime."""
        return self._reading.listening()

    def count(self, paths: Iterable[str]) -> None:
        """Count files as read that were not seen to be."""
        self._note(paths)

    def note(self) -> None:
        """Write down what was read so far: this worker may be killed, and another goes on."""
        self._note([*self._reading.read])

    def ended(self) -> tuple[Depends, set[str]]:
        """Return what the job's workers have read, as it is now, and which of it was changed after it was first read."""
        self._note([*self._reading.read, *self._reading.imported()])
        first: dict[str, int] = {}
        for path, time_of_it in values_in(self._part):
            if path not in self._reading.written:
                first[path] = min(time_of_it, first.get(path, time_of_it))
        files = {path for path in first if not Path(path).is_dir()}
        folders = {path: how for path in first.keys() - files if (how := _how_listed(path, files))}
        uncertain = {path for path in files if is_changed_since(path, READ, first[path])}
        return described(dict.fromkeys(files, READ) | folders), uncertain

    def _note(self, paths: Iterable[str]) -> None:
        new = [path for path in paths if path not in self._noted]
        self._noted.update(new)
        if found := [path for path in new if self._is_of_interest(path)]:
            with self._part.open("a", encoding="utf-8") as file:
                file.write(
                    "".join(f"\n{json.dumps([path, self._reading.read.get(path, self._began)])}\n" for path in found)
                )

    def clear(self) -> None:
        """Let go of what was written down."""
        self._part.unlink(missing_ok=True)

    def _is_of_interest(self, path: str) -> bool:
        if path in self._reading.written or path.startswith((*self._apart, *OF_THE_SYSTEM)) or not can_be_edited(path):
            return False
        if path.endswith(".dist-info/METADATA"):  # the versions that count are known
            return False
        folder = os.path.dirname(path)  # noqa: PTH120 (as strings they are)
        is_passing = not os.path.exists(path) and (folder == tempfile.gettempdir() or not os.path.exists(folder))  # noqa: PTH110
        # What an `.env` file says is known before.
        return path != tempfile.gettempdir() and not is_passing and not path.endswith("/.env")


def _how_listed(folder: str, files: Iterable[str]) -> str | None:
    """Return which names in a folder are of interest: those like the files of it that were read; None where none was.

    Whoever lists a folder to read what is in it would read such another file as well.
    """
    below = [Path(path).relative_to(folder) for path in files if path.startswith(f"{folder}/")]
    kinds = {"/" if len(each.parts) > 1 else each.suffix for each in below}
    return " ".join([LISTED, *sorted(kinds)]) if kinds else None


def _caches() -> Iterator[str]:
    from inspect_ai._util.appdirs import inspect_cache_dir, inspect_data_dir

    yield str(inspect_data_dir(None))
    yield str(inspect_cache_dir(None, create=False).parent)
    yield from (os.path.abspath(place) for name in CACHES if (place := os.environ.get(name)))  # noqa: PTH100 (a string)


__all__ = ["Observing"]
