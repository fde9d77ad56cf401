"""What every ledger promises, on each that motools ships."""

import asyncio
from dataclasses import replace

import pytest

from motools.cache.base import CacheBackend, Draft, Ledger
from motools.cache.memory import MemoryLedger, PlainLedger
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import ENDED, FOLLOWS, LIVE, REPEATABLE, UNSETTLED, State, may_follow
from motools.errors import TransitionRefused

LEASE = 10.0


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


def draft(key="mk1:aaaa0001", **more):
    fields = {"kind": "training", "backend": "paid", "account": {"org": "o"}, "model": "base", "spec": {"n": 1.5}}
    return Draft(key=key, **fields, **more)


async def moved(ledger, record, *states, **changes):
    for state in states[:-1]:
        record = await ledger.move(record, state)
    return await ledger.move(record, states[-1], **changes)


async def ended(ledger, key="mk1:aaaa0001", **more):
    record = await ledger.claim(draft(key, **more), seconds=LEASE)
    path = (State.SUBMITTING, State.SUBMITTED, State.SUCCEEDED)
    return await moved(ledger, record, *path, model_id="model", job_id="job", handle={"a": [1]}, handle_class="m:C")


async def test_a_record_comes_back_as_it_was_written(ledger):
    assert await ledger.read("mk1:aaaa0001") is None
    claimed = await ledger.claim(draft(label="l", tags=("b", "a")), seconds=LEASE)
    assert (claimed.state, claimed.epoch, claimed.leased_until) == (State.INTENT, 1, 1010.0)
    assert (claimed.account, claimed.spec, claimed.label) == ({"org": "o"}, {"n": 1.5}, "l")
    assert sorted(claimed.tags) == ["a", "b"]
    assert len(claimed.token) <= 64
    assert await ledger.read(claimed.key) == claimed


async def test_only_one_holds_a_lease_until_it_lapses(ledger, clock):
    first = await ledger.claim(draft(), seconds=LEASE)
    clock.now += LEASE - 1
    assert await ledger.claim(draft(), seconds=LEASE) is None
    await ledger.renew(first, seconds=LEASE)
    clock.now += LEASE - 1
    assert await ledger.claim(draft(), seconds=LEASE) is None
    clock.now += 1
    second = await ledger.claim(draft(), seconds=LEASE)
    assert (second.epoch, second.token, second.state) == (2, first.token, first.state)


async def test_a_lease_that_was_given_up_is_free_at_once(ledger):
    first = await ledger.claim(draft(), seconds=LEASE)
    await ledger.release(first)
    second = await ledger.claim(draft(), seconds=LEASE)
    assert second.epoch == first.epoch + 1
    await ledger.release(first)
    assert await ledger.claim(draft(), seconds=LEASE) is None


async def test_who_has_lost_the_lease_writes_nothing(ledger, clock):
    stale = await ledger.claim(draft(), seconds=LEASE)
    clock.now += LEASE
    current = await ledger.claim(draft(), seconds=LEASE)
    with pytest.raises(TransitionRefused):
        await ledger.move(stale, State.SUBMITTING)
    with pytest.raises(TransitionRefused):
        await ledger.renew(stale, seconds=LEASE)
    assert await ledger.read(stale.key) == current


