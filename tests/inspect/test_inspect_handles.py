"""Saved handles of evaluations: a stranger's is refused before anything of it is run, and interrupted work is taken up."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from motools import load_job
from motools.detached import WorkDirectory, WorkState, WorkStatus
from motools.errors import HandleError, ModelNotFound, RunFailed, RunLost
from motools_inspect import InspectEvalBackend, InspectEvalJob

SPEC = {"model_id": "mockllm/model", "tasks": [{"label": "t"}]}


async def test_a_handle_with_a_directory_beside_it_is_refused(tmp_path):
    work = WorkDirectory.create(tmp_path / "work", spec=SPEC, module="motools_inspect.worker")
    fields = {"schema": 1, "kind": "eval", "backend": "inspect", "job_id": "x", "model_id": "m", "status": "queued"}
    (tmp_path / "job.json").write_text(json.dumps(fields | {"metadata": {}, "directory": str(work.path)}))
    with pytest.raises(HandleError, match=r"work is not in .*/inspect, where the work of this MOTOOLS_HOME is"):
        await load_job(tmp_path / "job.json")


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_an_interrupted_evaluation_is_taken_up_again_and_what_lives_or_has_ended_is_left_alone(questions):
    job = await InspectEvalBackend().evaluate(
        "scripted/slow", "motools_inspect/answers", task_args={"dataset": str(questions)}, max_connections=1
    )
    work = WorkDirectory(job.metadata["directory"], module="none")
    assert not await job.resume()
    while work.status().pid is None:  # noqa: ASYNC110 (another process makes it true)
        await asyncio.sleep(0.05)
    os.kill(work.status().pid, signal.SIGKILL)
    while work.status().state is not WorkState.INTERRUPTED:  # noqa: ASYNC110 (as above)
        await asyncio.sleep(0.05)
    assert await job.resume()
    assert len((await job.wait()).samples) == 12
    assert work.status().attempt == 2
    assert not await job.resume()


async def test_an_evaluation_whose_directory_is_gone_cannot_be_taken_up(motools_home):
    work = WorkDirectory.create(motools_home / "inspect" / "x", spec=SPEC, module="motools_inspect.worker")
    job = InspectEvalJob(work.path)
    work.path.rename(motools_home / "elsewhere")
    with pytest.raises(RunLost, match="is gone"):
        await job.resume()


@pytest.mark.parametrize("place", ["{tmp}/model", "./model", "~/model"])
async def test_a_model_whose_directory_is_gone_is_said_to_be_gone(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    model = place.format(tmp=tmp_path)
    with pytest.raises(ModelNotFound) as caught:
        await InspectEvalBackend().identify(model, "motools_inspect/answers", task_args={"dataset": "x"})
    assert str(caught.value) == (
        f"There is no model at {model!r}: the directory {tmp_path / 'model'} was deleted or moved, or is on another machine."
    )
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelNotFound, match="holds no model that an installed plugin knows"):
        await InspectEvalBackend().identify(model, "motools_inspect/answers", task_args={"dataset": "x"})


async def test_what_ends_with_a_question_gets_no_full_stop_behind_it(motools_home):
    for number, (error, said) in enumerate([("Is it 'x'?", "Is it 'x'?"), ("lost", "lost."), ("Gone.", "Gone.")]):
        work = WorkDirectory.create(motools_home / "inspect" / f"x{number}", spec=SPEC, module="none")
        work.write_status(WorkStatus(state=WorkState.FAILED, error=error))
        with pytest.raises(RunFailed) as caught:
            await InspectEvalJob(work.path).wait()
        assert str(caught.value) == f"{said} The worker's log is {work.log_path}."
