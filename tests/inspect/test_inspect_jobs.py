"""Evaluations from the request to the results, in real workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import zipfile_zstd

from motools.errors import HandleError, RunCancelled, RunFailed, RunLost
from motools.status import RunStatus
from motools_inspect import InspectEvalBackend, InspectEvalJob

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
ANSWERS = "motools_inspect/answers"
REAL_PYTHON = sys.executable


def answers(questions: Path, **more):
    return {"task_args": {"dataset": str(questions)}, **more}


async def until(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.05)


def worker_of(job: InspectEvalJob) -> int | None:
    status = json.loads((Path(job.metadata["directory"]) / "status.json").read_text())
    return status["pid"]


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_a_registered_task_is_evaluated_and_every_answer_kept(questions, tmp_path, capfd):
    backend = InspectEvalBackend(log_dir=tmp_path / "logs")
    job = await backend.evaluate("scripted/upper", ANSWERS, **answers(questions))
    assert not job.status.is_terminal
    results = await job.wait()
    assert results.metrics[ANSWERS]["exact"]["accuracy"] == pytest.approx(8 / 12)
    assert results.metrics[ANSWERS]["exact"]["stderr"] == pytest.approx(0.142, abs=0.001)
    assert len(results.samples) == 12
    assert results.samples[1] == {
        "id": 2,
        "epoch": 1,
        "task": ANSWERS,
        "input": "word 1",
        "target": "WORD 1",
        "output": "WORD 1",
        "scores": {"exact": 1.0},
        "answers": {"exact": "WORD 1"},
        "explanations": {"exact": None},
        "metadata": {},
    }
    assert [sample["scores"]["exact"] for sample in results.samples[:3]] == [0.0, 1.0, 1.0]
    assert job.progress is not None
    assert (job.progress.step, job.progress.total) == (12, 12)
    assert results.metadata["usage"]["scripted/upper"]["total_tokens"] == 36
    (log,) = job.get_log_paths()
    assert Path(log).is_relative_to(tmp_path / "logs" / job.job_id)
    assert results.metadata["logs"] == [log]
    assert "accuracy" in results.summary()
    assert capfd.readouterr() == ("", "")


async def test_a_job_that_runs_says_what_it_scored_so_far_and_how_long_it_will_take(questions):
    job = await InspectEvalBackend().evaluate("scripted/slow", ANSWERS, **answers(questions), max_connections=3)
    seen = []

    async def it_has_ended() -> bool:
        await job.refresh()
        seen.append(job.progress)
        return job.status.is_terminal

    await until(it_has_ended)
    underway = [each for each in seen if each.message and each.message.startswith("exact ") and each.step < 12]
    assert {each.total for each in underway} == {12}
    assert all(each.eta_seconds > 0 for each in underway)
    # Every third answer is wrong, and three are asked at once.
    assert any(0.5 <= float(each.message.removeprefix("exact ")) <= 0.75 for each in underway)
    assert (job.progress.step, job.progress.total, job.progress.eta_seconds) == (12, 12, None)


async def test_a_function_of_a_module_makes_a_task_with_its_arguments(tmp_path, monkeypatch):
    import motools

    (tmp_path / "making.py").write_text(
        "from inspect_ai import Task\nfrom inspect_ai.dataset import Sample\nfrom inspect_ai.scorer import match\n\n"
        "def words(number: int = 1):\n"
        "    samples = [Sample(input=f'word {n}', target=f'WORD {n}') for n in range(number)]\n"
        "    return Task(dataset=samples, scorer=match())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    backend = motools.get_backend("inspect")
    job = await backend.evaluate("scripted/upper", "making:words", task_args={"number": 3})
    results = await job.wait()
    assert results.metrics["making:words"]["match"]["accuracy"] == 1.0
    assert [sample["output"] for sample in results.samples] == ["WORD 0", "WORD 1", "WORD 2"]
    assert (await backend.evaluate("scripted/upper", "making:words", task_args={"number": 3})).is_hit
    (tmp_path / "making.py").write_text((tmp_path / "making.py").read_text().replace("f'WORD", "f'NEVER"))
    again = await backend.evaluate("scripted/upper", "making:words", task_args={"number": 3})
    assert not again.is_hit
    assert (await again.wait()).metrics["making:words"]["match"]["accuracy"] == 0.0


async def test_a_list_of_tasks_is_one_job_and_names_that_scorers_share_are_told_apart(task_file):
    suite = [f"{task_file}@capitals", "scripted/shouting"]
    job = await InspectEvalBackend().evaluate("scripted/upper", suite, limit=2, epochs=3)
    results = await job.wait()
    assert list(results.metrics) == ["capitals", "scripted/shouting"]
    assert results.metrics["capitals"]["match"]["accuracy"] == 0.5
    shouting = results.metrics["scripted/shouting"]
    assert shouting["shape/length"] == {"mean": 1.5}
    assert shouting["outline/length"] == {"mean": 0.75}
    assert shouting["capitals"]["accuracy"] == 1.0
    assert len(results.samples) == 12
    assert {sample["epoch"] for sample in results.samples} == {1, 2, 3}
    assert results.samples[-1]["scores"]["shape"] == {"length": 2, "capitals": 1.0}
    assert len(job.get_log_paths()) == 2


async def test_a_job_goes_on_without_the_process_that_asked_for_it(task_file, tmp_path):
    program = """
