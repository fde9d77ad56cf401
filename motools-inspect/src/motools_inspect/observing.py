"""What a job reads while it runs, of files that somebody may edit.

    read.part     in the job's directory until its end: [path, time of the first read] a line, of all its workers

Not of interest are the job's own files, those that it wrote, caches, and what belongs to the system.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from motools.config import home
from motools_inspect import sources
from motools_inspect.depends import LISTED, READ, described, is_changed_since
from motools_inspect.environment import nearest_file
from motools_inspect.in_use import (
    OWN,
    at_first,
    code_in_use,
    code_loaded,
    is_somebodys,
    without_scorers,
)
from motools_inspect.observed import values_in
from motools_inspect.reading import Reading, can_be_edited

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import FrameType

    from motools.detached import Worker
    from motools_inspect.depends import Depends

PART = "read.part"
OF_THE_SYSTEM = (
    *("/bin/", "/etc/", "/lib/", "/lib32/", "/lib64/", "/run/", "/sbin/", "/usr/"),
    *("/var/cache/", "/var/lib/", "/var/log/", "/var/run/"),
)
CACHES = ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "TIKTOKEN_CACHE_DIR", "INSPECT_CACHE_DIR")
"""The variables that name folders of what can be fetched again."""

KEPT = frozenset({"__pycache__", ".git"})
"""The folders that programs keep in others for themselves."""
OF_CONFIGURATION = str(Path(home.__code__.co_filename).with_name("configfile.py"))
"""The code that reads MOTools' configuration."""
OF_PYTHON = ("<frozen importlib._bootstrap>", linecache.__file__)
"""Which look for modules, and for the source of a line."""

_late: set[str] = set()
"""What was imported while jobs were done in their caller's process: a later one of the same task finds it imported."""


