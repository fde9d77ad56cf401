"""Who holds a lease, and whether it is certain that they never will come back.

A lease lapses by itself. Where its holder was a process of this machine that is gone, nobody has to wait for that.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Return a name that no other process has: boot, process namespace, process id and when the process started."""
    return _named(os.getpid())


def is_gone(holder: str) -> bool:
    """Whether a holder has certainly ended. False for one on another machine, in another container, or unreadable."""
    machine, _, process = holder.rpartition("/")
    if machine != _machine() or not machine:
        return False
    pid, _, started = process.partition("@")
    return bool(started) and _started(pid) != started


@cache
def _named(pid: int) -> str:
    return f"{_machine()}/{pid}@{_started(str(pid))}"


@cache
def _machine() -> str:
    """Return what two processes share exactly if they see the same process ids; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _started(pid: str) -> str:
    """Return when a process started, in clock ticks since boot; empty for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


__all__ = ["is_gone", "this_process"]
