"""Listeners are told how far a run is while somebody follows it, and nobody else pays for that."""

import asyncio
import json
import math

import pytest

from motools.cache.sqlite import SqliteLedger
from motools.errors import RunCancelled
from motools.evals.backends.cached import CachedEvalBackend
from motools.evals.backends.dummy import DummyEvalBackend
from motools.handles import load_run
from motools.status import Progress
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingRun


class Listener:
    """Keeps the events of progress, and can be asked for more of them."""

    def __init__(self):
        self.heard = []
        self.all = []
        self._more = asyncio.Event()

    async def __call__(self, event):
        self.all.append(str(event.happened))
        if event.happened == "progress":
            self.heard.append(event)
            self._more.set()

    async def until(self, count):
        async with asyncio.timeout(30):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def often(monkeypatch):
    """Let progress be told a hundred times a second."""
    monkeypatch.setattr("motools.cache.telling.EVERY", 0.01)


@pytest.fixture
def train(ledger, data):
    """Train with the dummy under the record; the run takes ten minutes unless something else is said."""

    async def train(notify, **options):
        backend = DummyTrainingBackend(**{"duration": 600, "steps": 60_000} | options)
        return await CachedTrainingBackend(backend, ledger, notify=notify).train(data, "base", label="mine")

    return train


async def test_whoever_waits_has_the_listeners_told_again_and_again(train, listener, often):
    run = await train(listener)
    waiting = asyncio.create_task(run.wait())
    await listener.until(3)
    await run.cancel()
    with pytest.raises(RunCancelled):
        await waiting
    event = listener.heard[0]
    assert (event.kind, event.backend, event.key, event.job_id) == ("training", "dummy", run.key, run.job_id)
    assert set(event.details) == {"step", "total", "loss", "eta_seconds", "message", "label", "tags"}
    assert (event.details["total"], event.details["label"]) == (60_000, "mine")
    assert json.dumps(event.details, allow_nan=False)
    steps = [event.details["step"] for event in listener.heard]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]
    assert listener.all[0] == "submitted"
    assert listener.all[-1] == "cancelled"
    assert set(listener.all[1:-1]) == {"progress"}


async def test_many_who_wait_are_one(train, listener, often):
    run = await train(listener)
    waiting = [asyncio.create_task(run.wait()) for _ in range(5)]
    await listener.until(3)
    told = [event.details["step"] for event in listener.heard]
    assert len(set(told)) == len(told)
    for each in waiting:
        each.cancel()


async def test_a_refresh_tells_at_once_and_then_not_for_some_seconds(train, listener):
    run = await train(listener)
    for _ in range(5):
        await run.refresh()
        await run.is_complete()
        await asyncio.sleep(0.02)  # two steps of the run
    assert len(listener.heard) == 1


async def test_what_has_not_changed_is_not_told_again(train, listener, often):
    run = await train(listener, steps=1)
    first = None
    for _ in range(5):
        await run.refresh()
        first = first or run.progress
        await asyncio.sleep(0.02)
    assert run.progress.eta_seconds < first.eta_seconds
    assert len(listener.heard) == 1
    await run.pause()
    await run.refresh()
    assert [event.details["message"] for event in listener.heard] == [None, "paused"]


async def test_an_evaluation_is_told_of_in_the_same_way(ledger, listener):
    backend = DummyEvalBackend(duration=600, steps=100)
    job = await CachedEvalBackend(backend, ledger, notify=listener).evaluate("model", "task")
    await job.refresh()
    [event] = listener.heard
    assert (event.kind, event.details["total"]) == ("eval", 100)


async def test_a_number_that_is_none_is_told_as_none(train, listener):
    run = await train(listener)
    run._handle.take = lambda job: setattr(run._handle, "progress", Progress(step=1, loss=math.inf))
    await run.refresh()
    assert listener.heard[0].details["loss"] is None


async def test_nothing_is_told_of_a_run_that_has_ended(train, listener):
    run = await train(listener, duration=0)
    await run.wait()
    await run.refresh()
    assert listener.all == ["submitted", "succeeded"]


async def test_nothing_is_told_after_a_cancellation_that_a_waiter_has_not_noticed_yet(train, listener, often):
    run = await train(listener)
    run._handle.wait = asyncio.Event().wait
    waiting = asyncio.create_task(run.wait())
    await asyncio.sleep(0)
    await run.cancel()
    run._handle.progress = Progress(step=77)
    await asyncio.sleep(0.1)
    assert listener.all[-1] == "cancelled"
    waiting.cancel()


async def test_a_listener_that_hangs_keeps_nobody_from_giving_up(train, often):
    told = asyncio.Event()

    async def hang(event):
        if event.happened == "progress":
            told.set()
            await asyncio.Event().wait()

    run = await train(hang)
    waiting = asyncio.create_task(run.wait())
    async with asyncio.timeout(10):
        await told.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})


class Watched(DummyTrainingRun):
    """Counts how often it is asked how far it is."""

    asked = 0
    job_id = ""

    @property
    def progress(self):
        self.asked += 1
        return self._progress

    @progress.setter
    def progress(self, value):
        self._progress = value


class Idle:
    """Listeners of which it is known that there are none."""

    is_idle = True

    async def __call__(self, event):
        raise AssertionError(event)


@pytest.mark.parametrize("notify", [None, Idle()], ids=["nobody", "nobody as it turned out"])
async def test_without_listeners_a_wait_has_no_further_task_and_asks_nothing(train, often, notify):
    run = await train(notify)
    run._handle.__class__ = Watched
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(run.wait())
    await asyncio.sleep(0.2)
    assert len(asyncio.all_tasks() - before) == 2  # the waiter, and the call that all waiters share
    await run.refresh()
    assert run._handle.asked == 0
    waiting.cancel()


async def test_a_run_that_was_saved_is_told_of_by_whoever_loads_it(train, listener, tmp_path, monkeypatch):
    run = await train(None)
    await run.save(tmp_path / "run.json")
    monkeypatch.setattr("motools.plugins.hooks.notifier", lambda: listener)
    loaded = await load_run(tmp_path / "run.json")
    await loaded.refresh()
    assert [event.job_id for event in listener.heard] == [run.job_id]


async def test_another_process_that_follows_tells_its_own_listeners(train, ledger, data, listener):
    mine, theirs = await train(None), Listener()
    with_own_listeners = CachedTrainingBackend(DummyTrainingBackend(), SqliteLedger(ledger.path), notify=theirs)
    attached = await with_own_listeners.train(data, "base")
    await attached.refresh()
    assert attached.job_id == mine.job_id
    assert theirs.all == ["attached", "progress"]
