"""Putting the record right after a crash: every record that has not ended is looked after.

repeatable     nothing was paid: the same request begins again by itself, in its place where it had waited in line
unsettled      look at the service by the token: found, adopt it; proved absent, say so; else a person has to look
live           ask how it stands, write down how it ended, take up again what nobody works on
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from motools.cache.following import Following, handle_here
from motools.cache.kinds import kind_of
from motools.cache.paid import Work
from motools.cache.redact import in_words
from motools.cache.settling import how_to_give_up, settle
from motools.cache.states import State
from motools.cache.ticket import LEASE_SECONDS, kept_alive
from motools.errors import NeedsPerson, RunLost, UsageError
from motools.events import Happened
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Callable

    from motools.cache.base import Ledger, Record
    from motools.cache.telling import Teller

    Clock = Callable[[], float]
    BackendOf = Callable[[Record], Any]


log = logging.getLogger("motools.cache")


class Outcome(StrEnum):
    """What looking after a record came to."""

    NOTHING_PAID = "nothing_paid"
    """Nothing had been submitted, and nothing had to be done."""
    NOT_SUBMITTED = "not_submitted"
    """It is proved that nothing was submitted: the same request begins again."""
    FOUND = "found"
    """It had been submitted: it is recorded now."""
    RESUMED = "resumed"
    """It had been interrupted, and goes on."""
    LIVE = "live"
    """It is under way."""
    ENDED = "ended"
    """It has ended, and how is recorded."""
    BUSY = "busy"
    """Somebody is at it."""
    NEEDS_PERSON = "needs_person"
    """No program can settle it; `words` say what a person can do."""
    NOT_ASKED = "not_asked"
    """Its backend could not be asked; `words` say why."""


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """A record as it is now, what it was, and what was done."""

    record: Record
    before: State
    outcome: Outcome
    words: str

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.outcome not in {Outcome.NEEDS_PERSON, Outcome.NOT_ASKED}


async def recover(record: Record, ledger: Ledger, backend_of: BackendOf, tell: Teller) -> Recovered:
    """Look after one record. Submits nothing. `backend_of` gives the backend of a record, or raises.

    What goes wrong is part of the answer: one backend that is not to be reached keeps nobody from the others.
    """
    try:
        outcome, words = await _looked_after(record, ledger, backend_of, tell)
    except (NeedsPerson, RunLost) as error:
        outcome, words = Outcome.NEEDS_PERSON, in_words(error)
        if isinstance(error, RunLost):
            words += f" {how_to_give_up(record)}"
    except Exception as error:  # noqa: BLE001 (whatever a plugin raises is told, and the next record is looked at)
        outcome, words = Outcome.NOT_ASKED, in_words(error)
    present = await ledger.read(record.key) or record
    return Recovered(record=present, before=record.state, outcome=outcome, words=words)


class Caretaker:
    """Looks after what has a slot that others wait for: a run that nobody follows, a submission that was interrupted."""

    def __init__(self, ledger: Ledger, backend: Any, backend_class: type, tell: Teller, clock: Clock) -> None:
        self._ledger, self._backend, self._backend_class, self._tell = ledger, backend, backend_class, tell
        self._clock = clock
        self._followings: dict[str, Following] = {}
        self._told: set[str] = set()

    async def look_after(self, record: Record) -> float | None:
        """Bring a record up to date, and return when its work is expected to end, where that is known."""
        if record.is_unfinished:
            found = await recover(record, self._ledger, lambda _: self._backend, self._tell)
            if not found.is_settled and record.token not in self._told:
                self._told.add(record.token)
                log.warning("%s has a slot that others wait for. %s", record.key[:16], found.words)
            return None
        following = self._followings.get(record.token) or await Following.of(
            record,
            self._ledger,
            self._tell,
            handle=handle_here(record, self._ledger),
            backend_class=self._backend_class,
        )
        await _caught_up(following, Outcome.LIVE, "")
        if following.record.state.is_ended:
            self._followings.pop(record.token, None)
            return None
        self._followings[record.token] = following  # its handle is made once, not at every look
        eta: float | None = getattr(getattr(following.handle, "progress", None), "eta_seconds", None)
        return None if eta is None else self._clock() + eta


async def _looked_after(record: Record, ledger: Ledger, backend_of: BackendOf, tell: Teller) -> tuple[Outcome, str]:
    if record.state.is_ended:
        return Outcome.ENDED, "It had ended already."
    if record.state.is_repeatable:
        is_queued = record.state is State.QUEUED
        if record.leased_until > time.time():
            does = "waits in line with it" if is_queued else "is about to submit it"
            return Outcome.BUSY, f"A process {does}, or ended a moment ago."
        again = "takes its place in line again" if is_queued else "begins again"
        return Outcome.NOTHING_PAID, f"Nothing was submitted; the same request {again}."
    if record.is_unfinished:
        return await _settled(record, ledger, backend_of, tell)
    following = await Following.of(record, ledger, tell)
    return await _caught_up(following, Outcome.LIVE, "It is under way.")


async def _settled(record: Record, ledger: Ledger, backend_of: BackendOf, tell: Teller) -> tuple[Outcome, str]:
    """Find out what an interrupted submission came to."""
    backend = backend_of(record)
    claimed = await ledger.claim(record, seconds=LEASE_SECONDS)
    if claimed is None:
        return Outcome.BUSY, "Another process is at it."
    async with kept_alive(ledger, claimed):
        claimed, handle = await settle(_to_settle(claimed, backend), ledger, claimed)
    if handle is None:
        return Outcome.NOT_SUBMITTED, "It is proved that nothing was submitted; the same request begins again."
    await tell(Happened.RECOVERED, claimed)
    following = await Following.of(claimed, ledger, tell, handle=handle)
    return await _caught_up(following, Outcome.FOUND, f"It had been submitted: {claimed.job_id} is recorded now.")


async def _caught_up(following: Following, outcome: Outcome, words: str) -> tuple[Outcome, str]:
    """Bring a live record up to date, and take up again what was interrupted."""
    await following.refresh()
    state = following.record.state
    if state.is_ended:
        ending = {State.SUCCEEDED: "It succeeded.", State.CANCELLED: "It was cancelled."}
        said = ending.get(state, f"It failed: {following.record.error}")
        return (Outcome.ENDED, said) if outcome is Outcome.LIVE else (outcome, f"{words} {said}")
    if await following.handle.resume():
        return (Outcome.RESUMED, "It had been interrupted, and goes on.")
    return outcome, words


def _to_settle(record: Record, backend: Any) -> Work:
    can_find = Capability.FIND in backend.capabilities
    return Work(
        draft=record,
        kind=kind_of(record),
        start=_never,
        takes_ticket=can_find,
        find=backend.find_noted if can_find else None,
        find_lag=backend.find_lag,
        before_paying=lambda: None,
    )


async def _never(_ticket: object) -> Any:
    raise UsageError("Recovery submits nothing.")


__all__ = ["Caretaker", "Outcome", "Recovered", "recover"]
