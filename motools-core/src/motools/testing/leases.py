# ruff: noqa: S101  (a contract is spoken in asserts)
"""Who may submit: claims, leases, and the epoch that shuts out whoever has lost one."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from motools.cache.states import ENDED, LIVE, State
from motools.errors import TransitionRefused
from motools.testing.store import LONG, StoreContract, brought_to, plain, request

if TYPE_CHECKING:
    from motools.cache.base import Ledger, Record

ROUNDING = 0.001
"""Seconds by which a store may round its clock."""


class LeaseContract(StoreContract):
    """One at a time has the right to submit, and loses it for good."""

    async def test_an_unknown_key_has_no_record(self, ledger: Ledger) -> None:
        assert await ledger.read(request().key) is None

    async def test_a_claim_begins_a_record_in_intent(self, ledger: Ledger) -> None:
        asked = request(label="mine", tags=("a", "b"), details={"layers": ["cache", "limit"]})
        claimed = await ledger.claim(asked, seconds=LONG)
        assert claimed is not None
        assert claimed.state is State.INTENT
        assert claimed.epoch >= 1
        for name in ("key", "kind", "backend", "account", "model", "spec", "label", "details"):
            assert getattr(claimed, name) == getattr(asked, name)
        assert sorted(claimed.tags) == ["a", "b"]
        assert (claimed.job_id, claimed.model_id, claimed.handle, claimed.results) == ("", None, None, None)
        assert plain(await ledger.read(asked.key)) == plain(claimed)

    async def test_every_attempt_has_a_token_of_its_own_that_a_service_can_carry(self, ledger: Ledger) -> None:
        words, tokens = ("one", "two", "three"), set()
        for word in words:
            claimed = await ledger.claim(request(word), seconds=LONG)
            assert claimed is not None
            assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", claimed.token)
            tokens.add(claimed.token)
        assert len(tokens) == len(words)

    async def test_what_somebody_has_cannot_be_claimed(self, ledger: Ledger) -> None:
        claimed = await ledger.claim(request(), seconds=LONG)
        assert claimed is not None
        assert await ledger.claim(request(), seconds=LONG) is None
        assert await ledger.claim(request(), seconds=LONG, after=claimed) is None
        assert plain(await ledger.read(claimed.key)) == plain(claimed)

    async def test_only_one_of_many_that_claim_at_once_gets_it(self, ledger: Ledger) -> None:
        claims = await asyncio.gather(*(ledger.claim(request(), seconds=LONG) for _ in range(20)))
        assert sum(claimed is not None for claimed in claims) == 1

    async def test_a_lease_lapses_and_is_taken_over_with_a_higher_epoch_and_the_same_token(
        self, ledger: Ledger
    ) -> None:
        first, second = await self._overtaken(ledger)
        assert second.epoch > first.epoch
        assert (second.token, second.state) == (first.token, first.state)
        assert plain(await ledger.read(first.key)) == plain(second)
        assert await ledger.claim(request(), seconds=LONG) is None

    async def test_a_lease_does_not_lapse_before_its_time(self, ledger: Ledger) -> None:
        first, second = await self._overtaken(ledger)
        taken_at = second.leased_until - LONG  # by the store's own clock, whatever that is
        assert taken_at >= first.leased_until - ROUNDING

    async def test_work_is_taken_over_where_it_stood(self, ledger: Ledger) -> None:
        claimed = await ledger.claim(request(), seconds=LONG)
        assert claimed is not None
        submitting = await ledger.move(claimed, State.SUBMITTING, seconds=self.short, details={"step": 1})
        taken = await self.when_lapsed(lambda: ledger.claim(request(), seconds=LONG))
        assert (taken.state, taken.token, taken.details) == (State.SUBMITTING, submitting.token, {"step": 1})
        assert (await ledger.move(taken, State.UNCERTAIN)).epoch == taken.epoch

    async def test_renewing_extends_a_lease(self, ledger: Ledger) -> None:
        renewed = await ledger.claim(request("renewed"), seconds=self.short)
        assert renewed is not None
        await ledger.renew(renewed, seconds=LONG)
        assert await ledger.claim(request("timer"), seconds=self.short)
        await self.when_lapsed(lambda: ledger.claim(request("timer"), seconds=LONG))
        assert await ledger.claim(request("renewed"), seconds=LONG) is None

    async def test_a_transition_renews_a_lease_or_gives_it_up(self, ledger: Ledger) -> None:
        renewed = await ledger.claim(request("renewed"), seconds=self.short)
        assert renewed is not None
        renewed = await ledger.move(renewed, State.QUEUED, seconds=LONG)
        assert await ledger.claim(request("timer"), seconds=self.short)
        await self.when_lapsed(lambda: ledger.claim(request("timer"), seconds=LONG))
        assert await ledger.claim(request("renewed"), seconds=LONG) is None
        given_up = await ledger.move(renewed, State.INTENT, seconds=0)
        taken = await ledger.claim(request("renewed"), seconds=LONG)
        assert taken is not None
        assert taken.epoch > given_up.epoch

    async def test_a_released_lease_is_free_at_once(self, ledger: Ledger) -> None:
        first = await ledger.claim(request(), seconds=LONG)
        assert first is not None
        await ledger.release(first)
        second = await ledger.claim(request(), seconds=LONG)
        assert second is not None
        assert (second.epoch > first.epoch, second.token) == (True, first.token)

    async def test_who_has_lost_the_lease_makes_no_transition(self, ledger: Ledger) -> None:
        stale, current = await self._overtaken(ledger)
        for target in (State.SUBMITTING, State.QUEUED, State.INTENT):
            with pytest.raises(TransitionRefused):
                await ledger.move(stale, target, job_id="stale", seconds=LONG)
        assert plain(await ledger.read(stale.key)) == plain(current)

    async def test_who_has_lost_the_lease_does_not_renew_it(self, ledger: Ledger) -> None:
        stale, current = await self._overtaken(ledger)
        with pytest.raises(TransitionRefused):
            await ledger.renew(stale, seconds=2 * LONG)
        assert plain(await ledger.read(stale.key)) == plain(current)

    async def test_who_has_lost_the_lease_does_not_release_it(self, ledger: Ledger) -> None:
        stale, current = await self._overtaken(ledger)
        await ledger.release(stale)
        assert plain(await ledger.read(stale.key)) == plain(current)
        assert await ledger.claim(request(), seconds=LONG) is None

    async def test_who_holds_the_lease_goes_on_after_others_were_refused(self, ledger: Ledger) -> None:
        stale, current = await self._overtaken(ledger)
        with pytest.raises(TransitionRefused):
            await ledger.move(stale, State.SUBMITTING)
        await ledger.renew(current, seconds=LONG)
        assert (await ledger.move(current, State.SUBMITTING)).state is State.SUBMITTING

    async def test_what_is_live_and_can_be_followed_is_not_claimed(self, ledger: Ledger) -> None:
        for state in sorted(LIVE):
            handle = {"handle": {"job": 1}, "handle_class": "acme:Run", "job_id": f"job of {state}"}
            live = await brought_to(ledger, state, state, **handle, seconds=0)
            assert await ledger.claim(request(state), seconds=LONG) is None
            assert plain(await ledger.read(live.key)) == plain(live)

    async def test_what_is_live_and_cannot_be_followed_is_claimed_to_be_completed(self, ledger: Ledger) -> None:
        live = await brought_to(ledger, State.SUBMITTED, job_id="job", seconds=0)
        taken = await ledger.claim(request(), seconds=LONG)
        assert taken is not None
        assert (taken.state, taken.job_id, taken.token) == (State.SUBMITTED, "job", live.token)
        assert taken.epoch > live.epoch

    async def test_what_has_ended_is_claimed_again_only_after_the_attempt_that_is_named(self, ledger: Ledger) -> None:
        for state in sorted(ENDED):
            ended = await brought_to(
                ledger, state, state, model_id="m", job_id="j", details={"a": 1}, error="no", seconds=0
            )
            assert await ledger.claim(request(state), seconds=LONG) is None
            other = replace(ended, epoch=ended.epoch + 1)
            assert await ledger.claim(request(state), seconds=LONG, after=other) is None
            assert plain(await ledger.read(ended.key)) == plain(ended)
            again = await ledger.claim(request(state), seconds=LONG, after=ended)
            assert again is not None
            assert (again.state, again.job_id, again.model_id, again.error) == (State.INTENT, "", None, None)
            assert not again.details
            assert again.epoch > ended.epoch
            assert again.token != ended.token
            assert plain(await ledger.read(ended.key)) == plain(again)

    async def test_an_attempt_is_followed_by_one_other(self, ledger: Ledger) -> None:
        ended = await brought_to(ledger, State.FAILED)
        claims = await asyncio.gather(*(ledger.claim(request(), seconds=LONG, after=ended) for _ in range(10)))
        [again] = [claimed for claimed in claims if claimed is not None]
        for state in (State.SUBMITTING, State.FAILED):
            again = await ledger.move(again, state)
        assert await ledger.claim(request(), seconds=LONG, after=ended) is None

    async def _overtaken(self, ledger: Ledger) -> tuple[Record, Record]:
        """Return whoever let a lease lapse, and whoever has it now."""
        first = await ledger.claim(request(), seconds=self.short)
        assert first is not None
        return first, await self.when_lapsed(lambda: ledger.claim(request(), seconds=LONG))


__all__ = ["LeaseContract"]
