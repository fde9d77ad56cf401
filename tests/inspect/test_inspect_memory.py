# ruff: noqa: ASYNC220  (a test has the loop to itself)
"""Tasks that are objects of the caller's run in the caller, and go on when it asks again."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time

import pytest

import motools
from motools.cache.sqlite import SqliteLedger
from motools.errors import MotoolsError, SettingError
from motools.status import TERMINAL
from motools_inspect import InspectEvalBackend
from motools_inspect.memory import MOST

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    # Inspect runs in this process here, and what it warns of, or leaves open, would be errors.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _what_is_left_open_is_closed_here():
    yield
    gc.collect()


def task_of(number: int = 4, name: str = "mine"):
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import match

    samples = [Sample(id=n, input=f"word {n}", target=f"WORD {n}") for n in range(number)]
    return Task(name=name, dataset=samples, scorer=match())


async def test_a_task_that_is_an_object_is_evaluated_and_cached_by_content(installed, tmp_path, capfd):
    calls = tmp_path / "calls"
    backend = motools.get_backend("inspect")

    async def evaluate(task, **more):
        job = await backend.evaluate("scripted/upper", task, model_args={"calls": str(calls)}, **more)
        return job.is_hit, await job.wait()

    is_hit, results = await evaluate(task_of())
    assert not is_hit
    assert results.metrics["mine"]["match"]["accuracy"] == 1.0
    assert [sample["id"] for sample in results.samples] == [0, 1, 2, 3]
    assert (await evaluate(task_of()))[0]
    assert len(calls.read_text().splitlines()) == 4
    assert not (await evaluate(task_of(5)))[0]
    assert capfd.readouterr() == ("", "")


async def test_the_answers_to_an_object_are_scored_again_and_nobody_is_asked(installed, tmp_path):
    from inspect_ai import task_with
    from inspect_ai.scorer import includes

    calls = tmp_path / "calls"

    async def evaluate(task, **more):
        model_args = {"calls": str(calls)}
        job = await motools.get_backend("inspect").evaluate("scripted/upper", task, model_args=model_args, **more)
        results = await job.wait()
        return job.is_hit, set(results.metrics["mine"]), len(calls.read_text().splitlines())

    assert await evaluate(task_of()) == (False, {"match"}, 4)
    assert await evaluate(task_of(), scorer="scripted/outline") == (False, {"length"}, 4)
    assert await evaluate(task_with(task_of(), scorer=includes())) == (False, {"includes"}, 4)
    assert await evaluate(task_of(), scorer="scripted/outline", refresh=True) == (False, {"length"}, 8)
    assert await evaluate(task_of(3), scorer="scripted/shape") == (False, {"length", "capitals"}, 11)
    assert await evaluate(task_of(), scorer="scripted/outline", temperature=0.5) == (False, {"length"}, 15)


async def test_recorded_answers_are_brought_together_as_the_present_task_says(installed, tmp_path):
    from inspect_ai import Epochs, Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import Score, mean, scorer

    @scorer(metrics=[mean()])
    def which_epoch():
        async def score(state, target):
            return Score(value=state.epoch)

        return score

    calls = tmp_path / "calls"
    for reducer, value in (("mean", 2.0), ("max", 3.0), (None, 2.0), (["mean", "max"], None)):
        epochs = 3 if reducer is None else Epochs(3, reducer)
        task = Task(name="mine", dataset=[Sample(input="word", target="x")], scorer=which_epoch(), epochs=epochs)
        job = await motools.get_backend("inspect").evaluate("scripted/upper", task, model_args={"calls": str(calls)})
        metrics = (await job.wait()).metrics["mine"]
        if value is None:
            assert {each["mean"] for each in metrics.values()} == {2.0, 3.0}
        else:
            assert metrics == {"which_epoch": {"mean": value}}
    assert len(calls.read_text().splitlines()) == 3


async def test_what_an_env_file_says_of_the_server_is_part_of_an_objects_key(installed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    for port in (1, 2):
        (tmp_path / ".env").write_text(f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1\n")
        said.append(await InspectEvalBackend().identify("openai/gpt-4.1-mini", task_of()))
    assert said[0]["tasks"] == said[1]["tasks"]
    assert said[1]["model"]["servers"] == {"OPENAI_BASE_URL": "http://127.0.0.1:2/v1"} != said[0]["model"]["servers"]


async def test_several_objects_are_one_job_and_functions_make_them(installed):
    job = await InspectEvalBackend().evaluate("scripted/upper", [task_of(2), task_of(3)])
    assert {
        task: len([s for s in (await job.wait()).samples if s["task"] == task]) for task in ("mine#1", "mine#2")
    } == {
        "mine#1": 2,
        "mine#2": 3,
    }
    made = await InspectEvalBackend().evaluate("scripted/upper", task_of, task_args={"number": 1})
    assert len((await made.wait()).samples) == 1
    with pytest.raises(SettingError, match="task_args have no effect on a Task"):
        await InspectEvalBackend().evaluate("scripted/upper", task_of(), task_args={"number": 1})


async def test_a_function_makes_its_task_once_for_a_request(installed):
    task, made = task_of(1), []

    def counted():
        made.append(task)
        return task

    job = await InspectEvalBackend().evaluate("scripted/upper", counted)
    assert len((await job.wait()).samples) == 1
    assert len(made) == 1


async def test_objects_take_turns_and_one_can_be_cancelled_while_it_waits(installed):
    backend = InspectEvalBackend()
    first = await backend.evaluate("scripted/slow", task_of(6), max_connections=1)
    second = await backend.evaluate("scripted/slow", task_of(5), max_connections=1)
    async with asyncio.timeout(20):
        await second.cancel()
    assert second.status == "cancelled"
    assert len((await first.wait()).samples) == 6


async def test_a_job_that_waits_keeps_its_tasks_however_many_others_are_asked_about(installed):
    backend = InspectEvalBackend()
    first = await backend.evaluate("scripted/slow", task_of(6), max_connections=1)
    second = await backend.evaluate("scripted/upper", task_of(2, "second"))
    for number in range(MOST):
        await backend.identify("scripted/upper", task_of(1, f"other {number}"))
    assert second.status not in TERMINAL
    assert len((await second.wait()).samples) == 2
    assert len((await first.wait()).samples) == 6


async def test_more_objects_at_once_than_are_held_for_those_who_come_back_are_each_begun(installed):
    backend = InspectEvalBackend()

    async def evaluate(number):
        job = await backend.evaluate("scripted/upper", task_of(1, f"one of many {number}"))
        await job.cancel()
        return job.status

    assert set(await asyncio.gather(*map(evaluate, range(2 * MOST)))) <= {"cancelled", "succeeded"}


ASKING = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
import motools
from test_inspect_memory import task_of
async def main():
    job = await motools.get_backend("inspect").evaluate(
        "scripted/slow", task_of(12), max_connections=1, model_args={"calls": sys.argv[2]}
    )
    print(len((await job.wait()).samples), flush=True)
asyncio.run(main())
"""


async def test_a_caller_that_is_killed_asks_again_with_the_same_task_and_only_the_rest_is_asked(
    installed, tmp_path, motools_home
):
    calls = tmp_path / "calls"
    calls.touch()
    command = [sys.executable, "-c", ASKING, str(__file__.rpartition("/")[0]), str(calls)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(calls.read_text().splitlines()) < 6:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    first.kill()
    first.wait()
    (record,) = await SqliteLedger.open(motools_home / "motools.db").records()
    (job,) = await InspectEvalBackend().find(record.job_id)
    with pytest.raises(MotoolsError, match=r"were objects of the process that asked for it.*Ask again with evaluate"):
        await job.wait()
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert done.stdout == "12\n"
    assert len(calls.read_text().splitlines()) <= 13
