"""What a finished run leaves behind, as its directory tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.detached import read_rows
from motools_tinker.encoding import facts_of
from motools_tinker.spec import DATA, METRICS

if TYPE_CHECKING:
    from pathlib import Path

    from motools_tinker.spec import TrainingSpec
    from motools_tinker.states import States


def result_of(directory: Path, spec: TrainingSpec, states: States) -> dict[str, Any]:
    """Return the JSON-safe result of a run whose model is there."""
    rows = read_rows(directory / METRICS)
    model = states.model
    result = {
        "model": model.path if model else None,
        "state": next((each.path for each in states.resumable if each.final), None),
        "base_model": spec.model,
        "steps": model.step if model else None,
        "loss": rows[-1]["loss"] if rows else None,
        "training_runs": states.clients,
    }
    facts = facts_of(directory / DATA)
    if facts is None:
        return result
    about_data = {"conversations": facts.examples, "truncated": facts.truncated, "left_out": facts.left_out}
    return result | about_data | {"tokenizer": facts.tokenizer}


__all__ = ["result_of"]
