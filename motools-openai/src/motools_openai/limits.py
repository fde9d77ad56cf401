"""How many trainings an account may have, as the service says it, and when there is room for another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from motools import Limits
from motools_openai.answers import pages_of
from motools_openai.jobs import made_at, status_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob

PAGE = 100
DAY = 24 * 3600.0
"""A daily limit counts the jobs of the last 24 hours, as users of it found (johny-b/llmcomp, issue 58)."""


async def limits_of(client: AsyncOpenAI, model: str) -> Limits:
    """Return what may be live of a model, where the server says, and what is.

    `GET /fine_tuning/model_limits` stands in OpenAI's guide to rate limits and not in its API description; public clients
    read `{MODEL: {"max_concurrent_jobs": …, "active_jobs": …}}` from it. A server without it knows no limit before it refuses.
    Jobs of other projects are not listed, so `live` may be fewer than there are where the service does not count them.
    """
    said = await _said(client, model)
    jobs = [job async for job in _recent(client, model)]
    live = [job for job in jobs if not status_of(job).is_terminal]
    now = time.time()
    finishes = [float(job.estimated_finish) for job in live if job.estimated_finish and job.estimated_finish > now]
    return Limits(
        concurrent=_whole(said, "max_concurrent_jobs"),
        live=max(len(live), _whole(said, "active_jobs") or 0),
        started_today=sum(made_at(job) >= now - DAY for job in jobs),
        free_at=min(finishes, default=None),
    )


async def next_day_slot(client: AsyncOpenAI, model: str) -> float | None:
    """Return when the oldest job of the last day no longer counts against a daily limit; None where no job is listed."""
    since = time.time() - DAY
    made = [made_at(job) async for job in _recent(client, model) if made_at(job) >= since]
    return min(made) + DAY if made else None


async def _recent(client: AsyncOpenAI, model: str) -> AsyncIterator[FineTuningJob]:
    """Yield the jobs of a model that were made within the last day, and older ones that are live among the newest."""
    since = time.time() - DAY
    async for page in pages_of(client.fine_tuning.jobs.list(limit=PAGE)):
        for job in page.data:
            if job.model == model and (made_at(job) >= since or not status_of(job).is_terminal):
                yield job
        if not page.data or made_at(page.data[-1]) < since:
            return


async def _said(client: AsyncOpenAI, model: str) -> Mapping[str, Any]:
    from openai import APIStatusError

    try:
        answer: Any = await client.get("/fine_tuning/model_limits", cast_to=object)
    except APIStatusError:
        return {}
    rows = answer.get("data", answer) if isinstance(answer, Mapping) else answer
    if isinstance(rows, Mapping):
        row = rows.get(model)
        return row if isinstance(row, Mapping) else {}
    named = (
        [row for row in rows if isinstance(row, Mapping) and row.get("model") == model]
        if isinstance(rows, list)
        else []
    )
    return named[0] if named else {}


def _whole(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


__all__ = ["limits_of", "next_day_slot"]
