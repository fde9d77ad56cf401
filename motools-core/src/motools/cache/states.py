"""The states of one piece of paid work, and which may follow which.

    intent ──> queued ──> submitting ──> submitted ──> running ──> succeeded | failed | cancelled
                 ∧            │  │           ∧
                 └────────────┤  │           │                    (the service has no slot)
                              │  └─> absent ─┼──> intent          (refused, or proved not to be there)
                              └─> uncertain ─┴──> found | absent | needs_human

What is `queued` can be taken out of the line, and is `cancelled` then.

What each allows somebody who comes upon it after a crash:

    repeatable   intent, queued, absent                  nothing was paid: begin again
    unsettled    submitting, uncertain, needs_human      something may have been paid: look before asking again
    live         submitted, found, running               paid, and known by its id: attach
    ended        succeeded, failed, cancelled            an answer; a new attempt only when asked for
"""

from __future__ import annotations

from enum import StrEnum

from motools.status import RunStatus


class State(StrEnum):
    """Where a piece of work stands in the ledger."""

    INTENT = "intent"
    """Somebody wants it; nothing has been asked of the service."""
    QUEUED = "queued"
    """It waits for its turn: the service, or the user, lets only so many be live at once."""
    SUBMITTING = "submitting"
    """The paid call is being made: a crash here means that something may have been submitted."""
    UNCERTAIN = "uncertain"
    """The paid call ended without an answer."""
    ABSENT = "absent"
    """It is certain that nothing was submitted."""
    NEEDS_HUMAN = "needs_human"
    """Whether something was submitted cannot be found out by a program."""
    SUBMITTED = "submitted"
    """The service has it, and its id is on disk."""
    FOUND = "found"
    """The service has it, as was found out afterwards."""
    RUNNING = "running"
    """The service said that it is at work."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_live(self) -> bool:
        """Whether it is paid for and has not ended."""
        return self in LIVE

    @property
    def is_repeatable(self) -> bool:
        """Whether nothing was paid, so that one may begin again."""
        return self in REPEATABLE

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will happen to this attempt."""
        return self in ENDED

    @property
    def status(self) -> RunStatus:
        """The state in the words of runs and jobs."""
        if self in ENDED:
            return RunStatus(self.value)
        return RunStatus.RUNNING if self is State.RUNNING else RunStatus.QUEUED


REPEATABLE = frozenset({State.INTENT, State.QUEUED, State.ABSENT})
UNSETTLED = frozenset({State.SUBMITTING, State.UNCERTAIN, State.NEEDS_HUMAN})
LIVE = frozenset({State.SUBMITTED, State.FOUND, State.RUNNING})
ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

FOLLOWS: dict[State, frozenset[State]] = {
    State.INTENT: frozenset({State.QUEUED, State.SUBMITTING, State.ABSENT}),
    State.QUEUED: frozenset({State.INTENT, State.SUBMITTING, State.ABSENT, State.CANCELLED}),
    State.ABSENT: frozenset({State.INTENT, State.FOUND}),
    State.SUBMITTING: frozenset(
        {State.SUBMITTED, State.UNCERTAIN, State.ABSENT, State.INTENT, State.QUEUED, State.FAILED}
    ),
    State.UNCERTAIN: frozenset({State.FOUND, State.ABSENT, State.NEEDS_HUMAN}),
    State.NEEDS_HUMAN: frozenset({State.FOUND, State.ABSENT}),
    State.SUBMITTED: frozenset({State.RUNNING}) | ENDED,
    State.FOUND: frozenset({State.RUNNING}) | ENDED,
    State.RUNNING: ENDED,
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}
"""Which states a transition may lead to. From an ended state only a claim leads on: it begins another attempt."""


def may_follow(source: State, target: State) -> bool:
    """Whether a transition is allowed. Staying where one is, to add what has become known, always is."""
    return source is target or target in FOLLOWS[source]


__all__ = ["ENDED", "FOLLOWS", "LIVE", "REPEATABLE", "UNSETTLED", "State", "may_follow"]
