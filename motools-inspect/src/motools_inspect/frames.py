"""The samples of an evaluation as numbers: standard errors, and a table for pandas."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Metrics = Mapping[str, Mapping[str, Mapping[str, float | None]]]

OF_A_MEAN = ("accuracy", "mean")
"""Metrics that are the mean of what the samples scored."""
ERROR = "stderr"


class Means:
    """The mean of each sample over its epochs, of one scorer."""

    def __init__(self) -> None:
        self._sums: dict[Any, tuple[float, int]] = {}

    def add(self, sample: Any, score: float) -> None:
        """Take the score of one epoch."""
        total, number = self._sums.get(sample, (0.0, 0))
        self._sums[sample] = total + score, number + 1

    def error(self) -> float | None:
        """Return the standard error of the mean of all; None of fewer than two samples."""
        means = [total / number for total, number in self._sums.values()]
        if len(means) < 2:  # noqa: PLR2004  (one tells nothing of the others)
            return None
        centre = math.fsum(means) / len(means)
        spread = math.fsum((each - centre) ** 2 for each in means) / (len(means) - 1)
        return math.sqrt(spread / len(means))


def standard_errors(
    metrics: Metrics, samples: Iterable[Mapping[str, Any]]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return the standard error of each metric, as `InspectEvalResults.standard_errors` describes."""
    means: dict[tuple[str, str], Means] = {}
    for sample in samples:
        for name, score in numbers_of(sample["scores"]):
            means.setdefault((sample["task"], name), Means()).add(sample["id"], score)

    def error(task: str, scorer: str, metric: str, own: float | None) -> float | None:
        if metric not in OF_A_MEAN:
            return None
        found = means.get((task, scorer))
        return own if own is not None or found is None else found.error()

    return {
        task: {
            scorer: {metric: error(task, scorer, metric, values.get(ERROR)) for metric in values if metric != ERROR}
            for scorer, values in scorers.items()
        }
        for task, scorers in metrics.items()
    }


def numbers_of(scores: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield every score that is a number, under each name that metrics may have for it."""
    for scorer, value in scores.items():
        if isinstance(value, (int, float)):
            yield scorer, float(value)
        elif isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, (int, float)):
                    yield name, float(inner)
                    yield f"{scorer}/{name}", float(inner)


def as_frame(samples: Iterable[Mapping[str, Any]]) -> Any:
    """Return samples as a `pandas.DataFrame`, with `score_SCORER` and `answer_SCORER` in columns of their own."""
    try:
        from pandas import DataFrame  # type: ignore[import-untyped]  # optional, and its stubs with it
    except ImportError as error:
        raise UsageError(f"{error}. Install it with: pip install 'motools-inspect[pandas]'") from error
    return DataFrame([_flat(sample) for sample in samples])


def _flat(sample: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        name: value for name, value in sample.items() if name not in {"scores", "answers", "explanations", "metadata"}
    }
    for scorer, value in sample["scores"].items():
        parts = (
            {f"{scorer}/{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {scorer: value}
        )
        row |= {f"score_{name}": inner for name, inner in parts.items()}
    return row | {f"answer_{scorer}": answer for scorer, answer in sample.get("answers", {}).items()}


__all__ = ["as_frame", "numbers_of", "standard_errors"]
