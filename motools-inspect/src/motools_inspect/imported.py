"""Whether what a process has imported is still what is on disk."""

from __future__ import annotations

import os
import sys
import time

from motools_inspect.reading import modules

FRESH = 0.5
"""Seconds for which a look at all files is good; those outside of site-packages are looked at every time."""


class Imported:
    """The files that this process has imported, as they were then."""

    def __init__(self, *, since: int) -> None:
        self._looked = time.monotonic()
        folders = {path for path in sys.path if os.path.isdir(path)}  # noqa: PTH112 (thousands of them)
        self._all = {path: _stamp(path) for path in modules() | folders if path}
        self._own = [path for path in self._all if "site-packages" not in path and not path.startswith(sys.base_prefix)]
        now = time.time_ns()
        self._was_too_late = any(stamp is not None and since < stamp[0] < now for stamp in self._all.values())

    def has_changed(self, *, may_be_late: bool) -> bool:
        """Whether a file is another now, or was changed while it was being imported, unless that `may_be_late`."""
        if self._was_too_late and not may_be_late:
            return True
        paths = self._own
        if time.monotonic() - self._looked > FRESH:
            self._looked = time.monotonic()
            paths = [*self._all]
        return any(_stamp(path) != self._all[path] for path in paths)


def _stamp(path: str) -> tuple[int, int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 (thousands of them)
    except OSError:
        return None
    return max(found.st_mtime_ns, found.st_ctime_ns), found.st_mtime_ns, found.st_size, found.st_ino


__all__ = ["Imported"]
