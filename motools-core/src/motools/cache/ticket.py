"""The right to submit, as a ledger gives it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from motools.cache.holder import working_on
from motools.cache.redact import in_words
from motools.cache.states import REPEATABLE, State
from motools.cache.uploads import LedgerUploads
from motools.errors import CacheError, SubmitRejected, SubmitUnavailable, TransitionRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from motools.cache.base import Ledger, Record

log = logging.getLogger("motools.cache")

LEASE_SECONDS = 60.0
"""How long a right to submit lasts without being renewed: longer than any request should take."""

PROMPT_SECONDS = 1.0
"""How long a write may take before it is no longer certain that the lease which it renewed still holds."""


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

    `record` is the record as this ticket's holder last wrote it. `before_paying` runs right before the window opens
    and may refuse by raising; `when_paying` is called when the window opens.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: Record,
        *,
        before_paying: Callable[[], None],
        when_paying: Callable[[], None],
    ) -> None:
        self.record = record
        self.key, self.token = record.key, record.token
        self.replicate = int(record.spec.get("replicate", 0))
        self.uploads = LedgerUploads(ledger, record.account)
        self._ledger = ledger
        self._before_paying, self._when_paying = before_paying, when_paying

    @asynccontextmanager
    async def paying(self, **notes: Any) -> AsyncIterator[OpenPayment]:
        """Open the window; see `motools.Ticket`."""
        self._before_paying()
        if self.record.state not in REPEATABLE:
            raise TransitionRefused(f"{self.key} is {self.record.state}: a ticket pays once.")
        if self.record.state is State.ABSENT:
            await self.move(State.INTENT)
        await self._enter(notes)
        payment = OpenPayment()
        self._when_paying()
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
        noted = {"details": {**self.record.details, NOTES: dict(notes)}} if notes else {}
        await self.move(State.SUBMITTING, seconds=LEASE_SECONDS, error=None, **noted)
        while now() - began > PROMPT_SECONDS:
            began = now()
            await self._ledger.renew(self.record, seconds=LEASE_SECONDS)

    async def _note(self, error: BaseException, payment: OpenPayment) -> None:
        """Write down what a call that raised means; `uncertain` unless the error says otherwise."""
        if payment.job_id:
            await self.move(State.SUBMITTED, job_id=payment.job_id)
        elif isinstance(error, (SubmitRejected, UsageError)):
            await self.move(State.ABSENT, error=in_words(error))
        elif isinstance(error, SubmitUnavailable):
            await self.move(State.INTENT, error=in_words(error))
        else:
            await self.move(State.UNCERTAIN, error=in_words(error))


@asynccontextmanager
async def kept_alive(ledger: Ledger, record: Record, seconds: float = LEASE_SECONDS) -> AsyncIterator[None]:
    """Renew a lease in the background, and give it up at the end, if that has not been done."""
    with working_on(record):
        heart = asyncio.create_task(_beat(ledger, record, seconds))
        try:
            yield
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
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
            log.warning("The lease on %s could not be renewed; it is tried again: %r", record.key, error)


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
        log.warning("The lease on %s could not be given up; it is tried again: %r", record.key, error)
        return False
    return True


__all__ = ["LEASE_SECONDS", "LedgerTicket", "kept_alive", "notes_of"]
