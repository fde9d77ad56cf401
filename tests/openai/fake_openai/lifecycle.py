"""How a job goes: validating_files -> queued -> running -> succeeded | failed, unless it is paused or cancelled on the way.

Nothing ticks here. A job has a plan and an age, which is the time since it was created less the time for which it was
paused, and what has become of it follows from both whenever somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
ERRORS: dict[str, dict[str, Any]] = {
    "failed": {"code": "server_error", "message": "The job failed due to an internal error.", "param": None},
    "moderation": {
        "code": None,
        "message": "Error while running moderation eval refusals_v3 for snapshot {model}: Error while running eval for "
        "category hate/threatening",
        "param": None,
    },
    "invalid": {
        "code": "invalid_training_file",
        "message": "The job failed due to an invalid training file. Invalid file format.",
        "param": "training_file",
    },
}
"""The usual error of each unhappy outcome. That of moderation was published as its message alone."""


@dataclass(kw_only=True)
class Plan:
    """What becomes of a job that nobody touches. Durations are seconds of its age."""

    validating: float
    queued: float
    step: float
    steps: int
    steps_per_epoch: int
    outcome: str
    error: dict[str, Any] | None = None
    status: str | None = None
    """A word to show in place of the job's status: for words that no description has."""

    @property
    def start(self) -> float:
        """The age at which training begins."""
        return self.validating + self.queued

    @property
    def end(self) -> float:
        """The age at which the job is over."""
        if self.outcome == "invalid":
            return self.validating
        last = max(1, self.steps // 2) if self.outcome == "failed" else self.steps
        return self.start + self.step * last

    def age_at_step(self, step: int) -> float:
        return self.start + self.step * step

    def steps_at(self, age: float) -> int:
        """Return how many steps are done."""
        age = min(age, self.end)
        if age < self.start or self.outcome == "invalid":
            return 0
        return self.steps if self.step <= 0 else min(self.steps, int((age - self.start) / self.step + 1e-9))

    def status_at(self, age: float) -> str:
        if age >= self.end:
            return "succeeded" if self.outcome == "succeeded" else "failed"
        if age < self.validating:
            return "validating_files"
        return "queued" if age < self.start else "running"


@dataclass(kw_only=True)
class Pause:
    """A time at which a job did not grow older; `seconds` is None while it lasts."""

    age: float
    began_at: float
    seconds: float | None = None


@dataclass(kw_only=True)
class Course:
    """A job's plan, when it began, and what was done to it."""

    plan: Plan
    created_at: float
    pauses: list[Pause] = field(default_factory=list)
    cancelled_age: float | None = None

    def age(self, now: float) -> float:
        if self.cancelled_age is not None:
            return self.cancelled_age
        if self.is_paused:
            return self.pauses[-1].age
        return now - self.created_at - sum(pause.seconds or 0.0 for pause in self.pauses)

    def moment(self, age: float) -> float:
        """Return when the job had that age, or will have it if it goes on from now."""
        return self.created_at + age + sum(pause.seconds or 0.0 for pause in self.pauses if pause.age < age)

    @property
    def is_paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1].seconds is None

    def status(self, now: float) -> str:
        if self.cancelled_age is not None:
            return "cancelled"
        status = self.plan.status_at(self.age(now))
        if status in TERMINAL:
            return status
        return "paused" if self.is_paused else status

    def is_over(self, now: float) -> bool:
        return self.status(now) in TERMINAL

    def cancel(self, now: float) -> None:
        self.cancelled_age = self.age(now)

    def pause(self, now: float) -> None:
        self.pauses.append(Pause(age=self.age(now), began_at=now))

    def resume(self, now: float) -> None:
        self.pauses[-1].seconds = now - self.pauses[-1].began_at
