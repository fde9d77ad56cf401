# ruff: noqa: S101  (a contract is spoken in asserts)
"""One ledger, many processes: competing for the right to submit, writing side by side, and dying while they write."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from motools.cache.base import Record
from motools.cache.states import State
from motools.errors import TransitionRefused
from motools.testing.processes import at_once, story
from motools.testing.store import LONG, StoreContract, brought_to, key_of, plain, request

if TYPE_CHECKING:
    from motools.cache.base import Ledger
    from motools.testing.processes import StoreElsewhere
    from motools.testing.store import Elsewhere


class SharingContract(StoreContract):
    """Between processes a ledger promises what it promises within one."""

    async def test_a_record_is_read_in_another_process_as_it_was_written(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        [other] = await elsewhere(1)
        assert await other.call("read", key_of("one")) is None
        record = await brought_to(ledger, State.SUBMITTED, job_id="job", handle={"é": [1.0, None]}, handle_class="a:B")
        assert plain(await other.call("read", record.key)) == plain(record)
        assert [found.key for found in await other.call("find", "job")] == [record.key]
        assert await other.call("claim", request(), seconds=LONG) is None

    async def test_whoever_follows_a_run_may_write_how_it_ended(self, ledger: Ledger, elsewhere: Elsewhere) -> None:
        [other] = await elsewhere(1)
        handle: dict[str, Any] = {"handle": {"job": 1}, "handle_class": "acme:Run", "job_id": "job"}
        await brought_to(ledger, State.SUBMITTED, **handle)
        read = await other.call("read", key_of("one"))
        ended = await other.call("move", read, State.SUCCEEDED, model_id="model")
        assert plain(await ledger.read(key_of("one"))) == plain(ended)

    async def test_only_one_of_many_processes_that_claim_at_once_gets_it(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        stores = await elsewhere(self.processes)
        for number in range(self.rounds):
            await _one_gets(ledger, await at_once(stores, "claim", request(f"{number}"), seconds=LONG))

    async def test_only_one_of_many_processes_takes_over_or_begins_again(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        stores = await elsewhere(self.processes)
        for number in range(self.rounds // 2):
            first = await brought_to(ledger, State.SUBMITTING, f"{number}", seconds=0)
            taken = await _one_gets(ledger, await at_once(stores, "claim", request(f"{number}"), seconds=LONG))
            assert (taken.epoch > first.epoch, taken.token, taken.state) == (True, first.token, first.state)
            ended = await ledger.move(taken, State.FAILED)
            claims = await at_once(stores, "claim", request(f"{number}"), seconds=LONG, after=ended)
            again = await _one_gets(ledger, claims)
            assert (again.epoch > ended.epoch, again.token != ended.token) == (True, True)

    async def test_of_many_processes_that_make_one_transition_at_once_one_does(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        stores = await elsewhere(self.processes)
        for number in range(self.rounds):
            read = await brought_to(ledger, State.INTENT, f"{number}")
            outcomes = await at_once(stores, "move", read, State.SUBMITTING)
            [made] = [outcome for outcome in outcomes if not isinstance(outcome, TransitionRefused)]
            assert plain(await ledger.read(read.key)) == plain(made)

    async def test_a_process_that_was_stopped_for_longer_than_its_lease_is_shut_out(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        if not hasattr(signal, "SIGSTOP"):
            pytest.skip("no device: processes cannot be stopped here")
        [other] = await elsewhere(1)
        stale = await other.call("claim", request(), seconds=self.short)
        other.send_signal(signal.SIGSTOP)
        taken = await self.when_lapsed(lambda: ledger.claim(request(), seconds=LONG))
        other.send_signal(signal.SIGCONT)
        assert (taken.epoch > stale.epoch, taken.token) == (True, stale.token)
        with pytest.raises(TransitionRefused):
            await other.call("move", stale, State.SUBMITTING)
        with pytest.raises(TransitionRefused):
            await other.call("renew", stale, seconds=LONG)
        await other.call("release", stale)
        assert plain(await ledger.read(stale.key)) == plain(taken)
        assert (await ledger.move(taken, State.SUBMITTING)).state is State.SUBMITTING

    async def test_what_many_processes_write_side_by_side_is_all_there(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        async def write(store: StoreElsewhere, name: str) -> None:
            for number in range(self.rounds):
                record = await store.call("claim", request(f"{name} {number}", tags=(name,)), seconds=LONG)
                for state, changes in story(number):
                    record = await store.call("move", record, state, **changes)

        names = [f"writer {number}" for number in range(self.processes)]
        await asyncio.gather(
            *(write(store, name) for store, name in zip(await elsewhere(len(names)), names, strict=True))
        )
        assert len(await ledger.records(state=State.SUCCEEDED)) == self.rounds * len(names)
        for name in names:
            assert len(await ledger.records(tag=name)) == self.rounds
            for number in range(self.rounds):
                _is_whole(await ledger.read(key_of(f"{name} {number}")), number)

    async def test_a_process_that_is_killed_while_it_writes_leaves_every_record_whole(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        for word, moment in (("early", 0.0), ("middle", 0.3), ("late", 0.6)):
            [writer] = await elsewhere(1)
            stored = await _written_until_killed(writer, word, self.rounds, moment)
            for number, state in stored.items():
                found = await ledger.read(key_of(f"{word} {number}"))
                assert found is not None, f"{state} was stored, and is gone"
                assert _STEPS.index(found.state) >= _STEPS.index(state), f"{state} was stored, and is {found.state}"
        for listed in await ledger.records():
            _is_whole(await ledger.read(listed.key), int(listed.spec["number"]))
        await brought_to(ledger, State.SUCCEEDED, "life goes on")


_STEPS = [State.INTENT, *(state for state, _ in story(0))]


async def _written_until_killed(writer: StoreElsewhere, word: str, count: int, moment: float) -> dict[int, State]:
    """Kill a writer some way into the write that follows its first ones; return what it said that it had stored."""
    stored: dict[int, State] = {}
    began = time.monotonic()
    async with aclosing(writer.writes(word)) as writes:
        async for number, state in writes:
            stored[number] = state
            if number == count and state is State.SUBMITTING:
                break
    one_write = (time.monotonic() - began) / (len(_STEPS) * count)
    await asyncio.sleep(moment * one_write)
    await writer.kill()
    return stored


async def _one_gets(ledger: Ledger, claims: list[Any]) -> Record:
    """Return the one claim that was granted, which the record bears out."""
    granted = [claimed for claimed in claims if claimed is not None]
    assert len(granted) == 1, f"{len(granted)} of {len(claims)} processes were told that they may submit"
    [claimed] = granted
    assert isinstance(claimed, Record)
    assert plain(await ledger.read(claimed.key)) == plain(claimed)
    return claimed


def _is_whole(record: Record | None, number: int) -> None:
    """Check that a record has exactly what the transitions of its `story` up to its state gave it."""
    assert record is not None
    expected: dict[str, Any] = {"details": {}, "job_id": "", "handle": None, "model_id": None, "results": None}
    reached = State.INTENT
    for state, changes in story(number):
        if reached is record.state:
            break
        expected |= changes
        reached = state
    assert reached is record.state
    found = {name: getattr(record, name) for name in expected}
    assert found == expected, f"{record.state}, and not what was written with it"


__all__ = ["SharingContract"]
