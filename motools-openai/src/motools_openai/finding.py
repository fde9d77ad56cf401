"""Finding a job whose submission was not answered.

A server that carries metadata tells it by the token that was planted there; the filter of the list is checked again here,
since not every server applies it. One that carries none (Azure, some others) tells it by what the paid call was noted
with: training file, model, suffix, seed and time. Where even that cannot be certain, nothing is said to be absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.errors import NeedsPerson
from motools_openai.jobs import method_of, suffix_of, token_of
from motools_openai.request import TOKEN_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob

PAGE = 100
SKEW = 300.0
"""Seconds by which the clocks of this machine and of the service may differ."""
LONGEST_LOOK = 20
"""Pages of jobs that are looked through for one without metadata."""


async def find_jobs(client: AsyncOpenAI, token: str, notes: Mapping[str, Any]) -> Sequence[FineTuningJob]:
    """Return the jobs that were submitted with a token, oldest first.

    Raises `NeedsPerson` where the server carries no metadata and nothing was noted that a job could be told by.
    """
    listed = await client.fine_tuning.jobs.list(metadata={TOKEN_KEY: token}, limit=PAGE)
    found = [job async for job in listed if token_of(job) == token] if _is_filtered(listed.data, token) else []
    if not found:
        found = await _look_through(client, token, notes)
    return sorted(found, key=lambda job: job.created_at)


def _is_filtered(jobs: Sequence[FineTuningJob], token: str) -> bool:
    """Whether a first page has only jobs that were asked for."""
    return all(token_of(job) == token for job in jobs)


async def _look_through(client: AsyncOpenAI, token: str, notes: Mapping[str, Any]) -> list[FineTuningJob]:
    """Look at every job since the submission, for the token and for what was noted."""
    since = float(notes.get("at", 0.0)) - SKEW
    with_token, alike, carries_metadata, pages = [], [], False, 0
    listed = await client.fine_tuning.jobs.list(limit=PAGE)
    async for page in listed.iter_pages():
        for job in page.data:
            carries_metadata = carries_metadata or bool(job.metadata)
            if token_of(job) == token:
                with_token.append(job)
            elif not job.metadata and notes and _is_alike(job, notes, since):
                alike.append(job)
        pages += 1
        if pages >= LONGEST_LOOK or (page.data and page.data[-1].created_at < since):
            break
    if with_token or carries_metadata:
        return with_token
    if not notes and listed.data:
        raise NeedsPerson(
            f"The server carries no metadata, so no job can be told by {token!r}, and nothing else was noted of it. Look at "
            "its jobs, then say what became of it with `motools runs resolve`."
        )
    return alike


def _is_alike(job: FineTuningJob, notes: Mapping[str, Any], since: float) -> bool:
    """Whether a job may be the one that was noted; what the server does not say speaks for neither."""
    extra = job.model_extra or {}
    says_suffix = "user_provided_suffix" in extra
    return (
        job.training_file == notes.get("training_file")
        and job.created_at >= since
        and job.model == notes.get("model")
        and (job.validation_file or None) == notes.get("validation_file")
        and (not says_suffix or suffix_of(job) == notes.get("suffix"))
        and (notes.get("seed") is None or job.seed == notes["seed"])
        and (job.method is None or method_of(job) == notes.get("method"))
    )


__all__ = ["find_jobs"]
