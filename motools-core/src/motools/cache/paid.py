"""One submission per request, whoever asks and whatever dies.

    read ─ an answer? ──────────────> hit, or attach                       (no lease, nothing written)
      └─ join the process's flight
           └─ claim ─ somebody has it? ─> wait for what they make of it
                ├─ unsettled? ─> look for the token: found, adopt it; proved absent, go on; else ask a person
                └─ submit: repeatable work (waiting in line is a part of it), then `ticket.paying()`, then the
                   service's id on disk; back into the line where the service has no slot

What a crash leaves: before the window, a record that the next claim begins again; inside it, one that the next claim
settles first; after it, a live run that everybody attaches to.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.cache.flight import Stage, flights_of
from motools.cache.following import handle_here, note_handle
from motools.cache.redact import in_words
from motools.cache.settling import adopt_late, facts_of, how_to_settle, settle
from motools.cache.states import REPEATABLE, UNSETTLED, State
from motools.cache.ticket import LEASE_SECONDS, LedgerTicket, in_one_window, kept_alive
from motools.errors import (
    NoSlot,
    RunCancelled,
    RunFailed,
    SubmissionError,
    SubmitRejected,
    TransitionRefused,
    UsageError,
)
from motools.events import Happened
from motools.training.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from motools.cache.base import Draft, Ledger, Record
    from motools.cache.flight import Shared
    from motools.cache.kinds import Kind
    from motools.cache.moving import Queue
    from motools.cache.ticket import Announce

    Find = Callable[[str, Mapping[str, Any]], Awaitable[Sequence[Any]]]

log = logging.getLogger("motools.cache")
queue_log = logging.getLogger("motools.queue")

ESTIMATE = "estimate"
"""Where the details of a record keep what the run was estimated to cost."""
PAUSES = (0.02, 1.0)
"""Seconds between two looks at a record that another process works on, at first and at most."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A request, with the means to have it done."""

    draft: Draft
    kind: Kind
    start: Callable[[LedgerTicket | None], Awaitable[Any]]
    """Call the backend."""
    takes_ticket: bool
    find: Find | None
    """Look for what was submitted with a token, and with notes of it; None where the backend cannot."""
    find_lag: float | None
    """Seconds after which what `find` does not return is not there; None where that is never certain."""
    before_paying: Callable[[], None]
    announce: Announce | None = None
    """Says that the paid call is next; raises where that is a reason not to make it."""
    queue: Queue | None = None
    """Where it waits for its turn, if it has to."""
    refresh: bool = False
    retry_failed: bool = False

    def is_answered_by(self, record: Record) -> bool:
        """Whether a record is what was asked for. Raises `RunFailed` for a failed one, unless asked to try again."""
        if record.state is State.SUCCEEDED:
            return not self.refresh
        if record.state is State.FAILED and not (self.refresh or self.retry_failed):
            raise failed_before(self.kind, record)
        return record.state.is_live and not record.is_unfinished


@dataclass(frozen=True, kw_only=True)
class Obtained:
    """What a request led to: a live or ended record, and the plugin's handle where it was made just now."""

    record: Record
    happened: Happened
    handle: Any = None


async def obtain(work: Work, ledger: Ledger, tell: Callable[[Obtained], Awaitable[None]]) -> Obtained:
    """Return the record of a request that is under way or answered, submitting it where nobody has."""
    record = await ledger.read(work.draft.key)
    if record is not None and work.is_answered_by(record):
        happened = Happened.ATTACHED if record.state.is_live else Happened.CACHE_HIT
        obtained = Obtained(record=record, happened=happened)
        await tell(obtained)
        return obtained
    after = record if record is not None and record.state.is_ended else None
    flight: list[Shared[Obtained]] = []

    def reach(stage: Stage) -> None:
        flight[0].reach(stage)

    async def lead() -> Obtained:
        try:
            obtained = await _lead(work, ledger, after, reach)
        finally:
            reach(Stage.PREPARING)
        await tell(obtained)
        return obtained

    flights, started = flights_of(ledger), False

    def start() -> Any:
        nonlocal started
        started = True
        return lead()

    flight.append(flights.join(("submit", work.draft.key), start))
    obtained = await flight[0].join()
    if not started and obtained.happened in {Happened.SUBMITTED, Happened.RECOVERED}:
        obtained = Obtained(record=obtained.record, happened=Happened.ATTACHED, handle=obtained.handle)
        await tell(obtained)
    return obtained


