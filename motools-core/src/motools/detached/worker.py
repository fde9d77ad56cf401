"""The worker's side: take over the lock, do the work, leave a last word whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, TextIO

from motools.detached import lock
from motools.detached.directory import WorkDirectory
from motools.detached.status import WorkState, WorkStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from types import FrameType

HEARTBEAT = 2.0
"""Seconds between two heartbeats."""
PROGRESS = 0.2
"""Seconds between two writes of progress, at least."""


class CancelRequested(Exception):
    """Raised in the worker, where it is safe to stop, after somebody asked for that."""


class CannotGoOn(Exception):
    """Raised in the worker where the work is not at fault and cannot go on for now; the message says what has to change.

    The work is left interrupted with that message, and goes on when it is waited for again.
    """


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
        self._expendable = False

    @property
    def cancel_requested(self) -> bool:
        """Whether the worker was asked to stop: somebody cancelled the work, or the system is going down."""
        return self._terminated or self._is_cancelled

    @property
    def _is_cancelled(self) -> bool:
        return (self.path / "cancel").exists()

    def check_cancel(self) -> None:
        """Raise `CancelRequested` if the worker was asked to stop."""
        if self.cancel_requested:
            raise CancelRequested

    @contextlib.contextmanager
    def expendable(self) -> Iterator[None]:
        """Let the worker be stopped at any moment inside: for what takes long and leaves nothing to save, like imports."""
        self.check_cancel()
        self._expendable = True
        try:
            yield
        finally:
            self._expendable = False
        self.check_cancel()

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
        if self._expendable:
            self._stop()
            os._exit(0)

    def _stop(self) -> None:
        """Leave the work cancelled, if it was; else interrupted, so that it goes on when it is waited for."""
        if self._is_cancelled:
            self._finish(WorkState.CANCELLED)
        else:
            print("stopped by a signal; the work goes on when it is waited for", flush=True)  # noqa: T201  (the log)

    def _beat(self, stopped: threading.Event) -> None:
        heartbeat = self.path / "heartbeat"
        while not stopped.wait(HEARTBEAT):
            with contextlib.suppress(OSError):  # a full disk is reported by the work itself
                heartbeat.touch(0o600)

    def _finish(self, state: WorkState, **fields: Any) -> None:
        final = dataclasses.replace(
            self._status, state=state, eta_seconds=None, message=None, updated_at=time.time(), **fields
        )
        self._make_room()
        self.directory.write_status(final)

    def _make_room(self) -> None:
        """Give up the space that was kept back, so that the last word can be written to a full disk."""
        (self.path / "reserve").unlink(missing_ok=True)


def run_worker(
    path: str,
    work: Callable[[Worker], Mapping[str, Any]],
    *,
    explain: Callable[[BaseException], str | None] = lambda _error: None,
) -> None:
    """Do the work of the directory at `path` in this process and record how it ended; does not return.

    `work` returns the JSON-safe result; it may raise `CancelRequested` once it has saved what it wants to keep. Where
    it was not cancelled but stopped by SIGTERM (the system goes down), it is then interrupted, and goes on later. So it
    is where it raises `CannotGoOn`, for trouble that somebody else has to mend.
    `explain` turns an exception into a sentence for the user, or None for the default. The exit status is 0 when the
    work succeeded or was stopped, 1 when it failed, 3 when another worker is at it or it has already ended.
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


def run_here(
    path: str | os.PathLike[str],
    descriptor: int,
    work: Callable[[Worker], Mapping[str, Any]],
    *,
    explain: Callable[[BaseException], str | None] = lambda _error: None,
) -> None:
    """Do the work of the directory at `path` in a thread of this process, and return at once.

    For work that no other process can do. `descriptor` is the lock, held by the caller, and stays the caller's to close. A
    cancellation is no signal here: `work` has to look for it. The work ends, interrupted, with this process.
    """
    directory = WorkDirectory(path, module="")
    held, now = lock.share(descriptor), time.time()
    # Without a process id nobody sends this process a signal.
    fields: dict[str, Any] = {"state": WorkState.RUNNING, "pid": None, "host": socket.gethostname(), "updated_at": now}
    before = directory.status()
    status = dataclasses.replace(before, started_at=before.started_at or now, **fields)
    worker = Worker(directory, status)
    directory.write_status(status)

    def do() -> None:
        try:
            with directory.log_path.open("a", encoding="utf-8") as log:
                directory.log_path.chmod(0o600)
                _do(worker, work, explain, log)
        finally:
            lock.release(held)

    threading.Thread(target=do, daemon=True, name=f"work {directory.path.name}").start()


def _do(
    worker: Worker,
    work: Callable[[Worker], Mapping[str, Any]],
    explain: Callable[[BaseException], str | None],
    log: TextIO | None = None,
) -> int:
    stopped = threading.Event()
    threading.Thread(target=worker._beat, args=(stopped,), daemon=True).start()
    try:
        worker.check_cancel()
        result = work(worker)
        json.dumps(result, allow_nan=False)
    except CancelRequested:
        worker._stop()
        return 0
    except CannotGoOn as error:
        print(error, flush=True, file=log)
        worker._finish(WorkState.QUEUED, error=str(error))
        return 0
    except BaseException as error:  # noqa: BLE001  (whatever ends the work is its last word)
        worker._make_room()
        with contextlib.suppress(OSError):  # the log may be on a full disk; the status has room
            traceback.print_exc(file=log)
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


__all__ = ["CancelRequested", "CannotGoOn", "Worker", "run_here", "run_worker"]
