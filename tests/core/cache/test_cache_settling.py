"""What a person says about a submission that no program can settle."""

import pytest
from paid_world import BlindBackend, PaidBackend, PaidRun

from motools.cache.settling import resolve
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import NeedsPerson, SubmitUncertain, TransitionRefused
from motools.training.backends.cached import CachedTrainingBackend


def no_answer():
    raise SubmitUncertain("no answer")


async def unsettled(ledger, service, data, made):
    backend = made(service, die="accepted", how=no_answer, ended=False)
    cached = CachedTrainingBackend(backend, ledger)
    with pytest.raises(SubmitUncertain):
        await cached.train(data, "base")
    backend.die = None
    [record] = await ledger.records()
    return cached, record


async def test_nothing_was_submitted_so_the_next_request_submits(ledger, service, data):
    cached, record = await unsettled(ledger, service, data, BlindBackend)
    with pytest.raises(NeedsPerson):
        await cached.train(data, "base")
    resolved = await resolve(ledger, (await ledger.records())[0], submitted=None)
    assert resolved.state is State.ABSENT
    assert (await cached.train(data, "base")).job_id != service.jobs()[0]["id"]
    assert (await ledger.read(record.key)).state is State.SUBMITTED


async def test_what_was_submitted_is_followed_by_what_find_returns(ledger, service, data):
    cached, record = await unsettled(ledger, service, data, PaidBackend)
    [job] = service.jobs()
    resolved = await resolve(ledger, record, submitted=job["id"], find=cached.find_noted)
    assert (resolved.state, resolved.job_id, resolved.handle_class) == (State.FOUND, job["id"], "paid_world:PaidRun")
    run = await cached.train(data, "base")
    service.end(job["id"])
    assert await run.wait() == f"model-of-{job['id']}"
    assert len(service.jobs()) == 1


async def test_an_id_alone_makes_a_handle_of_the_standard_form(ledger, service, data):
    _, record = await unsettled(ledger, service, data, BlindBackend)
    resolved = await resolve(ledger, record, submitted="job-1")
    assert resolved.handle == {
        "schema": 1,
        "kind": "training",
        "backend": "blind",
        "job_id": "job-1",
        "model_id": None,
        "status": "queued",
        "metadata": {},
    }


async def test_there_is_nothing_to_settle_in_what_has_ended(ledger, service, data):
    run = await CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base")
    await run.wait()
    with pytest.raises(TransitionRefused, match="nothing to settle"):
        await resolve(ledger, run.record, submitted="job-1")


async def test_a_live_run_that_nobody_can_follow_is_given_up(ledger, service, data, monkeypatch):
    async def save(self, path):
        raise OSError("no")

    monkeypatch.setattr(PaidRun, "save", save)
    run = await CachedTrainingBackend(BlindBackend(service, ended=False), ledger).train(data, "base")
    record = await ledger.read(run.key)
    assert (record.state, record.handle) == (State.SUBMITTED, None)
    elsewhere = SqliteLedger(ledger.path)
    with pytest.raises(NeedsPerson, match="not recorded in full"):
        await CachedTrainingBackend(BlindBackend(service), elsewhere).train(data, "base")
    elsewhere.close()
    given_up = await resolve(ledger, await ledger.read(record.key), submitted=None)
    assert given_up.state is State.CANCELLED
