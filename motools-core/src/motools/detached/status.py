"""How detached work stands: what status.json holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from motools.status import Progress, RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping


class WorkState(StrEnum):
    """How the work stands; `INTERRUPTED` is found by the reader, never written."""

    QUEUED = "queued"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in {WorkState.SUCCEEDED, WorkState.FAILED, WorkState.CANCELLED}

    @property
    def run_status(self) -> RunStatus:
        """The status of a run or job that stands like this. Interrupted work waits for a worker: it is queued."""
        return RunStatus.QUEUED if self is WorkState.INTERRUPTED else RunStatus(self.value)


@dataclass(frozen=True, kw_only=True)
class WorkStatus:
    """What status.json holds. Times are seconds since the epoch."""

    state: WorkState
    attempt: int = 0
    pid: int | None = None
    pid_created: float | None = None
    host: str = ""
    step: int = 0
    total: int | None = None
    loss: float | None = None
    eta_seconds: float | None = None
    message: str | None = None
    error: str | None = None
    result: Mapping[str, Any] | None = None
    started_at: float | None = None
    updated_at: float = 0.0
    fruitless: int = 0
    unbegun: int = 0
    attempt_step: int = 0
    memory_kills: int = 0

    @property
    def progress(self) -> Progress:
        """How far the work is."""
        message = self.message
        if self.state is WorkState.INTERRUPTED:
            message = f"interrupted at step {self.step}: {self.error or 'it goes on when it is waited for'}"
        return Progress(step=self.step, total=self.total, loss=self.loss, eta_seconds=self.eta_seconds, message=message)


def as_sentence(error: str) -> str:
    """Return an error with a full stop, unless it ends a sentence by itself."""
    text = error.rstrip()
    return text if text.endswith((".", "?", "!", "…")) else f"{text}."


__all__ = ["WorkState", "WorkStatus", "as_sentence"]
