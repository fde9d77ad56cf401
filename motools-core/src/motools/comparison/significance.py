"""Tests of whether two models differ on the same samples, and the correction for having looked many times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from motools.comparison.clusters import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from motools.comparison.clusters import Clustered, Scores

DRAWS = 9_999
"""How often the bootstrap draws."""
FEW = 13
"""Clusters up to which every combination of signs is tried: there are fewer than `DRAWS` of them."""
SEED = 20_240_601
"""Where its random numbers begin: the same scores always give the same p."""
BLOCK = 4_000_000
"""How many signs are drawn at once; what the bootstrap needs in memory."""


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the p of the exact McNemar test, two-sided.

    Of the pairs that differ, are half in favour of each? Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947), 153-157; exact, from the binomial distribution with probability 1/2: twice its smaller tail. 1 where
    no pair differs.
    """
    fewer, more = sorted((only_first, only_second))
    # the regularised incomplete beta function is the binomial distribution's sum from 0 to `fewer`
    return min(1.0, 2 * float(special.betainc(more, fewer + 1, 0.5))) if more else 1.0


def paired_bootstrap(differences: Clustered) -> float:
    """Return the p of the paired wild bootstrap, two-sided.

    Is the mean of the paired differences zero? If the models do not differ, a cluster's differences might as well have the other sign. The sign of each cluster's sum is
    drawn anew, and p is the share of draws whose total is at least as far from zero as the one that was observed: over all
    combinations of signs where no more than `FEW` clusters differ, else (1 + k) / (1 + `DRAWS`) with k of `DRAWS` random
    ones. Of independent scores of 0 and 1 this is McNemar's test. Sources: Liu, "Bootstrap procedures
    under some non-i.i.d. models", Annals of Statistics 16 (1988), 1696-1708; Cameron, Gelbach & Miller, "Bootstrap-based
    improvements for inference with clustered errors", Review of Economics and Statistics 90 (2008), 414-427, with the
    null hypothesis imposed and Rademacher weights; Phipson & Smyth, "Permutation p-values should never be zero",
    Statistical Applications in Genetics and Molecular Biology 9 (2010), article 39, for the 1 that is added.
    """
    sums = differences.sums
    # in order of size and without sign: neither the order of samples nor which model comes first changes p
    sizes = np.sort(np.abs(sums))
    total = float(sizes.sum())
    sizes = sizes[sizes > ROUNDING * total]
    observed = abs(float(sums.sum())) - ROUNDING * total
    if not len(sizes):
        return 1.0
    is_exact = len(sizes) <= FEW
    signs = _all_signs(len(sizes)) if is_exact else _random_signs(len(sizes))
    extreme = sum(int((np.abs(2 * (block @ sizes) - total) >= observed).sum()) for block in signs)
    return extreme / 2 ** len(sizes) if is_exact else (1 + extreme) / (1 + DRAWS)


def _all_signs(number: int) -> Iterator[Scores]:
    """Yield every combination of signs, a row each: 1 for plus and 0 for minus."""
    yield ((np.arange(2**number)[:, None] >> np.arange(number)) & 1).astype(np.float64)


def _random_signs(number: int) -> Iterator[Scores]:
    """Yield `DRAWS` random combinations of signs, in blocks."""
    generator = np.random.default_rng(SEED)
    rows = max(1, BLOCK // number)
    for begin in range(0, DRAWS, rows):
        yield generator.integers(0, 2, size=(min(rows, DRAWS - begin), number), dtype=np.uint8).astype(np.float64)


def holm(values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, so that the chance of one false finding among them stays below each.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none becomes smaller than the one before it, or
    greater than 1. Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979), 65-70.
    """
    corrected = [0.0] * len(values)
    reached = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        reached = max(reached, min(1.0, values[place] * (len(values) - rank)))
        corrected[place] = reached
    return corrected


__all__ = ["DRAWS", "FEW", "SEED", "holm", "mcnemar", "paired_bootstrap"]
