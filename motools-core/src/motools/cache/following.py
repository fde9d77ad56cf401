"""Following a live run or job to its end, once for everybody in this process who wants to know."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from motools.cache.flight import Shared, Stage, flights_of
from motools.cache.kinds import class_path, kind_of, pack, status_of, unpack
from motools.cache.redact import in_words
from motools.cache.states import State
from motools.cache.telling import ProgressTeller
from motools.errors import HandleError, RunCancelled, RunError, RunFailed, TransitionRefused
from motools.events import Happened
from motools.status import RunStatus

if TYPE_CHECKING:
    from motools.cache.base import Ledger, Record
    from motools.cache.telling import Teller

log = logging.getLogger("motools.cache")

PATIENCE = 0.2
"""Seconds between two looks for a handle that another process is about to record."""

LOOKS = 25

_HAPPENED = {
    State.SUCCEEDED: Happened.SUCCEEDED,
    State.FAILED: Happened.FAILED,
    State.CANCELLED: Happened.CANCELLED,
}


def note_handle(handle: Any, record: Record, ledger: Ledger) -> None:
    """Remember, for as long as somebody holds it, that this process has a handle to what a record is of."""
    with suppress(TypeError):  # a class without weak references
        flights_of(ledger).alive["handle", record.key, record.token] = handle


def handle_here(record: Record, ledger: Ledger) -> Any:
    """Return the handle that this process has, or None."""
    return flights_of(ledger).alive.get(("handle", record.key, record.token))


class Following:
    """A plugin's live handle and the record of it, shared by all who follow the same record on one loop."""

    def __init__(self, handle: Any, record: Record, ledger: Ledger, tell: Teller) -> None:
        self.handle = handle
        self.record = record
        self.value: Any = None
        """What the handle's `wait` returned."""
        self._kind = kind_of(record)
        self._ledger = ledger
        self._tell = tell
        self._progress = ProgressTeller(handle, tell)
        self._waiting: Shared[Record] | None = None

    @classmethod
    async def of(
        cls, record: Record, ledger: Ledger, tell: Teller, *, handle: Any = None, backend_class: type | None = None
    ) -> Following:
        """Return the one that is there already, or make one of the handle, or of what the record says of it."""
        name = ("following", record.key, record.token)
        flights = flights_of(ledger)
        present: Following | None = flights.alive.get(name)
        if present is None and handle is not None:
            present = cls(handle, record, ledger, tell)
        if present is None:
            revival = flights.join(("revive", *name), lambda: revive(record, ledger, backend_class))
            handle, record = await revival.join()
            present = flights.alive.get(name) or cls(handle, record, ledger, tell)
        flights.alive[name] = present
        return present

    async def ended(self) -> Record:
        """Wait for the end and return the record of it. Raises `RunFailed`, `RunCancelled` or `RunLost`."""
        if self._waiting is None or self._waiting.is_over:
            self._waiting = Shared(self._wait(), Stage.WAITING)
        return await self._waiting.join()

    async def is_complete(self) -> bool:
        """Ask whether it has ended; if so, record how."""
        complete = await self.handle.is_complete()
        await (self._note_end() if complete else self._progress.look(self.record))
        return bool(complete)

    async def refresh(self) -> None:
        """Bring the handle up to date, and record that it runs or how it ended."""
        await self.handle.refresh()
        status = status_of(self.handle)
        if status.is_terminal:
            await self._note_end()
            return
        if status is RunStatus.RUNNING and self.record.state in {State.SUBMITTED, State.FOUND}:
            with suppress(TransitionRefused):
                self.record = await self._ledger.move(self.record, State.RUNNING)
        await self._progress.look(self.record)

    async def cancel(self) -> None:
        """Cancel, and record it if that was its end: one that goes on for a while may still succeed."""
        if await self.handle.is_complete():
            await self._note_end()
            return
        await self.handle.cancel()
        if not await self.handle.is_complete():
            return
        if status_of(self.handle) in {RunStatus.SUCCEEDED, RunStatus.FAILED}:
            await self._note_end()
        else:
            await self._settle(State.CANCELLED)

    async def _note_end(self) -> None:
        with suppress(RunError):
            await self.ended()

    async def _wait(self) -> Record:
        try:
            async with self._progress.looking(lambda: self.record):
                self.value = await self.handle.wait()
            self._kind.check(self.value, self.record)
        except RunCancelled as error:
            await self._settle(State.CANCELLED, error=in_words(error))
            raise
        except RunError as error:
            await self._settle(State.FAILED, error=in_words(error))
            raise
        except Exception as error:
            raise await self._judged(error) from error
        return await self._settle(State.SUCCEEDED, error=None, **await self._outcome())

    async def _outcome(self) -> dict[str, Any]:
        """Return what is to be recorded of a good end. What goes wrong here is no fault of the run, which stays live."""
        try:
            outcome = await self._kind.outcome(self.handle, self.value)
        except Exception as error:
            error.add_note(
                f"The {self._kind.describe(self.record)} ended well; what came of it could not be recorded. It is "
                "recorded by the next wait that can."
            )
            raise
        if "details" in outcome:
            outcome["details"] = {**self.record.details, **outcome["details"]}
        return outcome

    async def _judged(self, error: Exception) -> Exception:
        """Say whether an error of `wait` was the run's end; else it is trouble on the way, and the run goes on."""
        try:
            is_over = await self.handle.is_complete()
        except Exception:  # noqa: BLE001 (whoever cannot ask does not know)
            return error
        status = status_of(self.handle)
        has_said_so = status in {RunStatus.FAILED, RunStatus.CANCELLED}
        if not is_over or status is RunStatus.SUCCEEDED or (is_trouble(error) and not has_said_so):
            return error
        about = f"The {self._kind.describe(self.record)}"
        if status is RunStatus.CANCELLED:
            await self._settle(State.CANCELLED, error=in_words(error))
            return RunCancelled(f"{about} was cancelled: {in_words(error)}")
        await self._settle(State.FAILED, error=in_words(error))
        return RunFailed(f"{about} failed: {in_words(error)}")

    async def _settle(self, target: State, **changes: Any) -> Record:
        """Record the end, once: whoever else saw it too is content with what stands there."""
        with suppress(Exception):  # the last word of a handle is worth having, and no more than that
            changes["handle"] = await pack(self.handle)
        while not self.record.state.is_ended:  # else another of this process was first: a cancellation, or a wait
            try:
                self.record = await self._ledger.move(self.record, target, **changes)
            except TransitionRefused:
                present = await self._ledger.read(self.record.key)
                if present is None or present.token != self.record.token:
                    log.warning("%s: another attempt has taken the place of this one.", self.record.key)
                    self.record = replace(self.record, state=target, updated_at=time.time(), **changes)
                    return self.record  # those who wait are told how their own attempt ended
                self.record = present
            else:
                await self._tell(_HAPPENED[target], self.record)
        return self.record


