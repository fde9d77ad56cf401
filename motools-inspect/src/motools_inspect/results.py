"""What an evaluation measured, without Inspect: metrics at hand, samples read from the job's file when asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from motools import EvalResults
from motools.errors import HandleError
from motools.files import write_json
from motools_inspect.frames import as_frame, standard_errors

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

SAMPLES = "samples.jsonl"
"""The file in a job's directory with one JSON object for each sample."""
FEW = 200
"""So many samples at most are written into saved results; of more, only where they are."""


class Samples(Sequence[Mapping[str, Any]]):
    """The samples of a job, read from their file whenever they are asked for; never all in memory."""

    def __init__(self, path: str | os.PathLike[str], count: int) -> None:
        self.path = Path(path)
        self._count = count
        self._starts: array[int] | None = None

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return self._from(0)

    def _from(self, start: int) -> Iterator[Mapping[str, Any]]:
        """Yield the samples from a place in the file on."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                for line in file:
                    yield json.loads(line)
        except OSError as error:
            raise HandleError(
                f"The samples of this evaluation cannot be read: {self.path}: {error.strerror or error}. "
                "Its metrics stand; evaluate again, with refresh=True, to have samples."
            ) from error
        except ValueError as error:
            raise HandleError(f"{self.path}: holds something that is not a sample: {error}.") from error

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        if isinstance(index, slice):
            return [self[number] for number in range(self._count)[index]]
        return next(self._from(self._start_of(range(self._count)[index])))

    def _start_of(self, number: int) -> int:
        """Return where in the file a sample begins; eight bytes of each are remembered."""
        if self._starts is None:
            self._starts = array("Q", [0])
            with suppress(OSError), self.path.open("rb") as file:  # said when the sample is read
                for line in file:
                    self._starts.append(self._starts[-1] + len(line))
        return self._starts[number] if number < len(self._starts) else 0

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Sequence)
            and len(other) == len(self)
            and all(mine == theirs for mine, theirs in zip(self, other, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]  # compared by content, as a list is

    def __repr__(self) -> str:
        return f"<{self._count} samples in {self.path}>"


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
                "samples_file": {"path": str(self.samples.path), "count": len(self.samples)},
                "metadata": self.metadata,
            },
        )

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        results = super().from_fields(fields)
        elsewhere = fields.get("samples_file")
        if elsewhere:
            results.samples = Samples(elsewhere["path"], elsewhere["count"])
        return results


__all__ = ["FEW", "SAMPLES", "InspectEvalResults", "Samples"]
