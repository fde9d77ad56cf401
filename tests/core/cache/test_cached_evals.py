import asyncio
import subprocess
import sys

import pytest
from paid_world import PaidEvalBackend, PaidResults

from motools.cache.keys import canonical
from motools.cache.states import State
from motools.errors import RunFailed, TaskNotFound
from motools.evals.backends.cached import CachedEvalBackend
from motools.evals.backends.dummy import DummyEvalBackend
from motools.evals.base import EvalResults
from motools.handles import job_of


async def test_an_evaluation_is_paid_for_once_and_its_results_come_back_the_same(ledger, service, events):
    cached = CachedEvalBackend(PaidEvalBackend(service), ledger, notify=events.notify)
    jobs = await asyncio.gather(*(cached.evaluate("model", ["a", "b"]) for _ in range(5)))
    first = [await job.wait() for job in jobs]
    hit = await cached.evaluate("model", ("a", "b"))
    assert (hit.is_hit, hit.status, hit.model_id, hit.get_log_paths()) == (True, "succeeded", "model", ["/logs/1.eval"])
    again = await hit.get_results()
    assert (again.metrics, list(again.samples)) == (first[0].metrics, first[0].samples)
    assert type(again) is PaidResults
    assert len(service.jobs()) == 1
    assert events == ["submitted", *["attached"] * 4, "succeeded", "cache_hit"]


async def test_other_tasks_models_and_keywords_are_other_keys(ledger):
    cached = CachedEvalBackend(DummyEvalBackend(), ledger)
    asked = [("m", "t", {}), ("n", "t", {}), ("m", "u", {}), ("m", ["t"], {}), ("m", "t", {"epochs": 2})]
    keys = [(await cached.evaluate(model, tasks, **more)).key for model, tasks, more in asked]
    assert len(set(keys)) == len(keys)
    assert (await cached.evaluate("m", "t", replicate=1)).key not in keys


async def test_a_ticket_says_what_was_measured_when_the_work_was_asked_for(ledger):
    told = []

    class Measuring(DummyEvalBackend):
        async def identify(self, model_id, eval_suite, **kwargs):
            return {"samples": (1, 2), "api_key": "secret"}

        async def evaluate(self, model_id, eval_suite, *, ticket=None, **kwargs):
            told.append(ticket.measured)
            return await super().evaluate(model_id, eval_suite, ticket=ticket, **kwargs)

    job = await CachedEvalBackend(Measuring(), ledger).evaluate("m", "t")
    assert told == [canonical({"samples": [1, 2], "api_key": "secret"})]
    assert "secret" not in str(told)
    assert told == [(await ledger.read(job.key)).spec["measured"]]


async def test_a_refused_request_is_submitted_again_when_it_is_repeated(ledger):
    cached = CachedEvalBackend(DummyEvalBackend(), ledger)
    for _ in range(2):
        with pytest.raises(TaskNotFound):
            await cached.evaluate("m", [])
    [record] = await ledger.records(kind="eval")
    assert record.state is State.ABSENT


async def test_a_failed_job_is_shown(ledger):
    cached = CachedEvalBackend(DummyEvalBackend(fail="out of memory"), ledger)
    job = await cached.evaluate("m", "t")
    for asking in (job.wait, job.get_results, lambda: cached.evaluate("m", "t")):
        with pytest.raises(RunFailed, match="out of memory"):
            await asking()


async def test_results_of_a_job_are_fetched_without_waiting_and_recorded(ledger):
    job = await CachedEvalBackend(DummyEvalBackend(), ledger).evaluate("m", "t")
    assert (await job.get_results()).model_id == "m"
    [record] = await ledger.records()
    assert record.state is State.SUCCEEDED


async def test_no_results_is_a_failure_with_a_name(ledger, service):
    job = await CachedEvalBackend(PaidEvalBackend(service, returned={"accuracy": 1}), ledger).evaluate("m", "t")
    with pytest.raises(RunFailed, match=r"'paid-eval' ended without results.*motools\.EvalResults"):
        await job.wait()


async def test_a_listed_record_gives_its_results(ledger):
    results = await (await CachedEvalBackend(DummyEvalBackend(), ledger).evaluate("m", "t")).wait()
    [record] = await ledger.records(kind="eval")
    assert record.results is None
    assert (await job_of(record, ledger).wait()).metrics == results.metrics


async def test_a_hit_imports_no_class_from_outside_the_plugin(ledger, service):
    cached = CachedEvalBackend(PaidEvalBackend(service), ledger)
    await (await cached.evaluate("m", "t")).wait()
    writer = ledger._database._writer
    record = (await ledger.records())[0]
    writer.execute("DELETE FROM runs")
    writer.execute("DELETE FROM tags")
    draft = await ledger.claim(record, seconds=1)
    moved = await ledger.move(draft, State.SUBMITTING)
    moved = await ledger.move(moved, State.SUBMITTED, job_id="j", handle={}, handle_class="x:Y")
    results = {"model_id": "m", "metrics": {}, "samples": [], "metadata": {}}
    await ledger.move(moved, State.SUCCEEDED, results=results, results_class="antigravity:Results")
    hit = await cached.evaluate("m", "t")
    assert type(await hit.wait()) is EvalResults
    assert "antigravity" not in sys.modules


def test_the_cached_backends_do_not_import_sqlite_before_they_are_used():
    code = (
        "import sys; import motools.training.backends.cached, motools.evals.backends.cached; "
        "sys.exit('sqlite3' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
