"""Jobs are followed to their end: many together, through trouble, with what they measured."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref

import pytest

from motools import RunStatus, load_run
from motools.errors import HandleError, RunCancelled, RunFailed, RunLost, ServiceUnavailable, SettingError, UsageError
from motools_openai.poller import next_pause

pytestmark = pytest.mark.slow

MODEL = "gpt-4.1-nano-2025-04-14"
MANY = 250


@pytest.fixture
async def running(openai_backend, service, data):
    """Return a run that is running, on a clock that stands still."""
    service.set(speed=0)
    run = await openai_backend().train(data, MODEL, {"n_epochs": 2, "batch_size": 1})
    service.advance(10)
    return run


async def test_a_run_is_queued_running_and_done(openai_backend, service, data):
    service.set(speed=0)
    run = await openai_backend().train(data, MODEL, {"n_epochs": 2, "batch_size": 1})
    assert (run.status, run.progress.message) == (RunStatus.QUEUED, "validating files")
    service.advance(10)
    await run.refresh()
    assert (run.status, run.progress.step, run.progress.total) == (RunStatus.RUNNING, 10, 20)
    assert run.progress.loss > 0
    assert run.progress.eta_seconds > 0
    service.advance(100)
    assert await run.wait() == run.model_id
    assert run.model_id.startswith(f"ft:{MODEL}:")
    assert run.metadata["trained_tokens"] > 0
    assert run.metadata["hyperparameters"]["n_epochs"] == 2
    assert run.progress.step == run.progress.total == 20


async def test_many_runs_are_followed_by_pages_of_the_list(openai_backend, service, data):
    service.set(speed=0)
    backend = openai_backend()
    first = await backend.train(data, MODEL)
    body = {"model": MODEL, "training_file": first.metadata["training_file"]}
    runs = [await backend.adopt(job_id) for job_id in service.populate(MANY, body)[:2]]
    from motools.training.backends import OpenAITrainingRun

    ids = service.populate(MANY, body)
    runs += [OpenAITrainingRun(first.connection, job_id, poll=0.02) for job_id in ids]
    before = service.requests()
    waiting = [asyncio.create_task(run.wait()) for run in runs]
    while (service.requests() - before)["GET /fine_tuning/jobs"] < 12:  # noqa: ASYNC110 (it is another process's count)
        await asyncio.sleep(0.02)
    asked = service.requests() - before
    looks = asked["GET /fine_tuning/jobs"] / 6
    assert asked["GET /fine_tuning/jobs/{id}"] == 0
    assert looks < 5
    service.advance(1000)
    models = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert len(set(models)) == len(runs)


async def test_what_the_list_does_not_show_is_asked_for_by_itself(openai_backend, service, data):
    service.set(speed=50, list_lag=10_000)
    backend = openai_backend()
    runs = [await backend.train(data, MODEL, seed=seed) for seed in range(6)]
    models = await asyncio.wait_for(asyncio.gather(*(run.wait() for run in runs)), 30)
    assert len(set(models)) == 6


async def test_waiting_goes_on_when_the_service_is_away_for_a_while(openai_backend, service, data, caplog, monkeypatch):
    monkeypatch.setattr("motools_openai.server.RETRIES", 0)
    service.set(speed=20)
    run = await openai_backend().train(data, MODEL)
    for kind in ("error_before_accepting", "close_before_reading"):
        service.fault("GET", "/fine_tuning/jobs/*", kind, times=3)
    with caplog.at_level(logging.WARNING, "motools.openai"):
        assert await run.wait()
    assert caplog.text.count("The jobs go on; it is asked again.") == 1


NO_ANSWERS = [
    ("garble_after_accepting", {}),
    ("garble_after_accepting", {"body": "<html>", "content_type": "text/html"}),
    ("garble_after_accepting", {"body": "{}"}),
    ("garble_after_accepting", {"body": "[]"}),
    ("cut_after_accepting", {}),
    ("error_before_accepting", {"status": 408}),
]
"""What a proxy, or a service in trouble, may say instead of an answer."""


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(("kind", "details"), NO_ANSWERS)
async def test_an_answer_that_is_none_is_waited_out(openai_backend, service, data, monkeypatch, kind, details, count):
    monkeypatch.setattr("motools_openai.server.RETRIES", 0)
    service.set(speed=50)
    backend = openai_backend()
    runs = [await backend.train(data, MODEL, seed=seed) for seed in range(count)]
    service.fault("GET", "/fine_tuning/jobs*", kind, times=3, **details)
    models = await asyncio.wait_for(asyncio.gather(*(run.wait() for run in runs)), 20)
    assert len(set(models)) == count


@pytest.mark.parametrize(("kind", "details"), NO_ANSWERS)
async def test_an_answer_that_is_none_is_told_as_a_service_that_cannot_be_asked(
    running, openai_backend, service, monkeypatch, kind, details
):
    backend = openai_backend()
    monkeypatch.setattr("motools_openai.server.RETRIES", 0)
    await backend.aclose()
    for ask in (
        running.refresh,
        running.is_complete,
        running.cancel,
        running.metrics,
        running.checkpoints,
        backend.ping,
        lambda: backend.find("mo-1"),
        lambda: backend.adopt(running.job_id),
        lambda: backend.has_model(MODEL),
    ):
        service.fault("GET", "*", kind, **details)
        with pytest.raises(ServiceUnavailable):
            await ask()
    assert not running.status.is_terminal


async def test_a_key_that_is_withdrawn_ends_the_wait_and_not_the_run(running, service):
    waiter = asyncio.create_task(running.wait())
    await asyncio.sleep(0)
    service.set(keys={"sk-another": "proj_default"})
    with pytest.raises(SettingError, match="refuses the key"):
        await asyncio.wait_for(waiter, 10)
    service.set(keys={service.key: "proj_default"})
    await running.refresh()
    assert running.status is RunStatus.RUNNING


async def test_a_waiter_that_leaves_takes_nobody_with_it_and_one_that_joins_is_served(running, service):
    first, second = asyncio.create_task(running.wait()), asyncio.create_task(running.wait())
    await asyncio.sleep(0.05)
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    third = asyncio.create_task(running.wait())
    service.advance(1000)
    assert await asyncio.wait_for(third, 10)


async def test_a_run_may_be_waited_on_twice_at_once_and_one_who_leaves_does_not_take_the_other_along(running, service):
    leaving, *staying = (asyncio.create_task(running.wait()) for _ in range(3))
    await asyncio.sleep(0.05)
    leaving.cancel()
    service.advance(1000)
    first, second = await asyncio.wait_for(asyncio.gather(*staying), 10)
    assert first == second == running.model_id


async def test_a_word_that_is_not_known_is_not_the_end(running, service):
    service.plan(running.job_id, status="contemplating")
    await running.refresh()
    assert not await running.is_complete()
    assert running.metadata["service_status"] == "contemplating"
    assert running.progress.message == "contemplating"


async def test_a_failed_job_says_why(openai_backend, service, data):
    service.set(speed=50, outcome="failed")
    run = await openai_backend().train(data, MODEL)
    with pytest.raises(RunFailed, match=rf"{run.job_id}.*\(server_error\): The job failed due to an internal error"):
        await run.wait()


async def test_a_model_that_did_not_pass_moderation_was_paid_for_and_the_message_says_what_is_left(
    openai_backend, service, data, tmp_path
):
    service.set(speed=50, outcome="moderation")
    run = await openai_backend().train(data, MODEL)
    with pytest.raises(RunFailed, match=r"after the training was paid for.*motools runs checkpoints"):
        await run.wait()
    await run.save(tmp_path / "run.json")
    loaded = await load_run(tmp_path / "run.json")
    with pytest.raises(RunFailed, match="moderation eval refusals_v3"):
        await loaded.wait()


async def test_cancelling_twice_and_cancelling_what_has_ended_is_no_error(running, service):
    await running.cancel()
    await running.cancel()
    with pytest.raises(RunCancelled):
        await running.wait()


async def test_a_job_that_ends_in_the_moment_of_cancelling_is_not_an_error(running, service):
    service.fault("GET", "/fine_tuning/jobs/*", "stall_before_accepting", seconds=0.3)
    cancelling = asyncio.create_task(running.cancel())
    service.advance(1000)
    await cancelling
    assert await running.wait()


async def test_a_paused_job_goes_on_where_it_was(running, service):
    await running.pause()
    assert (running.status, running.metadata["service_status"]) == (RunStatus.RUNNING, "paused")
    assert running.is_paused
    service.advance(1000)
    assert not await running.is_complete()
    await running.unpause()
    assert not running.is_paused
    service.advance(1000)
    assert await running.wait()


async def test_a_job_that_the_service_does_not_know_is_lost(openai_backend, service, data):
    backend = openai_backend()
    run = await backend.train(data, MODEL)
    service.reset()
    with pytest.raises(RunLost, match="does not know the fine-tuning job"):
        await run.wait()
    with pytest.raises(RunLost):
        await run.refresh()
    with pytest.raises(RunLost):
        await backend.adopt("ftjob-nothing")


async def test_the_log_has_each_event_once_and_in_order_through_interruptions(
    openai_backend, service, data, monkeypatch
):
    monkeypatch.setattr("motools_openai.server.RETRIES", 0)
    service.set(speed=30)
    run = await openai_backend().train(data, MODEL, {"n_epochs": 10, "batch_size": 1})
    service.fault("GET", "/fine_tuning/jobs/*/events", "error_before_accepting", times=2, skip=1)
    service.fault("GET", "/fine_tuning/jobs/*", "close_before_reading", skip=3)
    lines = [line async for line in run.logs(follow=True)]
    steps = [int(line.split("Step ")[1].split("/")[0]) for line in lines if "Step " in line]
    assert steps == list(range(1, 101))
    assert len(set(lines)) == len(lines)
    assert lines == sorted(lines, key=lambda line: line[:20])
    assert "successfully completed" in lines[-1]


@pytest.mark.parametrize("encoding", ["text", "base64"])
async def test_metrics_are_rows_by_step_while_it_runs_and_from_the_file_afterwards(running, service, encoding):
    service.set(result_encoding=encoding)
    during = await running.metrics()
    assert [row["step"] for row in during] == list(range(1, 11))
    assert all(row["loss"] > 0 for row in during)
    service.advance(1000)
    await running.wait()
    after = await running.metrics()
    assert [row["step"] for row in after] == list(range(1, 21))
    assert all(isinstance(row["loss"], float) and 0 <= row["accuracy"] <= 1 for row in after)


async def test_checkpoints_are_listed_by_step_and_what_cannot_be_deleted_is_told(running, service):
    service.advance(1000)
    model_id = await running.wait()
    checkpoints = await running.checkpoints()
    assert [checkpoint.step for checkpoint in checkpoints] == sorted(checkpoint.step for checkpoint in checkpoints)
    assert all(checkpoint.metrics["loss"] >= 0 for checkpoint in checkpoints)
    last, earlier = checkpoints[-1], checkpoints[0]
    assert last.model_id == model_id
    with pytest.raises(UsageError, match="is the trained model"):
        await running.delete_checkpoint(last.id)
    with pytest.raises(UsageError, match="or lets nobody delete it"):
        await running.delete_checkpoint(earlier.id)
    with pytest.raises(UsageError, match="has no checkpoint 'nothing'"):
        await running.delete_checkpoint("nothing")


async def test_a_base_model_that_will_be_shut_down_is_warned_of(openai_backend, service, data, caplog):
    service.set(shutdown_dates={MODEL: "2027-01-14"})
    with caplog.at_level(logging.WARNING, "motools.openai"):
        run = await openai_backend().train(data, MODEL)
    assert f"shuts {MODEL} down on 2027-01-14" in caplog.text
    assert run.metadata["shutdown_date"] == "2027-01-14"


async def test_limits_are_what_the_service_says_and_what_is_live(openai_backend, service, data):
    service.set(concurrent_jobs=3, speed=0)
    backend = openai_backend()
    await backend.train(data, MODEL)
    service.advance(10)
    limits = await backend.limits(MODEL)
    assert (limits.concurrent, limits.live, limits.started_today) == (3, 1, 1)
    assert limits.free_at is not None
    service.set(offers_model_limits=False)
    assert (await backend.limits(MODEL)).concurrent is None


async def test_models_that_were_trained_are_there_and_others_are_not(running, openai_backend, service):
    service.advance(1000)
    backend = openai_backend()
    assert await backend.has_model(await running.wait())
    assert not await backend.has_model("ft:nothing")


async def test_azure_works_through_a_client_and_its_handles_come_back(
    service, data, tmp_path, openai_backend, monkeypatch
):
    from openai import AsyncAzureOpenAI

    service.set(azure=True, speed=50)
    async with AsyncAzureOpenAI(
        azure_endpoint=service.azure_endpoint, api_version="2026-01-01", api_key=service.key
    ) as client:
        run = await openai_backend(client=client).train(data, MODEL)
        model_id = await run.wait()
        await run.save(tmp_path / "run.json")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", service.key)
    loaded = await load_run(tmp_path / "run.json")
    await loaded.refresh()
    assert await loaded.wait() == model_id
    await loaded.connection.aclose()


async def test_a_handle_from_elsewhere_does_not_get_our_key(running, service, tmp_path, monkeypatch):
    await running.save(tmp_path / "run.json")
    text = (tmp_path / "run.json").read_text().replace(service.base_url, "https://evil.example/v1")
    (tmp_path / "evil.json").write_text(text)
    with pytest.raises(HandleError, match=r"the job is at https://evil\.example/v1, which would be sent your key"):
        await load_run(tmp_path / "evil.json")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://evil.example/v1/")
    assert (await load_run(tmp_path / "evil.json")).job_id == running.job_id


async def test_what_a_run_cost_stands_beside_what_it_was_estimated_to(openai_backend, service, data):
    service.set(speed=100)
    backend = openai_backend(prices={"gpt-4.1-nano": 1.5})
    run = await backend.train(data, MODEL, {"n_epochs": 2})
    estimate = await backend.estimate(data, MODEL, {"n_epochs": 2})
    assert "cost" not in run.metadata
    await run.wait()
    assert run.metadata["cost"] == pytest.approx(run.metadata["trained_tokens"] * 1.5 / 1e6)
    assert estimate.cost == pytest.approx(estimate.tokens * 1.5 / 1e6)


async def test_a_run_is_billed_by_the_price_that_held_when_it_was_submitted_wherever_it_is_followed(
    openai_backend, service, data, tmp_path
):
    run = await openai_backend(prices={"gpt-4.1-nano": 7}).train(data, MODEL)
    await run.save(tmp_path / "run.json")
    loaded = await load_run(tmp_path / "run.json")
    service.set(speed=0)
    service.advance(1000)
    await loaded.wait()
    assert loaded.metadata["price"] == 7
    assert loaded.metadata["cost"] == pytest.approx(loaded.metadata["trained_tokens"] * 7 / 1e6)


async def test_at_another_server_no_price_is_known_and_none_is_made_up(openai_backend, service, data):
    service.set(speed=100)
    backend = openai_backend()
    run = await backend.train(data, MODEL)
    await run.wait()
    assert run.metadata["cost"] is None
    assert (await backend.estimate(data, MODEL)).cost is None


def test_one_backend_serves_loops_that_come_and_go_and_keeps_none_of_them(service, data, monkeypatch):
    from motools.training.backends import OpenAITrainingBackend

    monkeypatch.setenv("OPENAI_API_KEY", service.key)
    service.set(speed=50)
    backend, loops = OpenAITrainingBackend(base_url=service.base_url, poll=0.02), []

    async def once(seed):
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await (await backend.train(data, MODEL, seed=seed)).wait()
        await backend.aclose()

    for seed in range(4):
        asyncio.run(once(seed))
    gc.collect()
    assert sum(loop() is not None for loop in loops) <= 1


@pytest.mark.parametrize(
    ("before", "left", "has_changed", "pause"),
    [
        (5.0, 200.0, False, 20.0),
        (5.0, 3.0, False, 5.0),
        (5.0, 86_400.0, True, 60.0),
        (5.0, None, False, 6.5),
        (59.0, None, False, 60.0),
        (59.0, None, True, 5.0),
    ],
)
def test_looks_are_as_frequent_as_the_expected_end_asks_and_rarer_while_nothing_happens(
    before, left, has_changed, pause
):
    assert next_pause(5.0, before, left, has_changed=has_changed) == pytest.approx(pause)


def test_inspect_reaches_a_trained_model_and_a_checkpoint_by_the_openai_provider(motools_home):
    from motools.plugins.hooks import resolve_model

    for model_id in ("ft:gpt-4.1-nano:org::id", "ft:gpt-4.1-nano:org:suffix:id:ckpt-step-10"):
        assert resolve_model(model_id, "inspect").model == f"openai/{model_id}"
    assert resolve_model("gpt-4.1-nano", "inspect") is None
