"""The right to submit, as a ledger gives it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from motools.cache.flight import Stage
from motools.cache.holder import working_on
from motools.cache.kinds import id_of
from motools.cache.line import in_place, refused
from motools.cache.redact import in_words
from motools.cache.states import REPEATABLE, State
from motools.cache.uploads import LedgerUploads
from motools.cache.waiting import Turn
from motools.errors import (
    CacheError,
    NoSlot,
    RunCancelled,
    SubmitRejected,
    SubmitUnavailable,
    TransitionRefused,
    UsageError,
)
from motools.words import said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from motools.cache.base import Ledger, Record, Ticket
    from motools.cache.moving import Queue
    from motools.training.limits import Limits

    Announce = Callable[[Record], Awaitable[None]]

log = logging.getLogger("motools.cache")

LEASE_SECONDS = 60.0
"""How long a right to submit lasts without being renewed: longer than any request should take."""

PROMPT_SECONDS = 1.0
"""How long a write may take before it is no longer certain that the lease which it renewed still holds."""


PAUSE = 0.2
"""Seconds before whoever has lost its turn in the last moment looks again."""

NOTES = "notes"
"""Where the details of a record keep what `paying` was given."""


def notes_of(record: Record) -> Mapping[str, Any]:
    """Return what the paid call of a record was given as notes."""
    notes: Mapping[str, Any] = record.details.get(NOTES, {})
    return notes


class OpenPayment:
    """The window of one paid call, while it is open."""

    def __init__(self) -> None:
        self.job_id: str | None = None


class LedgerTicket:
    """A `Ticket` whose window is a pair of transitions.

    `record` is the record as this ticket's holder last wrote it. `announce` and then `before_paying` run right before
    the window opens and may refuse by raising; `reach` is told each stage that the submission reaches. `queue` is where it waits in line;
    without, no line is known.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: Record,
        *,
        before_paying: Callable[[], None],
        announce: Announce | None = None,
        reach: Callable[[Stage], None],
        queue: Queue | None = None,
        refresh: bool = False,
    ) -> None:
        self.record = record
        self.key, self.token = record.key, record.token
        self.replicate = int(record.spec.get("replicate", 0))
        self.refresh = refresh
        self.measured: Mapping[str, Any] = record.spec.get("measured", {})
        self.uploads = LedgerUploads(ledger, record.account)
        self._ledger = ledger
        self._before_paying, self._announce, self._reach = before_paying, announce, reach
        self._queue = queue
        self._turn: Turn | None = None
        self._noted: BaseException | None = None

    async def turn(
        self, *, at_most: int | None = None, reserve: int = 0, limits: Callable[[], Awaitable[Limits]] | None = None
    ) -> None:
        """Wait in line; see `motools.Ticket`."""
        if self._queue is None:
            return
        self._turn = Turn(self._queue.line(self.record), at_most=at_most, reserve=reserve, limits=limits)
        if self.record.state is State.QUEUED or not await self._turn.is_open(self.record):
            await self._wait()

    async def back_in_line(self, error: NoSlot) -> bool:
        """Go back to one's place after a submission that found no slot; False where this request does not wait."""
        if self._turn is None or self._queue is None or self.record.state.is_live:
            return False
        await self._check_is_ours()
        if self._noted is not error:  # it was found out before the window was opened
            await self._line_up(details=refused(self.record, error, self._queue.clock()))
        self._reach(Stage.PREPARING)
        return True

    @asynccontextmanager
    async def paying(self, **notes: Any) -> AsyncIterator[OpenPayment]:
        """Open the window; see `motools.Ticket`."""
        if self.record.state not in REPEATABLE:
            raise TransitionRefused(f"{self.key} is {self.record.state}: a ticket pays once.")
        if self._announce is not None:
            await self._announce(self.record)
        self._before_paying()
        if self.record.state is State.ABSENT:
            await self.move(State.INTENT)
        await self._enter(notes)
        payment = OpenPayment()
        self._reach(Stage.PAYING)
        try:
            yield payment
        except BaseException as error:
            with suppress(TransitionRefused):  # whoever has taken over finds out for themselves
                await self._note(error, payment)
            raise
        else:
            if payment.job_id:
                with suppress(
                    TransitionRefused
                ):  # the answer came too late; it is put right with the whole run at hand
                    await self.move(State.SUBMITTED, job_id=payment.job_id)

    async def move(self, target: State, *, seconds: float | None = None, **changes: Any) -> Record:
        """Make a transition of the record that this ticket is for; an id that cannot be written down is told."""
        try:
            self.record = await self._ledger.move(self.record, target, seconds=seconds, **changes)
        except TransitionRefused:
            raise
        except CacheError as error:
            if job_id := changes.get("job_id"):
                error.add_note(
                    f"{job_id!r} was submitted, and that could not be written down. Do it when there is room: "
                    f"`motools runs resolve {self.key[:16]} --submitted {job_id}`."
                )
            raise
        return self.record

    async def _enter(self, notes: Mapping[str, Any]) -> None:
        """Write `submitting` with the notes, and make sure that the lease is still ours now that it has been written.

        This process may have been stopped meanwhile, and somebody else may have found nothing and be about to pay.
        """
        now = asyncio.get_running_loop().time
        began = now()
        while not await self._has_entered(notes):
            await asyncio.sleep(PAUSE)
            await self._wait()
            self._before_paying()
            began = now()
        while now() - began > PROMPT_SECONDS:
            began = now()
            await self._ledger.renew(self.record, seconds=LEASE_SECONDS)

    async def _has_entered(self, notes: Mapping[str, Any]) -> bool:
        """Write `submitting`; False where it is another's turn by now, as of one that came back to its place."""
        changes: dict[str, Any] = {"error": None, "details": dict(self.record.details)}
        if self.record.state is State.QUEUED:
            changes["details"] = in_place(self.record)
        if notes:
            changes["details"][NOTES] = dict(notes)
        if self._turn is not None and self._turn.slots is not None:
            changes["slots"] = self._turn.slots
        try:
            await self.move(State.SUBMITTING, seconds=LEASE_SECONDS, **changes)
        except TransitionRefused:
            await self._check_is_ours()
            if "slots" not in changes:
                raise
            return False
        return True

    async def _line_up(self, **changes: Any) -> None:
        if self.record.state is State.ABSENT:
            await self.move(State.INTENT)
        await self.move(State.QUEUED, **changes)

    async def _wait(self) -> None:
        """Be in line until it is this request's turn."""
        if self._turn is None or self._queue is None:
            raise TransitionRefused(f"{self.key} waits for no turn.")
        if self.record.state is not State.QUEUED:
            await self._line_up()
        tell = self._queue.tell
        self._reach(Stage.WAITING)
        try:
            await self._turn.come(self.record, self._check_is_ours, lambda outlook: tell(self.record, outlook))
        finally:
            self._reach(Stage.PREPARING)

    async def _check_is_ours(self) -> None:
        """Raise `RunCancelled` where somebody has taken it out of the line, `TransitionRefused` where they took it over."""
        present = await self._ledger.read(self.key)
        if present is not None and present.token == self.token and present.state is State.CANCELLED:
            self.record = present
            raise RunCancelled(f"The request {self.key[:16]} was cancelled. {present.error or ''}".rstrip())
        if present is None or (present.epoch, present.state) != (self.record.epoch, self.record.state):
            raise TransitionRefused(f"{self.key} was taken over by somebody else before it was submitted.")

    async def _note(self, error: BaseException, payment: OpenPayment) -> None:
        """Write down what a call that raised means; `uncertain` unless the error says otherwise."""
        self._noted = error
        if payment.job_id:
            await self.move(State.SUBMITTED, job_id=payment.job_id)
        elif isinstance(error, (SubmitRejected, UsageError)):
            await self.move(State.ABSENT, error=in_words(error))
        elif isinstance(error, NoSlot) and self._turn is not None and self._queue is not None:
            details = refused(self.record, error, self._queue.clock())
            await self.move(State.QUEUED, error=in_words(error), details=details)
        elif isinstance(error, SubmitUnavailable):
            await self.move(State.INTENT, error=in_words(error))
        else:
            await self.move(State.UNCERTAIN, error=in_words(error))