async def test_a_transition_is_made_once(ledger):
    record = await ledger.claim(draft(), seconds=LEASE)
    outcomes = await asyncio.gather(*(ledger.move(record, State.SUBMITTING) for _ in range(5)), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Record", *["TransitionRefused"] * 4]


@pytest.mark.parametrize("state", State)
async def test_only_what_the_table_allows_is_allowed(state):
    for target in State:
        allowed = may_follow(state, target)
        assert allowed == (target is state or target in FOLLOWS[state])
    assert sum(state in group for group in (REPEATABLE, UNSETTLED, LIVE, ENDED)) == 1
    assert not (state in ENDED and FOLLOWS[state])


async def test_a_transition_that_the_table_forbids_is_refused(ledger):
    record = await ledger.claim(draft(), seconds=LEASE)
    with pytest.raises(TransitionRefused, match="cannot go from intent to succeeded"):
        await ledger.move(record, State.SUCCEEDED, model_id="m")


async def test_what_can_be_followed_or_has_ended_is_not_claimed(ledger, clock):
    record = await ledger.claim(draft(), seconds=LEASE)
    record = await moved(ledger, record, State.SUBMITTING, State.SUBMITTED, job_id="job", handle={}, handle_class="m:C")
    clock.now += LEASE
    assert await ledger.claim(draft(), seconds=LEASE) is None
    await ledger.move(record, State.FAILED, error="no")
    assert await ledger.claim(draft(), seconds=LEASE) is None


async def test_a_run_without_a_handle_is_claimed_to_be_completed(ledger, clock):
    record = await ledger.claim(draft(), seconds=LEASE)
    await moved(ledger, record, State.SUBMITTING, State.SUBMITTED, job_id="job")
    assert await ledger.claim(draft(), seconds=LEASE) is None
    clock.now += LEASE
    claimed = await ledger.claim(draft(), seconds=LEASE)
    assert (claimed.state, claimed.job_id, claimed.epoch) == (State.SUBMITTED, "job", 2)


async def test_another_attempt_takes_the_place_of_the_ended_one_exactly_once(ledger):
    old = await ended(ledger)
    new = await ledger.claim(draft(), seconds=LEASE, after=old)
    assert (new.state, new.model_id, new.job_id, new.handle) == (State.INTENT, None, "", None)
    assert new.epoch == old.epoch + 1
    assert new.token != old.token
    assert await ledger.claim(draft(), seconds=LEASE, after=old) is None


async def test_a_lease_is_renewed_and_given_up_by_a_transition(ledger, clock):
    record = await ledger.claim(draft(), seconds=LEASE)
    clock.now += 5
    record = await ledger.move(record, State.SUBMITTING, seconds=LEASE)
    assert record.leased_until == clock.now + LEASE
    record = await ledger.move(record, State.ABSENT, seconds=0)
    assert record.leased_until == 0.0


async def test_records_are_listed_latest_first_and_filtered(ledger, clock):
    first = await ended(ledger, "mk1:aaaa0001", label="one", tags=("x", "y"))
    clock.now += 1
    second = await ledger.claim(draft("mk1:bbbb0002", tags=("y",)), seconds=LEASE)
    keys = [record.key for record in await ledger.records()]
    assert keys == [second.key, first.key]

    async def listed(**wanted):
        return [record.key for record in await ledger.records(**wanted)]

    assert await listed(tag="x") == [first.key]
    assert await listed(tag="y", limit=1) == [second.key]
    assert await listed(state="succeeded") == [first.key]
    assert await listed(state=[State.INTENT, State.QUEUED]) == [second.key]
    assert await listed(label="one", kind="training", backend="paid") == [first.key]
    assert await listed(kind="eval") == []


async def test_records_are_found_by_whatever_they_are_called(ledger):
    record = await ended(ledger, label="mine")
    for name in (record.key, "aaaa00", "mk1:aaaa", "job", "model", "mine"):
        assert [found.key for found in await ledger.find(name)] == [record.key], name
    for name in ("bbbb", "nothing", "%", "mk1:aaab"):
        assert await ledger.find(name) == [], name


def test_the_protocols_are_kept():
    assert isinstance(SqliteLedger("x"), Ledger)
    assert isinstance(SqliteLedger("x"), CacheBackend)
    assert isinstance(MemoryLedger(), Ledger)
    assert issubclass(PlainLedger, MemoryLedger)


async def test_a_record_is_a_value(ledger):
    record = await ended(ledger)
    assert replace(record, state=State.FAILED) != record
    with pytest.raises(AttributeError):
        record.state = State.FAILED
