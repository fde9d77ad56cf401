"""Telling the listeners what happens to a record, and how far its work is while somebody follows it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from motools.cache.redact import in_words
from motools.events import Happened, RunEvent
from motools.files import finite
from motools.listening import failure_of
from motools.status import Progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from motools.cache.base import Record
    from motools.events import Notify

log = logging.getLogger("motools.cache")

TELLING_SECONDS = 30.0
"""How long all listeners together may take over one event."""
EVERY = 5.0
"""Seconds between two events of one run's progress, at least."""
ENDS = frozenset({Happened.SUCCEEDED, Happened.FAILED, Happened.CANCELLED})


class Teller:
    """Tells the listeners what happens to records. What they raise is reported and breaks no run, nor does one that hangs."""

    def __init__(self, notify: Notify | None) -> None:
        self._notify = notify
        self._ignores: Callable[[Happened], bool] | None = getattr(notify, "ignores", None)

    @property
    def is_idle(self) -> bool:
        """Whether it is known that nobody listens."""
        return self._notify is None or bool(getattr(self._notify, "is_idle", False))

    async def __call__(self, happened: Happened, record: Record, details: Mapping[str, Any] | None = None) -> None:
        notify, event = self._notify, self._event(happened, record, details)
        if notify is None or event is None:
            return
        if error := await failure_of(lambda: notify(event), TELLING_SECONDS):
            log.error("A listener failed on %s of %s: %s", happened, record.key, in_words(error))

    async def announce(self, record: Record) -> None:
        """Tell the plugins that the configuration requires that the paid call is next, and raise what goes wrong."""
        allow = getattr(self._notify, "allow", None)
        if allow is not None and (event := self._event(Happened.SUBMITTING, record, None)) is not None:
            await allow(event)

    def _event(self, happened: Happened, record: Record, details: Mapping[str, Any] | None) -> RunEvent | None:
        """Return what is to be told, None where nobody listens."""
        if self.is_idle or (self._ignores is not None and self._ignores(happened)):
            return None
        more: dict[str, Any] = {}
        if record.label or record.tags:
            more = {"label": record.label, "tags": list(record.tags)}
        if happened in ENDS:
            more["seconds"] = record.updated_at - record.created_at
        return RunEvent(
            happened=happened,
            kind=record.kind,
            backend=record.backend,
            key=record.key,
            job_id=record.job_id,
            at=time.time(),
            model=record.model,
            model_id=record.model_id,
            error=record.error,
            details={**more, **(details or {})},
        )


class ProgressTeller:
    """Tells the listeners how far one run or job is: when that has changed, and not more often than `EVERY` seconds.

    It looks at what the handle knows already, and asks no service. With nobody listening it does nothing at all.
    """

    def __init__(self, handle: Any, tell: Teller) -> None:
        self._handle = handle
        self._tell = tell
        self._told: tuple[Any, ...] | None = None
        self._not_before = 0.0

    async def look(self, record: Record) -> None:
        """Tell of what has changed, if it is time to."""
        if self._tell.is_idle or record.state.is_ended or time.monotonic() < self._not_before:
            return
        progress = getattr(self._handle, "progress", None)
        if not isinstance(progress, Progress):
            return
        # Not the time left: it changes with the clock, and nothing has got further.
        present = (progress.step, progress.total, progress.loss, progress.message)
        if present != self._told:
            self._told, self._not_before = present, time.monotonic() + EVERY
            await self._tell(Happened.PROGRESS, record, finite(progress.as_dict()))

    @asynccontextmanager
    async def looking(self, record: Callable[[], Record]) -> AsyncIterator[None]:
        """Look again and again while the body, which keeps the handle up to date, waits for the end."""
        if self._tell.is_idle:
            yield
            return
        over = asyncio.Event()
        watch = asyncio.create_task(self._watch(record, over))
        try:
            yield
        except asyncio.CancelledError:
            watch.cancel()  # and with it a listener that is being told
            raise
        finally:
            over.set()
            await asyncio.wait({watch})

    async def _watch(self, record: Callable[[], Record], over: asyncio.Event) -> None:
        while not self._tell.is_idle:  # which may be found out only by telling
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await over.wait()
                return
            await self.look(record())


__all__ = ["ProgressTeller", "Teller"]
