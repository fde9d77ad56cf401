"""How often an interval holds what it is of, and how often a test sees what is not there, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from motools.comparison.clusters import Clustered
from motools.comparison.intervals import newcombe, of_proportion, student
from motools.comparison.significance import mcnemar, paired_bootstrap

pytestmark = pytest.mark.slow

TIMES = 500
LEAST = 0.95 - 3.1 * np.sqrt(0.95 * 0.05 / TIMES)
"""What is below is no chance any more: one run in a thousand would be."""


def drawn(random, *, clusters, size, shares, alike):
    """Scores of 0 and 1 of two models; a cluster's share of ones varies around the models', the more the more `alike`."""
    place = random.random(clusters)
    codes = np.repeat(np.arange(clusters), size)
    models = []
    for share in shares:
        of_cluster = np.full(clusters, share)
        if alike:
            total = (1 - alike) / alike
            of_cluster = stats.beta.ppf(place, share * total, (1 - share) * total)
        scores = (random.random(len(codes)) < of_cluster[codes]).astype(np.float64)
        models.append(Clustered(scores=scores, codes=codes))
    return models


@pytest.mark.parametrize(
    "world",
    [
        {"clusters": 60, "size": 1, "shares": (0.3, 0.5), "alike": 0},
        {"clusters": 15, "size": 1, "shares": (0.1, 0.8), "alike": 0},
        {"clusters": 30, "size": 5, "shares": (0.3, 0.5), "alike": 0.5},
        {"clusters": 50, "size": 4, "shares": (0.03, 0.9), "alike": 0.9},
        {"clusters": 12, "size": 10, "shares": (0.5, 0.5), "alike": 0.3},
    ],
    ids=str,
)
def test_intervals_of_proportions_and_their_difference_hold_the_truth_as_often_as_they_say(world):
    random = np.random.default_rng(20)
    first, second = world["shares"]
    held_one = held_difference = 0
    for _ in range(TIMES):
        one, other = drawn(random, **world)
        low, high = of_proportion(one, 0.95)
        held_one += low <= first <= high
        low, high = newcombe(one, other, 0.95)
        held_difference += low <= second - first <= high
    assert held_one / TIMES >= LEAST - 0.01  # Wilson's is right on average over shares, not for each
    assert held_difference / TIMES >= LEAST


@pytest.mark.parametrize(("clusters", "size"), [(40, 1), (15, 6)])
def test_intervals_of_means_hold_the_truth_as_often_as_they_say(clusters, size):
    random = np.random.default_rng(21)
    codes = np.repeat(np.arange(clusters), size)
    held = 0
    for _ in range(TIMES):
        scores = 0.3 + random.normal(size=clusters)[codes] + random.normal(size=clusters * size)
        low, high = student(Clustered(scores=scores, codes=codes), 0.95)
        held += low <= 0.3 <= high
    assert LEAST <= held / TIMES <= 1 - (LEAST - 0.9)


def test_as_if_independent_the_same_interval_would_be_too_narrow():
    random = np.random.default_rng(22)
    held = 0
    for _ in range(TIMES):
        one, _ = drawn(random, clusters=30, size=8, shares=(0.4, 0.4), alike=0.7)
        low, high = of_proportion(Clustered(scores=one.scores, codes=np.arange(one.size)), 0.95)
        held += low <= 0.4 <= high
    assert held / TIMES < 0.75


def test_models_that_do_not_differ_are_told_apart_no_more_often_than_allowed():
    random = np.random.default_rng(23)
    times = 300
    found = {"binary": 0, "clustered": 0, "skewed": 0}
    for _ in range(times):
        one, other = drawn(random, clusters=40, size=1, shares=(0.4, 0.4), alike=0)
        change = other.scores - one.scores
        found["binary"] += mcnemar(int((change > 0).sum()), int((change < 0).sum())) <= 0.05
        one, other = drawn(random, clusters=12, size=5, shares=(0.4, 0.4), alike=0.5)
        found["clustered"] += paired_bootstrap(Clustered(scores=other.scores - one.scores, codes=one.codes)) <= 0.05
        change = random.exponential(size=30) - random.exponential(size=30)
        found["skewed"] += paired_bootstrap(Clustered(scores=change, codes=np.arange(30))) <= 0.05
    most = 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / times)
    assert {name: count for name, count in found.items() if count / times > most} == {}
