"""What the dummy service knows of a job, and how that stands at a time.

A job has a clock of its own, which stands still while the job is paused: `starts` and `ends` are read from that.

    when      0    1    2    3    4    5    6         starts=1, ends=4, paused from 2 to 4
    clock     0    1    2    2    2    3    4
              │    └ running ──────────────┴ succeeded
              └ queued
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from motools.status import Progress, RunStatus
from motools.training.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class DummyJob:
    """What the service knows of a job. Times are seconds since the epoch."""

    job_id: str
    kind: str
    model_id: str
    """The model that a training makes, or that an evaluation evaluates."""
    token: str
    accepted: float
    starts: float
    ends: float
    steps: int
    fail: str | None = None
    cancelled: float | None = None
    paused: float | None = None
    """Since when it is paused."""
    pauses: Sequence[Sequence[float]] = ()
    """Earlier pauses: when each began and ended."""
    save_every: int | None = None
    """Steps between two checkpoints of a training."""
    deleted: Sequence[int] = ()
    """The steps of the checkpoints that were deleted."""
    request: Mapping[str, Any] = field(default_factory=dict)

    def status(self, now: float) -> RunStatus:
        """Return how the job stands at a time."""
        if self.cancelled is not None:
            return RunStatus.CANCELLED
        clock = self._clock(now)
        if clock < self.starts:
            return RunStatus.QUEUED
        if clock < self.ends:
            return RunStatus.RUNNING
        return RunStatus.SUCCEEDED if self.fail is None else RunStatus.FAILED

    @property
    def is_paused(self) -> bool:
        """Whether time stands still for the job."""
        return self.paused is not None and self.cancelled is None

    def step(self, now: float) -> int:
        """Return how many steps are done at a time."""
        clock = self._clock(now if self.cancelled is None else self.cancelled)
        if clock >= self.ends:
            return self.steps
        return int(self.steps * (clock - self.starts) / (self.ends - self.starts)) if clock > self.starts else 0

    def progress(self, now: float) -> Progress:
        """Return how far the job is at a time; the loss falls with every step."""
        step = self.step(now)
        left = max(0.0, self.ends - self._clock(now)) if self.cancelled is None else 0.0
        return Progress(
            step=step,
            total=self.steps,
            loss=loss(step),
            eta_seconds=None if self.is_paused else left,
            message="paused" if self.is_paused else None,
        )

    def log(self, now: float) -> list[str]:
        """Return the log as it stands at a time; later ones only grow."""
        lines = [f"accepted {self.job_id}"]
        lines += [f"step {step} of {self.steps}: loss {loss(step):.3f}" for step in range(1, self.step(now) + 1)]
        status = self.status(now)
        if status.is_terminal:
            lines.append(f"failed: {self.fail}" if status is RunStatus.FAILED else str(status))
        return lines

    def metrics(self, now: float) -> list[dict[str, Any]]:
        """Return what was measured by a time: the loss at each step, at checkpoints also that of the validation set."""
        return [self._row(step) for step in range(1, self.step(now) + 1)]

    def checkpoints(self, now: float) -> list[Checkpoint]:
        """Return the checkpoints that there are at a time."""
        steps = [step for step in range(1, self.step(now) + 1) if self._is_saved(step) and step not in self.deleted]
        return [
            Checkpoint(
                id=f"step-{step}",
                step=step,
                model_id=f"{self.model_id}:step-{step}",
                created_at=self._moment(self.starts + (self.ends - self.starts) * step / self.steps),
                metrics={name: value for name, value in self._row(step).items() if name != "step"},
            )
            for step in steps
        ]

    def models(self, now: float) -> set[str]:
        """Return the ids of all models that a training has left by a time."""
        models = {str(checkpoint.model_id) for checkpoint in self.checkpoints(now)}
        return models | {self.model_id} if self.status(now) is RunStatus.SUCCEEDED else models

    def expected_end(self) -> float | None:
        """Return when the job ends, unless it is cancelled or paused; None for one that is."""
        return None if self.is_paused or self.cancelled is not None else self._moment(self.ends)

    def _row(self, step: int) -> dict[str, Any]:
        row = {"step": step, "loss": loss(step)}
        return (
            row | {"validation_loss": 1.1 * loss(step)}
            if "validation" in self.request and self._is_saved(step)
            else row
        )

    def _is_saved(self, step: int) -> bool:
        return self.save_every is not None and step % self.save_every == 0

    def _clock(self, now: float) -> float:
        """Return the job's own time."""
        if self.paused is not None:
            now = min(now, self.paused)
        return now - sum(min(now, end) - begin for begin, end in self.pauses if begin < now)

    def _moment(self, clock: float) -> float:
        """Return when the job's own time was so much, or will be if nobody pauses it."""
        for begin, end in self.pauses:
            if clock > begin:
                clock += end - begin
        return clock


def loss(step: int) -> float:
    """Return the loss after a step."""
    return 2 * math.exp(-step / 10)


__all__ = ["DummyJob", "loss"]
