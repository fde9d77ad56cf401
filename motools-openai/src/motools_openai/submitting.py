"""The one call that costs money.

It is made once: the SDK, which would make it up to three times, is told not to repeat it, and a limit of time stands around
the whole of it. Whether it is made again is for the record of paid work to say, which asks first what became of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from motools.errors import NoSlot, SubmitUncertain
from motools_openai.answers import whole
from motools_openai.limits import next_day_slot
from motools_openai.problems import A_DAY_LATER, is_daily, submission_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai.types.fine_tuning import FineTuningJob

    from motools_openai.server import Connection


async def submit(connection: Connection, body: Mapping[str, Any], *, seconds: float) -> FineTuningJob:
    """Create a job. Raises `SubmitRejected`, `SubmitUnavailable` (of these `NoSlot`, `FileGone`) or `SubmitUncertain`."""
    from openai import OpenAIError

    server = connection.server.name
    try:
        async with connection.held() as client, asyncio.timeout(seconds):
            once = client.with_options(max_retries=0, timeout=seconds)
            return whole(await once.fine_tuning.jobs.create(**body))
    except TimeoutError as error:
        raise SubmitUncertain(f"{server} did not answer the submission within {seconds:g} s.") from error
    except OpenAIError as error:
        ours = submission_error(error, model=body["model"], server=server)
        if isinstance(ours, NoSlot) and is_daily(error) and ours.until is None:
            ours.until = await _room_at(connection, body["model"])
        raise ours from error
    except ValueError as error:
        raise SubmitUncertain(f"{server} answered the submission with something that is no job.") from error


async def _room_at(connection: Connection, model: str) -> float:
    """Return when a daily limit has room again, by the jobs of the last day; in an hour where that cannot be known."""
    from openai import OpenAIError

    with contextlib.suppress(OpenAIError, ValueError, TimeoutError):
        async with asyncio.timeout(30):
            if (at := await next_day_slot(connection.client, model)) is not None:
                return max(at, time.time())
    return time.time() + A_DAY_LATER


__all__ = ["submit"]
