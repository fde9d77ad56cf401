"""Calling a listener so that nothing it does holds up or ends the work that it is told about."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


async def failure_of(listener: Callable[[], object], seconds: float) -> BaseException | None:
    """Call a listener, await it for so long at most if it is asynchronous, and return what it failed with.

    Whatever it raises is returned, be it `SystemExit`. `KeyboardInterrupt` and a cancellation of the caller get out.
    """
    try:
        async with asyncio.timeout(seconds):
            result = listener()
            if hasattr(type(result), "__await__"):
                await result  # type: ignore[misc]  # it has just been looked at
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except TimeoutError as error:
        return error if str(error) else TimeoutError(f"it did not answer within {seconds:g} s")
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return error
    except BaseException as error:  # noqa: BLE001 (the work goes on, whatever it is)
        return error
    return None


__all__ = ["failure_of"]
