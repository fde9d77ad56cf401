"""The samples of one evaluation, read once, from first to last: of each, what it was scored and what it stands with."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from motools.comparison.values import as_number, values_of
from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.evals.base import EvalResults

Place: TypeAlias = tuple[str, int]
"""Of a sample within its task: id and epoch."""


class Measure(NamedTuple):
    """What was measured: a task, and a scorer or one part of its scores (`SCORER/KEY`)."""

    task: str
    scorer: str

    def __str__(self) -> str:
        return f"{self.task} / {self.scorer}"


class Asked(NamedTuple):
    """What is known of a sample besides its scores."""

    cluster: str | None
    asked: bytes
    """A digest of its input; empty where the input is not told."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What one model was asked, and what it scored."""

    name: str
    model_id: str
    samples: dict[str, dict[Place, Asked]] = field(default_factory=dict)
    """By task."""
    scores: dict[Measure, dict[Place, float]] = field(default_factory=dict)
    unreadable: Counter[Measure] = field(default_factory=Counter)
    """How many scores were neither a number nor a word for one."""

    def missing(self, measure: Measure) -> int:
        """Return how many samples of the task have no score of this kind."""
        found = len(self.samples.get(measure.task, ())), len(self.scores.get(measure, ()))
        return found[0] - found[1] - self.unreadable[measure]


def read(name: str, results: EvalResults, *, cluster: str) -> Scored:
    """Read all samples; `cluster` is the key, of a sample or of its metadata, that names the cluster it belongs to.

    Raises `UsageError` where there are none, or where they cannot be told apart.
    """
    scored = Scored(name=name, model_id=results.model_id)
    only_task = next(iter(results.metrics)) if len(results.metrics) == 1 else None
    for number, sample in enumerate(results.samples, start=1):
        task, place = _placed(sample, only_task, f"Sample {number} of {name}")
        samples = scored.samples.setdefault(task, {})
        if place in samples:
            raise UsageError(
                f"{name} has two samples with the id {place[0]!r} in epoch {place[1]} of {task}: "
                "which of them belongs to which of the other model cannot be told."
            )
        samples[place] = Asked(_cluster(sample, cluster), _digest(sample.get("input")))
        _take_scores(scored, task, place, sample)
    if not scored.samples:
        raise UsageError(
            f"{name} has no samples, only metrics: there is nothing to compare sample by sample. "
            "Where these are saved results, give the job itself (its key in `motools runs`, or its saved handle)."
        )
    return scored


def _placed(sample: Mapping[str, Any], only_task: str | None, who: str) -> tuple[str, Place]:
    task, name, epoch = sample.get("task") or only_task, sample.get("id"), sample.get("epoch")
    if task is None:
        raise UsageError(f"{who} does not say which task it is of.")
    if name is None:
        raise UsageError(f"{who} has no id, by which it could be found among those of the other model.")
    try:
        return str(task), (str(name), 1 if epoch is None else int(epoch))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{who} has the epoch {epoch!r}, which is no number.") from error


def _cluster(sample: Mapping[str, Any], key: str) -> str | None:
    found = sample.get(key)
    if found is None:
        found = (sample.get("metadata") or {}).get(key)
    # NaN is how tables say that there is none
    return None if found is None or found != found else str(found)  # noqa: PLR0124  (only NaN differs from itself)


def _digest(asked: Any) -> bytes:
    if asked is None:
        return b""
    text = json.dumps(asked, sort_keys=True, default=str, ensure_ascii=False)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _take_scores(scored: Scored, task: str, place: Place, sample: Mapping[str, Any]) -> None:
    for scorer, score in (sample.get("scores") or {}).items():
        for name, value in values_of(score, str(scorer)):
            measure = Measure(task, name)
            try:
                number = as_number(value)
            except ValueError:
                scored.unreadable[measure] += 1
                continue
            if number is not None:
                scored.scores.setdefault(measure, {})[place] = number


__all__ = ["Asked", "Measure", "Place", "Scored", "read"]
