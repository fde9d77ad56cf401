"""Ledgers that last as long as the process: for a store that only remembers results, and for a run that came alone."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from motools.cache.base import Draft, Ledger, Record
from motools.cache.line import check_turn
from motools.cache.states import State, may_follow
from motools.errors import TransitionRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from motools.cache.base import CacheBackend

log = logging.getLogger("motools.cache")

_DRAFT = ("key", "kind", "backend", "account", "model", "spec", "label", "tags", "details")


class MemoryLedger:
    """A `Ledger` in memory: everything but durable."""

    def __init__(self, records: Iterable[Record] = (), *, clock: Callable[[], float] = time.time) -> None:
        self._records = {record.key: record for record in records}
        self._clock = clock

    async def read(self, key: str) -> Record | None:
        return self._records.get(key)

    async def claim(self, draft: Draft, *, seconds: float, after: Record | None = None) -> Record | None:
        now, record = self._clock(), self._records.get(draft.key)
        if record is None or (after and record.state.is_ended and record.epoch == after.epoch):
            return self._put(_begun(draft, now, seconds, epoch=record.epoch + 1 if record else 1))
        if not record.is_unfinished or record.leased_until > now:
            return None
        return self._put(replace(record, epoch=record.epoch + 1, leased_until=now + seconds))

    async def renew(self, record: Record, *, seconds: float) -> None:
        present = self._records.get(record.key)
        if present is None or present.epoch != record.epoch:
            raise TransitionRefused(f"The lease on {record.key} was taken over by somebody else.")
        self._put(replace(present, leased_until=self._clock() + seconds))

    async def move(
        self,
        record: Record,
        target: State,
        *,
        seconds: float | None = None,
        slots: int | None = None,
        **changes: Any,
    ) -> Record:
        present = self._records.get(record.key)
        is_current = present and (present.epoch, present.state) == (record.epoch, record.state)
        if present is None or not is_current or not may_follow(record.state, target):
            found = present.state if present else "gone"
            raise TransitionRefused(f"{record.key} cannot go from {record.state} to {target}: it is {found}.")
        if slots is not None:
            check_turn(self._records.values(), present, slots, self._clock())
        if seconds is not None:
            changes["leased_until"] = self._clock() + seconds if seconds else 0.0
        if target is not record.state:
            changes["updated_at"] = self._clock()
        return self._put(replace(present, **changes, state=target))

    async def release(self, record: Record) -> None:
        present = self._records.get(record.key)
        if present and present.epoch == record.epoch:
            self._put(replace(present, leased_until=0.0))

    async def records(
        self,
        *,
        kind: str | None = None,
        backend: str | None = None,
        state: State | str | Collection[State | str] | None = None,
        label: str | None = None,
        tag: str | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        states = {state} if isinstance(state, str) else set(state or State)
        found = [
            record
            for record in self._latest()
            if kind in {None, record.kind}
            and backend in {None, record.backend}
            and label in {None, record.label}
            and record.state in states
            and (tag is None or tag in record.tags)
        ]
        return found[:limit]

    async def find(self, name: str) -> list[Record]:
        return [
            record
            for record in self._latest()
            if name in {record.job_id, record.model_id, record.label}
            or record.key.removeprefix("mk1:").startswith(name.removeprefix("mk1:"))
        ]

    def _latest(self) -> list[Record]:
        return sorted(self._records.values(), key=lambda record: record.created_at, reverse=True)

    def _put(self, record: Record) -> Record:
        self._records[record.key] = record
        return record


class PlainLedger(MemoryLedger):
    """What can be had from a store that only remembers results: the rest is known to this process alone."""

    def __init__(self, store: CacheBackend) -> None:
        super().__init__()
        self.store = store

    async def read(self, key: str) -> Record | None:
        record = await super().read(key)
        if record is not None and not record.state.is_ended:
            return record
        model_id, results = await self.store.get_model_id(key), await self.store.get_eval_results(key)
        if model_id is None and results is None:
            return None if record is None or record.state is State.SUCCEEDED else record
        if record is None:
            blank = Draft(
                key=key, kind="training" if results is None else "eval", backend="", account={}, model="", spec={}
            )
            record = _begun(blank, 0.0, 0.0, epoch=0)
        return self._put(replace(record, state=State.SUCCEEDED, model_id=model_id, results=results))

    async def claim(self, draft: Draft, *, seconds: float, after: Record | None = None) -> Record | None:
        present = self._records.get(draft.key)
        if present and present.state is State.SUCCEEDED and await self.read(draft.key) is None:
            del self._records[draft.key]  # the store has forgotten it
        return await super().claim(draft, seconds=seconds, after=after)

    async def move(self, record: Record, target: State, **changes: Any) -> Record:
        moved = await super().move(record, target, **changes)
        if target is State.SUCCEEDED and moved.model_id is not None and moved.kind == "training":
            await self.store.set_model_id(moved.key, moved.model_id)
        if target is State.SUCCEEDED and moved.results is not None:
            await self.store.set_eval_results(moved.key, moved.results)
        return moved


_plain: dict[int, PlainLedger] = {}
"""By the identity of the store, which its ledger keeps: a dictionary-like store need not be hashable."""


def ledger_of(store: CacheBackend | Ledger) -> Ledger:
    """Return a store's ledger: itself, or what can be had in its place, of which the user is told once."""
    if isinstance(store, Ledger):
        return store
    if id(store) not in _plain:
        log.warning(
            "%s only remembers results: two processes that ask for the same work at once both pay for it, and what is "
            'under way is forgotten with this process. cache = "sqlite" prevents that.',
            type(store).__name__,
        )
        _plain[id(store)] = PlainLedger(store)
    return _plain[id(store)]


def _begun(draft: Draft, now: float, seconds: float, *, epoch: int) -> Record:
    fields: dict[str, Any] = {name: getattr(draft, name) for name in _DRAFT}
    token = f"mo-{draft.key.removeprefix('mk1:')[:12]}-{secrets.token_hex(8)}"
    fields |= {"leased_until": now + seconds, "created_at": now, "updated_at": now}
    return Record(**fields, state=State.INTENT, epoch=epoch, token=token)


__all__ = ["MemoryLedger", "PlainLedger", "ledger_of"]
