"""Calling the listeners of one event, in order, so that none of them holds up the work that it is told about.

    coroutine functions    are awaited on the caller's loop
    plain functions        are called in a thread that all of them share, those of one event in one go

Each has so many seconds. A plain function that blocks (a request to a tracker, a disk) therefore keeps no run from going
on, and as there is one thread, none is called twice at once. One that takes too long keeps its thread, and another goes
on with the rest; until it has returned it is not called again.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from inspect import iscoroutinefunction
from itertools import groupby
from queue import SimpleQueue
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

from motools.listening import failure_of
from motools.plugins.watching import directory, put_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from motools.events import RunEvent
    from motools.plugins.origin import Offer

    Failure = tuple["Listener", BaseException]


LISTENED = "was told of an event"
_beginning = Lock()


class Listener:
    """One implementation of `motools_run_event`: what is called, whether it wants the event, and whose it is."""

    __slots__ = ("function", "is_overdue", "offer", "takes_event")

    def __init__(self, function: Callable[..., Any], offer: Offer, *, takes_event: bool) -> None:
        self.function = function
        self.offer = offer
        self.takes_event = takes_event
        self.is_overdue = False
        """Whether an earlier call of it has been given up, and has not returned."""

    def __call__(self, event: RunEvent) -> Any:
        return self.function(event) if self.takes_event else self.function()


class Listeners:
    """Those who are told of something, in the order in which they are. `others` share their thread."""

    def __init__(self, listeners: Iterable[Listener], others: Listeners | None = None) -> None:
        grouped = groupby(listeners, lambda listener: iscoroutinefunction(listener.function))
        self._groups = [(is_asynchronous, tuple(group)) for is_asynchronous, group in grouped]
        self._aside: _Aside = _Aside() if others is None else others._aside

    def __bool__(self) -> bool:
        return bool(self._groups)

    async def tell(self, event: RunEvent, seconds: float) -> list[Failure]:
        """Tell everybody, for so many seconds each, and return who failed, and with what."""
        failures: list[Failure] = []
        for is_asynchronous, group in self._groups:
            if is_asynchronous:
                outcomes = [(listener, await _awaited(listener, event, seconds)) for listener in group]
                failures += [(listener, error) for listener, error in outcomes if error is not None]
            else:
                failures += await self._aside.tell(group, event, seconds)
        return failures


class _Job:
    """The plain functions that are to be called with one event, and what came of those that were."""

    def __init__(self, listeners: Sequence[Listener], event: RunEvent) -> None:
        self.listeners = listeners
        self.event = event
        self.context = copy_context()
        self.outcomes: list[tuple[Any, BaseException | None]] = []
        self.since: float | None = None
        """Since when the present call is under way."""
        self.is_given_up = False
        self._loop = asyncio.get_running_loop()
        self.over = self._loop.create_future()

    def end(self) -> None:
        """Let whoever waits go on; from any thread."""
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class _Aside:
    """The thread in which plain functions are called, begun when it is first needed."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._present: _Job | None = None
        self._process = 0
        self._has_thread = False

    async def tell(self, listeners: Sequence[Listener], event: RunEvent, seconds: float) -> list[Failure]:
        """Call each with an event, and await what it returns where that is awaitable; return who failed, and with what."""
        failures: list[Failure] = []
        left = listeners
        while left:
            job = _Job(left, event)
            try:
                await self._done(job, seconds)
            except RuntimeError as failure:
                return [*failures, *((listener, failure) for listener in left)]
            for listener, (result, error) in zip(left, job.outcomes, strict=False):
                if error is None and _is_awaitable(result):
                    error = await failure_of(partial(_itself, result), seconds)  # noqa: PLW2901  (what came of it in the end)
                if error is not None:
                    failures.append((listener, error))
            called = len(job.outcomes)
            if job.is_given_up:
                failures.append((left[called], TimeoutError(f"it did not return within {seconds:g} s")))
                called += 1
            left = left[called:]
        return failures

    async def _done(self, job: _Job, seconds: float) -> None:
        """Hand a job over and wait until it is over, or a call of it has taken too long.

        Raises `RuntimeError` where no thread is to be had.
        """
        self._begin_where_needed()
        self._jobs.put(job)
        while not job.over.done():
            await asyncio.wait([job.over], timeout=self._patience(seconds))
            self._look(seconds)
            try:
                self._begin_where_needed()
            except RuntimeError:
                job.is_given_up = True
                raise

    def _begin_where_needed(self) -> None:
        with _beginning:
            if self._process != os.getpid():  # the first time, or in a process that was forked and has no such thread
                self._process, self._jobs, self._present, self._lock = os.getpid(), SimpleQueue(), None, Lock()
                self._has_thread = False
            if not self._has_thread:
                Thread(target=self._work, args=(self._jobs,), name="motools-listeners", daemon=True).start()
                self._has_thread = True

    def _patience(self, seconds: float) -> float:
        """Return for how long whatever is called now, of whichever event, may go on."""
        present = self._present
        since = None if present is None else present.since
        return seconds if since is None else max(since + seconds - monotonic(), 0.001)

    def _look(self, seconds: float) -> None:
        """Leave a call that takes too long to itself, so that another thread is begun for all that waits."""
        with self._lock:
            job = self._present
            if job is None or job.since is None or monotonic() - job.since < seconds:
                return
            job.is_given_up = True
            job.listeners[len(job.outcomes)].is_overdue = True
            self._present, self._has_thread = None, False
        job.end()

    def _work(self, jobs: SimpleQueue[_Job]) -> None:
        while (job := jobs.get()).is_given_up or self._has_done(job):
            pass

    def _has_done(self, job: _Job) -> bool:
        """Call the functions of a job, up to one that returns something to await; False for a thread that was given up."""
        with self._lock:
            self._present, job.since = job, monotonic()
        for listener in job.listeners:
            result, error = _called(listener, job)
            with self._lock:
                if job.is_given_up:
                    listener.is_overdue = False
                    return False
                job.outcomes.append((result, error))
                job.since = monotonic()
            if _is_awaitable(result):
                break
        with self._lock:
            self._present, job.since = None, None
        job.end()
        return True


class Overdue(TimeoutError):
    """It was not called, as it has not returned from an earlier event; that was told then."""


def _called(listener: Listener, job: _Job) -> tuple[Any, BaseException | None]:
    """Call a listener, unless an earlier call has not returned, and return what came of it."""
    if listener.is_overdue:
        return None, Overdue("it has not returned from an earlier event")
    before = directory()
    try:
        return job.context.run(listener, job.event), None
    except BaseException as error:  # noqa: BLE001  (the work goes on, whatever it is)
        return None, error
    finally:
        put_back(before, listener.offer, LISTENED)


async def _awaited(listener: Listener, event: RunEvent, seconds: float) -> BaseException | None:
    before = directory()
    try:
        return await failure_of(partial(listener, event), seconds)
    finally:
        put_back(before, listener.offer, LISTENED)


def _is_awaitable(value: object) -> bool:
    return hasattr(type(value), "__await__")


def _itself(value: Any) -> Any:
    return value


__all__ = ["Listener", "Listeners", "Overdue"]
