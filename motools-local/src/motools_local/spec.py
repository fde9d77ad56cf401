"""What a run directory's spec.json says: all that the worker needs to know."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.settings import check
from motools_local.settings import LocalHyperparameters

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = "data.jsonl"
"""The conversations, copied into the run directory, so that a resumed run trains on what it began with."""
VALIDATION = "validation.jsonl"
"""The conversations that are held out, likewise, where there are any."""
CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
WORKER = "motools_local.worker"
BELOW_HOME = ("local", "runs")
"""Where each run has its directory."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """One training run, as it was asked for."""

    model: str
    """What transformers loads: an absolute path, or a name on the model hub."""
    model_name: str
    """What the user called it."""
    dataset_name: str
    hyperparameters: LocalHyperparameters
    suffix: str | None
    device: str
    threads: int
    save_every: int | None
    slots: str
    """The directory of the locks by which runs queue."""
    runs_at_once: int
    validation_name: str | None = None
    """What the validation set is called; None where there is none."""

    @property
    def output(self) -> str:
        """The name of the trained model's directory, in the run directory."""
        return f"model-{self.suffix}" if self.suffix else "model"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-safe dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> TrainingSpec:
        """Return the spec that `as_dict` gave."""
        known = {field.name for field in dataclasses.fields(cls)}
        kept = {name: value for name, value in fields.items() if name in known}
        hyperparameters = check(LocalHyperparameters, fields["hyperparameters"], who="local")
        return cls(**kept | {"hyperparameters": hyperparameters})


__all__ = ["BELOW_HOME", "CHECKPOINTS", "DATA", "METRICS", "VALIDATION", "WORKER", "TrainingSpec"]
