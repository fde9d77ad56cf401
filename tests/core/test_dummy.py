"""The dummy service: what stands in for a real one in all other tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from motools.errors import (
    DatasetError,
    HandleError,
    RunCancelled,
    RunFailed,
    RunLost,
    SettingError,
    SubmitRejected,
    SubmitUnavailable,
    SubmitUncertain,
    TaskNotFound,
)
from motools.evals.backends.dummy import DummyEvalBackend
from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingRun

RECORDS = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]


async def train(backend, **more):
    return await backend.train(RECORDS, "base", **more)


async def test_is_instant_and_names_the_model_after_the_request(motools_home):
    run = await train(DummyTrainingBackend(), suffix="mine", seed=3)
    model_id = await run.wait()
    assert model_id.startswith("dummy:base:mine:")
    assert run.status == "succeeded"
    assert run.metadata["seed"] == 3
    assert (motools_home / "dummy" / f"{run.job_id}.json").exists()


async def test_two_submissions_are_two_jobs_on_the_bill():
    backend = DummyTrainingBackend()
    first, second = await train(backend), await train(backend)
    assert await first.wait() != await second.wait()
    assert [job.job_id for job in backend.service.jobs()] == [first.job_id, second.job_id]
    assert backend.service.jobs("eval") == []


async def test_goes_through_queued_and_running_with_progress(tmp_path):
    run = await train(DummyTrainingBackend(service=tmp_path, queue=0.2, duration=0.4, steps=4))
    assert run.status == "queued"
    seen = {"queued"}
    while not await run.is_complete():
        seen.add(str(run.status))
        assert run.progress.total == 4
        await asyncio.sleep(0.05)
    assert seen == {"queued", "running"}
    assert run.progress.step == 4
    assert run.progress.eta_seconds == 0


async def test_fails_as_told():
    run = await train(DummyTrainingBackend(fail="out of memory"))
    with pytest.raises(RunFailed, match="out of memory"):
        await run.wait()
    assert run.status == "failed"
    assert run.model_id is None


async def test_a_cancelled_run_stays_cancelled():
    run = await train(DummyTrainingBackend(duration=60))
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.wait()
    assert run.progress.step == 0
    await run.cancel()
    assert run.status == "cancelled"


async def test_a_forgotten_job_is_lost():
    backend = DummyTrainingBackend(duration=60)
    run = await train(backend)
    backend.service.path(run.job_id).unlink()
    with pytest.raises(RunLost, match=run.job_id):
        await run.refresh()


async def test_another_process_cancels_a_run_that_is_waited_for(tmp_path):
    run = await train(DummyTrainingBackend(service=tmp_path / "service", duration=60))
    await run.save(tmp_path / "run.json")
    waiting = asyncio.create_task(run.wait())
    code = (
        "import asyncio, sys\n"
        "from motools.training.backends.dummy import DummyTrainingRun\n"
        "async def main():\n"
        "    await (await DummyTrainingRun.load(sys.argv[1])).cancel()\n"
        "asyncio.run(main())\n"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code, tmp_path / "run.json"], check=True)
    with pytest.raises(RunCancelled):
        await waiting


@pytest.mark.parametrize(
    ("answer", "error", "accepted"),
    [("rejected", SubmitRejected, 0), ("unavailable", SubmitUnavailable, 0), ("uncertain", SubmitUncertain, 1)],
)
@pytest.mark.parametrize("backend_class", [DummyTrainingBackend, DummyEvalBackend])
async def test_answers_a_submission_as_told(backend_class, answer, error, accepted):
    backend = backend_class(submission=answer)
    with pytest.raises(error):
        await (train(backend) if backend_class is DummyTrainingBackend else backend.evaluate("m", "t"))
    assert len(backend.service.jobs()) == accepted


async def test_find_gives_what_was_submitted_with_a_token_oldest_first(ticket):
    backend = DummyTrainingBackend()
    runs = [await train(backend, ticket=ticket) for _ in range(3)]
    await train(backend)
    assert [run.job_id for run in await backend.find(ticket.token)] == [run.job_id for run in runs]
    assert await backend.find("another") == []
    assert await backend.find("") == []
    assert ticket.paid == [run.job_id for run in runs]


async def test_nothing_is_paid_for_before_the_request_is_checked(ticket, tmp_path):
    backend = DummyTrainingBackend()
    with pytest.raises(DatasetError, match="no such file"):
        await backend.train(tmp_path / "missing.jsonl", "base", ticket=ticket)
    with pytest.raises(SettingError, match="Did you mean 'n_epochs'"):
        await train(backend, hyperparameters={"epochs": 2}, ticket=ticket)
    with pytest.raises(SettingError, match="no 'speed'"):
        await train(backend, speed="fast", ticket=ticket)
    assert ticket.opened == 0


@pytest.mark.parametrize("backend_class", [DummyTrainingBackend, DummyEvalBackend])
def test_an_unknown_option_is_refused_with_the_known_ones(backend_class):
    with pytest.raises(SettingError, match=r"no option 'durations'\. Did you mean 'duration'"):
        backend_class(durations=3)


async def test_the_log_can_be_followed_to_the_end():
    run = await train(DummyTrainingBackend(duration=0.3, steps=3))
    lines = [line async for line in run.logs(follow=True)]
    assert lines[0] == f"accepted {run.job_id}"
    assert lines[1:4] == [f"step {step} of 3: loss {loss}" for step, loss in [(1, "1.810"), (2, "1.637"), (3, "1.482")]]
    assert lines[4:] == ["succeeded"]
    assert [line async for line in run.logs()] == lines


async def test_a_handle_cannot_reach_outside_the_service(tmp_path):
    run = await train(DummyTrainingBackend(service=tmp_path))
    run.job_id = "../elsewhere"
    await run.save(tmp_path / "run.json")
    loaded = await DummyTrainingRun.load(tmp_path / "run.json")
    with pytest.raises(HandleError, match="not the id of a job"):
        await loaded.refresh()


async def test_two_services_are_two_accounts_and_the_own_one_is_none(tmp_path):
    assert DummyTrainingBackend().account() == {}
    assert DummyTrainingBackend(service=tmp_path).account() == {"service": str(tmp_path)}


async def test_scores_are_the_same_for_the_same_model_and_task():
    first = await (await DummyEvalBackend().evaluate("model", ["one", "two"], limit=20)).wait()
    second = await (await DummyEvalBackend().evaluate("model", ["one", "two"], limit=20)).wait()
    other = await (await DummyEvalBackend().evaluate("other", ["one", "two"], limit=20)).wait()
    assert first.metrics == second.metrics
    assert first.samples == second.samples
    assert first.metrics != other.metrics
    assert set(first.metrics) == {"one", "two"}


async def test_accuracy_is_the_mean_of_the_samples():
    results = await (await DummyEvalBackend().evaluate("model", "task", limit=7, epochs=2)).wait()
    scores = [sample["scores"]["dummy"] for sample in results.samples]
    assert len(scores) == 14
    assert results.metrics["task"]["dummy"]["accuracy"] == pytest.approx(sum(scores) / 14)


async def test_metrics_can_be_set_and_are_part_of_what_is_measured():
    backend = DummyEvalBackend(metrics={"accuracy": 0.25})
    job = await backend.evaluate("model", "task")
    assert (await job.wait()).metrics == {"task": {"dummy": {"accuracy": 0.25}}}
    assert await backend.identify("model", "task") != await DummyEvalBackend().identify("model", "task")


async def test_an_evaluation_needs_a_task_and_known_keywords():
    with pytest.raises(TaskNotFound):
        await DummyEvalBackend().evaluate("model", [])
    with pytest.raises(SettingError, match=r"no keyword 'epoch'\. Did you mean 'epochs'"):
        await DummyEvalBackend().evaluate("model", "task", epoch=2)


async def test_results_before_the_end_are_refused():
    job = await DummyEvalBackend(duration=60).evaluate("model", "task")
    with pytest.raises(RunFailed, match="no results yet"):
        await job.get_results()
    assert job.get_log_paths()[0].endswith(f"{job.job_id}.json")


class RecordingTicket:
    """A ticket that counts its windows."""

    key = "mk1:0"
    token = "token-1"

    def __init__(self):
        self.opened = 0
        self.paid = []

    def paying(self):
        return self

    async def __aenter__(self):
        self.opened += 1
        self.job_id = None
        return self

    async def __aexit__(self, *_):
        self.paid.append(self.job_id)


@pytest.fixture
def ticket():
    return RecordingTicket()
