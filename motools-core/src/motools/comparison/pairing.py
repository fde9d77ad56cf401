"""Two models side by side: of each sample of a task, by id and epoch, what one scored and what the other did.

Nothing is dropped in silence: samples that only one of the two was asked are counted, and pairs that lack a score.

Several epochs of one sample are not independent of one another, so they form a cluster; so do the samples that name the
same `cluster`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from motools.comparison.clusters import Clustered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from motools.comparison.clusters import Codes
    from motools.comparison.reading import Measure, Place, Scored


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The scores of two models on the same samples, in the same order."""

    first: Clustered
    second: Clustered
    unpaired_first: int
    """Samples that only the first model was asked."""
    unpaired_second: int
    missing: int
    """Pairs of which one sample, or both, have no score that can be read."""

    @property
    def differences(self) -> Clustered:
        """What the second model scored above the first, sample by sample."""
        return Clustered(scores=self.second.scores - self.first.scores, codes=self.first.codes)


def pair(first: Scored, second: Scored, measure: Measure) -> Pairs | None:
    """Return the pairs of a measure; None where there are none with two scores."""
    asked_first, asked_second = (each.samples.get(measure.task, {}) for each in (first, second))
    common = asked_first.keys() & asked_second.keys()
    scores = [each.scores.get(measure, {}) for each in (first, second)]
    # in an order of their own, so that no sum depends on the order of samples
    places = sorted(place for place in common if all(place in found for found in scores))
    if not places:
        return None
    codes = _codes(places, measure.task, first, second)
    one, other = (
        Clustered(scores=np.array([found[place] for place in places], dtype=np.float64), codes=codes)
        for found in scores
    )
    return Pairs(
        first=one,
        second=other,
        unpaired_first=len(asked_first) - len(common),
        unpaired_second=len(asked_second) - len(common),
        missing=len(common) - len(places),
    )


def alone(scored: Scored, measure: Measure) -> Clustered | None:
    """Return all scores of one model; None where there are none."""
    found = scored.scores.get(measure)
    if not found:
        return None
    places = sorted(found)
    return Clustered(
        scores=np.array([found[place] for place in places], dtype=np.float64),
        codes=_codes(places, measure.task, scored),
    )


def asked_differently(first: Scored, second: Scored, task: str) -> int:
    """Return of how many pairs the inputs are told, and not the same."""
    one, other = first.samples.get(task, {}), second.samples.get(task, {})
    inputs = ((one[place].asked, other[place].asked) for place in one.keys() & other.keys())
    return sum(bool(mine and theirs and mine != theirs) for mine, theirs in inputs)


def _codes(places: Iterable[Place], task: str, *models: Scored) -> Codes:
    """Return the number of each sample's cluster: the one that it names (to the first model that tells), else its id."""
    numbers: dict[tuple[bool, str], int] = {}
    asked = [each.samples[task] for each in models]
    codes = []
    for place in places:
        named = next((each[place].cluster for each in asked if each[place].cluster is not None), None)
        cluster = (False, place[0]) if named is None else (True, named)
        codes.append(numbers.setdefault(cluster, len(numbers)))
    return np.array(codes, dtype=np.intp)


__all__ = ["Pairs", "alone", "asked_differently", "pair"]
