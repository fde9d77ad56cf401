"""Confidence intervals: of a proportion, of a mean, and of the difference between two of them on the same samples.

                     one model                     the difference
0 and 1              wilson                        newcombe
0 and 1, clusters    wilson, of fewer samples      newcombe, with the correlation between clusters
anything else        student                       student, of the paired differences
"""

from __future__ import annotations

from math import isnan, sqrt
from typing import TypeAlias

import numpy as np
from scipy import special

from motools.comparison.clusters import ROUNDING, Clustered, covariance, standard_error

Interval: TypeAlias = tuple[float, float]


def wilson(proportion: float, size: float, confidence: float) -> Interval:
    """Return Wilson's score interval of a proportion of `size` samples, which need not be a whole number.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n). Source: Wilson, "Probable inference, the law of succession, and
    statistical inference", Journal of the American Statistical Association 22 (1927), 209-212.
    """
    z = float(special.ndtri((1 + confidence) / 2))
    centre = proportion + z * z / (2 * size)
    reach = z * sqrt(proportion * (1 - proportion) / size + (z / (2 * size)) ** 2)
    share = 1 + z * z / size
    # of none and of all, one limit is 0 or 1 but for rounding
    low = (centre - reach) / share if proportion > 0 else 0.0
    high = (centre + reach) / share if proportion < 1 else 1.0
    return low, high


def effective_size(scores: Clustered, confidence: float) -> float:
    """Return how many independent samples would tell as much about a proportion as these clusters do.

    n / d · (t_{n-1} / t_{G-1})², with the design effect d = (clustered variance of the mean) / (its variance if all n
    were independent), taken as 1 where it is less, and the quantiles t of Student's distribution for what G clusters
    leave uncertain about d. Where all scores are the same, nothing shows how much those of a cluster depend on one
    another, and each cluster counts as one sample (Korn & Graubard count every score). NaN of one cluster. Sources: Kish, "Survey sampling" (1965), for d;
    Korn & Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data", Survey Methodology 24 (1998), 193-201, for the size; Dean & Pagano, "Evaluating confidence interval
    methods for binomial proportions in clustered surveys", Journal of Survey Statistics and Methodology 3 (2015),
    484-503, for its use in Wilson's interval.
    """
    size = scores.size
    if scores.is_independent:
        return float(size)
    if scores.clusters < 2:  # noqa: PLR2004  (of one cluster nothing is known about how clusters differ)
        return float("nan")
    if scores.mean in {0.0, 1.0}:
        return float(scores.clusters)
    independent = scores.mean * (1 - scores.mean) / (size - 1)
    design_effect = max(1.0, covariance(scores, scores) / independent)
    uncertain = _students_quantile(size - 1, confidence) / _students_quantile(scores.clusters - 1, confidence)
    return size / design_effect * uncertain**2


def of_proportion(scores: Clustered, confidence: float) -> Interval | None:
    """Return the interval of the share of ones; None of one cluster with several scores."""
    size = effective_size(scores, confidence)
    return None if isnan(size) else wilson(scores.mean, size, confidence)


def student(scores: Clustered, confidence: float) -> Interval | None:
    """Return the interval of a mean, or of a mean difference: mean ± t · (clustered standard error).

    t is the quantile of Student's distribution with one degree of freedom less than there are clusters. None where the
    scores, or the clusters, do not differ, or there is one cluster: then nothing shows how uncertain the mean is. Sources: Student, "The
    probable error of a mean", Biometrika 6 (1908), 1-25; Cameron & Miller, "A practitioner's guide to cluster-robust
    inference", Journal of Human Resources 50 (2015), 317-372, for the degrees of freedom.
    """
    error = standard_error(scores)
    if isnan(error) or scores.is_constant or error <= ROUNDING * float(np.abs(scores.scores).max()):
        return None
    reach = _students_quantile(scores.clusters - 1, confidence) * error
    return scores.mean - reach, scores.mean + reach


def _students_quantile(degrees: int, confidence: float) -> float:
    return float(special.stdtrit(degrees, (1 + confidence) / 2))


def newcombe(first: Clustered, second: Clustered, confidence: float) -> Interval | None:
    """Return the interval of the difference `second - first` of two proportions on the same samples, pair by pair.

    With d = q - p, the interval (l, u) of each proportion, and the correlation φ of the two:

        d - √((q - l_q)² - 2φ (q - l_q)(u_p - p) + (u_p - p)²)   to   d + √((u_q - q)² - 2φ (u_q - q)(p - l_p) + (p - l_p)²)

    Source: Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired
    data", Statistics in Medicine 17 (1998), 2635-2650, method 10. It holds for any two estimates whose correlation is known,
    hence for clusters: Zou, "Toward using confidence intervals to compare correlations", Psychological Methods 12 (2007),
    399-413. None where a proportion has no interval.
    """
    of_first, of_second = of_proportion(first, confidence), of_proportion(second, confidence)
    if of_first is None or of_second is None:
        return None
    (low_first, high_first), (low_second, high_second) = of_first, of_second
    p, q, correlation = first.mean, second.mean, _correlation(first, second)
    down = _combined(q - low_second, high_first - p, correlation)
    up = _combined(high_second - q, p - low_first, correlation)
    return max(-1.0, q - p - down), min(1.0, q - p + up)


def _combined(one: float, other: float, correlation: float) -> float:
    return sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def _correlation(first: Clustered, second: Clustered) -> float:
    """Return φ; where each sample is a cluster of its own, with Newcombe's correction for continuity."""
    errors = standard_error(first) * standard_error(second)
    if first.is_constant or second.is_constant or errors <= ROUNDING:
        return 0.0
    if not first.is_independent:
        return covariance(first, second) / errors
    size = first.size
    both = float(first.scores @ second.scores)
    # n² times the covariance within the fourfold table: (both · neither) - (only first · only second)
    product = both * size - float(first.scores.sum() * second.scores.sum())
    corrected = max(product - size / 2, 0.0) if product > 0 else product
    return corrected / (size * size * sqrt(first.mean * (1 - first.mean) * second.mean * (1 - second.mean)))


__all__ = ["Interval", "effective_size", "newcombe", "of_proportion", "student", "wilson"]
