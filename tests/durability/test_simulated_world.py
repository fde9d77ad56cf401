"""Thousands of made-up histories: whatever befalls whom and when, nothing is paid for twice and everybody is answered."""

from __future__ import annotations

import logging

import pytest
from chaos import JUMPS, STOPS, WORKS, Chaos, live
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from simulated_world import FAULTS, World, Wrong
from weakened import WEAKENED

pytestmark = pytest.mark.slow

SEEDS = 2000
REPEATABLE = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(autouse=True)
def quiet():
    """Whatever can go wrong does, and is logged: a test that fails tells the history instead."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("part", range(4))
@given(seed=st.integers(0, 2**48))
@settings(max_examples=SEEDS // 4, **REPEATABLE)
def test_whatever_happens_each_piece_of_work_is_paid_for_once(part, seed):
    live(Chaos(4 * seed + part))


@pytest.mark.soak
@given(st.integers(0, 2**48))
@settings(max_examples=100_000, **REPEATABLE)
@pytest.mark.timeout(0)
def test_whatever_happens_for_long_each_piece_of_work_is_paid_for_once(seed):
    live(Chaos(seed))


def test_the_same_holds_of_the_ledger_on_disk(place):
    for seed in range(60):
        live(Chaos(seed, store=place / f"{seed}.db"))


@pytest.mark.parametrize("weakness", WEAKENED)
def test_a_cache_without_one_of_its_protections_is_caught(weakness):
    def search():
        for seed in range(100):
            live(Chaos(seed, **WEAKENED[weakness]))

    with pytest.raises(Wrong, match="paid for twice"):
        search()


class Histories(RuleBasedStateMachine):
    """The same world, told by rules, so that what goes wrong is cut down to the shortest history that does."""

    def __init__(self):
        super().__init__()
        self.world = World()

    @rule(works=st.sets(st.sampled_from(WORKS), min_size=1))
    @precondition(lambda self: len(self.world.processes) < 6)
    def start(self, works):
        self.world.start(sorted(works))

    @rule(seconds=st.sampled_from((0.5, 3.0, 25.0, 61.0, 200.0)))
    def let_time_pass(self, seconds):
        end = self.world.loop.now + seconds
        self.world.run(lambda: self.world.loop.now >= end)

    @rule(fault=st.sampled_from(FAULTS))
    def let_the_next_submission_go_wrong(self, fault):
        self.world.service.next_faults.append(fault)

    @rule(number=st.integers(0, 5), gates=st.integers(0, 30))
    @precondition(lambda self: self.world.processes)
    def kill(self, number, gates):
        process = self.world.processes[number % len(self.world.processes)]
        process.gates_to_live = gates

    @rule(number=st.integers(0, 5), seconds=st.sampled_from(STOPS))
    @precondition(lambda self: self.world.processes)
    def stop(self, number, seconds):
        process = self.world.processes[number % len(self.world.processes)]
        process.stopped_until = self.world.loop.now + seconds

    @rule(seconds=st.sampled_from(JUMPS))
    def set_the_clock(self, seconds):
        self.world.jumped += seconds

    @invariant()
    def nothing_is_broken(self):
        if self.world.broken:
            raise self.world.broken

    def teardown(self):
        try:
            self.world.start(WORKS)
            self.world.run(lambda: not self.world.unanswered())
        finally:
            self.world.close()


class TestHistories(Histories.TestCase):
    settings = settings(max_examples=150, stateful_step_count=25, **REPEATABLE)
