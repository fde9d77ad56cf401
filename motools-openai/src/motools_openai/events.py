"""The events of a job: its log, and what was measured last.

The service lists events newest first, in pages. A log is in the order of time and has every event once: each look reads back
to the last event that was told, and a look that fails is made again from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from motools.errors import ServiceUnavailable
from motools_openai.answers import page_in, pages_of
from motools_openai.problems import unpaid

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJobEvent

log = logging.getLogger("motools.openai")

PAGE = 100
LATEST = 20
"""How many of the newest events are looked through for metrics."""


async def newest_first(client: AsyncOpenAI, job_id: str) -> AsyncIterator[FineTuningJobEvent]:
    """Yield the events of a job."""
    async for page in pages_of(client.fine_tuning.jobs.list_events(job_id, limit=PAGE)):
        for event in page.data:
            yield event


async def events_since(client: AsyncOpenAI, job_id: str, last: str | None) -> list[FineTuningJobEvent]:
    """Return the events that came after the one with the id `last`, or all of them, oldest first."""
    newer: list[FineTuningJobEvent] = []
    async for event in newest_first(client, job_id):
        if event.id == last:
            break
        newer.append(event)
    return list({event.id: event for event in reversed(newer)}.values())  # a page that moved on shows one twice


async def events_of(
    client: Callable[[], AsyncOpenAI], job_id: str, is_over: Callable[[], Awaitable[bool]], *, pause: float, server: str
) -> AsyncIterator[FineTuningJobEvent]:
    """Yield each event once, in order, until the job is over and all of them have been told."""
    from openai import OpenAIError

    last: str | None = None
    while True:
        try:
            over = await is_over()  # asked before, so that what came last is read too
            newer = await events_since(client(), job_id, last)
        except (OpenAIError, ValueError, ServiceUnavailable) as error:
            ours = error if isinstance(error, ServiceUnavailable) else unpaid(error, server, "list events")
            if not isinstance(ours, ServiceUnavailable):
                raise ours from error
            log.warning("%s The log goes on when it answers.", ours)
            await asyncio.sleep(pause)
            continue
        for event in newer:
            last = event.id
            yield event
        if over:
            return
        await asyncio.sleep(pause)


def line_of(event: FineTuningJobEvent) -> str:
    """Return an event as a line of a log: the time in UTC, the level where it is no plain word, and the message."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(event.created_at))
    level = "" if str(event.level) == "info" else f"{event.level}: "
    return f"{at} {level}{' '.join(str(event.message).split())}"


def measured(event: FineTuningJobEvent) -> Mapping[str, Any] | None:
    """Return what an event measured, by the service's names; None where it measured nothing."""
    data = event.data
    return data if isinstance(data, dict) and isinstance(data.get("step"), (int, float)) else None


async def latest_metrics(client: AsyncOpenAI, job_id: str) -> Mapping[str, Any] | None:
    """Return what was measured last, or None."""
    page = await page_in(client.fine_tuning.jobs.list_events(job_id, limit=LATEST))
    return next((found for event in page.data if (found := measured(event)) is not None), None)


__all__ = ["events_of", "events_since", "latest_metrics", "line_of", "measured", "newest_first"]