def is_trouble(error: BaseException | None) -> bool:
    """Whether an error or its cause is one of connection, disk or time (`TimeoutError` is an OSError): not of the run."""
    while error is not None:
        if isinstance(error, (OSError, EOFError, asyncio.InvalidStateError)):
            return True
        error = error.__cause__
    return False


async def revive(record: Record, ledger: Ledger, backend_class: type | None) -> tuple[Any, Record]:
    """Return the plugin's own handle for a record that this process did not submit, and the record as it now is.

    The class is taken from the backend's own package alone. Raises `HandleError` where there is nothing to revive.
    """
    from motools.plugins.saved import own_class

    for _ in range(LOOKS):
        if record.handle is not None or record.leased_until <= time.time():
            break
        await asyncio.sleep(PATIENCE)  # the submitter is about to record it
        record = await ledger.read(record.key) or record
    kind = kind_of(record)
    if record.state is State.QUEUED:
        raise HandleError(f"The {kind.describe(record)} waits for its turn: nothing of it has been submitted yet.")
    if record.handle is None:
        raise HandleError(
            f"The {kind.describe(record)} is {record.state}, and what is needed to follow it is not recorded. Ask for "
            f"the same work again: that finds out what became of it."
        )
    backend = record.backend if backend_class is None else class_path(backend_class)
    found = own_class({"backend": backend, "handle_class": record.handle_class}, kind.name)
    return await unpack(found, record.handle), record


__all__ = ["Following", "handle_here", "is_trouble", "note_handle", "revive"]
