"""One worker at a time, and whether it lives: a lock that the kernel releases at death."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "MOTOOLS_LOCK_FD"
"""Names the descriptor on which a worker inherits its lock, already held."""

_PATIENCE = 1.0
"""Seconds: a look by `is_held` occupies the lock for microseconds, a worker for its whole life."""


def acquire(path: Path) -> int | None:
    """Take the lock and return its descriptor, or None when a worker has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.005)
        else:
            return descriptor


def is_held(path: Path) -> bool:
    """Whether some process has the lock."""
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
    return int(number)


__all__ = ["VARIABLE", "acquire", "inherit", "is_held"]
