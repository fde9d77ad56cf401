"""What the cached run and the cached job have in common: a record, and the live handle behind it where one is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from motools.cache.base import Record
from motools.cache.following import Following
from motools.cache.kinds import EVAL, TRAINING, class_path, kind_of, pack, status_of
from motools.cache.memory import MemoryLedger, ledger_of
from motools.cache.states import State
from motools.cache.telling import Teller
from motools.errors import HandleError, RunCancelled, RunError, TransitionRefused
from motools.events import Happened
from motools.files import write_json
from motools.handles import SCHEMA, read_handle
from motools.status import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from os import PathLike
    from typing import Self

    from motools.cache.base import Ledger
    from motools.status import RunStatus

QUEUE_PAUSE = 1.0
"""Seconds between two looks at a request that another process waits in line with."""
OUT_OF_LINE = "It was taken out of the line before it was submitted."


class CachedHandle:
    """A record, and the plugin's own handle, which is revived when somebody asks for what is not recorded."""

    def __init__(
        self,
        record: Record,
        ledger: Ledger,
        *,
        handle: Any = None,
        backend_class: type | None = None,
        tell: Teller | None = None,
        happened: Happened = Happened.ATTACHED,
    ) -> None:
        self._record = record
        self._ledger = ledger
        self._handle = handle
        self._backend_class = backend_class
        self._tell = tell or Teller(None)
        self._following: Following | None = None
        self.happened = happened
        """What asking for it came to: it was submitted, attached to, recovered, or is a hit."""

    @property
    def is_hit(self) -> bool:
        """Whether this is a recorded result: nothing was submitted, and nothing had to be waited for."""
        return self.happened is Happened.CACHE_HIT

    @property
    def key(self) -> str:
        """The cache key."""
        return self._record.key

    @property
    def record(self) -> Record:
        """What is recorded, as of the last look."""
        return self._following.record if self._following else self._record

    @property
    def recorded_at(self) -> datetime | None:
        """When the result was recorded; None before there is one, and of a store that keeps no times."""
        record = self.record
        return datetime.fromtimestamp(record.updated_at, UTC) if record.state.is_ended and record.updated_at else None

    @property
    def _inner(self) -> Any:
        """The plugin's own handle, where this process has it."""
        return self._following.handle if self._following else self._handle

    def _job_id(self) -> str:
        return self.record.job_id or str(getattr(self._inner, "job_id", "") or "")

    def _status(self) -> RunStatus:
        if self.record.state.is_ended or self._inner is None:
            return self.record.status
        return status_of(self._inner)

    def _progress(self) -> Progress | None:
        progress = getattr(self._inner, "progress", None)
        return progress if isinstance(progress, Progress) else None

    def _metadata(self) -> Mapping[str, Any]:
        if self._inner is not None:
            inner = self._inner.metadata
            return inner if isinstance(inner, Mapping) else {}
        stored = (self.record.handle or {}).get("metadata")
        return dict(stored) if isinstance(stored, dict) else {}

    async def _look(self) -> Record:
        """Return the record as it is now."""
        if not self.record.state.is_ended:
            present = await self._ledger.read(self._record.key)
            if present is not None and present.token == self._record.token:
                self._record = present
                if self._following:
                    self._following.record = present
        return self.record

    async def _follow(self) -> Following:
        if self._following is None:
            self._following = await Following.of(
                self._record, self._ledger, self._tell, handle=self._handle, backend_class=self._backend_class
            )
        return self._following

    async def _submitted(self) -> Record:
        """Wait until what waits for its turn has been submitted. Raises `HandleError` where nobody waits with it any more."""
        while (record := await self._look()).state is State.QUEUED:
            if record.leased_until <= time.time():
                raise HandleError(
                    f"The request {record.key[:16]} waits for its turn, and the process that waited with it has ended. Ask "
                    "for the same work again: it has its place in line still."
                )
            await asyncio.sleep(QUEUE_PAUSE)
        return record

    async def _ended(self) -> Record:
        """Wait for the end and return the record of it. Raises `RunFailed` or `RunCancelled`."""
        record = await self._submitted()
        if not record.state.is_ended:
            record = await (await self._follow()).ended()
        if record.state is State.SUCCEEDED:
            return record
        raise ended_badly(record)

    async def is_complete(self) -> bool:
        """Ask whether it has ended."""
        record = await self._look()
        if record.state is State.QUEUED:
            return False
        return record.state.is_ended or await (await self._follow()).is_complete()

    async def refresh(self) -> None:
        """Bring the attributes up to date."""
        record = await self._look()
        if not record.state.is_ended and record.state is not State.QUEUED:
            await (await self._follow()).refresh()

    async def cancel(self) -> None:
        """Ask the service to stop it; what waits for its turn is taken out of the line. What has ended stays as it is."""
        while (record := await self._look()).state is State.QUEUED:
            with suppress(TransitionRefused):  # it has just been submitted, or comes back to its place
                self._record = await self._ledger.move(record, State.CANCELLED, seconds=0, error=OUT_OF_LINE)
                await self._tell(Happened.CANCELLED, self._record)
        if not record.state.is_ended:
            await (await self._follow()).cancel()

    async def resume(self) -> bool:
        """Take up interrupted work again, where its backend can."""
        if (await self._look()).state.is_ended:
            return False
        return bool(await (await self._follow()).handle.resume())

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield the log line by line; with `follow`, until the end."""
        following = await self._follow()
        async for line in following.handle.logs(follow=follow):
            yield line

    async def save(self, path: str | PathLike[str]) -> None:
        """Write the record's key and, beside it, the plugin's own handle: enough to go on without the ledger."""
        record, kind = await self._look(), kind_of(self._record)
        handle, handle_class = record.handle, record.handle_class
        if self._inner is not None:
            handle, handle_class = await pack(self._inner), class_path(type(self._inner))
        outcome = {"results": record.results, "results_class": record.results_class} if record.results else {}
        fields = {
            "schema": SCHEMA,
            "kind": record.kind,
            "backend": record.backend,
            "job_id": self._job_id(),
            "model_id": record.model_id if kind is TRAINING else record.model,
            "status": str(self._status()),
            "metadata": dict(self._metadata()),
            "key": record.key,
            "model": record.model,
            "account": record.account,
            f"{kind.noun}_class": handle_class,
            "handle": handle,
            "error": record.error,
            "updated_at": record.updated_at,
        }
        await write_json(path, fields | outcome)

    @classmethod
    async def load(cls, path: str | PathLike[str]) -> Self:
        """Go on from what `save` wrote: by the configured ledger where it has the record, else by the file alone."""
        from motools.plugins.hooks import notifier
        from motools.plugins.registry import open_store

        tell = Teller(notifier())
        kind = EVAL if hasattr(cls, "get_results") else TRAINING
        fields = await read_handle(path, kind=kind.name)
        store = open_store()
        if store is not None:
            ledger = ledger_of(store)
            record = await ledger.read(str(fields.get("key")))
            if record is not None and record.job_id == fields["job_id"] and not record.state.is_repeatable:
                return cls(record, ledger, tell=tell)
        record = _record_from(fields, kind.noun)
        return cls(record, MemoryLedger([record]), tell=tell)


def ended_badly(record: Record) -> RunError:
    """Return the error for a run or job that ended without a result."""
    from motools.cache.paid import failed_before

    kind = kind_of(record)
    if record.state is State.CANCELLED:
        return RunCancelled(f"The {kind.describe(record)} was cancelled. {record.error or ''}".rstrip())
    return failed_before(kind, record)


def _record_from(fields: Mapping[str, Any], noun: str) -> Record:
    """Return the record that a saved handle amounts to."""
    status = fields["status"]
    is_ended = status in {State.SUCCEEDED, State.FAILED, State.CANCELLED}
    if is_ended and status == State.SUCCEEDED and noun == EVAL.noun and not fields.get("results"):
        is_ended = False  # its results are still to be fetched
    return Record(
        key=str(fields.get("key")),
        kind=fields["kind"],
        backend=fields["backend"],
        account=fields.get("account") or {},
        model=fields.get("model") or "",
        spec={},
        state=State(status) if is_ended else State.SUBMITTED,
        epoch=0,
        token="",
        leased_until=0.0,
        created_at=fields.get("updated_at") or 0.0,
        updated_at=fields.get("updated_at") or 0.0,
        job_id=fields["job_id"],
        model_id=fields["model_id"] if noun == TRAINING.noun else None,
        handle=fields.get("handle"),
        handle_class=fields.get(f"{noun}_class"),
        results=fields.get("results"),
        results_class=fields.get("results_class"),
        error=fields.get("error"),
    )


__all__ = ["CachedHandle", "ended_badly"]
