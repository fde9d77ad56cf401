"""What this process is doing at the moment, so that those who want the same join in.

A `Shared` call runs in a task of its own: whoever awaits it may be cancelled without harm to the others. There is a map
of them for each event loop, because a task belongs to its loop; other loops attach as other processes do.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

T = TypeVar("T")

ANSWER_SECONDS = 15.0
"""How long a cancelled caller stays for the answer to a paid call that is in the air."""


class Stage(Enum):
    """What a shared call is doing, and with it what becomes of it when those who await it are cancelled."""

    PREPARING = "preparing"
    """It goes on."""
    WAITING = "waiting"
    """It waits for its turn: it is stopped when nobody awaits it any more, since what it would go on to do costs money."""
    PAYING = "paying"
    """It goes on, and a cancelled caller stays a little: at Ctrl-C the loop ends when the main task does, and with it the call."""


class Shared(Generic[T]):
    """One call that any number of tasks await. It goes on when they are cancelled, unless its stage is `WAITING`."""

    def __init__(self, call: Coroutine[Any, Any, T], stage: Stage = Stage.PREPARING) -> None:
        self._task = asyncio.get_running_loop().create_task(call)
        self._stage = stage
        self._awaited_by = 0

    @property
    def is_over(self) -> bool:
        """Whether nobody can join any more."""
        return self._task.done() or self._task.cancelling() > 0

    def reach(self, stage: Stage) -> None:
        """Note what the call is doing now."""
        self._stage = stage
        self._stop_if_alone()

    def when_over(self, act: Callable[[], object]) -> None:
        """Call `act` once the call has ended."""
        self._task.add_done_callback(lambda _: act())

    async def join(self) -> T:
        """Await the outcome of the call."""
        self._awaited_by += 1
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._stage is Stage.PAYING and not self._task.done():
                await asyncio.wait({self._task}, timeout=ANSWER_SECONDS)
            raise
        finally:
            self._awaited_by -= 1
            self._stop_if_alone()

    def _stop_if_alone(self) -> None:
        if self._stage is Stage.WAITING and not self._awaited_by:
            self._task.cancel()


class Flights:
    """The shared calls of a process, and the handles that are alive in it, by event loop."""

    def __init__(self) -> None:
        self._calls: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Shared[Any]]] = WeakKeyDictionary()
        self._alive: WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[Hashable, Any]]
        self._alive = WeakKeyDictionary()

    def join(self, name: Hashable, start: Callable[[], Coroutine[Any, Any, T]]) -> Shared[T]:
        """Return the call of this name that is under way on this loop, or start one."""
        calls = self._calls.setdefault(asyncio.get_running_loop(), {})
        call: Shared[T] | None = calls.get(name)
        if call is None or call.is_over:
            call = calls[name] = Shared(start())
            call.when_over(lambda: calls.pop(name) if calls.get(name) is call else None)
        return call

    @property
    def alive(self) -> WeakValueDictionary[Hashable, Any]:
        """What is shared on this loop for as long as somebody holds it."""
        return self._alive.setdefault(asyncio.get_running_loop(), WeakValueDictionary())


_flights: WeakKeyDictionary[object, Flights] = WeakKeyDictionary()


def flights_of(store: object) -> Flights:
    """Return what this process is doing for a store: the store's own map, or one kept beside it."""
    own = getattr(store, "flights", None)
    return own if isinstance(own, Flights) else _flights.setdefault(store, Flights())


__all__ = ["Flights", "Shared", "Stage", "flights_of"]
