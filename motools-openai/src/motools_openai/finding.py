"""Finding a job whose submission was not answered.

A server that carries metadata tells it by the token that was planted there; the filter of the list is checked again here,
since not every server applies it. One that carries none (Azure, some others) tells it by what the paid call was noted
with: training file, model, suffix, seed, hyperparameters and time. Where even that cannot be certain, nothing is said to
be absent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from motools.errors import NeedsPerson
from motools_openai.answers import pages_of
from motools_openai.jobs import hyperparameters_of, made_at, method_of, suffix_of, token_of
from motools_openai.request import TOKEN_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob

PAGE = 100
SKEW = 300.0
"""Seconds by which the time that was noted and the service's may differ."""
LONGEST_LOOK = 20
"""Pages of jobs that are looked through for one without metadata."""


async def find_jobs(
    client: AsyncOpenAI, token: str, notes: Mapping[str, Any], *, carries_metadata: bool = False
) -> Sequence[FineTuningJob]:
    """Return the jobs that were submitted with a token, oldest first; `carries_metadata` where the server is known to.

    Raises `NeedsPerson` where a job may be there that cannot be told.
    """
    is_filtered, found = await _filtered(client, token)
    if not found:
        seen = await _look_through(client, token, notes)
        found = _told(seen, token, notes, carries_metadata=carries_metadata, is_filtered=is_filtered)
    return sorted(found, key=made_at)


async def _filtered(client: AsyncOpenAI, token: str) -> tuple[bool, list[FineTuningJob]]:
    """Ask for the jobs with a token. Returns whether nothing speaks against the server having heeded that, and the jobs."""
    from openai import BadRequestError, UnprocessableEntityError

    found: list[FineTuningJob] = []
    try:
        async for page in pages_of(client.fine_tuning.jobs.list(metadata={TOKEN_KEY: token}, limit=PAGE)):
            if any(token_of(job) != token for job in page.data):
                return False, []
            found += page.data
    except (BadRequestError, UnprocessableEntityError):  # of a server that does not know this filter
        return False, []
    return True, found


@dataclass(kw_only=True)
class _Seen:
    """What a look through the list has shown."""

    with_token: list[FineTuningJob] = field(default_factory=list)
    alike: list[FineTuningJob] = field(default_factory=list)
    any: bool = False
    carries_metadata: bool = False
    to_its_end: bool = False
    """Whether every job since the submission was seen."""


async def _look_through(client: AsyncOpenAI, token: str, notes: Mapping[str, Any]) -> _Seen:
    """Look at every job since the submission, for the token and for what was noted."""
    since, seen, pages = float(notes.get("at", 0.0)) - SKEW, _Seen(), 0
    async for page in pages_of(client.fine_tuning.jobs.list(limit=PAGE)):
        for job in page.data:
            seen.any = True
            seen.carries_metadata = seen.carries_metadata or bool(job.metadata)
            if token_of(job) == token:
                seen.with_token.append(job)
            elif not job.metadata and notes and _is_alike(job, notes, since):
                seen.alike.append(job)
        pages += 1
        if page.data and made_at(page.data[-1]) < since:
            break
        if pages >= LONGEST_LOOK:
            return seen
    seen.to_its_end = True
    return seen


def _told(
    seen: _Seen, token: str, notes: Mapping[str, Any], *, carries_metadata: bool, is_filtered: bool
) -> list[FineTuningJob]:
    carries_metadata = carries_metadata or seen.carries_metadata
    if seen.with_token:
        return seen.with_token
    if carries_metadata and (is_filtered or seen.to_its_end):
        return []
    if carries_metadata or (not seen.to_its_end and not seen.alike):
        raise NeedsPerson(
            f"The server does not look for {token!r} by itself, and has more jobs than are looked through here "
            f"({LONGEST_LOOK * PAGE:,}). Look at its jobs, then say what became of it with `motools runs resolve`."
        )
    if not notes and seen.any:
        raise NeedsPerson(
            f"The server carries no metadata, so no job can be told by {token!r}, and nothing else was noted of it. Look at "
            "its jobs, then say what became of it with `motools runs resolve`."
        )
    return seen.alike


def _is_alike(job: FineTuningJob, notes: Mapping[str, Any], since: float) -> bool:
    """Whether a job may be the one that was noted; what the server does not say speaks for neither."""
    extra = job.model_extra or {}
    says_suffix = "user_provided_suffix" in extra
    return (
        job.training_file == notes.get("training_file")
        and made_at(job) >= since
        and job.model == notes.get("model")
        and (job.validation_file or None) == notes.get("validation_file")
        and (not says_suffix or suffix_of(job) == notes.get("suffix"))
        and (notes.get("seed") is None or job.seed == notes["seed"])
        and (job.method is None or method_of(job) == notes.get("method"))
        and _has(job, notes.get("hyperparameters") or {})
    )


def _has(job: FineTuningJob, noted: Mapping[str, Any]) -> bool:
    """Whether a job has no other hyperparameters than were asked for; those that are left to the service say nothing."""
    said = hyperparameters_of(job)
    return all(_are_one(said.get(name), value) for name, value in noted.items())


def _are_one(said: Any, noted: Any) -> bool:
    if isinstance(said, (int, float)) and isinstance(noted, (int, float)):
        return math.isclose(said, noted, rel_tol=1e-6)
    return said in (None, "auto", noted)


__all__ = ["find_jobs"]
