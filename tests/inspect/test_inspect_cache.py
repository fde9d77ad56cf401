"""A repeated evaluation is a hit, a changed one a miss that is explained; neither loads Inspect where nothing has changed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

import motools

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
