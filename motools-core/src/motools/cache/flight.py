"""What this process is doing at the moment, so that those who want the same join in.

A `Shared` call runs in a task of its own: whoever awaits it may be cancelled without harm to the others. There is a map
of them for each event loop, because a task belongs to its loop; other loops attach as other processes do.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable

T = TypeVar("T")

ANSWER_SECONDS = 15.0
"""How long a cancelled caller stays for the answer to a paid call that is in the air."""


class Shared(Generic[T]):
    """One call that any number of tasks await.

    It goes on when they are cancelled; with `stop_alone` it is stopped when the last one is. While `is_paying`, a
    cancelled caller stays a little: at Ctrl-C the loop ends when the main task does, and with it the call.
    """

    def __init__(self, call: Coroutine[Any, Any, T], *, stop_alone: bool = False) -> None:
        self._task = asyncio.get_running_loop().create_task(call)
        self._stop_alone = stop_alone
        self._waiting = 0
        self.is_paying = False

    @property
    def is_over(self) -> bool:
        """Whether nobody can join any more."""
        return self._task.done() or self._task.cancelling() > 0

    def when_over(self, act: Callable[[], object]) -> None:
        """Call `act` once the call has ended."""
        self._task.add_done_callback(lambda _: act())

    async def join(self) -> T:
        """Await the outcome of the call."""
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self.is_paying and not self._task.done():
                await asyncio.wait({self._task}, timeout=ANSWER_SECONDS)
            raise
        finally:
            self._waiting -= 1
            if self._stop_alone and not self._waiting:
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


__all__ = ["Flights", "Shared", "flights_of"]
