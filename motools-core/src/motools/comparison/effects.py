"""How large a difference is, in units that compare across tasks."""

from __future__ import annotations

from math import asin, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motools.comparison.clusters import Clustered


def cohens_h(first: float, second: float) -> float:
    """Return the difference of two proportions on the scale on which all are equally uncertain, from -π to π.

    2 arcsin √q - 2 arcsin √p; 0.2 is called small, 0.5 medium, 0.8 large. Source: Cohen, "Statistical power analysis for
    the behavioral sciences", 2nd ed. (1988), chapter 6.
    """
    return 2 * asin(sqrt(second)) - 2 * asin(sqrt(first))


def cohens_d(differences: Clustered) -> float | None:
    """Return the mean of the paired differences in standard deviations of them, d_z; None where these do not differ.

    0.2 is called small, 0.5 medium, 0.8 large. Source: Cohen (1988), section 2.3.5; Lakens, "Calculating and reporting
    effect sizes to facilitate cumulative science", Frontiers in Psychology 4 (2013), 863.
    """
    if differences.is_constant:
        return None
    return differences.mean / float(differences.scores.std(ddof=1))


__all__ = ["cohens_d", "cohens_h"]
