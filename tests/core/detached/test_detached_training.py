"""The handle that plugins share whose trainings are detached work."""

from __future__ import annotations

import pytest
import pytest_asyncio

from motools.detached import DetachedTrainingRun, WorkDirectory, WorkState, WorkStatus
from motools.errors import HandleError, MotoolsError, RunCancelled, RunFailed, RunLost

BELOW_HOME = ("scripted", "runs")


class ScriptedRun(DetachedTrainingRun):
    backend = "scripted"
    below_home = BELOW_HOME
    module = "scripted_worker"
    rows = "rows.jsonl"

    def facts(self, spec):
        return {"model": spec["model"]}


@pytest.fixture
def left(motools_home):
    """Return a function that returns the run whose worker has left such a status."""

    def left(**fields):
        path = motools_home.joinpath(*BELOW_HOME, "one")
        work = WorkDirectory.create(path, spec={"model": "base", "steps": 1}, module="scripted_worker")
        work.write_status(WorkStatus(**fields))
        return ScriptedRun(work.path)

    return left


@pytest_asyncio.fixture
async def saved(left, tmp_path):
    run = left(state=WorkState.SUCCEEDED, step=3, result={"model": "trained", "tokens": 7})
    assert await run.wait() == "trained"
    await run.save(tmp_path / "run.json")
    return run


async def test_a_run_is_what_its_directory_says_and_comes_back_from_its_handle(saved, tmp_path):
    assert saved.metadata == {"directory": str(saved.work.path), "model": "base", "tokens": 7}
    again = await ScriptedRun.load(tmp_path / "run.json")
    for each in (again.job_id, again.model_id, again.status, again.metadata, again.work.path):
        assert each in (saved.job_id, saved.model_id, saved.status, saved.metadata, saved.work.path)
    assert await again.is_complete()


async def test_numbers_that_json_has_not_are_none_in_the_metrics(saved):
    (saved.work.path / "rows.jsonl").write_text('{"step": 1, "loss": NaN}\n')
    assert await saved.metrics() == [{"step": 1, "loss": None}]


@pytest.mark.parametrize(
    ("fields", "error", "said"),
    [
        ({"state": WorkState.CANCELLED, "step": 2}, RunCancelled, "The scripted run 'one' was cancelled after step 2."),
        (
            {"state": WorkState.FAILED, "error": "It broke"},
            RunFailed,
            "The scripted run 'one' failed: It broke. Its log: ",
        ),
    ],
)
async def test_a_run_without_a_model_says_why(left, fields, error, said):
    with pytest.raises(error) as caught:
        await left(**fields).wait()
    assert str(caught.value).startswith(said)


async def test_a_run_that_cannot_go_on_says_what_is_in_its_way(motools_home):
    spec = {"model": "base", "steps": 3, "at": {"2": "need something"}}
    work = WorkDirectory.create(motools_home.joinpath(*BELOW_HOME, "one"), spec=spec, module="scripted_worker")
    with pytest.raises(MotoolsError, match=r"The scripted run 'one' cannot go on after step 2\. There is no something"):
        await ScriptedRun(work.path).wait()


async def test_a_run_whose_directory_is_gone_is_lost(saved, motools_home):
    saved.work.path.rename(motools_home / "elsewhere")
    for asked in (saved.refresh, saved.wait, saved.metrics, saved.cancel, saved.resume):
        with pytest.raises(RunLost, match=r"The directory of the scripted run 'one', .*, is gone"):
            await asked()


async def test_a_handle_that_names_another_place_is_refused(saved, tmp_path):
    text = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(text.replace(str(saved.work.path), str(tmp_path)))
    with pytest.raises(HandleError, match=r"is not in .*/scripted/runs"):
        await ScriptedRun.load(tmp_path / "run.json")
