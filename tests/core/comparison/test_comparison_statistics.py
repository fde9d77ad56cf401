"""The statistics against textbooks, and against scipy and statsmodels on random tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from motools.comparison.clusters import Clustered, covariance, standard_error
from motools.comparison.effects import cohens_d, cohens_h
from motools.comparison.intervals import effective_size, newcombe, of_proportion, student, wilson
from motools.comparison.significance import DRAWS, FEW, holm, mcnemar, paired_bootstrap

TABLES = range(40)
"""Seeds of random tables."""


def single(scores):
    """Scores that are all independent."""
    return Clustered(scores=np.array(scores, dtype=np.float64), codes=np.arange(len(scores)))


def fourfold(both, only_first, only_second, neither):
    """Two models' scores of 0 and 1, as many of each kind of pair."""
    first = [1] * both + [1] * only_first + [0] * only_second + [0] * neither
    second = [1] * both + [0] * only_first + [1] * only_second + [0] * neither
    return single(first), single(second)


def random_clusters(seed, *, is_binary=False):
    """Scores of two models in the same clusters, of different sizes and with something in common."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 6, size=random.integers(4, 30))
    codes = np.repeat(np.arange(len(sizes)), sizes)
    shared = random.normal(size=len(sizes))[codes]
    models = [shared + random.normal(scale=0.8, size=len(codes)) for _ in range(2)]
    if is_binary:
        models = [(values > 0).astype(np.float64) for values in models]
    return tuple(Clustered(scores=values, codes=codes) for values in models)


@pytest.mark.parametrize(
    ("hits", "size", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_what_newcombe_printed(hits, size, low, high):
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
    assert wilson(hits / size, size, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_none_and_of_all_ends_at_0_and_at_1_exactly():
    assert [wilson(0, size, 0.95)[0] for size in range(1, 50)] == [0] * 49
    assert [wilson(1, size, 0.95)[1] for size in range(1, 50)] == [1] * 49


@pytest.mark.slow
@pytest.mark.parametrize("seed", TABLES)
def test_wilson_is_that_of_scipy_and_statsmodels(seed):
    from statsmodels.stats.proportion import proportion_confint

    random = np.random.default_rng(seed)
    size = int(random.integers(1, 400))
    hits, confidence = int(random.integers(0, size + 1)), float(random.uniform(0.5, 0.999))
    ours = wilson(hits / size, size, confidence)
    theirs = stats.binomtest(hits, size).proportion_ci(confidence, method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert ours == pytest.approx(proportion_confint(hits, size, 1 - confidence, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), 2635-2650, method 10
        ((36, 12, 2, 0), 0.0569, 0.3404),
        # Fagerland, Lydersen & Laake, Statistics in Medicine 33 (2014), 2850-2875: airway hyper-responsiveness
        ((1, 1, 7, 12), -0.507, -0.026),
    ],
)
def test_newcombes_interval_gives_what_was_printed(table, low, high):
    first, second = fourfold(*table)
    # theirs is first less second
    assert newcombe(second, first, 0.95) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.slow
@given(table=st.tuples(*[st.integers(0, 40)] * 4).filter(any), confidence=st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=200, deadline=None)
def test_newcombes_interval_holds_the_difference_and_no_more_than_there_can_be(table, confidence):
    first, second = fourfold(*table)
    low, high = newcombe(first, second, confidence)
    assert -1 <= low <= second.mean - first.mean + 1e-12
    assert second.mean - first.mean - 1e-12 <= high <= 1
    assert newcombe(second, first, confidence) == pytest.approx((-high, -low), abs=1e-12)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ((1, 1, 7, 12), 0.0703),  # Fagerland, Lydersen & Laake: airway hyper-responsiveness
        ((59, 6, 16, 80), 0.0525),  # the same: response to consolidation therapy
        ((794, 86, 150, 570), 3.716e-5),  # Agresti, Categorical Data Analysis: the prime minister's approval
    ],
)
def test_mcnemar_gives_what_was_printed(table, expected):
    assert mcnemar(table[1], table[2]) == pytest.approx(expected, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", TABLES)
def test_mcnemar_is_that_of_statsmodels(seed):
    from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar

    table = np.random.default_rng(seed).integers(0, 30, size=(2, 2))
    ours = mcnemar(int(table[0, 1]), int(table[1, 0]))
    assert ours == pytest.approx(their_mcnemar(table, exact=True).pvalue, abs=1e-12)


def test_pairs_that_never_differ_show_no_difference():
    assert mcnemar(0, 0) == 1
    assert paired_bootstrap(single([0, 0, 0])) == 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", TABLES)
def test_the_clustered_error_is_that_of_statsmodels(seed):
    from statsmodels.api import OLS

    scores, _ = random_clusters(seed)
    fit = OLS(scores.scores, np.ones(scores.size)).fit(
        cov_type="cluster", cov_kwds={"groups": scores.codes}, use_t=True
    )
    assert standard_error(scores) == pytest.approx(fit.bse[0], rel=1e-9)
    assert student(scores, 0.9) == pytest.approx(tuple(fit.conf_int(0.1)[0]), rel=1e-9)


@pytest.mark.parametrize("seed", TABLES)
def test_without_clusters_it_is_the_textbooks_error_and_interval(seed):
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, int(random.integers(2, 50))))
    differences = single(second - first)
    assert standard_error(differences) == pytest.approx(stats.sem(second - first))
    theirs = stats.ttest_rel(second, first).confidence_interval(0.95)
    assert student(differences, 0.95) == pytest.approx((theirs.low, theirs.high))
    assert covariance(single(first), single(second)) == pytest.approx(np.cov(first, second)[0, 1] / len(first))


@pytest.mark.parametrize("seed", TABLES)
def test_the_bootstrap_over_all_signs_is_scipys_permutation_test(seed):
    random = np.random.default_rng(seed)
    differences = random.integers(-3, 4, size=int(random.integers(2, 9))).astype(np.float64)
    theirs = stats.permutation_test(
        (differences, np.zeros_like(differences)),
        lambda one, other, axis: np.mean(one - other, axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert paired_bootstrap(single(differences)) == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize("seed", TABLES)
def test_of_zeros_and_ones_the_bootstrap_is_mcnemars_test(seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 2, size=(2, int(random.integers(2, 120))))
    differences = second - first
    exact = mcnemar(int((differences < 0).sum()), int((differences > 0).sum()))
    is_drawn = np.count_nonzero(differences) > FEW
    error = 4 * np.sqrt(exact * (1 - exact) / DRAWS) + 2 / DRAWS if is_drawn else 1e-12
    assert paired_bootstrap(single(differences)) == pytest.approx(exact, abs=error)


def test_a_cluster_is_drawn_as_a_whole():
    copied = Clustered(scores=np.ones(50), codes=np.repeat(np.arange(5), 10))
    assert paired_bootstrap(copied) == paired_bootstrap(single([10] * 5)) == 2 / 2**5
    assert paired_bootstrap(single([1] * 50)) == 1 / (1 + DRAWS)


@pytest.mark.slow
def test_of_thousands_of_samples_the_bootstrap_is_nearly_students_test():
    differences = np.random.default_rng(9).normal(0.03, 1, size=5000)
    theirs = stats.ttest_1samp(differences, 0).pvalue
    assert 0.01 < theirs < 0.1
    assert paired_bootstrap(single(differences)) == pytest.approx(theirs, abs=0.01)


def test_the_bootstrap_is_the_same_every_time_in_either_direction_and_in_any_order():
    random = np.random.default_rng(7)
    differences = random.normal(0.2, 1, size=300)
    found = paired_bootstrap(single(differences))
    assert 0 < found < 1
    assert paired_bootstrap(single(differences)) == found
    assert paired_bootstrap(single(-differences)) == found
    assert paired_bootstrap(single(random.permutation(differences))) == found


@pytest.mark.slow
@pytest.mark.parametrize("seed", TABLES)
def test_holm_is_that_of_statsmodels(seed):
    from statsmodels.stats.multitest import multipletests

    random = np.random.default_rng(seed)
    # with some that are equal
    values = random.uniform(0, 0.3, size=int(random.integers(1, 20))).round(2).tolist()
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1], abs=1e-12)


def test_holm_corrects_as_in_a_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_samples_that_are_copies_of_one_another_count_once():
    original = np.array([1, 1, 0, 1, 0, 0, 1, 0, 1, 1], dtype=np.float64)
    copies = Clustered(scores=np.repeat(original, 8), codes=np.repeat(np.arange(10), 8))
    independent = single(np.repeat(original, 8))
    assert effective_size(independent, 0.95) == 80
    # the design effect is (n - 1) / (G - 1) here; Student's quantiles make it less still
    quantiles = stats.t.ppf(0.975, 79) / stats.t.ppf(0.975, 9)
    assert effective_size(copies, 0.95) == pytest.approx(80 / (79 / 9) * quantiles**2)
    low, high = of_proportion(copies, 0.95)
    once = wilson(0.6, 10, 0.95)
    assert low < once[0]
    assert high > once[1]


def test_clusters_that_are_more_alike_than_chance_would_have_it_tell_no_more_than_independent_samples():
    balanced = Clustered(scores=np.tile([0.0, 1.0], 30), codes=np.repeat(np.arange(30), 2))
    assert covariance(balanced, balanced) == 0
    assert effective_size(balanced, 0.95) == pytest.approx(60 * (stats.t.ppf(0.975, 59) / stats.t.ppf(0.975, 29)) ** 2)


def test_models_that_agree_cluster_by_cluster_have_a_narrower_interval_of_their_difference():
    codes = np.repeat(np.arange(20), 4)
    scores = np.random.default_rng(11).integers(0, 2, size=20)[codes].astype(np.float64)
    first = Clustered(scores=scores, codes=codes)
    differing = Clustered(scores=np.where(codes < 3, 1 - scores, scores), codes=codes)
    opposite = Clustered(scores=1 - differing.scores, codes=codes)
    widths = [high - low for low, high in (newcombe(first, other, 0.95) for other in (differing, opposite))]
    # φ is close to 1 in the one and close to -1 in the other: half-widths w√(2 - 2φ)
    assert widths[0] < 0.6 * widths[1]


def test_where_all_scores_agree_each_cluster_counts_once():
    never = Clustered(scores=np.zeros(60), codes=np.repeat(np.arange(20), 3))
    assert of_proportion(never, 0.95) == wilson(0, 20, 0.95)


def test_of_one_cluster_there_is_no_interval():
    epochs = Clustered(scores=np.array([0.0, 1.0, 1.0]), codes=np.zeros(3, dtype=np.intp))
    assert of_proportion(epochs, 0.95) is None
    assert student(epochs, 0.95) is None
    assert newcombe(epochs, epochs, 0.95) is None
    assert np.isnan(standard_error(epochs))
    assert paired_bootstrap(epochs) == 1


def test_scores_that_do_not_differ_have_no_interval_and_no_standardised_effect():
    same = single(np.array([0.8, 0.8, 0.8]) - np.array([0.7, 0.7, 0.7]) + np.array([0, 1e-17, 0]))
    assert student(same, 0.95) is None
    assert cohens_d(same) is None
    assert student(single([0.5]), 0.95) is None
    assert cohens_d(single([0.5])) is None


@pytest.mark.parametrize("seed", TABLES)
def test_an_interval_of_clustered_proportions_mirrors_when_models_change_places(seed):
    first, second = random_clusters(seed, is_binary=True)
    there, back = newcombe(first, second, 0.95), newcombe(second, first, 0.95)
    assert there == pytest.approx((-back[1], -back[0]), abs=1e-12)


def test_effects_are_those_of_cohens_tables():
    # Cohen (1988), table 6.2.2: φ(0.65) = 1.875, φ(0.45) = 1.471
    assert cohens_h(0.45, 0.65) == pytest.approx(1.875 - 1.471, abs=1e-3)
    assert cohens_h(0, 1) == pytest.approx(np.pi)
    assert cohens_d(single([1, 2, 3, 4])) == pytest.approx(2.5 / np.std([1, 2, 3, 4], ddof=1))
