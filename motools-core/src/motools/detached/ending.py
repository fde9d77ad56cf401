"""The end of a worker, seen at once instead of at the next look."""

from __future__ import annotations

import asyncio
import os
import threading


class Ending:
    """A descriptor that becomes readable when the worker that was started last has ended, where there is one."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._replacing = threading.Lock()

    def watch(self, descriptor: int | None) -> None:
        """Look at this descriptor from now on, which is closed here; None where the end is not to be seen."""
        with self._replacing:
            old, self._descriptor = self._descriptor, descriptor
        if old is not None:
            os.close(old)

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until the worker has ended."""
        with self._replacing:
            # Of its own, for there may be others who wait.
            descriptor = None if self._descriptor is None else os.dup(self._descriptor)
        if descriptor is None:
            await asyncio.sleep(seconds)
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            async with asyncio.timeout(seconds):
                await ended.wait()
            self.watch(None)
        except TimeoutError:
            pass  # it has not ended yet: the caller looks how it stands, and waits again
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


__all__ = ["Ending"]