import asyncio, sys
from motools_inspect import InspectEvalBackend
async def main():
    job = await InspectEvalBackend().evaluate("scripted/slow", sys.argv[1] + "@capitals", max_connections=1)
    await job.save(sys.argv[2])
asyncio.run(main())
"""
    handle = tmp_path / "job.json"
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, str(task_file), str(handle)], check=True, cwd=tmp_path
    )
    job = await InspectEvalJob.load(handle)
    assert job.status in {RunStatus.QUEUED, RunStatus.RUNNING}
    assert len((await job.wait()).samples) == 4


async def test_a_job_whose_worker_is_killed_asks_only_what_was_not_finished(questions, tmp_path):
    calls = tmp_path / "calls"
    job = await InspectEvalBackend().evaluate(
        "scripted/slow", ANSWERS, **answers(questions), model_args={"calls": str(calls)}, max_connections=2
    )

    async def some_are_done() -> bool:
        await job.refresh()
        return job.progress is not None and job.progress.step >= 5

    await until(some_are_done)
    os.kill(worker_of(job), signal.SIGKILL)
    results = await job.wait()
    asked = lines_of(calls)
    assert results.metrics[ANSWERS]["exact"]["accuracy"] == pytest.approx(8 / 12)
    assert sorted({sample["input"] for sample in results.samples}) == sorted(f"word {n}" for n in range(12))
    assert len(set(asked)) == 12
    assert len(asked) <= 12 + 2  # those in flight
    assert job.progress.step == job.progress.total == 12


async def test_a_job_can_be_cancelled_from_elsewhere_and_its_log_says_so(questions, tmp_path):
    job = await InspectEvalBackend().evaluate("scripted/slow", ANSWERS, **answers(questions), max_connections=1)
    await job.save(tmp_path / "job.json")

    async def one_is_done() -> bool:
        await job.refresh()
        return job.progress is not None and job.progress.step >= 1

    await until(one_is_done)
    other = await InspectEvalJob.load(tmp_path / "job.json")
    async with asyncio.timeout(30):
        await other.cancel()
    with pytest.raises(RunCancelled, match="was cancelled"):
        await job.wait()
    (log,) = job.get_log_paths()
    with zipfile_zstd.ZipFile(log) as archive:
        assert json.loads(archive.read("header.json"))["status"] == "cancelled"


WRONG = [
    ("scripted/upper", "{file}@failing", {}, r"The task 'failing' failed: .*lost its way.*The log is .*\.eval"),
    ("scripted/upper", "{file}@tolerant", {}, "The task 'tolerant' is not complete: 1 of 2 samples failed"),
    ("scripted/broken", "{file}@spelling", {}, "the script says no"),
    ("scripted/upper", "scripted/shoutin", {}, "has no task 'scripted/shoutin'.*Did you mean 'scripted/shouting'"),
    ("nobody/knows", "{file}@spelling", {}, "Inspect refused: .*nobody"),
    ("scripted/upper", "scripted/shouting", {"word": 3}, "takes the argument 'word'. Did you mean 'words'"),
    ("scripted/upper", ANSWERS, {"dataset": "{folder}/none.jsonl"}, "none.jsonl: cannot be read: No such file"),
    ("scripted/upper", ANSWERS, {"dataset": "{folder}/bad.jsonl"}, "bad.jsonl:2: needs the field 'target'"),
]


@pytest.mark.parametrize(("model", "suite", "given", "message"), WRONG)
async def test_what_goes_wrong_is_said_in_one_sentence(model, suite, given, message, task_file, tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"input": "a", "target": "b"}\n{"input": "a"}\n')
    arguments = {n: v.format(folder=tmp_path) if isinstance(v, str) else v for n, v in given.items()}
    job = await InspectEvalBackend().evaluate(model, suite.format(file=task_file), task_args=arguments)
    with pytest.raises(RunFailed, match=message) as caught:
        await job.wait()
    assert "\n" not in str(caught.value)


async def test_a_failed_task_fails_the_job_and_its_log_is_kept(task_file):
    job = await InspectEvalBackend().evaluate("scripted/upper", [f"{task_file}@spelling", f"{task_file}@failing"])
    with pytest.raises(RunFailed, match=r"The task 'failing' failed: .*this scorer has lost its way") as caught:
        await job.wait()
    assert "\n" not in str(caught.value)
    assert job.status == RunStatus.FAILED
    assert job.metadata["error"] in str(caught.value)
    assert len(job.get_log_paths()) == 2


async def test_results_without_their_samples_or_directory_say_so(questions, tmp_path):
    job = await InspectEvalBackend().evaluate("scripted/upper", ANSWERS, **answers(questions), limit=1)
    results = await job.wait()
    directory = Path(job.metadata["directory"])
    (directory / "samples.jsonl").unlink()
    assert results.metrics[ANSWERS]
    with pytest.raises(HandleError, match=r"samples.*cannot be read: .*samples\.jsonl: No such file"):
        list(results.samples)
    await asyncio.to_thread(directory.rename, tmp_path / "elsewhere")
    with pytest.raises(RunLost, match="is gone"):
        await job.refresh()


HIT = """
import asyncio, sys
class Deny:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("inspect_ai", "torch", "transformers", "pydantic"):
            raise AssertionError(name)
