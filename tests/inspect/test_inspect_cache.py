"""A repeated evaluation is a hit, a changed one a miss that is explained; neither loads Inspect where nothing has changed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

import motools
from motools.errors import SettingError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import match

@task
def spelling(path="data.jsonl"):
    return Task(dataset=json_dataset(path), scorer=match())
"""


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "data.jsonl").write_text(
        "".join(f'{{"id": "{each}", "input": "{each}", "target": "A"}}\n' for each in "abc")
    )
    (tmp_path / "task.py").write_text(TASK)
    return f"{tmp_path}/task.py@spelling"


def why(*words) -> dict:
    command = [sys.executable, "-m", "motools", "cache", "why", "-b", "inspect", "--json", *words]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {each["path"]: (each["request"], each["record"]) for each in json.loads(said)["differences"]}


async def evaluate(suite, tmp_path, model="scripted/upper", **keywords):
    calls = tmp_path / "calls"
    job = await motools.get_backend("inspect").evaluate(model, suite, model_args={"calls": str(calls)}, **keywords)
    results = await job.wait()
    return job.is_hit, len(calls.read_text().splitlines()), results


async def test_nothing_changed_is_a_hit_and_asks_nobody(suite, tmp_path):
    assert (await evaluate(suite, tmp_path))[:2] == (False, 3)
    is_hit, calls, results = await evaluate(suite, tmp_path, max_connections=5)
    assert (is_hit, calls) == (True, 3)
    assert results.metrics["spelling"]["match"]["accuracy"] == pytest.approx(1 / 3)


async def test_an_edited_target_is_a_miss_that_says_so(suite, tmp_path):
    await evaluate(suite, tmp_path)
    data = tmp_path / "data.jsonl"
    data.write_text(data.read_text().replace('"b", "target": "A"', '"b", "target": "B"'))
    said = await asyncio.to_thread(why, "scripted/upper", suite, "-p", f'model_args={{"calls": "{tmp_path}/calls"}}')
    assert "measured.tasks.spelling.samples.sha256" in said
    assert set(said) <= {
        "measured.tasks.spelling.samples.sha256",
        "measured.tasks.spelling.source.beside.data.jsonl",
        "measured.tasks.spelling.args.path.sha256",
    }
    is_hit, calls, results = await evaluate(suite, tmp_path)
    assert (is_hit, calls) == (False, 6)
    assert results.metrics["spelling"]["match"]["accuracy"] == pytest.approx(2 / 3)


async def test_a_retrained_model_under_the_same_name_is_a_miss_that_says_so(suite, tmp_path):
    weights = tmp_path / "adapter"
    weights.write_text("first")
    model = f"organism:{weights}"
    assert not (await evaluate(suite, tmp_path, model))[0]
    assert (await evaluate(suite, tmp_path, model))[0]
    weights.write_text("again")
    said = await asyncio.to_thread(why, model, suite, "-p", f'model_args={{"calls": "{tmp_path}/calls"}}')
    assert set(said) == {"measured.model.fingerprint"}
    is_hit, calls, _ = await evaluate(suite, tmp_path, model)
    assert (is_hit, calls) == (False, 6)


async def test_another_server_is_a_miss_that_says_so(suite, tmp_path):
    await evaluate(suite, tmp_path)
    given = f'model_args={{"calls": "{tmp_path}/calls"}}'
    said = await asyncio.to_thread(
        why, "scripted/upper", suite, "-p", given, "-p", "model_base_url=http://127.0.0.1:1/v1"
    )
    assert said == {"measured.model.base_url": ("http://127.0.0.1:1/v1", None)}


async def test_recorded_answers_are_scored_again_without_asking_anybody(suite, tmp_path):
    assert (await evaluate(suite, tmp_path))[1] == 3
    is_hit, calls, results = await evaluate(suite, tmp_path, scorer="scripted/outline")
    assert (is_hit, calls) == (False, 3)
    assert results.metrics["spelling"] == {"length": {"mean": 0.5}}
    assert [sample["output"] for sample in results.samples] == ["A", "B", "C"]
    assert [sample["scores"] for sample in results.samples] == [{"outline": {"length": 0.5}}] * 3
    assert results.metadata["usage"] == {}
    assert (await evaluate(suite, tmp_path, scorer="scripted/outline"))[0]
    both = await evaluate(suite, tmp_path, scorer={"scripted/outline": {}, "scripted/shape": {}})
    assert both[1] == 3
    assert set(both[2].metrics["spelling"]) == {"outline/length", "shape/length", "capitals"}


