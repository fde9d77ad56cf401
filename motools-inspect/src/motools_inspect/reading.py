"""The files that a process reads, looks at or looks for in vain, as far as Python is told of them.

What another program opens is not heard of, nor what a library opens past Python (Arrow does).
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache, lru_cache, wraps
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

INSTALLED = tuple({os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "purelib", "platlib")})
"""Where nobody edits: what is there goes by the version of its distribution."""
OF_PACKAGES = ("site-packages", "dist-packages")
"""Where that is of another Python's, or of Debian's."""
NOT_FILES = ("/proc/", "/sys/", "/dev/")
LOOKS = ("stat", "lstat", "access")
"""The functions of `os` by which `os.path` and `pathlib` look; they raise no audit event."""


OF_IMPORTLIB = frozenset({"<frozen importlib._bootstrap_external>", metadata.__file__})
"""Whose frames they are that list a folder to look for a module or a distribution."""


class Reading:
    """What this process has to do with files while it is listened to, by the names it has for them."""

    def __init__(self, *, but_for: str | None = None) -> None:
        self._but_for = but_for
        """The file of code of which it is not heard what it opens."""
        self.read: dict[str, int] = {}
        """Files that are opened to be read, also in vain, and folders whose names are, with the time of the first, in nanoseconds."""
        self.searched: set[str] = set()
        """Folders that were looked through for modules and distributions."""
        self.scanned: set[str] = set()
        """Those of these folders whose names are read with what stands beside them, such as sizes."""
        self.seen: set[str] = set()
        """What is only looked at or missed; see `with_looks`."""
        self.written: set[str] = set()
        self.has_begun_others = False
        """Whether other programs were begun, which may write too."""
        self._others: set[int | None] = set()
        self._here = threading.local()

    @contextmanager
    def listening(self) -> Iterator[Reading]:
        """Listen in the meantime, to this thread and those that are begun from now on."""
        _begin_to_hear()
        self._others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}
        _listening.append(self)
        try:
            yield self
        finally:
            _listening.remove(self)

    def with_looks(self) -> None:
        """Note what is only looked at as well, in a process that is there for this alone."""
        for name in LOOKS:
            self._hear_looks(name, lambda found, frame: True)  # noqa: ARG005 (it is all)

    def with_misses(self, counts: Callable[[FrameType], bool]) -> None:
        """Note what is only looked for, in vain and by a frame that counts, in a process that is there for this alone."""
        for name in LOOKS:
            self._hear_looks(name, lambda found, frame: not found and self._is_judged(counts, frame))

    def _is_judged(self, counts: Callable[[FrameType], bool], frame: FrameType) -> bool:
        if self._is_deaf:  # to judge is to look
            return False
        with self.deaf():
            return counts(frame)

    @property
    def _is_deaf(self) -> bool:
        return getattr(self._here, "is_deaf", False)

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Hear nothing of what this thread does in the meantime."""
        before, self._here.is_deaf = self._is_deaf, True
        try:
            yield
        finally:
            self._here.is_deaf = before

    def _hear_looks(self, name: str, counts: Callable[[bool, FrameType], bool]) -> None:
        look: Callable[..., Any] = getattr(os, name)

        @wraps(look)
        def noting(path: Any, *arguments: Any, **keywords: Any) -> Any:
            found = None
            try:
                found = look(path, *arguments, **keywords)
                return found
            finally:
                is_a_path = isinstance(path, (str, bytes, os.PathLike)) and keywords.get("dir_fd") is None
                with suppress(OSError):  # in a working directory that is gone a relative path leads nowhere
                    if is_a_path and counts(bool(found), sys._getframe(1)):
                        self.seen.add(_absolute(path))

        setattr(os, name, noting)
        for functions in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if look in functions:
                functions.add(noting)

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take in an audit event of Python's, of the frame that has called the caller; it may not raise."""
        if threading.get_ident() in self._others or self._is_deaf:
            return
        try:
            if event in _OF_PROGRAMS:
                self.has_begun_others = True
            elif event == "open":
                if sys._getframe(2).f_code.co_filename != self._but_for:
                    self._hear_open(*arguments)
            elif event in _OF_FOLDERS:
                self._hear_listing(event, "." if arguments[0] is None else arguments[0], sys._getframe(2))
            elif isinstance(arguments[1], (str, bytes)):
                self.written.add(_absolute(arguments[1]))
        except OSError:  # a relative path in a working directory that is gone leads nowhere
            return

    def _hear_open(self, path: Any, mode: Any, flags: Any) -> None:
        if not isinstance(path, (str, bytes)):
            return
        is_written = isinstance(mode, str) and any(each in mode for each in "wax+")
        if is_written or int(flags or 0) & (os.O_WRONLY | os.O_RDWR):
            self.written.add(_absolute(path))
        else:
            self.read.setdefault(_absolute(path), time.time_ns())

    def _hear_listing(self, event: str, path: Any, frame: FrameType) -> None:
        if not isinstance(path, (str, bytes)):
            return
        if frame.f_code.co_filename in OF_IMPORTLIB:
            self.searched.add(_absolute(path))
            return
        self.read.setdefault(_absolute(path), time.time_ns())
        if event == "os.scandir":
            self.scanned.add(_absolute(path))


_OF_FOLDERS = frozenset({"os.listdir", "os.scandir"})
_OF_TARGETS = frozenset({"os.rename", "os.link", "os.symlink"})
_OF_PROGRAMS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork"})
_OF_FILES = _OF_FOLDERS | _OF_TARGETS | _OF_PROGRAMS | {"open"}
_listening: list[Reading] = []


@cache
def _begin_to_hear() -> None:
    sys.addaudithook(_hear)  # for good: there is no way to take it back, and one is enough


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _OF_FILES:
        for each in [*_listening]:
            each.hear(event, arguments)


def _absolute(path: str | bytes | os.PathLike[Any]) -> str:
    """Return the place that a path names: of a link its own, for it may come to lead elsewhere."""
    return os.path.abspath(os.fsdecode(path))  # noqa: PTH100 (a path may be of any form)


def modules() -> set[str]:
    """Return the files of the modules that are imported."""
    return {path for module in [*sys.modules.values()] if (path := file_of(module))}


def file_of(module: Any) -> str | None:
    """Return a module's file, if it has one; the module itself is not asked, for some do their work when they are."""
    try:
        path = object.__getattribute__(module, "__file__")
    except AttributeError:
        return None
    return path if isinstance(path, str) else None


def can_be_edited(path: str) -> bool:
    """Whether a file counts by its content, and not by the version of what it is installed with."""
    if path.endswith(".dist-info/METADATA"):
        return True
    if path.endswith((".pyc", ".so")):
        return False
    folder, _, name = path.rpartition("/")
    place = f"{_real_folder(folder)}/{name}"
    return not place.startswith((*INSTALLED, *NOT_FILES)) and not any(name in place for name in OF_PACKAGES)


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    """Return where a folder is, without links: a look at each of its parents, for thousands of modules in few folders."""
    try:
        return os.path.realpath(folder)
    except ValueError:  # such as with a null character
        return folder


__all__ = ["Reading", "can_be_edited", "file_of", "modules"]