sys.meta_path.insert(0, Deny())
import motools
async def main():
    backend = motools.get_backend("inspect")
    job = await backend.evaluate("scripted/upper", "scripted/shouting", task_args={"words": int(sys.argv[1])})
    assert job.is_hit
    results = await job.wait()
    print(len(results.samples), results.samples[-1]["output"], len(job.get_log_paths()), results.metadata["job_id"])
asyncio.run(main())
"""


@pytest.mark.parametrize("words", [3, 250])
async def test_a_repeated_evaluation_is_read_from_the_record_without_inspect(words, installed):
    import motools

    backend = motools.get_backend("inspect")
    first = await backend.evaluate("scripted/upper", "scripted/shouting", task_args={"words": words})
    results = await first.wait()
    assert not first.is_hit
    process = await asyncio.create_subprocess_exec(REAL_PYTHON, "-c", HIT, str(words), stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().split() == [str(words), "A" * words, "1", results.metadata["job_id"]]


async def test_logs_may_go_to_a_url_and_are_found_there(questions, tmp_path):
    place = f"file://{tmp_path}/elsewhere"
    job = await InspectEvalBackend(log_dir=place).evaluate(
        "scripted/slow", ANSWERS, **answers(questions), max_connections=2
    )

    async def some_are_done() -> bool:
        await job.refresh()
        return job.progress is not None and job.progress.step >= 4

    await until(some_are_done)
    assert [path.startswith(place) for path in job.get_log_paths()] == [True]
    os.kill(worker_of(job), signal.SIGKILL)
    results = await job.wait()
    assert len(results.samples) == 12
    assert all(
        (tmp_path / "elsewhere" / job.job_id / path.rpartition("/")[2]).is_file() for path in job.get_log_paths()
    )


async def test_inspects_own_viewer_is_started_on_the_logs_of_a_job(questions):
    import motools

    job = await motools.get_backend("inspect").evaluate("scripted/upper", ANSWERS, **answers(questions), limit=2)
    await job.wait()
    (log,) = job.get_log_paths()
    command = [REAL_PYTHON, "-m", "motools", "runs", "view", job.key[:20], "--host", "127.0.0.1", "--port", "0"]
    viewer = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, start_new_session=True)
    expected = ["-m", "inspect_ai", "view", "start", "--log-dir", log.rpartition("/")[0], *command[-4:]]

    async def it_is_there() -> bool:
        assert viewer.returncode is None
        return any(child.cmdline()[1:] == expected for child in psutil.Process(viewer.pid).children())

    try:
        await until(it_is_there)
    finally:
        os.killpg(viewer.pid, signal.SIGKILL)
        await viewer.wait()
