"""Where a coroutine waits for a connection to a service in a way that keeps everybody else on its event loop waiting."""

from __future__ import annotations

import inspect
import sys
import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_watched: dict[int, list[str]] = {}
"""The places that were found, by thread. An audit hook cannot be taken away, so there is one for all who watch."""


@contextmanager
def blocking_connections() -> Iterator[list[str]]:
    """Yield a list of the places where coroutines of this thread connect a socket that blocks until it is connected."""
    _listen()
    places: list[str] = []
    _watched[threading.get_ident()] = places
    try:
        yield places
    finally:
        del _watched[threading.get_ident()]


@cache
def _listen() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    places = _watched.get(threading.get_ident()) if event == "socket.connect" else None
    if places is not None and arguments[0].gettimeout() != 0:
        places.append(_coroutine())


def _coroutine() -> str:
    """Return where the innermost coroutine of this thread is just now."""
    frame = sys._getframe()
    while frame.f_back is not None and not frame.f_code.co_flags & inspect.CO_COROUTINE:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}()"


__all__ = ["blocking_connections"]
