"""The ledgers that motools ships, beyond the contract of all stores: their clock, their words, and the table of states."""

from dataclasses import replace

import pytest

from motools.cache.base import CacheBackend, Draft, Ledger
from motools.cache.memory import MemoryLedger, PlainLedger
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import ENDED, FOLLOWS, LIVE, REPEATABLE, UNSETTLED, State, may_follow
from motools.errors import TransitionRefused

LEASE = 10.0
DRAFT = Draft(key="mk1:aaaa0001", kind="training", backend="paid", account={}, model="base", spec={"n": 1.5})


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "memory"])
def ledger(request, ledger, clock):
    if request.param == "memory":
        return MemoryLedger(clock=clock)
    ledger._clock = clock
    return ledger


async def test_leases_are_measured_by_the_clock_that_was_given(ledger, clock):
    first = await ledger.claim(DRAFT, seconds=LEASE)
    assert (first.epoch, first.created_at, first.leased_until) == (1, 1000.0, 1010.0)
    clock.now += LEASE - 1
    assert await ledger.claim(DRAFT, seconds=LEASE) is None
    await ledger.renew(first, seconds=LEASE)
    clock.now += LEASE - 1
    assert await ledger.claim(DRAFT, seconds=LEASE) is None
    clock.now += 1
    second = await ledger.claim(DRAFT, seconds=LEASE)
    assert (second.epoch, second.leased_until) == (2, clock.now + LEASE)


async def test_a_transition_renews_a_lease_by_the_clock_and_gives_it_up_for_good(ledger, clock):
    record = await ledger.claim(DRAFT, seconds=LEASE)
    clock.now += 5
    record = await ledger.move(record, State.SUBMITTING, seconds=LEASE)
    assert (record.leased_until, record.updated_at) == (clock.now + LEASE, clock.now)
    record = await ledger.move(record, State.ABSENT, seconds=0)
    assert record.leased_until == 0.0


async def test_a_transition_that_the_table_forbids_is_refused_in_words(ledger):
    record = await ledger.claim(DRAFT, seconds=LEASE)
    with pytest.raises(TransitionRefused, match="cannot go from intent to succeeded"):
        await ledger.move(record, State.SUCCEEDED, model_id="m")


@pytest.mark.parametrize("state", State)
async def test_only_what_the_table_allows_is_allowed(state):
    for target in State:
        allowed = may_follow(state, target)
        assert allowed == (target is state or target in FOLLOWS[state])
    assert sum(state in group for group in (REPEATABLE, UNSETTLED, LIVE, ENDED)) == 1
    assert not (state in ENDED and FOLLOWS[state])


def test_the_protocols_are_kept():
    assert isinstance(SqliteLedger("x"), Ledger)
    assert isinstance(SqliteLedger("x"), CacheBackend)
    assert isinstance(MemoryLedger(), Ledger)
    assert issubclass(PlainLedger, MemoryLedger)


async def test_a_record_is_a_value(ledger):
    record = await ledger.claim(DRAFT, seconds=LEASE)
    assert replace(record, state=State.FAILED) != record
    with pytest.raises(AttributeError):
        record.state = State.FAILED