async def _lead(work: Work, ledger: Ledger, after: Record | None, reach: Callable[[Stage], None]) -> Obtained:
    """See the request submitted, or wait for whoever has claimed it; join those who take it over."""
    while True:
        claimed = await _claim(work, ledger, after, reach)
        if isinstance(claimed, Obtained):
            return claimed
        if obtained := await _settle_or_submit(work, ledger, claimed, reach):
            return obtained


async def _claim(work: Work, ledger: Ledger, after: Record | None, reach: Callable[[Stage], None]) -> Record | Obtained:
    """Claim the request, or wait until whoever has claimed it has something to show."""
    pause, longest = PAUSES
    awaited = ""
    while (claimed := await ledger.claim(work.draft, seconds=LEASE_SECONDS, after=after)) is None:
        record = await ledger.read(work.draft.key)
        if record is not None and record.state.is_live and not record.is_unfinished:
            return Obtained(record=record, happened=Happened.ATTACHED)
        if record is not None and record.state is State.SUCCEEDED:
            return Obtained(record=record, happened=Happened.CACHE_HIT)
        if record is not None and record.state is State.FAILED:
            raise failed_before(work.kind, record)
        if record is not None and record.state is State.CANCELLED:
            if record.token == awaited:
                raise RunCancelled(f"The {work.kind.describe(record)} was cancelled. {record.error or ''}".rstrip())
            after = record
            continue
        if record is not None and record.state is State.QUEUED and record.token != awaited:
            awaited = record.token
            queue_log.warning("Another process waits for its turn with the same request (%s).", record.key[:16])
        reach(Stage.WAITING)
        await asyncio.sleep(pause)
        reach(Stage.PREPARING)
        pause = min(pause * 1.5, longest)
    return claimed


async def _settle_or_submit(
    work: Work, ledger: Ledger, claimed: Record, reach: Callable[[Stage], None]
) -> Obtained | None:
    """Do what a claim is for; None where somebody else took it over meanwhile."""
    async with kept_alive(ledger, claimed):
        try:
            if held := await _held_here(ledger, claimed):
                return held
            if claimed.state in UNSETTLED or claimed.state.is_live:
                settled, handle = await settle(work, ledger, claimed)
                if settled.state.is_live:
                    return Obtained(record=settled, happened=Happened.RECOVERED, handle=handle)
                return await _submit(work, ledger, settled, reach)
            return await _submit(work, ledger, claimed, reach)
        except (SubmissionError, TransitionRefused):
            present = await ledger.read(claimed.key)
            if present is None or present.epoch == claimed.epoch:
                raise
            log.warning("%s: somebody else has taken the request over; they are joined.", claimed.key)
            return None


async def _held_here(ledger: Ledger, claimed: Record) -> Obtained | None:
    """Return a live run whose handle could not be saved, but which this process has; it is tried once more."""
    handle = handle_here(claimed, ledger) if claimed.state.is_live else None
    if handle is None:
        return None
    record = await ledger.move(claimed, claimed.state, seconds=0, **await facts_of(handle))
    return Obtained(record=record, happened=Happened.ATTACHED, handle=handle)


