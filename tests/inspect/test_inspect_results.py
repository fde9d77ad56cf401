"""Results are read from the job's file when asked for, and say how certain they are and what they cost."""

from __future__ import annotations

import json
import math
import random
import tracemalloc

import pytest

from motools import load_job
from motools.evals.samples import Samples
from motools_inspect import InspectEvalBackend, InspectEvalResults
from motools_inspect.frames import standard_errors

MANY = 100_000


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    path = tmp_path_factory.mktemp("many") / "samples.jsonl"
    with path.open("w") as file:
        for number in range(MANY):
            row = {"id": number, "epoch": 1, "task": "t", "input": "x" * 200, "scores": {"match": number % 2}}
            file.write(f"{json.dumps(row)}\n")
    return path


@pytest.mark.slow
def test_a_hundred_thousand_samples_are_never_all_in_memory(many):
    tracemalloc.start()
    try:
        samples = Samples(many, MANY)
        assert sum(sample["scores"]["match"] for sample in samples) == MANY / 2
        assert [samples[number]["id"] for number in (0, 77_777, -1)] == [0, 77_777, MANY - 1]
        assert [sample["id"] for sample in samples[50_000:50_006:2]] == [50_000, 50_002, 50_004]
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_a_standard_error_is_that_of_the_mean_over_samples_and_epochs_of_one_count_as_one():
    chance = random.Random(3)  # noqa: S311 (numbers to compute with)
    samples = [
        {"id": number, "epoch": epoch, "task": "t", "scores": {"match": chance.random(), "shape": {"length": number}}}
        for number in range(30)
        for epoch in (1, 2)
    ]
    metrics = {
        "t": {"match": {"mean": 0.5, "max": 1.0}, "length": {"mean": 3.0}, "own": {"accuracy": 0.5, "stderr": 0.1}}
    }
    found = standard_errors(metrics, samples)["t"]
    means = [sum(s["scores"]["match"] for s in samples if s["id"] == number) / 2 for number in range(30)]
    centre = sum(means) / 30
    expected = math.sqrt(sum((each - centre) ** 2 for each in means) / 29 / 30)
    assert found["match"] == {"mean": pytest.approx(expected), "max": None}
    assert found["length"]["mean"] == pytest.approx(math.sqrt(sum((n - 14.5) ** 2 for n in range(30)) / 29 / 30))
    assert found["own"] == {"accuracy": 0.1}


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_job_says_how_certain_it_is_what_it_cost_and_makes_a_table(tmp_path):
    price = {"scripted/upper": {"input": 3.0, "output": 10.0}}
    job = await InspectEvalBackend().evaluate(
        "scripted/upper", "scripted/shouting", task_args={"words": 5}, epochs=2, model_cost_config=price
    )
    results = await job.wait()
    assert results.usage["scripted/upper"]["input_tokens"] == 20
    assert results.cost == pytest.approx((20 * 3.0 + 10 * 10.0) / 1e6)
    errors = results.standard_errors()["scripted/shouting"]
    assert errors["shape/length"]["mean"] == pytest.approx(math.sqrt(2.5 / 5))
    assert errors["capitals"]["accuracy"] == results.metrics["scripted/shouting"]["capitals"]["stderr"]
    table = results.to_pandas()
    assert list(table["id"]) == [f"word{n}" for n in range(5)] * 2
    assert list(table["score_shape/length"]) == [1, 2, 3, 4, 5] * 2
    await results.save(tmp_path / "results.json")
    loaded = await InspectEvalResults.load(tmp_path / "results.json")
    assert (loaded.cost, loaded.usage) == (results.cost, results.usage)
    assert list(loaded.samples) == list(results.samples)
    await job.save(tmp_path / "job.json")
    assert (await (await load_job(tmp_path / "job.json")).wait()).metrics == results.metrics
