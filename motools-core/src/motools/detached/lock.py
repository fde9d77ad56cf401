"""One worker at a time, and whether it lives: a lock that the kernel releases at death.

The kernel means the death of all who have the descriptor. A program that a worker starts gets none; a child made by `fork`
alone, as `multiprocessing` makes them, would get them all, and is made to let go before it does anything else.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "MOTOOLS_LOCK_FD"
"""Names the descriptor on which a worker inherits its lock, already held."""

_PATIENCE = 1.0
"""Seconds: a look by `is_held` occupies the lock for microseconds, a worker for its whole life."""
_held: set[int] = set()
"""The descriptors of locks in this process."""
_forking = threading.Lock()
"""Taken while a descriptor is opened or closed, so that no fork comes between that and its note in `_held`."""


def acquire(path: Path) -> int | None:
    """Take the lock and return its descriptor, which is `release`d, or None when a worker has it."""
    with _forking:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        _held.add(descriptor)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                release(descriptor)
                return None
            time.sleep(0.005)
        else:
            return descriptor


def release(descriptor: int) -> None:
    """Close a descriptor of this process; the lock is let go of when nobody else has it."""
    with _forking:
        _held.discard(descriptor)
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether some process has the lock."""
    with _forking:
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def inherit() -> int | None:
    """Return the descriptor of a lock handed over by the process that started this one, if there is one.

    It is kept from this process's own children: a helper that outlives the worker must not make it look alive.
    """
    number = os.environ.pop(VARIABLE, None)
    if number is None:
        return None
    os.set_inheritable(int(number), False)  # noqa: FBT003  (the function takes it by position only)
    with _forking:
        _held.add(int(number))
    return int(number)


def share(descriptor: int) -> int:
    """Return another descriptor of the same lock, for this process to `release` on its own."""
    with _forking:
        another = os.dup(descriptor)
        _held.add(another)
    return another


def _let_go() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()
    _forking.release()


os.register_at_fork(before=_forking.acquire, after_in_parent=_forking.release, after_in_child=_let_go)

__all__ = ["VARIABLE", "acquire", "inherit", "is_held", "release", "share"]
