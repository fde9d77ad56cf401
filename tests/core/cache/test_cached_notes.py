"""What a paid call is noted with is given to whoever looks for it, and uploads are remembered by what is in them."""

from __future__ import annotations

import pytest

from motools.cache.recovery import Outcome, recover
from motools.cache.states import State
from motools.cache.telling import Teller
from motools.cache.ticket import LedgerTicket
from motools.errors import SubmitUncertain
from motools.status import Capability
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend


class Forgetful(DummyTrainingBackend):
    """A service that does not carry the token: what was submitted is told by the notes of its paid call."""

    name = "forgetful"
    capabilities = frozenset({Capability.FIND})

    def __init__(self, **options):
        super().__init__(**options)
        self.asked = []
        self.loses_the_answer = True

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket=None, **kwargs):
        async with ticket.paying(file="file-1", suffix=suffix) as payment:
            run = await super().train(dataset, model, hyperparameters, suffix, **kwargs)
            if self.loses_the_answer:
                raise SubmitUncertain("no answer")
            payment.job_id = run.job_id
        return run

    async def find(self, token):
        raise AssertionError(f"{token} cannot be found here")

    async def find_noted(self, token, notes):
        self.asked.append((token, dict(notes)))
        return [await self.adopt(job.job_id) for job in self.service.jobs("training")]


async def test_the_notes_are_on_disk_with_the_state_and_given_to_the_search(ledger, data):
    backend = Forgetful()
    cached = CachedTrainingBackend(backend, ledger)
    with pytest.raises(SubmitUncertain):
        await cached.train(data, "base", suffix="mine")
    (record,) = await ledger.records()
    assert record.state is State.UNCERTAIN
    run = await cached.train(data, "base", suffix="mine")
    assert backend.asked == [(record.token, {"file": "file-1", "suffix": "mine"})]
    assert [job.job_id for job in backend.service.jobs()] == [run.job_id]


async def test_recovery_searches_by_the_notes_too(ledger, data):
    backend = Forgetful()
    with pytest.raises(SubmitUncertain):
        await CachedTrainingBackend(backend, ledger).train(data, "base")
    (record,) = await ledger.records()
    recovered = await recover(record, ledger, lambda _: backend, Teller(None))
    assert recovered.outcome is Outcome.FOUND
    assert backend.asked[0][1] == {"file": "file-1", "suffix": None}


async def test_an_upload_is_remembered_for_the_account_until_it_is_forgotten(ledger, data):
    cached = CachedTrainingBackend(DummyTrainingBackend(), ledger)
    mine = await ledger.claim(await cached.draft(data, "base"), seconds=60)
    other_account = DummyTrainingBackend(service="elsewhere")
    theirs = await ledger.claim(await CachedTrainingBackend(other_account, ledger).draft(data, "base"), seconds=60)
    tickets = [LedgerTicket(ledger, record, before_paying=print, reach=print) for record in (mine, theirs)]
    await tickets[0].uploads.remember("digest", "file-1")
    assert [await ticket.uploads.get("digest") for ticket in tickets] == ["file-1", None]
    await tickets[0].uploads.forget("digest")
    assert await tickets[0].uploads.get("digest") is None
