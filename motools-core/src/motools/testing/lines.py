# ruff: noqa: S101  (a contract is spoken in asserts)
"""Whose turn it is: `move(…, slots=n)` decides that in the write that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from motools.cache.line import in_place
from motools.cache.states import LIVE, UNSETTLED, State
from motools.errors import TransitionRefused
from motools.testing.processes import at_once
from motools.testing.store import LONG, StoreContract, brought_to, plain, request

if TYPE_CHECKING:
    from motools.cache.base import Ledger, Record
    from motools.testing.store import Elsewhere


class LineContract(StoreContract):
    """No more have a slot than there are, and whoever waits longest is next."""

    async def test_a_record_is_submitted_only_while_there_is_a_slot(self, ledger: Ledger) -> None:
        for number, state in enumerate(sorted(LIVE | UNSETTLED)):
            model = f"model {number}"
            await _taken(ledger, f"taken {number}", state, model=model)
            waiting = await _queued(ledger, f"waiting {number}", model=model)
            with pytest.raises(TransitionRefused):
                await ledger.move(waiting, State.SUBMITTING, slots=1, job_id="no")
            assert plain(await ledger.read(waiting.key)) == plain(waiting), state
            moved = await ledger.move(waiting, State.SUBMITTING, slots=2)
            assert moved.state is State.SUBMITTING, state

    async def test_what_has_ended_or_is_not_in_line_has_no_slot(self, ledger: Ledger) -> None:
        await brought_to(ledger, State.SUCCEEDED, "succeeded")
        await brought_to(ledger, State.FAILED, "failed")
        await brought_to(ledger, State.CANCELLED, "cancelled")
        await brought_to(ledger, State.ABSENT, "absent")
        await brought_to(ledger, State.INTENT, "intent")
        assert (
            await ledger.move(await _queued(ledger, "waiting"), State.SUBMITTING, slots=1)
        ).state is State.SUBMITTING

    async def test_whoever_got_in_line_first_is_next(self, ledger: Ledger) -> None:
        first, second, third = [await _queued(ledger, word) for word in ("z first", "m second", "a third")]
        for later in (third, second):
            with pytest.raises(TransitionRefused):
                await ledger.move(later, State.SUBMITTING, slots=1)
        await ledger.move(second, State.SUBMITTING, slots=2)
        with pytest.raises(TransitionRefused):
            await ledger.move(third, State.SUBMITTING, slots=2)
        first = await ledger.move(first, State.SUBMITTING, slots=2)
        await ledger.move(first, State.FAILED)
        assert (await ledger.move(third, State.SUBMITTING, slots=2)).state is State.SUBMITTING

    async def test_whoever_found_no_slot_goes_back_to_its_place(self, ledger: Ledger) -> None:
        first, second = [await _queued(ledger, word) for word in ("first", "second")]
        refused = await ledger.move(first, State.SUBMITTING, slots=1, details=in_place(first))
        first = await ledger.move(refused, State.QUEUED)
        with pytest.raises(TransitionRefused):
            await ledger.move(second, State.SUBMITTING, slots=1)
        assert (await ledger.move(first, State.SUBMITTING, slots=1)).state is State.SUBMITTING

    async def test_what_is_not_in_line_stands_behind_all_that_wait(self, ledger: Ledger) -> None:
        intent = await ledger.claim(request("intent"), seconds=LONG)
        assert intent is not None
        await _queued(ledger, "waiting")
        with pytest.raises(TransitionRefused):
            await ledger.move(intent, State.SUBMITTING, slots=1)
        assert (await ledger.move(intent, State.SUBMITTING, slots=2)).state is State.SUBMITTING

    async def test_other_lines_do_not_count(self, ledger: Ledger) -> None:
        others: list[dict[str, Any]] = [
            {"backend": "other"},
            {"model": "other"},
            {"account": {"organization": "other"}},
            {"kind": "eval"},
        ]
        for number, more in enumerate(others):
            await _taken(ledger, f"taken {number}", State.RUNNING, **more)
            await _queued(ledger, f"waiting {number}", **more)
        assert (await ledger.move(await _queued(ledger, "mine"), State.SUBMITTING, slots=1)).state is State.SUBMITTING

    async def test_evaluations_stand_in_one_line_whatever_they_evaluate(self, ledger: Ledger) -> None:
        await _taken(ledger, "taken", State.RUNNING, kind="eval", model="one")
        waiting = await _queued(ledger, "waiting", kind="eval", model="other")
        with pytest.raises(TransitionRefused):
            await ledger.move(waiting, State.SUBMITTING, slots=1)

    async def test_who_has_left_is_in_nobodys_way_and_has_its_place_when_it_comes_back(self, ledger: Ledger) -> None:
        left = await _queued(ledger, "left", seconds=self.short)
        second, third = [await _queued(ledger, word) for word in ("second", "third")]
        await self.when_lapsed(lambda: ledger.claim(request("timer"), seconds=self.short))
        back = await self.when_lapsed(lambda: ledger.claim(request("left"), seconds=LONG))
        assert (back.state, back.updated_at) == (State.QUEUED, left.updated_at)
        with pytest.raises(TransitionRefused):
            await ledger.move(second, State.SUBMITTING, slots=1)
        await ledger.release(back)
        second = await ledger.move(second, State.SUBMITTING, slots=1)
        back = await self.when_lapsed(lambda: ledger.claim(request("left"), seconds=LONG))
        await ledger.move(second, State.FAILED)
        with pytest.raises(TransitionRefused):
            await ledger.move(third, State.SUBMITTING, slots=1)
        assert (await ledger.move(back, State.SUBMITTING, slots=1)).state is State.SUBMITTING

    async def test_of_many_processes_that_move_at_once_no_more_get_a_slot_than_there_are(
        self, ledger: Ledger, elsewhere: Elsewhere
    ) -> None:
        stores = await elsewhere(self.processes)
        for number in range(self.rounds):
            model, slots = f"model {number}", 1 + number % (self.processes - 1)
            claims = [
                await ledger.claim(request(f"{number} {each}", model=model), seconds=LONG)
                for each in range(len(stores))
            ]
            outcomes = await at_once(stores, "move", claims, State.SUBMITTING, each=True, slots=slots)
            refused = [outcome for outcome in outcomes if isinstance(outcome, TransitionRefused)]
            assert len(outcomes) - len(refused) == slots, (
                f"{slots} slots, {len(outcomes)} moves, {len(refused)} refused"
            )


async def _queued(ledger: Ledger, word: str, *, seconds: float = LONG, **more: Any) -> Record:
    record = await ledger.claim(request(word, **more), seconds=LONG)
    assert record is not None
    return await ledger.move(record, State.QUEUED, seconds=seconds)


_WAYS: dict[State, list[State]] = {
    State.SUBMITTING: [],
    State.UNCERTAIN: [State.UNCERTAIN],
    State.NEEDS_HUMAN: [State.UNCERTAIN, State.NEEDS_HUMAN],
    State.SUBMITTED: [State.SUBMITTED],
    State.FOUND: [State.UNCERTAIN, State.FOUND],
    State.RUNNING: [State.SUBMITTED, State.RUNNING],
}


async def _taken(ledger: Ledger, word: str, state: State, **more: Any) -> Record:
    """Return a record that has a slot."""
    record = await ledger.claim(request(word, **more), seconds=LONG)
    assert record is not None
    for each in [State.SUBMITTING, *_WAYS[state]]:
        record = await ledger.move(record, each)
    return record


__all__ = ["LineContract"]
