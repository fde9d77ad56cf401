"""What a run directory's spec.json says: all that the driver needs to know, and nothing secret."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.settings import check
from motools_tinker.settings import TinkerHyperparameters, TinkerOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = "data.jsonl"
"""The conversations, copied into the run directory, so that a resumed run trains on what it began with."""
VALIDATION = "validation.jsonl"
METRICS = "metrics.jsonl"
STATES = "states.jsonl"
WORKER = "motools_tinker.worker"
BELOW_HOME = ("tinker", "runs")
"""Where each run has its directory."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """One training run, as it was asked for."""

    model: str
    dataset_name: str
    validation_name: str | None
    suffix: str | None
    hyperparameters: TinkerHyperparameters
    options: TinkerOptions
    """With the addresses that the environment named when the run was asked for."""
    renderer_path: str | None = None
    """The directory in which the renderer's module was found."""
    renderer_sha256: str | None = None
    adopted: str | None = None
    """The path of a model that somebody else trained: then there is nothing to do."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-safe dictionary."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> TrainingSpec:
        """Return the spec that `as_dict` gave."""
        known = {field.name for field in dataclasses.fields(cls)}
        kept = {name: value for name, value in fields.items() if name in known}
        checked = {
            "hyperparameters": check(TinkerHyperparameters, fields["hyperparameters"], who="tinker"),
            "options": check(TinkerOptions, fields["options"], who="tinker", what="option"),
        }
        return cls(**kept | checked)


__all__ = ["BELOW_HOME", "DATA", "METRICS", "STATES", "VALIDATION", "WORKER", "TrainingSpec"]
