"""Saved handles of local runs: a stranger's is refused before anything of it is run."""

from __future__ import annotations

import json

import pytest

from motools import load_run
from motools.detached import WorkDirectory, WorkState, WorkStatus
from motools.errors import HandleError, RunFailed
from motools.testing.tickets import RecordingTicket
from motools_local.run import LocalTrainingRun
from motools_local.spec import BELOW_HOME

ENVELOPE = {"schema": 1, "kind": "training", "backend": "local", "job_id": "x", "model_id": None, "status": "queued"}
SPEC = {"model_name": "m", "dataset_name": "d", "suffix": None, "hyperparameters": {}}


@pytest.fixture
def handle(tmp_path):
    def write(**fields):
        path = tmp_path / "run.json"
        path.write_text(json.dumps(ENVELOPE | {"metadata": {}} | fields))
        return path

    return write


async def test_a_handle_with_a_directory_beside_it_is_refused(handle, tmp_path):
    with pytest.raises(HandleError, match=r"work is not in .*/local/runs, where the work of this MOTOOLS_HOME is"):
        await load_run(handle(directory=str(tmp_path / "work")))


async def test_a_handle_whose_directory_is_no_path_is_refused(handle):
    with pytest.raises(HandleError, match="'directory' must be the path of a directory, not"):
        await load_run(handle(directory="\0"))


async def test_a_handle_of_this_home_is_loaded(handle, motools_home):
    token = RecordingTicket().token
    run = await load_run(handle(directory=str(motools_home.joinpath(*BELOW_HOME, token))))
    assert run.work.path.name == token


async def test_what_a_run_failed_of_is_a_sentence_of_its_own(motools_home):
    for error, said in [("Is it 'x'?", "Is it 'x'?"), ("OSError: lost", "OSError: lost.")]:
        work = WorkDirectory.create(motools_home.joinpath(*BELOW_HOME, said[:2]), spec=SPEC, module="none")
        work.write_status(WorkStatus(state=WorkState.FAILED, error=error))
        with pytest.raises(RunFailed) as caught:
            await LocalTrainingRun(work.path).wait()
        assert str(caught.value) == f"The local run {said[:2]!r} failed: {said} Its log: {work.log_path}"
