"""The asking side: create the directory, start a worker, watch it, cancel it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from motools.detached import lock
from motools.detached.attempts import next_attempt
from motools.detached.ending import Ending
from motools.detached.memory import out_of_memory_kills
from motools.detached.status import WorkState, WorkStatus
from motools.errors import CacheCorrupt, MotoolsError
from motools.files import draft_beside, replace_text, sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Launch: TypeAlias = Callable[["WorkDirectory", int, Mapping[str, str]], "int | None"]

GRACE = 60.0
"""Seconds that a worker has to write a checkpoint after it was asked to stop, before it is killed."""
POLL = (0.05, 0.5)
"""Seconds between two looks: the first, and what it grows to."""
RESERVE = 256 * 1024
"""Bytes kept back for the last word on a full disk."""


class WorkDirectory:
    """One piece of detached work, as its directory tells it."""

    def __init__(self, path: str | os.PathLike[str], *, module: str, launch: Launch | None = None) -> None:
        """`launch(work, lock, environment)` starts the worker, in place of `spawn`.

        The worker inherits the descriptor `lock`, which stays the caller's to close. What may be returned is a
        descriptor, from then on the directory's, that becomes readable when the worker has ended.
        """
        self.path = Path(path)
        self.module = module
        self.log_path = self.path / "log.txt"
        self._launch = launch or spawn
        self._ending = Ending()

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        spec: Mapping[str, Any],
        module: str,
        prepare: Callable[[Path], None] | None = None,
        launch: Launch | None = None,
    ) -> Self:
        """Make the directory, whole or not at all. One that is already there stays as it is: the first wins.

        `prepare` puts into the directory, before it takes its place, what else the work needs.
        """
        work = cls(Path(path).absolute(), module=module, launch=launch)
        if work.exists():
            return work
        draft = draft_beside(work.path)
        _make_private(draft)
        try:
            (draft / "reserve").touch(0o600)
            (draft / "reserve").write_bytes(os.urandom(RESERVE))
            (draft / "lock").touch(0o600)
            replace_text(draft / "spec.json", json.dumps(spec, indent=2, allow_nan=False) + "\n")
            if prepare is not None:
                prepare(draft)
            cls(draft, module=module)._write(WorkStatus(state=WorkState.QUEUED))
            draft.rename(work.path)
            sync_directory(work.path.parent)
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not work.exists():
                raise
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        return work

    def exists(self) -> bool:
        """Whether the directory is there, with its status."""
        return (self.path / "status.json").exists()

    @property
    def spec(self) -> dict[str, Any]:
        """What is to be done, as it was given to `create`."""
        return self._read("spec.json")

    def status(self) -> WorkStatus:
        """Read how the work stands, with `interrupted` for work that nobody does. Raises FileNotFoundError if gone."""
        # Looked at before the file is read: a worker writes its last word while it still holds the lock.
        alive = lock.is_held(self.path / "lock")
        status = self._stored()
        if status.state.is_terminal or alive:
            return status
        if status.host and status.host != socket.gethostname():
            raise MotoolsError(
                f"{self.path}: the work is done on {status.host}; from here nobody can tell whether it still runs. "
                f"Ask on that machine."
            )
        # A worker may have been started between the two looks; then its first status is what was read.
        if status.attempt == 0 or lock.is_held(self.path / "lock"):
            return status
        return dataclasses.replace(status, state=WorkState.INTERRUPTED)

    def start(self, *, environment: Mapping[str, str] | None = None) -> bool:
        """Start a worker and say whether that was done: not when one is alive or the work has ended.

        `environment` is added to this process's own for the worker, and is not stored.
        """
        descriptor = lock.acquire(self.path / "lock")
        if descriptor is None:
            return False
        try:
            before = self._stored()
            if before.state.is_terminal:
                return False
            status = next_attempt(
                before,
                is_cancelled=(self.path / "cancel").exists(),
                memory_kills=out_of_memory_kills(),
                now=time.time(),
                last_words=lambda: f"Its log, {self.log_path}, ends with: {self.last_words()}",
            )
            self._write(status)
            if status.state.is_terminal:
                return False
            self._ending.watch(self._launch(self, descriptor, environment or {}))
        except OSError as error:
            reason = error.strerror or str(error)
            raise MotoolsError(f"{self.path}: no worker can be started: {reason}.") from error
        finally:
            lock.release(descriptor)
        return True

    async def wait(
        self, *, environment: Mapping[str, str] | None = None, seen: Callable[[WorkStatus], object] | None = None
    ) -> WorkStatus:
        """Wait until the work has ended and return its last status, starting a worker again whenever one has died.

        `seen` is called with each status, the last included, so that a handle is up to date while it waits.

        Work that could not go on (`CannotGoOn`) is tried once more; if that ends so too, its status is returned, which
        is then interrupted, with the `error`.
        """
        pause, longest = POLL
        tried = False
        while True:
            status = await asyncio.to_thread(self.status)
            if seen is not None:
                seen(status)
            if status.state.is_terminal:
                return status
            if status.state is WorkState.INTERRUPTED or status.attempt == 0:
                if status.error is not None and tried:
                    return status
                tried = await asyncio.to_thread(self.start, environment=environment) or tried
                pause = POLL[0]
            await self._ending.wait(pause)
            pause = min(pause * 1.5, longest)

    def request_cancel(self) -> None:
        """Ask for the work to end. A living worker writes a checkpoint first; work that nobody does ends at once."""
        if self.status().state.is_terminal:
            return
        (self.path / "cancel").touch(0o600)
        self._signal(signal.SIGTERM)
        descriptor = lock.acquire(self.path / "lock")
        if descriptor is None:
            return
        try:
            status = self._stored()
            if not status.state.is_terminal:
                self._write(dataclasses.replace(status, state=WorkState.CANCELLED, updated_at=time.time()))
        finally:
            lock.release(descriptor)

    async def cancel(self, *, grace: float = GRACE) -> None:
        """Ask for the work to end and wait until it has.

        A worker that does not stop within so many seconds is killed, with the programs that it has started.
        """
        await asyncio.to_thread(self.request_cancel)
        deadline = time.monotonic() + grace
        pause, longest = POLL
        while not (status := await asyncio.to_thread(self.status)).state.is_terminal:
            if status.state is WorkState.INTERRUPTED:
                await asyncio.to_thread(self.request_cancel)
            elif time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)

    def _signal(self, number: signal.Signals) -> None:
        pid = self._stored().pid
        # The lock is held, so the process that wrote its pid there still lives and the number is its own.
        if pid is not None and lock.is_held(self.path / "lock"):
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                if number is signal.SIGKILL and os.getpgid(pid) == pid:
                    os.killpg(pid, number)  # nobody is left who could end the programs that it has started
                else:
                    os.kill(pid, number)

    def last_words(self) -> str:
        """Return the last line of the log that says something."""
        try:
            text = self.log_path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return "(no log)"
        return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "(nothing)")

    def append_row(self, name: str, row: Mapping[str, Any]) -> None:
        """Append one JSON object as a line of a file in the directory; `motools.detached.rows` reads them."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def write_status(self, status: WorkStatus, *, durable: bool = True) -> None:
        """Replace the status; only whoever holds the lock may. Progress need not be durable."""
        self._write(status, durable=durable)

    def _write(self, status: WorkStatus, *, durable: bool = True) -> None:
        text = json.dumps(dataclasses.asdict(status)) + "\n"
        target = self.path / "status.json"
        if durable:
            replace_text(target, text)
            return
        temporary = target.with_name(".status.json.draft")
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o600)
        temporary.replace(target)

    def _stored(self) -> WorkStatus:
        fields = self._read("status.json")
        known = {field.name for field in dataclasses.fields(WorkStatus)}
        kept = {name: value for name, value in fields.items() if name in known}
        return WorkStatus(**kept | {"state": WorkState(fields["state"])})

    def _read(self, name: str) -> dict[str, Any]:
        text = (self.path / name).read_text(encoding="utf-8")
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise CacheCorrupt(f"{self.path / name}: is not JSON ({error}); the work it describes is lost.") from error
        if not isinstance(fields, dict):
            raise CacheCorrupt(f"{self.path / name}: holds no JSON object; the work it describes is lost.")
        return fields


def spawn(work: WorkDirectory, descriptor: int, environment: Mapping[str, str]) -> None:
    """Start a worker as a new process."""
    with work.log_path.open("ab") as log:
        work.log_path.chmod(0o600)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", work.module, str(work.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[descriptor],
            env=os.environ | environment | {lock.VARIABLE: str(descriptor)},
        )
    # Reaped as soon as it ends, so that no zombie is left while this process lives.
    threading.Thread(target=process.wait, daemon=True, name=f"reap {process.pid}").start()


def _make_private(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for the owner alone."""
    if not directory.parent.exists():
        _make_private(directory.parent)
    # Another process may be making the same parents.
    directory.mkdir(mode=0o700, exist_ok=True)


__all__ = ["WorkDirectory", "spawn"]
