"""Who holds a lease, and what can be known of them.

A lease lapses by itself, by the clock. Clocks jump, machines are suspended, and a plugin may block its event loop: where
more is known of the holder than that it is late, that counts.

    a process of this machine that is gone       whoever comes by may take over at once
    one that runs                                nobody takes over, however late it is: its paid call may be in the air
    one that is stopped (SIGSTOP, a debugger)    the lease decides: it may never go on, and is refused when it does
    one of another machine or container          the lease decides

This process runs, of course: of a lease of its own the question is whether another event loop is at work under it. On
one loop, those who want the same work share the call, so that a lease which nobody renews has been left behind.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from motools.cache.base import Record

STOPPED = "Tt"
"""The states of a process that the system does not let run."""

_loops: dict[tuple[str, int], asyncio.AbstractEventLoop] = {}
"""On which loop of this process the work of an attempt is done, by its token and epoch."""


def this_process() -> str:
    """Return a name that no other process has: boot, process namespace, process id and when the process started."""
    return _named(os.getpid())


def is_gone(holder: str) -> bool:
    """Whether a holder has certainly ended. False for one on another machine, in another container, or unreadable."""
    pid, started = _of_this_machine(holder)
    return bool(started) and _status(pid)[1] != started


def is_at_work(holder: str, record: Record, asking: asyncio.AbstractEventLoop) -> bool:
    """Whether a holder is certain to be working on a record still, even if its lease has lapsed; `asking` is one's own loop."""
    if holder == this_process():
        loop = _loops.get((record.token, record.epoch))
        return loop is not None and loop.is_running() and loop is not asking
    pid, started = _of_this_machine(holder)
    state, began = _status(pid) if started else ("", "")
    return bool(began) and began == started and state not in STOPPED


@contextmanager
def working_on(record: Record) -> Iterator[None]:
    """Let the other loops of this process know that this one works on a record."""
    name = (record.token, record.epoch)
    _loops[name] = asyncio.get_running_loop()
    try:
        yield
    finally:
        _loops.pop(name, None)


def _of_this_machine(holder: str) -> tuple[str, str]:
    """Return a holder's process id and when it started; both empty for one of which nothing can be known."""
    machine, _, process = holder.rpartition("/")
    if machine != _machine() or not machine:
        return "", ""
    pid, _, started = process.partition("@")
    return pid, started


@cache
def _named(pid: int) -> str:
    return f"{_machine()}/{pid}@{_status(str(pid))[1]}"


@cache
def _machine() -> str:
    """Return what two processes share exactly if they see the same process ids; empty where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _status(pid: str) -> tuple[str, str]:
    """Return the state of a process and when it started, in clock ticks since boot; both empty for one that has ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return "", ""
    fields = status.rpartition(")")[2].split()
    return ("", "") if fields[0] in "ZX" else (fields[0], fields[19])


__all__ = ["is_at_work", "is_gone", "this_process", "working_on"]
