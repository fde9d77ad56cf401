"""The worker's side: take over the lock, do the work, leave a last word whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from motools.detached import lock
from motools.detached.directory import WorkDirectory
from motools.detached.status import WorkState, WorkStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import FrameType

HEARTBEAT = 2.0
"""Seconds between two heartbeats."""
PROGRESS = 0.2
"""Seconds between two writes of progress, at least."""


class CancelRequested(Exception):
    """Raised in the worker, where it is safe to stop, after the work was cancelled."""


class Worker:
    """What the work sees of its directory."""

    def __init__(self, directory: WorkDirectory, status: WorkStatus) -> None:
        self.directory = directory
        self.path: Path = directory.path
        self.spec: Mapping[str, Any] = directory.spec
        self.attempt = status.attempt
        self._status = status
        self._written = 0.0
        self._terminated = False

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody has asked for the work to end."""
        return self._terminated or (self.path / "cancel").exists()

    def check_cancel(self) -> None:
        """Raise `CancelRequested` if somebody has asked for the work to end."""
        if self.cancel_requested:
            raise CancelRequested

    def progress(self, **fields: Any) -> None:
        """Say how far the work is: step, total, loss, eta_seconds, message. Written at most a few times a second."""
        self._status = dataclasses.replace(self._status, **fields, updated_at=time.time())
        if time.monotonic() - self._written >= PROGRESS:
            self.flush()

    def flush(self) -> None:
        """Write the latest progress now."""
        self.directory.write_status(self._status, durable=False)
        self._written = time.monotonic()

    def _terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._terminated = True

    def _beat(self, stopped: threading.Event) -> None:
        heartbeat = self.path / "heartbeat"
        while not stopped.wait(HEARTBEAT):
            with contextlib.suppress(OSError):  # a full disk is reported by the work itself
                heartbeat.touch(0o600)

    def _finish(self, state: WorkState, **fields: Any) -> None:
        final = dataclasses.replace(
            self._status, state=state, eta_seconds=None, message=None, updated_at=time.time(), **fields
        )
        # The space kept back makes room for the last word when the disk is full.
        (self.path / "reserve").unlink(missing_ok=True)
        self.directory.write_status(final)


def run_worker(
    path: str,
    work: Callable[[Worker], Mapping[str, Any]],
    *,
    explain: Callable[[BaseException], str | None] = lambda _error: None,
) -> None:
    """Do the work of the directory at `path` in this process and record how it ended; does not return.

    `work` returns the JSON-safe result; it may raise `CancelRequested` once it has saved what it wants to keep.
    `explain` turns an exception into a sentence for the user, or None for the default. The exit status is 0 when the
    work succeeded or was cancelled, 1 when it failed, 3 when another worker is at it or it has already ended.
    """
    module = sys.modules["__main__"].__spec__
    directory = WorkDirectory(path, module=module.name if module else "")
    descriptor = lock.inherit()
    if descriptor is None:
        descriptor = lock.acquire(directory.path / "lock")
    if descriptor is None:
        sys.exit(3)
    before = directory.status()
    if before.state.is_terminal:
        sys.exit(3)
    now = time.time()
    status = dataclasses.replace(
        before,
        state=WorkState.RUNNING,
        pid=os.getpid(),
        pid_created=now,
        host=socket.gethostname(),
        started_at=before.started_at or now,
        updated_at=now,
    )
    worker = Worker(directory, status)
    # Before anything slow is imported, so that a cancellation is heard from the first moment on.
    signal.signal(signal.SIGTERM, worker._terminate)
    directory.write_status(status)
    sys.exit(_do(worker, work, explain))


def _do(
    worker: Worker,
    work: Callable[[Worker], Mapping[str, Any]],
    explain: Callable[[BaseException], str | None],
) -> int:
    stopped = threading.Event()
    threading.Thread(target=worker._beat, args=(stopped,), daemon=True).start()
    try:
        worker.check_cancel()
        result = work(worker)
    except CancelRequested:
        worker._finish(WorkState.CANCELLED)
        return 0
    except BaseException as error:  # noqa: BLE001  (whatever ends the work is its last word)
        traceback.print_exc()
        worker._finish(WorkState.FAILED, error=explain(error) or _sentence(error))
        return 1
    finally:
        stopped.set()
    worker._finish(WorkState.SUCCEEDED, result=result)
    return 0


def _sentence(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return (
            "Out of memory. Make the work smaller (a smaller batch_size or max_length) or free memory, and ask again."
        )
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        where = f" at {error.filename}" if error.filename else ""
        return f"The disk is full{where}. Free some space and ask again."
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


__all__ = ["CancelRequested", "Worker", "run_worker"]
