"""An account that is full makes requests wait for their turn, and forgets none."""

from __future__ import annotations

import asyncio

import pytest

import motools
from motools.cache.states import State

pytestmark = pytest.mark.slow

MODEL = "gpt-4.1-nano-2025-04-14"


@pytest.fixture
async def made(service, motools_home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", service.key)
    monkeypatch.setattr("motools.cache.line.PAUSES", (0.2, 0.5))
    monkeypatch.setattr("motools.cache.waiting.LIMITS_SECONDS", (0.1, 0.2, 0.5))
    monkeypatch.setattr("motools.cache.moving.LOOK_AFTER", (0.2, 0.5))
    backends = []

    def make(**options):
        backends.append(motools.get_backend("openai", base_url=service.base_url, poll=0.02, **options))
        return backends[-1]

    yield make
    for backend in backends:
        await backend.aclose()


def paid_for(service):
    """Return the seeds of the jobs that were paid for, in order."""
    return [job["body"]["seed"] for job in service.bill()]


async def queued(backend, count):
    """Wait until so many requests stand in line."""
    ledger = backend._asker.ledger
    while len(await ledger.records(state=State.QUEUED)) < count:  # noqa: ASYNC110 (the record has no event of it)
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("offers_limits", [True, False])
async def test_jobs_beyond_the_limit_wait_and_go_first_come_first_served(made, service, data, offers_limits):
    service.set(concurrent_jobs=1, offers_model_limits=offers_limits, speed=0)
    backend = made()
    first = await backend.train(data, MODEL, seed=0)
    waiting = []
    for seed in (1, 2):
        waiting.append(asyncio.create_task(backend.train(data, MODEL, seed=seed)))
        await asyncio.wait_for(queued(backend, seed), 20)
    assert paid_for(service) == [0]
    for task in waiting:
        service.advance(1000)
        await first.wait()
        first = await asyncio.wait_for(task, 30)
    assert paid_for(service) == [0, 1, 2]
    if offers_limits:
        assert service.requests()["POST /fine_tuning/jobs"] == 3  # nobody tried in vain


async def test_a_reserved_slot_stays_free(made, service, data):
    service.set(concurrent_jobs=2, speed=0)
    backend = made(reserve=1)
    await backend.train(data, MODEL, seed=0)
    waiting = asyncio.create_task(backend.train(data, MODEL, seed=1))
    await asyncio.wait_for(queued(backend, 1), 20)
    service.advance(1000)
    await asyncio.wait_for(waiting, 30)
    assert paid_for(service) == [0, 1]


async def test_jobs_that_others_started_count(made, service, client, data):
    service.set(concurrent_jobs=1, speed=0)
    backend = made()
    file = await client.files.create(file=("theirs.jsonl", data.read_bytes()), purpose="fine-tune")
    service.populate(1, {"model": MODEL, "training_file": file.id})
    waiting = asyncio.create_task(backend.train(data, MODEL, seed=1))
    await asyncio.wait_for(queued(backend, 1), 20)
    assert service.bill() == []
    service.advance(1000)
    await asyncio.wait_for(waiting, 30)
    assert paid_for(service) == [1]


async def test_a_full_day_is_waited_out_and_says_until_when(made, service, data):
    service.set(daily_jobs=1, speed=0)
    backend = made()
    first = await backend.train(data, MODEL, seed=0)
    waiting = asyncio.create_task(backend.train(data, MODEL, seed=1))
    await asyncio.wait_for(queued(backend, 1), 20)
    await asyncio.sleep(0.5)
    (record,) = await backend._asker.ledger.records(state=State.QUEUED)
    assert record.details["queue"]["until"] == pytest.approx(first.metadata["created_at"] + 24 * 3600, abs=10)
    tried = service.requests()["POST /fine_tuning/jobs"]
    await asyncio.sleep(1.0)
    assert service.requests()["POST /fine_tuning/jobs"] == tried == 2
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    (record,) = await backend._asker.ledger.records(state=State.QUEUED)
    assert record.job_id == ""


async def test_a_request_that_was_interrupted_in_line_has_its_place_when_it_comes_again(made, service, data):
    service.set(concurrent_jobs=1, speed=0)
    backend = made()
    first = await backend.train(data, MODEL, seed=0)
    early = asyncio.create_task(backend.train(data, MODEL, seed=1))
    await asyncio.wait_for(queued(backend, 1), 20)
    late = asyncio.create_task(backend.train(data, MODEL, seed=2))
    await asyncio.wait_for(queued(backend, 2), 20)
    early.cancel()
    await asyncio.gather(early, return_exceptions=True)
    early = asyncio.create_task(backend.train(data, MODEL, seed=1))
    await asyncio.sleep(0.2)
    service.advance(1000)
    await first.wait()
    second = await asyncio.wait_for(early, 30)
    assert paid_for(service) == [0, 1]
    service.advance(1000)
    await second.wait()
    await asyncio.wait_for(late, 30)
    assert paid_for(service) == [0, 1, 2]
