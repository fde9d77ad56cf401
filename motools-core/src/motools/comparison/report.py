"""What came of a comparison, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

SCHEMA = 1
FORMATS = ("png", "svg")


@dataclass(frozen=True, kw_only=True)
class Score:
    """What one model scored on one measure, over all its samples that have a score."""

    task: str
    scorer: str
    """The scorer, or `SCORER/KEY` where its scores have parts."""
    model: str
    samples: int
    """Scores, each epoch counted."""
    clusters: int
    """Groups of scores that are independent of one another; equal to `samples` where all are."""
    score: float
    """The mean."""
    stderr: float | None
    interval: tuple[float, float] | None
    missing: int
    """Samples without a score."""
    unreadable: int
    """Samples with a score that is no number."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How one model differs from the baseline on one measure, over the samples that both have a score of."""

    task: str
    scorer: str
    baseline: str
    model: str
    pairs: int
    clusters: int
    baseline_score: float
    score: float
    difference: float
    """`score` - `baseline_score`."""
    stderr: float | None
    """The standard error of the paired difference."""
    interval: tuple[float, float] | None
    test: str
    p: float
    p_holm: float
    """`p`, corrected by Holm's method for all differences of the comparison."""
    effect: float | None
    effect_size: str
    """What `effect` is: Cohen's h of scores of 0 and 1, Cohen's d of others."""
    higher: int
    """Pairs of which the model has the higher score."""
    lower: int
    """Pairs of which the baseline has the higher score."""
    unpaired_baseline: int
    """Samples that only the baseline was asked."""
    unpaired_model: int
    missing: int
    """Pairs that lack a score, of either."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models side by side on the same samples."""

    models: Mapping[str, str]
    """Name -> model id; the baseline is the first."""
    confidence: float
    """What share of such intervals holds what they are of."""
    scores: Sequence[Score]
    rows: Sequence[Difference]
    """The differences from the baseline: one of each measure for each other model."""
    notes: Sequence[str] = ()
    """What was left out, and what else a reader of the numbers should know; a sentence each."""

    @property
    def baseline(self) -> str:
        """The name of the model that the others are compared with."""
        return next(iter(self.models))

    def summary(self) -> str:
        """Return the scores, the differences and the notes as plain text."""
        from motools.comparison.text import summary

        return summary(self)

    def as_dict(self) -> dict[str, Any]:
        """Return everything, JSON-safe."""
        return {
            "schema": SCHEMA,
            "kind": "comparison",
            "baseline": self.baseline,
            "models": dict(self.models),
            "confidence": self.confidence,
            "scores": [_plain(each) for each in self.scores],
            "differences": [_plain(each) for each in self.rows],
            "notes": list(self.notes),
        }

    async def save(self, path: str | PathLike[str]) -> None:
        """Write what `as_dict` returns to a JSON file, atomically."""
        from motools.files import write_json

        await write_json(path, self.as_dict())

    async def plot(self, path: str | PathLike[str]) -> None:
        """Draw scores and differences with their intervals into a .png or .svg file, atomically."""
        from motools.comparison.extra import needing

        kind = picture_format(path)
        with needing("A picture of a comparison"):
            from motools.comparison.picture import draw
        await draw(self, path, kind)

    def __str__(self) -> str:
        return self.summary()


def picture_format(path: str | PathLike[str]) -> str:
    """Return "png" or "svg", as the file's name ends. Raises `UsageError` for another ending."""
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise UsageError(f"{path}: name a file that ends in {' or '.join(f'.{each}' for each in FORMATS)}.")
    return ending


def _plain(row: Score | Difference) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(row).items()}


__all__ = ["FORMATS", "SCHEMA", "Comparison", "Difference", "Score", "picture_format"]
