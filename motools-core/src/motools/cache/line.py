"""The line in which requests wait for a slot at a service, as it follows from the records: no table of its own.

A line is made of all that is under way with one backend, account and base model (the evaluations of a backend and account
stand in one line, whatever they evaluate):

    has a slot   submitting, uncertain, needs_human, submitted, found, running: something is live there, or may be
    waits        queued, under a lease that has not lapsed; in the order in which they got in line
    is away      queued, and whoever waited has ended: it is in nobody's way, and has its place again when it comes back

Whoever has fewer than so many with a slot or waiting before them may submit. That is decided in the write that makes a
record `submitting`, so that it holds whatever happens in between.

What a service said when it had no slot is kept in the `details` of the request that it refused. It binds everybody in the
line: the time until that has come, and the limit for as long as that request waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.cache.base import Record
from motools.cache.states import LIVE, UNSETTLED, State
from motools.errors import TransitionRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from motools.cache.base import Draft
    from motools.errors import NoSlot

QUEUE = "queue"
"""Where the details of a record keep its place in line (`since`) and what the service said when it had no slot."""

WITH_A_SLOT = LIVE | UNSETTLED
IN_LINE = WITH_A_SLOT | {State.QUEUED}

PAUSES = (15.0, 300.0)
"""Seconds until a service that had no slot, and did not say when it will, is asked again: at first and at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How one request stands in its line."""

    taken: int
    """How many have a slot."""
    ahead: int
    """How many wait before it."""
    until: float | None
    """Before when the service takes nothing, in seconds since the epoch; None where it takes something now."""
    limit: int | None
    """How many it lets be live at once, as it said when it had no slot."""


def same_line(one: Draft, other: Draft) -> bool:
    """Whether two requests are for the same slots."""
    return _line(one) == _line(other)


def _line(draft: Draft) -> tuple[Any, ...]:
    return draft.kind, draft.backend, draft.account, draft.model if draft.kind == "training" else None


def name_of(draft: Draft) -> tuple[str, ...]:
    """Return what tells a line from others, hashable."""
    return tuple(map(repr, _line(draft)))


def place(record: Record) -> tuple[float, str]:
    """Return what a line is ordered by: when a record got in line, and its key among those of the same moment."""
    return record.details.get(QUEUE, {}).get("since", record.updated_at), record.key


def in_place(record: Record) -> dict[str, Any]:
    """Return the details of a queued record that leaves the line to be submitted, so that it can come back to its place."""
    since, _ = place(record)
    return {**record.details, QUEUE: {**record.details.get(QUEUE, {}), "since": since}}


def refused(record: Record, error: NoSlot, now: float) -> dict[str, Any]:
    """Return the details of a record that was refused a slot, with what the service said of the next one."""
    noted = record.details.get(QUEUE, {})
    times = noted.get("refused", 0) + 1
    shortest, longest = PAUSES
    until = now + min(shortest * 2 ** min(times - 1, 10), longest)
    is_said = error.until is not None and error.until > until
    noted = {**noted, "refused": times, "until": error.until if is_said else until, "is_said": is_said}
    return {**record.details, QUEUE: {**noted, "limit": error.limit}}


def standing(line: Iterable[Record], record: Draft, now: float) -> Standing:
    """Return how a request stands among records, of which those of its line count; it need not be among them.

    A request that is not in line stands behind all that wait.
    """
    taken, ahead, until, limits = 0, 0, 0.0, []
    for other in line:
        if not same_line(other, record):
            continue
        if other.state in WITH_A_SLOT:
            taken += other.key != record.key
        elif other.state is State.QUEUED:
            noted, waits = other.details.get(QUEUE, {}), other.leased_until > now
            until = max(until, blocked := _blocked_until(noted, now))
            if noted.get("limit") is not None and (waits or blocked):
                limits.append(noted["limit"])
            ahead += waits and other.key != record.key and _is_before(other, record)
    return Standing(taken=taken, ahead=ahead, until=until or None, limit=min(limits, default=None))


def _is_before(other: Record, record: Draft) -> bool:
    if isinstance(record, Record) and record.state is State.QUEUED:
        return place(other) < place(record)
    return True


def _blocked_until(noted: Mapping[str, Any], now: float) -> float:
    """Return before when the service takes nothing, or 0. A pause of ours that seems too long is over: the clock was set."""
    until: float = noted.get("until", 0.0)
    is_over = until <= now or (not noted.get("is_said") and until - now > PAUSES[1])
    return 0.0 if is_over else until


def check_turn(line: Iterable[Record], record: Record, slots: int, now: float) -> None:
    """Raise `TransitionRefused` where it is not a record's turn. For ledgers, inside the write that makes it `submitting`."""
    found = standing(line, record, now)
    if found.taken + found.ahead >= slots:
        raise TransitionRefused(
            f"It is not the turn of {record.key}: of {slots} slots {found.taken} are taken, and {found.ahead} wait before it."
        )


__all__ = [
    "IN_LINE",
    "QUEUE",
    "WITH_A_SLOT",
    "Standing",
    "check_turn",
    "in_place",
    "name_of",
    "place",
    "refused",
    "same_line",
    "standing",
]
