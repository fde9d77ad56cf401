"""The dummy service: what stands in for a real one in all other tests."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest

from motools import Limits
from motools.dummy import DummyJob
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
    UsageError,
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
    with pytest.raises(SettingError, match="no keyword 'speed'"):
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


async def test_time_stands_still_for_a_paused_run_and_goes_on_afterwards(tmp_path):
    run = await train(DummyTrainingBackend(service=tmp_path, duration=1, steps=1000))
    await run.pause()
    step = run.progress.step
    assert (run.status, run.is_paused, run.progress.message) == ("running", True, "paused")
    await asyncio.sleep(0.3)
    await run.refresh()
    assert run.progress.step == step
    began = time.time()
    await run.pause()  # it is paused already
    await run.unpause()
    assert (run.is_paused, run.progress.message) == (False, None)
    assert await run.wait()
    assert time.time() - began < 2
    await run.pause()
    assert (run.status, run.is_paused) == ("succeeded", False)


def job(**more):
    known = {"job_id": "dummy-1", "kind": "training", "model_id": "m", "token": "", "accepted": 0}
    return DummyJob(**known | {"starts": 100, "ends": 200, "steps": 10, "save_every": 5} | more)


def test_a_job_has_a_clock_of_its_own():
    paused = job(paused=135)
    assert (paused.step(130), paused.step(1000), paused.expected_end()) == (3, 3, None)
    gone_on = job(pauses=[[90, 140], [165, 175]])
    assert (gone_on.status(149), gone_on.status(151), gone_on.expected_end()) == ("queued", "running", 260)
    assert [gone_on.step(now) for now in (160, 165, 175, 185, 259, 260)] == [1, 1, 1, 2, 9, 10]
    cancelled = job(paused=135, cancelled=150)
    assert (cancelled.status(1000), cancelled.step(1000), cancelled.is_paused) == ("cancelled", 3, False)


def test_a_job_that_takes_no_time_waits_in_the_queue_all_the_same():
    instant = job(ends=100)
    assert (instant.status(99), instant.step(99)) == ("queued", 0)
    assert (instant.status(100), instant.step(100)) == ("succeeded", 10)


def test_a_checkpoint_is_of_the_moment_of_its_step():
    first, last = job(pauses=[[120, 130], [170, 180]]).checkpoints(1000)
    assert (first.id, first.step, first.model_id, first.created_at) == ("step-5", 5, "m:step-5", 160)
    assert last.created_at == 220
    assert [checkpoint.step for checkpoint in job().checkpoints(150)] == [5]
    assert job(deleted=[5]).checkpoints(150) == []


async def test_metrics_and_checkpoints_are_those_of_the_steps_that_are_done():
    run = await train(DummyTrainingBackend(steps=6, save_every=2), validation=RECORDS)
    rows = await run.metrics()
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert ["validation_loss" in row for row in rows] == [False, True] * 3
    checkpoints = await run.checkpoints()
    assert [(checkpoint.step, checkpoint.metrics["loss"]) for checkpoint in checkpoints] == [
        (row["step"], row["loss"]) for row in rows[1::2]
    ]


async def test_a_deleted_checkpoint_is_gone_for_everybody_with_its_model():
    backend = DummyTrainingBackend()
    run = await train(backend)
    [first, second] = await run.checkpoints()
    assert await backend.has_model(first.model_id)
    await run.delete_checkpoint(first.id)
    assert await (await backend.adopt(run.job_id)).checkpoints() == [second]
    assert not await backend.has_model(first.model_id)
    with pytest.raises(UsageError, match=r"has no checkpoint 'step-5'\. There are: step-10\."):
        await run.delete_checkpoint(first.id)


async def test_a_model_is_there_once_it_is_trained():
    backend = DummyTrainingBackend(duration=60)
    run = await train(backend)
    [submitted] = backend.service.jobs()
    assert not await backend.has_model(submitted.model_id)
    await run.cancel()
    assert not await backend.has_model(submitted.model_id)


async def test_an_estimate_rests_on_the_words_and_the_price(tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text("one two three\n\nfour five\n")
    unknown = await DummyTrainingBackend().estimate(data, "base")
    assert (unknown.tokens, unknown.examples, unknown.cost) == (5, 2, None)
    known = await DummyTrainingBackend(price=3).estimate(data, "base", {"n_epochs": 4})
    assert (known.tokens, known.epochs, known.cost) == (20, 4, pytest.approx(0.06))
    with pytest.raises(SettingError, match="no keyword 'speed'"):
        await DummyTrainingBackend().estimate(data, "base", speed="fast")


async def test_limits_tell_how_many_are_live_and_when_the_first_ends(tmp_path):
    backend = DummyTrainingBackend(service=tmp_path, duration=60)
    await train(DummyTrainingBackend(service=tmp_path))
    assert await backend.limits("base") == Limits(live=0)
    runs = [await train(backend) for _ in range(2)]
    limits = await backend.limits("base")
    assert (limits.live, limits.free_at) == (2, backend.service.read(runs[0].job_id).ends)
    await runs[0].pause()
    assert (await backend.limits("base")).free_at == backend.service.read(runs[1].job_id).ends


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
