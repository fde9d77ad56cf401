"""An event loop whose time is a number: nothing is waited for, a day passes in a millisecond, and every run is the same."""

from __future__ import annotations

import asyncio
import selectors


class Stuck(Exception):
    """Every task waits for another one."""


class _NoWaiting(selectors.SelectSelector):
    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise Stuck
        self.loop.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """When everybody waits, it is at once as late as the first of them waits for. Threads run where they are asked for."""

    def __init__(self):
        self.now = 0.0
        selector = _NoWaiting()
        selector.loop = self
        super().__init__(selector)

    def time(self):
        return self.now

    def run_in_executor(self, executor, func, *args):
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 (whatever it is, the caller gets it)
            future.set_exception(error)
        return future
