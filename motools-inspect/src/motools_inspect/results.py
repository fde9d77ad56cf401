"""What an evaluation measured, without Inspect: metrics at hand, samples read from the job's file when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from motools import EvalResults
from motools.evals.samples import Samples
from motools.files import write_json
from motools_inspect.frames import as_frame, standard_errors

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

SAMPLES = "samples.jsonl"
"""The file in a job's directory with one JSON object for each sample."""
FEW = 200
"""So many samples at most are written into saved results; of more, only where they are."""


class InspectEvalResults(EvalResults):
    """What Inspect measured.

    A sample has `id`, `epoch`, `task`, `input`, `target`, `output`, `scores` (scorer -> value, with 1, 0.5 and 0 for
    Inspect's C, P and I), `answers` (scorer -> what it took as the answer) and `explanations`. `metadata` has the
    `logs`, which `inspect view` opens, the `usage` of each model in tokens, and the versions of tasks and packages.

    Saved results hold their samples where there are at most 200; of more they say in which file those are.
    """

    @property
    def usage(self) -> Mapping[str, Mapping[str, float]]:
        """Tokens and, where its price is known, dollars (`total_cost`) of each model."""
        found: Mapping[str, Mapping[str, float]] = self.metadata.get("usage", {})
        return found

    @property
    def cost(self) -> float | None:
        """Dollars of all models together; None where the price of none is known, see `model_cost_config`."""
        known = [used["total_cost"] for used in self.usage.values() if "total_cost" in used]
        return sum(known) if known else None

    def standard_errors(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """Return the standard error of each metric: the scorer's own, else that of a mean over the samples.

        None where a metric is neither. Reads every sample once; the epochs of a sample count as their mean.
        """
        return standard_errors(self.metrics, self.samples)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with a row for each sample, with a column for each score; needs `motools-inspect[pandas]`."""
        return as_frame(self.samples)

    @classmethod
    def of(cls, model_id: str, result: Mapping[str, Any], directory: Path) -> Self:
        """Return what a worker left in its job's directory."""
        samples = Samples(directory / SAMPLES, result["samples"])
        return cls(model_id=model_id, metrics=result["metrics"], samples=samples, metadata=result["metadata"])

    async def save(self, path: str | os.PathLike[str]) -> None:
        if len(self.samples) <= FEW or not isinstance(self.samples, Samples):
            await super().save(path)
            return
        await write_json(
            path,
            {
                "schema": 1,
                "kind": "results",
                "model_id": self.model_id,
                "metrics": self.metrics,
                "samples": [],
                "samples_file": self.samples.fields(),
                "metadata": self.metadata,
            },
        )


__all__ = ["FEW", "SAMPLES", "InspectEvalResults"]