async def in_one_window(ticket: Ticket, call: Awaitable[Any], base: type[Any]) -> Any:
    """Await the call of a backend that takes no ticket, as one window around all that it does; `base` is what it returns."""
    try:
        async with ticket.paying() as payment:
            handle = await call
            if isinstance(handle, base):
                payment.job_id = id_of(handle)
            return handle
    finally:
        if inspect.iscoroutine(call):
            call.close()


@asynccontextmanager
async def kept_alive(ledger: Ledger, record: Record, seconds: float = LEASE_SECONDS) -> AsyncIterator[None]:
    """Renew a lease in the background, and give it up at the end, if that has not been done."""
    with working_on(record):
        heart = asyncio.create_task(_beat(ledger, record, seconds))
        try:
            yield
        finally:
            heart.cancel()
            try:
                await asyncio.wait({heart})
            finally:  # whoever is cancelled in this moment gives it up as well
                if not await _has_given_up(ledger, record):
                    later = asyncio.create_task(_give_up_later(ledger, record, seconds))
                    _later.add(later)
                    later.add_done_callback(_later.discard)


async def _beat(ledger: Ledger, record: Record, seconds: float) -> None:
    """Renew until refused: whoever has lost the lease is told at the next write."""
    while True:
        await asyncio.sleep(seconds / 3)
        try:
            await ledger.renew(record, seconds=seconds)
        except TransitionRefused:
            return
        except Exception as error:  # noqa: BLE001 (a beat that is missed is no reason for the work to fail)
            log.warning("The lease on %s could not be renewed; it is tried again: %s", record.key, said(error))


_later: set[asyncio.Task[None]] = set()


async def _give_up_later(ledger: Ledger, record: Record, seconds: float) -> None:
    """Go on trying: other processes wait for as long as this one lives."""
    while True:
        await asyncio.sleep(seconds / 3)
        if await _has_given_up(ledger, record):
            return


async def _has_given_up(ledger: Ledger, record: Record) -> bool:
    """Give a lease up, if that has not been done, and say whether it could be: if not, that is no reason to fail."""
    try:
        present = await ledger.read(record.key)
        if present and present.epoch == record.epoch and present.leased_until:
            await ledger.release(record)
    except Exception as error:  # noqa: BLE001 (the same)
        log.warning("The lease on %s could not be given up; it is tried again: %s", record.key, said(error))
        return False
    return True


__all__ = ["LEASE_SECONDS", "LedgerTicket", "in_one_window", "kept_alive", "notes_of"]
