"""An end is recorded when the service says so, as it says so, and for the attempt that it is the end of."""

import asyncio
import json
import math

import pytest
from paid_world import MinimalBackend, MinimalRun, PaidBackend, PaidEvalBackend, PaidResults, PaidRun

from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import RunCancelled, RunFailed
from motools.evals.backends.cached import CachedEvalBackend
from motools.evals.base import EvalResults
from motools.training.backends.cached import CachedTrainingBackend


async def only(ledger):
    [record] = await ledger.records()
    return record


class VendorError(Exception):
    """What an SDK raises over a connection that broke."""


def vendor_error(cause):
    error = VendorError("Connection error.")
    error.__cause__ = cause
    return error


TROUBLE = [
    ConnectionError("reset by peer"),
    TimeoutError(),
    OSError(28, "No space left on device"),
    asyncio.IncompleteReadError(b"", 1),
    vendor_error(vendor_error(ConnectionResetError("reset"))),
]


@pytest.mark.parametrize("error", TROUBLE, ids=[type(error).__name__ for error in TROUBLE])
async def test_trouble_on_the_way_to_the_answer_is_no_end_of_the_run(ledger, service, data, error):
    class Troubled(MinimalRun):
        async def wait(self):
            if not self.has_been_in_trouble:
                self.has_been_in_trouble = True
                raise error
            return await super().wait()

        has_been_in_trouble = False

    run = await CachedTrainingBackend(MinimalBackend(service, returned=Troubled), ledger).train(data, "base")
    [job] = service.jobs()
    service.end(job["id"])
    with pytest.raises(type(error)):
        await run.wait()
    assert (await only(ledger)).state is State.SUBMITTED
    assert await run.wait() == f"model-of-{job['id']}"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_trouble_is_the_end_where_the_run_itself_says_so(ledger, service, data, status):
    class Troubled(PaidRun):
        async def wait(self):
            raise ConnectionError("closed by the service")

    class Backend(PaidBackend):
        async def train(self, *args, **kwargs):
            return Troubled(service, (await super().train(*args, **kwargs)).job_id)

    run = await CachedTrainingBackend(Backend(service, ended=False), ledger).train(data, "base")
    service.end(run.job_id, status)
    with pytest.raises(RunFailed if status == "failed" else RunCancelled, match="closed by the service"):
        await run.wait()
    assert (await only(ledger)).state == status


async def test_any_other_error_of_a_finished_run_is_its_failure(ledger, service, data):
    class Failing(MinimalRun):
        async def wait(self):
            raise RuntimeError("loss is NaN")

    run = await CachedTrainingBackend(MinimalBackend(service, returned=Failing), ledger).train(data, "base")
    [job] = service.jobs()
    service.end(job["id"])
    with pytest.raises(RunFailed, match="loss is NaN"):
        await run.wait()
    assert (await only(ledger)).state is State.FAILED


class UnsavableResults(PaidResults):
    """Results whose `save` has a fault, until it is put right."""

    is_right = False

    async def save(self, path):
        if not type(self).is_right:
            raise TypeError("a tensor is not JSON")
        await super().save(path)


async def test_results_that_cannot_be_recorded_are_no_failure_of_the_job(ledger, service):
    results = UnsavableResults(model_id="m", metrics={"task": {"match": {"accuracy": 0.5}}})
    cached = CachedEvalBackend(PaidEvalBackend(service, returned=results), ledger)
    job = await cached.evaluate("m", "t")
    with pytest.raises(TypeError, match="a tensor is not JSON") as raised:
        await job.wait()
    assert "'paid-eval' ended well" in raised.value.__notes__[0]
    record = await only(ledger)
    assert (record.state, record.error) == (State.SUBMITTED, None)
    UnsavableResults.is_right = True
    assert (await (await cached.evaluate("m", "t")).wait()).metrics == results.metrics
    assert len(service.jobs()) == 1
    assert (await only(ledger)).state is State.SUCCEEDED


async def test_a_metric_that_is_no_number_is_recorded_as_none(ledger, service, tmp_path):
    metrics = {"task": {"match": {"accuracy": 0.5, "stderr": math.nan, "worst": -math.inf}}}
    samples = [{"id": 1, "scores": {"match": math.nan}, "input": ("a", math.inf)}]
    results = EvalResults(model_id="m", metrics=metrics, samples=samples, metadata={"loss": math.inf, "n": 1})
    await (await CachedEvalBackend(PaidEvalBackend(service, returned=results), ledger).evaluate("m", "t")).wait()
    hit = await CachedEvalBackend(PaidEvalBackend(service), ledger).evaluate("m", "t")
    recorded = await hit.wait()
    assert hit.is_hit
    assert recorded.metrics == {"task": {"match": {"accuracy": 0.5, "stderr": None, "worst": None}}}
    assert list(recorded.samples) == [{"id": 1, "scores": {"match": None}, "input": ["a", None]}]
    assert recorded.metadata == {"loss": None, "n": 1}
    await results.save(tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text())["metadata"] == {"loss": None, "n": 1}


def slow_to_notice(handle):
    """Let the handle's `wait` take notice of the end only once the returned event is set."""
    go_on, wait = asyncio.Event(), handle.wait

    async def waits():
        await go_on.wait()
        return await wait()

    handle.wait = waits
    return go_on


@pytest.fixture
def other_process(ledger):
    other = SqliteLedger(ledger.path)
    yield other
    other.close()


async def test_a_waiter_is_told_of_its_own_run_though_another_has_taken_its_place(ledger, other_process, service, data):
    mine = await CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base")
    go_on = slow_to_notice(mine._handle)
    waiting = asyncio.create_task(mine.wait())
    theirs = CachedTrainingBackend(PaidBackend(service, ended=False), other_process)
    await (await theirs.train(data, "base")).wait()
    refreshed = await theirs.train(data, "base", refresh=True)
    go_on.set()
    assert await waiting == await mine.wait() == f"model-of-{mine.job_id}"
    assert (mine.status, refreshed.status) == ("succeeded", "queued")
    assert (await only(ledger)).job_id == refreshed.job_id


async def test_a_waiter_is_told_of_its_own_job_though_another_has_taken_its_place(ledger, other_process, service):
    mine = await CachedEvalBackend(PaidEvalBackend(service), ledger).evaluate("m", "t")
    go_on = slow_to_notice(mine._handle)
    waiting = asyncio.create_task(mine.wait())
    theirs = CachedEvalBackend(PaidEvalBackend(service), other_process)
    await (await theirs.evaluate("m", "t")).wait()
    await (await theirs.evaluate("m", "t", refresh=True)).wait()
    go_on.set()
    assert (await waiting).metrics == (await mine.get_results()).metrics
    assert mine.status == "succeeded"


async def test_a_waiter_is_told_of_its_own_failure_though_another_has_taken_its_place(
    ledger, other_process, service, data
):
    mine = await CachedTrainingBackend(PaidBackend(service, ended=False), ledger).train(data, "base")
    service.end(mine.job_id, "failed")
    go_on = slow_to_notice(mine._handle)
    waiting = asyncio.create_task(mine.wait())
    theirs = CachedTrainingBackend(PaidBackend(service), other_process)
    with pytest.raises(RunFailed):
        await (await theirs.train(data, "base")).wait()
    await (await theirs.train(data, "base", retry_failed=True)).wait()
    go_on.set()
    for asking in (waiting, mine.wait()):
        with pytest.raises(RunFailed, match="ran out of memory"):
            await asking
    assert mine.status == "failed"
