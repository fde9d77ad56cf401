"""Means whose scores are not all independent: the standard error of a mean over clusters.

A cluster holds the scores that stand or fall together: the epochs of one sample, the questions about one passage. Scores
of different clusters are taken for independent. Where each score is a cluster of its own, everything here is what the
textbooks say of independent scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Codes = NDArray[np.intp]
"""Of each score, the number of its cluster: 0, 1, 2, …, none left out."""
ROUNDING = 1e-9
"""What is smaller, as a share of what it is a part of, is nothing but rounding."""


@dataclass(frozen=True, kw_only=True)
class Clustered:
    """Scores, and the cluster that each belongs to."""

    scores: Scores
    codes: Codes

    @property
    def size(self) -> int:
        """How many scores there are."""
        return len(self.scores)

    @cached_property
    def clusters(self) -> int:
        """How many clusters there are."""
        return int(self.codes.max()) + 1

    @property
    def is_independent(self) -> bool:
        """Whether every score is a cluster of its own."""
        return self.clusters == self.size

    @cached_property
    def mean(self) -> float:
        """The mean of all scores: a cluster weighs as much as it has scores."""
        return float(self.scores.mean())

    @cached_property
    def sums(self) -> Scores:
        """The sum of each cluster's scores."""
        return _sums(self.codes, self.scores)

    @cached_property
    def residuals(self) -> Scores:
        """The sum of each cluster's deviations from the mean."""
        return _sums(self.codes, self.scores - self.mean)

    @property
    def is_constant(self) -> bool:
        """Whether all scores are the same, but for rounding."""
        return float(np.ptp(self.scores)) <= ROUNDING * float(np.abs(self.scores).max())


def _sums(codes: Codes, values: Scores) -> Scores:
    return np.asarray(np.bincount(codes, weights=values), dtype=np.float64)


def covariance(one: Clustered, other: Clustered) -> float:
    """Return the covariance of two means over the same clusters: G/(G-1) · Σ_c r_c s_c / (n m), NaN of one cluster.

    r_c and s_c are the sums of the deviations of cluster c, G is the number of clusters, n and m that of the scores.
    Source: Liang & Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73 (1986), 13-22,
    with the factor for a finite number of clusters. Of one mean it is the variance, as in appendix A of Miller, "Adding
    error bars to evals" (arXiv 2411.00640), and as Inspect's `stderr(cluster=…)` has it.
    """
    number = one.clusters
    if number < 2:  # noqa: PLR2004  (of one cluster nothing is known about how clusters differ)
        return float("nan")
    return float(one.residuals @ other.residuals) * number / (number - 1) / (one.size * other.size)


def standard_error(of: Clustered) -> float:
    """Return the standard error of the mean, NaN of one cluster; s / √n where all scores are independent."""
    return float(np.sqrt(covariance(of, of)))


__all__ = ["ROUNDING", "Clustered", "Codes", "Scores", "covariance", "standard_error"]
