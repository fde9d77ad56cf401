"""Sharing the machine: how many threads a run gets, and which run's turn it is.

A run gets a thread for each core that it may use, and runs take turns: threads wait for one another after every matrix
product, so that two trainings at once on the same cores take longer than one after the other. Where other programs keep
the cores busy, `threads=1` is the fastest.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path


def usable_cores() -> int:
    """Return how many physical cores this process may use, by its affinity; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


class Slots:
    """Locks in a directory: who holds one may train. The system lets go of a lock however its holder dies."""

    def __init__(self, directory: Path, count: int) -> None:
        self.directory = directory
        self.count = count

    def take(self) -> int | None:
        """Take a free slot, to keep while this process lives, and return its descriptor; None when there is none."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(self.count):
            descriptor = os.open(self.directory / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None


__all__ = ["Slots", "usable_cores"]
