"""A checkpoint of a training, as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A state of the model that was kept while it was trained; every field is JSON-safe. Times are seconds since the epoch."""

    id: str
    """What the service, or the run's directory, calls it."""
    step: int
    """How many steps had been taken."""
    model_id: str | None = None
    """What an evaluation calls the model of it; None where it can only be trained on from."""
    created_at: float | None = None
    expires_at: float | None = None
    """When the service deletes it by itself; None for never, or not known."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What was measured at it, under the names of `TrainingRun.metrics`."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-safe dictionary."""
        return asdict(self)


__all__ = ["Checkpoint"]
