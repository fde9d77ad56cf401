"""Made-up histories under a limit: whatever befalls whom, no more are live than may be, and all are paid for once and answered."""

from __future__ import annotations

import logging

import pytest
from chaos import Chaos, live
from hypothesis import HealthCheck, given, settings, strategies as st
from simulated_world import Wrong

from motools.cache.memory import MemoryLedger
from motools.middleware.limit import LimitedTrainingBackend, LimitOptions
from motools.training.backends.cached import CachedTrainingBackend

pytestmark = pytest.mark.slow

SLOTS = 2
SEEDS = 80
REPEATABLE = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def limited(backend, ledger, **options):
    layer = LimitedTrainingBackend(backend, LimitOptions(**options))
    return CachedTrainingBackend(layer, ledger, clock=backend.process.world.clock)


class Limited(Chaos):
    """The user lets only so many be live; the service would take any number."""

    wanted = ("a", "b", "c", "d", "e")

    def __init__(self, seed, **options):
        super().__init__(seed, policy=lambda *parts: limited(*parts, max_live_runs=SLOTS), **options)

    def check(self, job):
        super().check(job)
        if len(self.service.live()) > SLOTS:
            raise self.wrong(f"{len(self.service.live())} are live")


class Refused(Chaos):
    """The service takes only so many at once, and nobody knows how many."""

    wanted = ("a", "b", "c", "d", "e")

    def __init__(self, seed, **options):
        super().__init__(seed, policy=limited, slots=SLOTS, **options)


@pytest.fixture(autouse=True)
def quiet():
    """Whatever can go wrong does, and is logged: a test that fails tells the history instead."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("world", [Limited, Refused])
@given(seed=st.integers(0, 2**48))
@settings(max_examples=SEEDS, **REPEATABLE)
def test_whatever_happens_no_more_are_live_than_may_be_and_everybody_is_answered(world, seed):
    live(world(seed))


@pytest.mark.soak
@pytest.mark.parametrize("world", [Limited, Refused])
@given(st.integers(0, 2**48))
@settings(max_examples=20_000, **REPEATABLE)
@pytest.mark.timeout(0)
def test_whatever_happens_for_long_no_more_are_live_than_may_be(world, seed):
    live(world(seed))


@pytest.mark.parametrize("world", [Limited, Refused])
def test_the_same_holds_of_the_ledger_on_disk(place, world):
    for seed in range(8):
        live(world(seed, store=place / f"{seed}.db"))


class Unguarded(MemoryLedger):
    """Looks whose turn it is before it writes, and not while."""

    async def move(self, record, target, *, slots=None, **changes):
        return await super().move(record, target, **changes)


def test_a_ledger_that_lets_anybody_go_is_caught():
    def search():
        for seed in range(200):
            live(Limited(seed, memory=Unguarded))

    with pytest.raises(Wrong, match="3 are live"):
        search()
