# ruff: noqa: ASYNC220, ASYNC240  (a test has the loop to itself)
"""Whoever dies, only what was not finished is asked again: counted where the questions arrive."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import motools
from motools.cache.sqlite import SqliteLedger
from motools.detached import WorkDirectory
from motools.errors import MotoolsError
from motools_inspect import InspectEvalBackend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SUITE = "scripted/shouting"
TWENTY = {"words": 20}

ASKING = """
import asyncio, sys
import motools
async def main():
    job = await motools.get_backend("inspect").evaluate(
        "scripted/slow", "scripted/shouting", task_args={"words": 20}, max_connections=2, model_args={"calls": sys.argv[1]}
    )
    print("asked", flush=True)
    results = await job.wait()
    print(len(results.samples), results.metrics["scripted/shouting"]["shape/length"]["mean"], flush=True)
asyncio.run(main())
"""


def asked(calls: Path) -> list[str]:
    return calls.read_text().split() if calls.exists() else []


async def until(condition, seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.02)


def workers(home: Path) -> list[psutil.Process]:
    found = []
    for path in (home / "inspect").glob("*"):
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, TypeError):
            found.append(psutil.Process(WorkDirectory(path, module="").status().pid))
    return found


async def test_a_caller_and_its_worker_are_killed_half_way_and_the_second_half_alone_is_asked(tmp_path, motools_home):
    calls = tmp_path / "calls"
    command = [sys.executable, "-c", ASKING, str(calls)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    await until(lambda: len(asked(calls)) >= 10)
    first.kill()
    first.wait()
    for worker in workers(motools_home):
        worker.kill()
    before = len(asked(calls))
    done = await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["asked", "20", "10.5"]
    again = len(asked(calls)) - 20
    assert again <= 2, f"{before} had been asked when all were killed, two of them at most were not written down"
    assert set(asked(calls)) == {"a" * n for n in range(1, 21)}


async def test_a_caller_that_is_killed_alone_changes_nothing_and_another_process_hears_the_end(tmp_path, motools_home):
    calls = tmp_path / "calls"
    first = subprocess.Popen([sys.executable, "-c", ASKING, str(calls)], stdout=subprocess.DEVNULL)
    await until(lambda: len(asked(calls)) >= 4)
    first.kill()
    first.wait()
    listed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "motools", "runs", "--backend", "inspect"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "scripted/slow" in listed.stdout
    (record,) = await SqliteLedger.open(motools_home / "motools.db").records()
    job = await motools.get_backend("inspect").evaluate(
        "scripted/slow", SUITE, task_args=TWENTY, model_args={"calls": str(calls)}
    )
    assert job.job_id == record.job_id
    assert len((await job.wait()).samples) == 20
    assert len(asked(calls)) == 20


async def test_a_job_can_be_cancelled_from_another_process_by_the_command(tmp_path, motools_home):
    job = await motools.get_backend("inspect").evaluate("scripted/slow", SUITE, task_args=TWENTY, max_connections=1)
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "motools", "runs", "cancel", job.key[:20]],
        check=True,
        capture_output=True,
    )
    await job.refresh()
    assert job.status == "cancelled"


async def test_a_worker_that_is_killed_over_and_over_gets_to_the_end_and_asks_each_sample_once(tmp_path):
    calls = tmp_path / "calls"
    job = await InspectEvalBackend().evaluate(
        "scripted/slow", SUITE, task_args={"words": 12}, max_connections=1, model_args={"calls": str(calls)}
    )
    killed = 0
    for enough in (3, 6, 9):
        waiting = asyncio.create_task(job.wait())
        await until(lambda enough=enough: len(asked(calls)) >= enough)
        pid = job._work.status().pid
        os.kill(pid, signal.SIGKILL)
        killed += 1
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    results = await job.wait()
    assert [sample["id"] for sample in results.samples] == [f"word{n}" for n in range(12)]
    assert set(asked(calls)) == {"a" * n for n in range(1, 13)}
    assert len(asked(calls)) <= 12 + killed
    logs = sorted(Path(job._work.spec["log_dir"]).glob("*.eval"))
    assert len(logs) == killed + 1
    assert job.get_log_paths() == [str(logs[-1])]


FULL = """
import errno, os
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

@solver
def writing(full):
    async def solve(state, generate):
        if state.sample_id == 3 and os.path.exists(full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return state
    return solve

@task
def notes(full):
    samples = [Sample(id=number, input="a" * number, target="A") for number in (1, 2, 3)]
    return Task(dataset=samples, solver=[writing(full), generate()], scorer=match())
"""


async def test_an_evaluation_that_a_full_disk_has_ended_goes_on_when_there_is_room(tmp_path):
    calls, full = tmp_path / "calls", tmp_path / "full"
    (tmp_path / "notes.py").write_text(FULL)
    full.touch()
    job = await InspectEvalBackend().evaluate(
        "scripted/upper",
        f"{tmp_path}/notes.py@notes",
        task_args={"full": str(full)},
        max_samples=1,
        model_args={"calls": str(calls)},
    )
    with pytest.raises(MotoolsError, match=r"cannot go on: the disk is full.*Free some space"):
        await job.wait()
    assert job.status == "queued"
    full.unlink()
    assert len((await job.wait()).samples) == 3
    assert asked(calls) == ["a", "aa", "aaa"]