async def test_another_draw_or_another_question_is_asked_anew_with_the_other_scorer(suite, tmp_path):
    await evaluate(suite, tmp_path)
    assert (await evaluate(suite, tmp_path, scorer="scripted/outline", replicate=1))[1] == 6
    assert (await evaluate(suite, tmp_path, scorer="scripted/outline", temperature=0.5))[1] == 9
    data = tmp_path / "data.jsonl"
    data.write_text(data.read_text().replace('"input": "b"', '"input": "bb"'))
    assert (await evaluate(suite, tmp_path, scorer="scripted/outline"))[1] == 12


async def test_a_refresh_asks_anew_and_its_answers_are_scored_from_then_on(suite, tmp_path, monkeypatch):
    async def answers(**keywords):
        is_hit, calls, results = await evaluate(suite, tmp_path, "scripted/NAME_MOTOOLS_SAID", **keywords)
        assert not is_hit
        return calls, {sample["output"] for sample in results.samples}

    monkeypatch.setenv("MOTOOLS_SAID", "one")
    assert await answers() == (3, {"one"})
    monkeypatch.setenv("MOTOOLS_SAID", "two")
    assert await answers(scorer="scripted/outline") == (3, {"one"})
    assert await answers(scorer="scripted/outline", refresh=True) == (6, {"two"})
    assert await answers(scorer={"scripted/outline": {}, "scripted/shape": {}}) == (6, {"two"})


async def test_a_scorer_of_a_file_is_taken_too_and_one_that_there_is_not_is_named(suite, tmp_path):
    scorers = tmp_path / "scorers.py"
    scorers.write_text(
        "from inspect_ai.scorer import Score, Scorer, accuracy, scorer\n\n"
        "@scorer(metrics=[accuracy()])\ndef brief(longest: int = 1) -> Scorer:\n"
        "    async def score(state, target) -> Score:\n"
        "        return Score(value=float(len(state.output.completion) <= longest))\n    return score\n"
    )
    await evaluate(suite, tmp_path)
    _, calls, results = await evaluate(suite, tmp_path, scorer={f"{scorers}@brief": {"longest": 0}})
    assert (calls, results.metrics["spelling"]["brief"]["accuracy"]) == (3, 0.0)
    scorers.write_text(f"{scorers.read_text()}\n")
    is_hit, calls, _ = await evaluate(suite, tmp_path, scorer={f"{scorers}@brief": {"longest": 0}})
    assert (is_hit, calls) == (False, 3)
    with pytest.raises(SettingError, match=r"The scorer 'scripted/outlin' cannot be used: .*outlin"):
        await evaluate(suite, tmp_path, scorer="scripted/outlin")


HIT = """
import asyncio, sys, time
class Deny:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("inspect_ai", "torch", "transformers", "pydantic"):
            raise AssertionError(name)
sys.meta_path.insert(0, Deny())
import motools
async def main():
    backend = motools.get_backend("inspect")
    spent = []
    for _ in range(20):
        began = time.process_time()
        job = await backend.evaluate("scripted/upper", sys.argv[1])
        assert job.is_hit
        (await job.wait()).metrics
        spent.append(time.process_time() - began)
    print(sorted(spent)[10])
asyncio.run(main())
"""


async def test_a_hit_on_unchanged_inputs_takes_a_few_milliseconds_and_never_loads_inspect(suite):
    job = await motools.get_backend("inspect").evaluate("scripted/upper", suite)
    await job.wait()
    await asyncio.sleep(2.1)  # until the files' times tell that they are the same
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HIT, suite, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert float(out) < 0.010, "a hit cost this much CPU time"
