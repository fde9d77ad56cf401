"""Calling a listener so that nothing it does holds up or ends the work that it is told about."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def failure_of(listener: Callable[[], object], seconds: float) -> BaseException | None:
    """Call a listener, await it for so long at most if it is asynchronous, and return what it failed with.

    Whatever it raises is returned, be it `SystemExit`. `KeyboardInterrupt` and a cancellation of the caller get out. What
    is awaited has a task of its own: it can cancel nobody else, and one that does not end when it is cancelled is left behind.
    """
    try:
        result = listener()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 (the work goes on, whatever it is)
        return error
    if not hasattr(type(result), "__await__"):
        return None
    task = asyncio.ensure_future(_failure_of_awaiting(result))  # type: ignore[arg-type]  # it has just been looked at
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            return TimeoutError(f"it did not answer within {seconds:g} s")
    finally:
        task.cancel()
    return asyncio.CancelledError() if task.cancelled() else task.result()


async def _failure_of_awaiting(result: Awaitable[object]) -> BaseException | None:
    try:
        await result
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 (as above)
        return error
    return None


__all__ = ["failure_of"]