async def _submit(work: Work, ledger: Ledger, claimed: Record, reach: Callable[[Stage], None]) -> Obtained:
    ticket = LedgerTicket(
        ledger,
        claimed,
        before_paying=work.before_paying,
        announce=work.announce,
        reach=reach,
        queue=work.queue,
        refresh=work.refresh,
    )
    try:
        handle = await _called(work, ticket)
    except Exception as error:
        await _note(work, ticket, error)
        raise
    if not isinstance(handle, work.kind.base):
        raise await _not_a_handle(work, ticket, handle)
    about = await facts_of(handle) | _estimate_of(handle, ticket.record)
    try:
        record = await _known(ticket, about)
    except TransitionRefused:
        log.warning("%s: somebody else took the request over while it was being submitted.", work.draft.key)
        record = await adopt_late(work, ledger, ticket.token, about)
        if record.job_id != about["job_id"]:
            return Obtained(record=record, happened=Happened.ATTACHED)
    note_handle(handle, record, ledger)
    return Obtained(record=record, happened=Happened.SUBMITTED, handle=handle)


def _estimate_of(handle: Any, record: Record) -> dict[str, Any]:
    """Return what is recorded of what a run was estimated to cost before it was submitted."""
    estimate = getattr(handle, "estimate", None)
    if not isinstance(estimate, Estimate):
        return {}
    return {"details": {**record.details, ESTIMATE: estimate.as_dict()}}


async def _called(work: Work, ticket: LedgerTicket) -> Any:
    """Call the backend, and once more each time that there was no slot for this request and its turn has come again.

    A backend that takes no ticket is called in one window around all that it does.
    """
    while True:
        try:
            if work.takes_ticket:
                return await work.start(ticket)
            return await in_one_window(ticket, work.start(None), work.kind.base)
        except NoSlot as error:
            if not await ticket.back_in_line(error):
                error.add_note("Under the layer 'limit' a request waits until there is one. Add it to the layers.")
                raise


async def _note(work: Work, ticket: LedgerTicket, error: Exception) -> None:
    """Write down an error from outside the window, and say what it means for the next request."""
    state = ticket.record.state
    try:
        if state in {State.INTENT, State.QUEUED}:
            is_final = isinstance(error, (SubmitRejected, UsageError))
            await ticket.move(State.ABSENT if is_final else state, error=in_words(error))
        elif state.is_live:
            await ticket.move(state, error=in_words(error))
    except TransitionRefused:
        log.warning("%s: somebody else took the request over while it was being submitted.", work.draft.key)
    if state is State.UNCERTAIN:
        error.add_note(
            f"Whether a {work.kind.noun} was started is not known. "
            + ("Ask again: it is looked for first." if work.find else how_to_settle(ticket.record, by_token=False))
        )


async def _known(ticket: LedgerTicket, about: dict[str, Any]) -> Record:
    """Record that the service has the work, whatever the backend made of its ticket."""
    if ticket.record.state is State.ABSENT:
        await ticket.move(State.INTENT)
    if ticket.record.state in REPEATABLE:
        await ticket.move(State.SUBMITTING)
    target = State.FOUND if ticket.record.state is State.UNCERTAIN else State.SUBMITTED
    if ticket.record.state.is_live:
        target = ticket.record.state
    return await ticket.move(target, seconds=0, **about)


async def _not_a_handle(work: Work, ticket: LedgerTicket, returned: Any) -> RunFailed:
    error = RunFailed(
        f"Backend {work.draft.backend!r} returned {type(returned).__name__} from {work.kind.verb}(), not a "
        f"{work.kind.base.__name__}. That is a fault of the plugin; something may have been started."
    )
    if ticket.record.state is State.ABSENT:
        await ticket.move(State.INTENT)
    if ticket.record.state in REPEATABLE:
        await ticket.move(State.SUBMITTING)
    if ticket.record.state in {State.SUBMITTING, State.SUBMITTED}:
        await ticket.move(State.FAILED, error=in_words(error))
    return error


def failed_before(kind: Kind, record: Record) -> RunFailed:
    """Return the error for a request that failed before and was not asked to be tried again."""
    return RunFailed(
        f"The {kind.describe(record)} failed: {record.error or 'it did not say why'} "
        f"({kind.verb}(…, retry_failed=True) tries again; nothing was submitted now.)"
    )


__all__ = ["ESTIMATE", "Obtained", "Work", "failed_before", "obtain"]
