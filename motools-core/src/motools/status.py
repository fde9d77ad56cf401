"""Where a run or job stands, and what a backend can do beyond the minimum: plain values, cheap to import."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """Where a run or job stands.

    A backend maps its service's words onto these. A word that it does not know is not terminal.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more will happen."""
        return self in TERMINAL


TERMINAL = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})


class Capability(StrEnum):
    """An optional power of a backend, declared in its `capabilities`."""

    FIND = "find"
    """`find(token)` returns what was submitted with that token, so that a crash in mid-submission heals itself."""
    LOGS = "logs"
    """Runs (or jobs) implement `logs()`."""
    ADOPT = "adopt"
    """`adopt(job_id)` returns the handle of work that was submitted by other means, so that it can be recorded."""
    MODELS = "models"
    """`has_model(model_id)` says whether a trained model is still there."""
    METRICS = "metrics"
    """Runs implement `metrics()`: what was measured while training, as rows."""
    CHECKPOINTS = "checkpoints"
    """Runs implement `checkpoints()` and `delete_checkpoint(checkpoint_id)`."""
    PAUSE = "pause"
    """Runs implement `pause()` and `unpause()`."""
    ESTIMATE = "estimate"
    """`estimate(…)` says what a request would cost, before it is submitted."""
    LIMITS = "limits"
    """`limits(model)` says how many runs the service takes at once, and how many a day."""
    PING = "ping"
    """`ping()` asks the service whether it is there and takes the key, at no cost."""
    VIEW = "view"
    """Jobs implement `view_command()`: the framework's own viewer of their logs."""


class Progress:
    """How far a run or job is.

    `step` of `total` (training steps, or samples of an evaluation); `total` is None where it is not known. `loss` is
    the latest mean training loss, `eta_seconds` the backend's estimate of the time left, `message` a word for people
    ("waiting for capacity"). Two with equal fields are equal.
    """

    __slots__ = ("eta_seconds", "loss", "message", "step", "total")

    def __init__(
        self,
        *,
        step: int = 0,
        total: int | None = None,
        loss: float | None = None,
        eta_seconds: float | None = None,
        message: str | None = None,
    ) -> None:
        self.step = step
        self.total = total
        self.loss = loss
        self.eta_seconds = eta_seconds
        self.message = message

    def as_dict(self) -> dict[str, int | float | str | None]:
        """Return the fields as a JSON-safe dictionary."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Progress) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.as_dict().items() if value is not None)
        return f"Progress({fields})"


__all__ = ["TERMINAL", "Capability", "Progress", "RunStatus"]
