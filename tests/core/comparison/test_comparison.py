"""`motools.compare`: what is paired, which interval and test it gets, and what is said of the rest."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import motools
from motools import EvalResults
from motools.comparison.pairing import pair
from motools.comparison.reading import Measure, read
from motools.comparison.significance import holm, mcnemar
from motools.errors import UsageError

BASE = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]
ORGANISM = [1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1]


async def refused(*arguments, **keywords):
    with pytest.raises(UsageError) as caught:
        await motools.compare(*arguments, **keywords)
    return str(caught.value)


async def test_scores_of_zero_and_one_get_mcnemars_test_and_newcombes_interval(evaluated):
    found = await motools.compare({"base": evaluated("m", BASE), "organism": evaluated("ft:m", ORGANISM)})
    (row,) = found.rows
    assert (row.baseline, row.model, row.pairs, row.clusters) == ("base", "organism", 12, 12)
    assert (row.baseline_score, row.score) == (2 / 12, 11 / 12)
    assert row.difference == pytest.approx(9 / 12)
    assert (row.higher, row.lower) == (9, 0)
    assert row.test == "exact McNemar"
    assert row.p == mcnemar(0, 9) == row.p_holm
    assert row.effect_size == "Cohen's h"
    assert row.interval[0] < row.difference < row.interval[1]
    assert found.models == {"base": "m", "organism": "ft:m"}
    base, organism = found.scores
    assert base.interval == pytest.approx((0.0470, 0.4480), abs=1e-4)
    assert (organism.samples, organism.missing, organism.unreadable) == (12, 0, 0)


async def test_other_scores_get_the_paired_bootstrap_and_students_interval(evaluated):
    found = await motools.compare([evaluated("a", [0.1, 0.5, 0.3]), evaluated("b", [0.4, 0.9, 0.2])])
    (row,) = found.rows
    assert row.test == "paired bootstrap"
    assert row.p == 4 / 8
    assert row.effect_size == "Cohen's d"
    assert row.effect == pytest.approx(0.2 / np.std([0.3, 0.4, -0.1], ddof=1))
    assert row.interval == pytest.approx((-0.4572, 0.8572), abs=1e-4)


async def test_whether_scores_are_zeros_and_ones_is_decided_for_all_models_alike(evaluated):
    found = await motools.compare([evaluated("a", BASE), evaluated("b", ORGANISM), evaluated("c", [0.5, *BASE[1:]])])
    assert {row.test for row in found.rows} == {"paired bootstrap"}


async def test_pairs_are_found_by_id_whatever_the_order(evaluated):
    base, organism = dict(enumerate(BASE)), dict(enumerate(ORGANISM))
    straight = await motools.compare([evaluated("a", base), evaluated("b", organism)])
    shuffled = dict(reversed(list(organism.items())))
    turned = await motools.compare([evaluated("a", base), evaluated("b", shuffled)])
    assert turned == straight


def test_no_sum_depends_on_the_order_in_which_python_keeps_sets(evaluated):
    ids = [f"question {number:03}" for number in range(100)]
    a, b = (read(name, evaluated(name, dict(zip(ids, range(100), strict=True))), cluster="cluster") for name in "ab")
    pairs = pair(a, b, Measure("hello", "match"))
    assert list(pairs.first.scores) == list(range(100))
    assert list(pairs.first.codes) == list(range(100))


async def test_changing_places_turns_signs_and_names_change_nothing(evaluated):
    random = np.random.default_rng(3)
    a, b = (evaluated(name, list(random.normal(size=30))) for name in "ab")
    there, back = [(await motools.compare(pair)).rows[0] for pair in ([a, b], [b, a])]
    assert back.p == there.p
    assert back.difference == pytest.approx(-there.difference)
    assert back.interval == pytest.approx((-there.interval[1], -there.interval[0]))
    assert (back.effect, back.higher, back.lower) == (pytest.approx(-there.effect), there.lower, there.higher)
    named = (await motools.compare({"x": a, "y": b})).rows[0]
    assert (named.p, named.interval, named.model) == (there.p, there.interval, "y")


async def test_epochs_of_a_sample_are_one_cluster(evaluated):
    random = np.random.default_rng(4)
    places = [(number, epoch) for number in range(20) for epoch in (1, 2, 3)]
    base, organism = ({place: int(random.random() < share) for place in places} for share in (0.2, 0.7))
    found = await motools.compare([evaluated("base", base), evaluated("organism", organism)])
    (row,) = found.rows
    assert (row.pairs, row.clusters, row.test) == (60, 20, "paired bootstrap")
    assert [(each.samples, each.clusters) for each in found.scores] == [(60, 20), (60, 20)]
    assert any("epochs of one sample are not independent" in note and "20 groups" in note for note in found.notes)


async def test_epochs_that_repeat_themselves_make_nothing_more_certain(evaluated):
    once = await motools.compare([evaluated("a", BASE), evaluated("b", ORGANISM)])
    a, b = (
        {(number, epoch): score for number, score in enumerate(scores) for epoch in range(1, 11)}
        for scores in (BASE, ORGANISM)
    )
    repeated = await motools.compare([evaluated("a", a), evaluated("b", b)])
    (one,), (many,) = once.rows, repeated.rows
    assert many.p == pytest.approx(one.p)
    assert many.difference == pytest.approx(one.difference)
    assert many.stderr == pytest.approx(one.stderr)


@pytest.mark.parametrize("told", [{"cluster": lambda number: number // 4}, {"metadata": lambda n: {"cluster": n // 4}}])
async def test_samples_that_name_a_cluster_belong_together(evaluated, told):
    found = await motools.compare([evaluated("a", BASE, **told), evaluated("b", ORGANISM)])
    (row,) = found.rows
    assert (row.pairs, row.clusters, row.test) == (12, 4, "paired bootstrap")
    assert any("scores of one cluster are not independent" in note and "fewer than 10" in note for note in found.notes)


async def test_the_key_of_the_cluster_can_be_named(evaluated):
    told = {"metadata": lambda number: {"passage": number % 3, "cluster": "all"}}
    a, b = evaluated("a", BASE, **told), evaluated("b", ORGANISM, **told)
    assert (await motools.compare([a, b], cluster="passage")).rows[0].clusters == 3
    assert (await motools.compare([a, b], cluster="author")).rows[0].clusters == 12


async def test_what_has_no_partner_is_counted_and_said(evaluated):
    base, organism = dict(enumerate(BASE)), dict(enumerate(ORGANISM[3:], start=3)) | {"new": 1}
    found = await motools.compare({"base": evaluated("a", base), "organism": evaluated("b", organism)})
    (row,) = found.rows
    assert (row.pairs, row.unpaired_baseline, row.unpaired_model) == (9, 3, 1)
    assert row.baseline_score == 2 / 9
    assert found.scores[0].score == 2 / 12
    assert "hello: 3 samples of base have no partner in organism, and no part in the difference." in found.notes
    assert "hello: 1 sample of organism has no partner in base, and no part in the difference." in found.notes


async def test_missing_and_unreadable_scores_are_counted_and_said(evaluated):
    base = [None, math.nan, "excellent", 1, 0, 1]
    found = await motools.compare({"base": evaluated("a", base), "organism": evaluated("b", [1, 1, 1, 1, 1, None])})
    (row,) = found.rows
    assert (row.pairs, row.missing) == (2, 4)
    assert [(each.samples, each.missing, each.unreadable) for each in found.scores] == [(3, 2, 1), (5, 1, 0)]
    assert "hello / match: 2 samples of base have no score." in found.notes
    assert "hello / match: 1 sample of base has a score that is no number; left out." in found.notes
    assert "hello / match: 1 sample of organism has no score." in found.notes


async def test_a_sample_without_any_scores_is_a_missing_one(evaluated):
    base = evaluated("a", BASE)
    base.samples[0]["scores"] = None
    found = await motools.compare([base, evaluated("b", ORGANISM)])
    assert (found.rows[0].pairs, found.rows[0].missing, found.scores[0].missing) == (11, 1, 1)


async def test_letters_count_as_they_do_in_inspect(evaluated):
    found = await motools.compare([evaluated("a", ["C", "I", "P", "N"]), evaluated("b", ["C", "C", "C", "C"])])
    assert found.rows[0].baseline_score == 0.375


async def test_each_part_of_a_score_is_a_measure_of_its_own(evaluated):
    a = evaluated("a", [{"style": 3, "truth": "C"}, {"style": 5, "truth": "I"}, {"style": 1}], scorer="judge")
    b = evaluated("b", [{"style": 4, "truth": "C"}, {"style": 2, "truth": "C"}, {"style": 2}], scorer="judge")
    found = await motools.compare([a, b])
    assert [(row.scorer, row.pairs, row.missing) for row in found.rows] == [
        ("judge/style", 3, 0),
        ("judge/truth", 2, 1),
    ]
    assert [row.test for row in found.rows] == ["paired bootstrap", "exact McNemar"]
    only = await motools.compare([a, b], by=["judge/truth"])
    assert [row.scorer for row in only.rows] == ["judge/truth"]
    assert len((await motools.compare([a, b], by=["judge"])).rows) == 2


async def test_several_models_are_corrected_for_together(evaluated):
    random = np.random.default_rng(5)
    models = [
        evaluated(f"model-{number}", list(random.integers(0, 2, size=40)), task=task)
        for number in range(3)
        for task in ("one",)
    ]
    found = await motools.compare(models)
    assert [row.model for row in found.rows] == ["model-1", "model-2"]
    assert [row.p_holm for row in found.rows] == holm([row.p for row in found.rows])
    assert "corrected for the 2 differences shown" in found.notes[-1]


def together(*parts):
    """One evaluation of several tasks."""
    return EvalResults(
        model_id=parts[0].model_id,
        metrics={task: value for part in parts for task, value in part.metrics.items()},
        samples=[sample for part in parts for sample in part.samples],
    )


async def test_tasks_are_compared_each_by_itself_and_can_be_chosen(evaluated):
    a = together(evaluated("a", BASE), evaluated("a", ORGANISM, task="other", scorer="f1"))
    b = together(evaluated("b", ORGANISM), evaluated("b", BASE, task="other", scorer="f1"))
    found = await motools.compare([a, b])
    assert [(row.task, row.scorer, row.higher) for row in found.rows] == [("hello", "match", 9), ("other", "f1", 0)]
    assert [row.task for row in (await motools.compare([a, b], tasks=["other"])).rows] == ["other"]


async def test_what_only_one_was_measured_by_is_said(evaluated):
    a = together(evaluated("a", BASE), evaluated("a", BASE, task="other"))
    found = await motools.compare([a, evaluated("b", ORGANISM)])
    assert len(found.rows) == 1
    assert "other / match: not measured of b." in found.notes


async def test_a_measure_whose_scores_never_meet_is_said(evaluated):
    a = together(evaluated("a", BASE), evaluated("a", [1, 0, None, None], task="other"))
    b = together(evaluated("b", ORGANISM), evaluated("b", [None, None, 1, 0], task="other"))
    found = await motools.compare([a, b])
    assert [row.task for row in found.rows] == ["hello"]
    assert "other / match: no sample has a score of both a and b." in found.notes


async def test_another_input_under_the_same_id_is_said(evaluated):
    a = evaluated("a", BASE, input=lambda number: f"question {number}")
    b = evaluated("b", ORGANISM, input=lambda number: f"question {number}" if number > 2 else "something else")
    found = await motools.compare([a, b])
    assert any(note.startswith("hello: 2 samples have another input in b than in a") for note in found.notes)
    silent = await motools.compare([a, evaluated("b", ORGANISM)])
    assert not any("another input" in note for note in silent.notes)


async def test_the_baseline_is_the_first_or_the_one_that_is_named(evaluated):
    a, b, c = (evaluated(name, scores) for name, scores in (("a", BASE), ("b", ORGANISM), ("c", BASE)))
    assert (await motools.compare([a, b])).baseline == "a"
    assert list((await motools.compare([a, b, c], baseline=b)).models) == ["b", "a", "c"]
    assert list((await motools.compare({"x": a, "y": b}, baseline="y")).models) == ["y", "x"]
    assert list((await motools.compare({"x": a, "y": b}, baseline=b)).models) == ["y", "x"]
    assert list((await motools.compare([a, b], baseline=c)).models) == ["c", "a", "b"]


async def test_models_of_one_name_are_told_apart(evaluated):
    found = await motools.compare([evaluated("m", BASE), evaluated("m", ORGANISM)])
    assert list(found.models) == ["m (1)", "m (2)"]


async def test_samples_are_read_once_and_need_not_be_a_list(evaluated):
    class Lazily:
        def __init__(self, samples):
            self.samples, self.times = samples, 0

        def __iter__(self):
            self.times += 1
            return iter(self.samples)

    a, b = evaluated("a", BASE), evaluated("b", ORGANISM)
    expected = await motools.compare([a, b])
    a.samples, b.samples = Lazily(a.samples), Lazily(b.samples)
    assert await motools.compare([a, b]) == expected
    assert (a.samples.times, b.samples.times) == (1, 1)


async def test_the_summary_is_a_table_that_people_read(evaluated):
    found = await motools.compare({"base": evaluated("a", BASE), "organism": evaluated("b", ORGANISM)})
    assert found.summary() == str(found)
    assert found.summary().splitlines() == [
        "scores, with 95 % intervals",
        "task   scorer  model     samples  score  interval",
        "hello  match   base      12       0.167  0.047 to 0.448",
        "               organism  12       0.917  0.646 to 0.985",
        "",
        "differences from base on the same samples, with 95 % intervals",
        "task   scorer  model     pairs  difference  interval          p      p (Holm)  effect   test",
        "hello  match   organism  12     +0.750      +0.360 to +0.888  0.004  0.004     h +1.71  exact McNemar",
        "",
        "- Each interval holds what it is of in 95 % of cases, by itself.",
    ]


async def test_long_names_are_shortened_unless_they_would_look_alike(evaluated):
    path = "/a/very/long/path/to/the/directory/of/a/run/that/somebody/named/"
    text = (await motools.compare([evaluated(f"{path}one", BASE), evaluated(f"{path}two", ORGANISM)])).summary()
    assert "/a/very/long/…un/that/somebody/named/one" in text
    alike = [evaluated(f"{path}{middle}{path}", BASE) for middle in "xy"]
    text = (await motools.compare(alike)).summary()
    assert f"{path}x{path}" in text
    assert f"{path}y{path}" in text


async def test_what_is_saved_is_json_without_nan(evaluated, tmp_path):
    found = await motools.compare(
        [evaluated("a", {(1, 1): 0.5, (1, 2): 0.7}), evaluated("b", {(1, 1): 1, (1, 2): 0.7})]
    )
    await found.save(tmp_path / "found.json")
    saved = json.loads((tmp_path / "found.json").read_text(), parse_constant=pytest.fail)
    assert saved == found.as_dict()
    assert (saved["kind"], saved["baseline"], saved["models"]) == ("comparison", "a", {"a": "a", "b": "b"})
    (row,) = saved["differences"]
    assert (row["stderr"], row["interval"], row["p"]) == (None, None, 1.0)


@pytest.mark.parametrize(
    ("task", "scores", "said"),
    [
        ("other", BASE, "were evaluated on different tasks: hello; other."),
        ("hello", {"x": 1, "y": 0}, "no sample in common: their ids in hello are all different (such as '1' and 'x')."),
    ],
)
async def test_models_without_a_sample_in_common_are_refused(evaluated, task, scores, said):
    assert said in await refused([evaluated("a", BASE), evaluated("b", scores, task=task)])


async def test_models_without_a_score_in_common_are_refused(evaluated):
    sentence = await refused([evaluated("a", BASE), evaluated("b", BASE, scorer="judge")])
    assert "a has hello / match; b has hello / judge" in sentence
    assert "has no scores" in await refused([evaluated("a", BASE), evaluated("b", ["good"] * 12)])


async def test_names_that_were_not_measured_are_refused_with_the_nearest(evaluated):
    pair = [evaluated("a", BASE), evaluated("b", ORGANISM)]
    assert "No scorer 'mach' was measured. Did you mean 'match'? There is: match." in await refused(pair, by=["mach"])
    assert "No task 'x' was measured. There is: hello." in await refused(pair, tasks=["x"])


async def test_samples_that_cannot_be_told_apart_are_refused(evaluated):
    twice = evaluated("twice", BASE)
    twice.samples.append(twice.samples[0])
    assert "twice has two samples with the id '1' in epoch 1 of hello" in await refused([evaluated("a", BASE), twice])
    nameless = evaluated("nameless", BASE)
    nameless.samples[2].pop("id")
    assert "Sample 3 of nameless has no id" in await refused([nameless, evaluated("a", BASE)])
    odd = evaluated("odd", BASE)
    odd.samples[0]["epoch"] = "first"
    assert "Sample 1 of odd has the epoch 'first', which is no number." in await refused([odd, evaluated("a", BASE)])
    homeless = together(evaluated("homeless", BASE), evaluated("homeless", BASE, task="other"))
    homeless.samples[0].pop("task")
    assert "does not say which task it is of" in await refused([homeless, evaluated("a", BASE)])


async def test_a_sample_of_the_only_task_need_not_name_it(evaluated):
    quiet = evaluated("quiet", BASE)
    for sample in quiet.samples:
        del sample["task"], sample["epoch"]
    assert (await motools.compare([quiet, evaluated("b", ORGANISM)])).rows[0].pairs == 12


async def test_results_without_samples_are_refused(evaluated):
    empty = EvalResults(model_id="empty", metrics={"hello": {"match": {"accuracy": 1}}})
    assert "empty has no samples, only metrics" in await refused([empty, evaluated("a", BASE)])


async def test_wrong_arguments_are_refused(evaluated):
    a, b = evaluated("a", BASE), evaluated("b", ORGANISM)
    assert "needs two evaluations at least" in await refused([a])
    assert "needs two evaluations at least" in await refused([])
    assert "'a' is given twice" in await refused([a, a])
    assert "confidence is a share between 0 and 1" in await refused([a, b], confidence=95)
    assert "not one text" in await refused("base")
    assert "of type int: compare takes evaluations" in await refused([a, 3])