class Observing:
    """Listens to what a job reads."""

    def __init__(self, worker: Worker) -> None:
        self._spec = worker.spec
        self._part = worker.path / PART
        self._began = time.time_ns()
        # Others in this process may look for their configuration meanwhile.
        self._reading = Reading(but_for=OF_CONFIGURATION)
        self._noted: dict[bool, set[str]] = {False: set(), True: set()}
        at_first()  # what is imported from here on is for this job
        self.asked: set[str] = set()
        """The models that answered, as far as they tell."""
        self._modules = 0
        """How many there were when it was last written down which."""
        self._before = {*sys.modules} if worker.spec["in_memory"] else set()
        self._project = (f"{worker.spec['folder']}/", f"{worker.spec['cwd']}/")
        logs = worker.spec["log_dir"].removeprefix("file://")
        own = (f"{place}/" for place in (home() / "inspect", home() / "resolved", worker.path, logs))
        others = (f"{place}/" for place in (home(), *_caches()))
        # A project may lie in one of these.
        self._apart = (*own, *(each for each in others if not self._project[0].startswith(each)))
        prefixes = {f"{sys.prefix}/", f"{sys.base_prefix}/"}
        self._of_the_system = (*OF_THE_SYSTEM, *(each for each in prefixes if not self._project[0].startswith(each)))
        self._dotenv = nearest_file()  # what it says is known before

    def listening(self) -> AbstractContextManager[Reading]:
        """Listen in the meantime."""
        return self._reading.listening()

    def count(self, paths: Iterable[str]) -> None:
        """Count files as read that were not seen to be."""
        self._note(paths)

    @property
    def code(self) -> set[str]:
        """The files of the code that the job, which is done, has gone through."""
        return self._code[0]

    @cached_property
    def _code(self) -> tuple[set[str], set[str]]:
        return code_in_use(self._spec, self._late(), self.asked)

    def of_scorers(self) -> set[str]:
        """Return the files of this code that only scorers go through, by which the answers are no others."""
        answering = without_scorers(self._spec)
        beside = {str(each) for name in self._spec["scorers"] for each in sources.inputs_of_name(name)}
        others = {str(each) for each in sources.files_asked_for(answering)}
        answered = code_in_use(answering, self._late(), self.asked)[0] if self.code else set()
        return self.code - answered | (beside - others)

    def _late(self) -> Collection[str]:
        if self._before:
            _late.update(sys.modules.keys() - self._before)
        return _late

    def note(self) -> None:
        """Write down what was read so far, and the code that is there: this worker may be killed, and another goes on."""
        number = len(sys.modules)
        with self._reading.deaf():
            code = code_loaded(self._spec, self._late()) if number != self._modules else ()
            self._modules = number
            self._note(self._reading.read)
            self._note(code, is_code=True)

    @property
    def period(self) -> list[int] | None:
        """From when to when it was listened, in nanoseconds; None where no other program was begun that may have written."""
        return [self._began, time.time_ns()] if self._reading.has_begun_others else None

    def with_misses(self) -> None:
        """Hear of what tasks look for in vain as well, in a process that is there for this job alone."""
        self._reading.with_misses(_is_of_a_task)

    def ended(self) -> tuple[Depends, set[str]]:
        """Return what the job's workers have read, as it is now, and which of it was changed after it was first read.

        What a task only looked for, and is not there, is as good as read.
        """
        missed = [path for path in [*self._reading.seen] if _is_missing(path)]
        used, others = self._code
        self._note([*self._reading.read, *missed])
        self._note(used, is_code=True)
        first: dict[str, int] = {}
        for path, time_of_it in values_in(self._part):
            if path not in self._reading.written and path not in others:
                first[path] = min(time_of_it, first.get(path, time_of_it))
        files = {path for path in first if not os.path.isdir(path)}  # noqa: PTH112 (it may be no path at all)
        kinds = _kinds_in(files)
        folders = {path: self._how_listed(path, kinds) for path in first.keys() - files}
        uncertain = {path for path in files if is_changed_since(path, READ, first[path])}
        listed = {path: how for path, how in folders.items() if how is not None}
        return described(dict.fromkeys(files, READ) | listed), uncertain

    def _note(self, paths: Iterable[str], *, is_code: bool = False) -> None:
        noted = self._noted[is_code]
        new = [path for path in [*paths] if path not in noted]
        counting = [path for path in new if self._is_of_interest(path, is_code=is_code)]
        if found := [[path, self._reading.read.get(path, self._began)] for path in counting]:
            with self._part.open("a", encoding="utf-8") as file:
                file.write("".join(f"\n{json.dumps(each)}\n" for each in found))
        noted.update(new)

    def _how_listed(self, folder: str, kinds: Mapping[str, set[str]]) -> str | None:
        """Return which names in a folder count: those like what was read there, or all where its names alone were.

        None of a project's own do, nor of what Python and git keep there: whoever goes through all folders comes by them.
        """
        if folder in kinds:
            return " ".join([LISTED, *sorted(kinds[folder])])
        is_kept = not KEPT.isdisjoint(Path(folder).parts)
        return None if is_kept or any(place.startswith(f"{folder}/") for place in self._project) else READ

    def clear(self) -> None:
        """Let go of what was written down."""
        self._part.unlink(missing_ok=True)

    def _is_of_interest(self, path: str, *, is_code: bool) -> bool:
        if path in self._reading.written or path.startswith(self._apart) or not can_be_edited(path):
            return False
        if path.endswith(".py") and path.startswith(OWN):
            return False
        is_of_the_system = path.startswith(self._of_the_system) and not path.startswith(self._project)
        # What can be edited may lie there, too: pip clones into the `src` of an environment.
        is_metadata = path.endswith(".dist-info/METADATA")  # the versions that count are known
        if is_metadata or (is_of_the_system and not is_code):
            return False
        folder = os.path.dirname(path)  # noqa: PTH120 (as strings they are)
        is_passing = not os.path.exists(path) and (folder == tempfile.gettempdir() or not os.path.exists(folder))  # noqa: PTH110 (the same)
        return path not in {tempfile.gettempdir(), self._dotenv} and not is_passing


def _is_missing(path: str) -> bool:
    """Whether nothing is there that could be: a text of a model's, say, may be longer than any name."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _is_of_a_task(frame: FrameType | None) -> bool:
    """Whether somebody's own code looks, itself or by a library, and not a library by itself, as it is imported or shows an error.

    Where a thread begins it is not known by whom it was begun: what it looks for counts.
    """
    while frame is not None:
        place = frame.f_code.co_filename
        if place in OF_PYTHON:
            return False
        if is_somebodys(place):
            return True
        frame = frame.f_back
    return threading.current_thread() is not threading.main_thread()


def _kinds_in(files: Iterable[str]) -> Mapping[str, set[str]]:
    """Return the endings of the files in each folder, `/` for folders.

    Whoever lists a folder to read some kind of file in it would read another of the kind as well.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for path in map(Path, files):
        found[str(path.parent)].add(path.suffix)
        for folder in path.parent.parents:
            found[str(folder)].add("/")
    return found


def _caches() -> Iterator[str]:
    from inspect_ai._util.appdirs import inspect_cache_dir, inspect_data_dir

    yield str(inspect_data_dir(None))
    yield str(inspect_cache_dir(None, create=False).parent)
    yield from (os.path.abspath(place) for name in CACHES if (place := os.environ.get(name)))  # noqa: PTH100 (a string)


__all__ = ["Observing"]
