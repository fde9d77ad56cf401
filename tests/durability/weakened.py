"""The cache with one of its protections taken away, and a naive policy: the simulated world must catch each of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from simulated_world import SimulatedBackend

from motools.cache.memory import MemoryLedger
from motools.cache.states import State
from motools.errors import SubmitUnavailable
from motools.training.middleware import TrainingMiddleware


class Remembering(TrainingMiddleware):
    """No cache but a dictionary of results, around the call."""

    results = None

    def __init__(self, backend, ledger):
        super().__init__(backend)
        self.results = ledger._ledger.results

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, retry_failed=False):
        if suffix not in self.results:
            run = await self._backend.train(dataset, model, hyperparameters, suffix, ticket=NoTicket(suffix))
            await run.wait()
            self.results[suffix] = run
        return self.results[suffix]


class NoTicket:
    """A ticket that writes nothing down."""

    def __init__(self, work):
        self.token = work
        self.job_id = None

    def paying(self):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        return None


class Dictionary(MemoryLedger):
    def __init__(self, **options):
        super().__init__(**options)
        self.results = {}


class Unfenced(MemoryLedger):
    """Whoever has lost the lease may still write."""

    async def move(self, record, target, *, seconds=None, **changes):
        present = self._records[record.key]
        return await super().move(
            replace(record, epoch=present.epoch, state=present.state), target, seconds=seconds, **changes
        )


class Forgetful(MemoryLedger):
    """What is written ahead of the paid call is not there after a crash: the next one finds the intent alone."""

    async def claim(self, draft, *, seconds, after=None):
        record = self._records.get(draft.key)
        if record is not None and record.state is State.SUBMITTING and record.leased_until <= self._clock():
            self._records[draft.key] = replace(record, state=State.INTENT)
        return await super().claim(draft, seconds=seconds, after=after)


Hasty = partial(SimulatedBackend, find_lag=0.0)
"""Takes what is not in the list at once for never submitted."""

Optimistic = partial(SimulatedBackend, without_answer=SubmitUnavailable)
"""Takes a call without an answer for a call that did not arrive."""

WEAKENED = {
    "a dictionary of results": {"policy": Remembering, "memory": Dictionary},
    "no fence": {"memory": Unfenced},
    "no write ahead": {"memory": Forgetful},
    "no wait for the list": {"backend": Hasty},
    "no answer taken for no": {"backend": Optimistic},
}
