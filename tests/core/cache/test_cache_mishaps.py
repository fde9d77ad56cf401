"""What goes wrong around a paid call, on this side of it: nothing that was paid for is lost, and nothing else is either."""

import asyncio
import sqlite3

import pytest
from paid_world import BlindBackend, PaidBackend, PaidRun

from motools.cache.base import Draft
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.cache.ticket import kept_alive
from motools.errors import CacheError, SettingError
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.middleware import TrainingMiddleware

DRAFT = Draft(key="mk1:" + "0" * 64, kind="training", backend="paid", account={}, model="base", spec={})


async def only(ledger):
    [record] = await ledger.records()
    return record


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), CacheError("busy"), OSError("gone")])
async def test_a_heart_that_misses_a_beat_goes_on(ledger, error):
    class Stumbling(SqliteLedger):
        missed, beaten = False, asyncio.Event()

        async def renew(self, record, *, seconds):
            if not self.missed:
                self.missed = True
                raise error
            await super().renew(record, seconds=seconds)
            self.beaten.set()

    stumbling = Stumbling(ledger.path)
    claimed = await stumbling.claim(DRAFT, seconds=60)
    async with kept_alive(stumbling, claimed, seconds=0.03), asyncio.timeout(10):
        await stumbling.beaten.wait()
    stumbling.close()


class Saving(BlindBackend):
    """A plugin whose runs call `when_saved` in their save."""

    def __init__(self, service, when_saved):
        super().__init__(service)
        self.when_saved = when_saved

    async def train(self, *args, **kwargs):
        run, when_saved = await super().train(*args, **kwargs), self.when_saved

        class SavingRun(PaidRun):
            async def save(self, path):
                await when_saved()
                await super().save(path)

        return SavingRun(run.service, run.job_id)


async def test_the_id_is_on_disk_before_the_plugin_saves_its_run(ledger, service, data):
    seen = []

    async def look():
        seen.append(await only(ledger))

    run = await CachedTrainingBackend(Saving(service, look), ledger).train(data, "base")
    assert (seen[0].state, seen[0].job_id) == (State.SUBMITTED, run.job_id)


def test_interrupting_the_program_while_the_plugin_saves_its_run_loses_nothing(ledger, service, data):
    async def program():
        main = asyncio.current_task()

        async def interrupted():
            main.cancel()
            await asyncio.sleep(0.05)

        await CachedTrainingBackend(Saving(service, interrupted), ledger).train(data, "base")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(program())
    record = asyncio.run(only(ledger))
    assert (record.state, record.job_id) == (State.SUBMITTED, service.jobs()[0]["id"])
    assert record.handle is not None


@pytest.mark.parametrize("made", [PaidBackend, BlindBackend])
async def test_an_id_that_cannot_be_written_down_is_told(ledger, service, data, made):
    class Full(SqliteLedger):
        async def move(self, record, target, **changes):
            if target is State.SUBMITTED:
                raise CacheError("the disk is full")
            return await super().move(record, target, **changes)

    full = Full(ledger.path)
    with pytest.raises(CacheError, match="the disk is full") as caught:
        await CachedTrainingBackend(made(service), full).train(data, "base")
    [job], record = service.jobs(), await only(ledger)
    [note] = caught.value.__notes__
    assert f"motools runs resolve {record.key[:16]} --submitted {job['id']}" in note
    full.close()


class Spending(TrainingMiddleware):
    """A layer with a keyword of its own."""

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, budget=None, **kwargs):
        return await super().train(dataset, model, hyperparameters, suffix, **kwargs)


class Exact(BlindBackend):
    name = "exact"

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, epochs=1):
        return await super().train(dataset, model, hyperparameters, suffix)


async def test_an_argument_that_no_layer_and_no_backend_takes_is_no_submission(ledger, service, data):
    cached = CachedTrainingBackend(Spending(Exact(service)), ledger)
    with pytest.raises(SettingError, match=r"exact backend .*'epoch'.*Did you mean 'epochs'") as caught:
        await cached.train(data, "base", epoch=2)
    assert not getattr(caught.value, "__notes__", [])
    assert service.jobs() == []
    assert (await only(ledger)).state is State.ABSENT


async def test_an_argument_of_a_layer_is_none_of_the_backends(ledger, service, data):
    cached = CachedTrainingBackend(Spending(Exact(service)), ledger)
    await cached.train(data, "base", budget=5, epochs=2)
    assert len(service.jobs()) == 1


async def test_an_argument_that_the_backend_needs_is_asked_for_before_anything_is_paid(ledger, service, data):
    class Demanding(BlindBackend):
        async def train(self, dataset, model, hyperparameters=None, suffix=None, *, cluster):
            return await super().train(dataset, model, hyperparameters, suffix)

    cached = CachedTrainingBackend(TrainingMiddleware(Demanding(service)), ledger)
    with pytest.raises(SettingError, match="needs 'cluster'"):
        await cached.train(data, "base")
    assert (await only(ledger)).state is State.ABSENT


async def for_ever(event):
    await asyncio.Event().wait()


async def leaving(event):
    raise SystemExit(3)


async def cancelling(event):
    raise asyncio.CancelledError


@pytest.mark.parametrize("listener", [for_ever, leaving, cancelling])
async def test_nothing_that_a_listener_does_holds_up_a_run(ledger, service, data, caplog, monkeypatch, listener):
    monkeypatch.setattr("motools.cache.telling.TELLING_SECONDS", 0.05)
    async with asyncio.timeout(10):
        run = await CachedTrainingBackend(PaidBackend(service), ledger, notify=listener).train(data, "base")
        assert await run.wait() == f"model-of-{run.job_id}"
    assert "A listener failed on submitted" in caplog.text


async def test_a_caller_is_cancelled_while_a_listener_is_told(ledger, service, data):
    told = asyncio.Event()

    async def listener(event):
        told.set()
        await for_ever(event)

    await (await CachedTrainingBackend(PaidBackend(service), ledger).train(data, "base")).wait()
    caller = asyncio.create_task(
        CachedTrainingBackend(PaidBackend(service), ledger, notify=listener).train(data, "base")
    )
    await told.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_run_that_could_not_be_saved_is_attached_to_where_it_is_held(ledger, service, data, caplog):
    problems = [OSError("no space left")]

    async def full():
        if problems:
            raise problems[0]

    cached = CachedTrainingBackend(Saving(service, full), ledger)
    run = await cached.train(data, "base")
    assert (await only(ledger)).handle is None
    again = await cached.train(data, "base")
    assert again.job_id == run.job_id
    problems.clear()
    third = await cached.train(data, "base")
    assert (await only(ledger)).handle is not None
    assert len({await each.wait() for each in (run, again, third)}) == 1
    assert len(service.jobs()) == 1


async def test_a_run_is_saved_where_motools_keeps_its_work(ledger, service, data, motools_home, monkeypatch):
    places = []

    class Noting(PaidRun):
        async def save(self, path):
            places.append(path)
            await super().save(path)

    class NotingBackend(PaidBackend):
        async def train(self, *args, **kwargs):
            run = await super().train(*args, **kwargs)
            return Noting(run.service, run.job_id)

    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    run = await CachedTrainingBackend(NotingBackend(service), ledger).train(data, "base")
    assert all(place.is_relative_to(motools_home) for place in places)
    assert (await ledger.read(run.key)).handle is not None
    assert not [path for path in motools_home.iterdir() if path.name.startswith(".saved-")]
