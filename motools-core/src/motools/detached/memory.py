"""Whether the system has been ending processes for lack of memory."""

from __future__ import annotations

from pathlib import Path


def out_of_memory_kills() -> int:
    """Return how many processes Linux has killed for lack of memory, in this control group or at all; else 0.

    From the `oom_kill` counters of cgroup v2's memory.events and of /proc/vmstat (Linux 4.13 and later).
    """
    return max(_counter(_group() / "memory.events"), _counter(Path("/proc/vmstat")))


def _group() -> Path:
    try:
        line = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()[-1]
    except (OSError, IndexError):
        return Path("/sys/fs/cgroup")
    return Path("/sys/fs/cgroup") / line.rpartition(":")[2].lstrip("/")


def _counter(path: Path) -> int:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


__all__ = ["out_of_memory_kills"]
