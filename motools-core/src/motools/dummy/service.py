"""The directory of jobs, and what its service answers."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import uuid4

from motools.dummy.job import DummyJob
from motools.errors import (
    HandleError,
    NoSlot,
    RunLost,
    ServiceUnavailable,
    SubmitRejected,
    SubmitUnavailable,
    SubmitUncertain,
    UsageError,
)
from motools.files import replace_text
from motools.settings import Range

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from motools.cache.base import Payment, Ticket


@dataclass(frozen=True, kw_only=True)
class DummyOptions:
    """How the service behaves towards the jobs of one backend object."""

    service: Annotated[str | os.PathLike[str] | None, "the service's directory; by default one in MOTOOLS_HOME"] = None
    queue: Annotated[float, Range(ge=0), "seconds that a job waits before it runs"] = 0.0
    duration: Annotated[float, Range(ge=0), "seconds that a job runs"] = 0.0
    steps: Annotated[int, Range(ge=1), "steps of a job's progress"] = 10
    fail: Annotated[str | None, "what goes wrong at the end of each job"] = None
    limit: Annotated[int | None, Range(ge=1), "how many jobs of a kind may be live at once; one more finds no slot"] = (
        None
    )
    submission: Annotated[
        Literal["accepted", "rejected", "unavailable", "uncertain"],
        "the answer to a submission; with uncertain the job is accepted and the answer lost",
    ] = "accepted"


class DummyService:
    """The directory of jobs."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(os.path.abspath(directory))  # noqa: PTH100 (Path.absolute leaves `..` in)

    @classmethod
    def of(cls, options: DummyOptions) -> DummyService:
        """Return the service that the options name, or the one in `MOTOOLS_HOME`."""
        if options.service is not None:
            return cls(options.service)
        from motools.config import home

        return cls(home() / "dummy")

    async def submit(
        self,
        options: DummyOptions,
        ticket: Ticket | None,
        *,
        kind: str,
        model_id: str,
        request: Mapping[str, Any],
        save_every: int | None = None,
    ) -> DummyJob:
        """Accept a job, or answer as the options say. `{job_id}` in `model_id` is filled in."""
        token = "" if ticket is None else ticket.token
        async with _paying(ticket) as payment:
            if options.submission == "rejected":
                raise SubmitRejected("The dummy service refuses this request, as it was told to.")
            if options.submission == "unavailable":
                refused = ConnectionRefusedError("nobody listens, as the dummy service was told to")
                raise SubmitUnavailable("The dummy service is not to be reached, as it was told to.") from refused
            if options.limit is not None and len(await asyncio.to_thread(self.live, kind)) >= options.limit:
                raise NoSlot(
                    f"The dummy service has {options.limit} live jobs, as many as it takes.", limit=options.limit
                )
            now = time.time()
            starts = now + options.queue
            job_id = f"dummy-{uuid4().hex[:12]}"
            job = DummyJob(
                job_id=job_id,
                kind=kind,
                model_id=model_id.replace("{job_id}", job_id.removeprefix("dummy-")),
                token=token,
                accepted=now,
                starts=starts,
                ends=starts + options.duration,
                steps=options.steps,
                fail=options.fail,
                save_every=save_every,
                request=request,
            )
            await self._write(job)
            if options.submission == "uncertain":
                raise SubmitUncertain("The dummy service did not answer, as it was told to.")
            payment.job_id = job.job_id
        return job

    async def ping(self, options: DummyOptions) -> None:
        """Answer, or do not, as the options say."""
        if options.submission == "unavailable":
            raise ServiceUnavailable("The dummy service is not to be reached, as it was told to.")
        await asyncio.to_thread(self.jobs)

    def read(self, job_id: str, kind: str | None = None) -> DummyJob:
        """Return a job, of the kind that is asked for. Raises `RunLost` when the service knows no such job."""
        path = self.path(job_id)
        try:
            job = DummyJob(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise RunLost(f"The dummy service in {self.directory} does not know the job {job_id!r}.") from error
        except (ValueError, TypeError) as error:
            raise RunLost(f"{path}: is not a job of the dummy service: {error}.") from error
        if kind not in (None, job.kind):
            raise RunLost(f"The job {job_id!r} of the dummy service is of the kind {job.kind!r}, not {kind!r}.")
        return job

    def jobs(self, kind: str | None = None) -> list[DummyJob]:
        """Return all accepted jobs, oldest first: the bill."""
        jobs = (self.read(path.stem) for path in self.directory.glob("dummy-*.json"))
        return sorted((job for job in jobs if kind in (None, job.kind)), key=lambda job: (job.accepted, job.job_id))

    def live(self, kind: str) -> list[DummyJob]:
        """Return the jobs of a kind that have not ended."""
        now = time.time()
        return [job for job in self.jobs(kind) if not job.status(now).is_terminal]

    async def cancel(self, job_id: str) -> DummyJob:
        """Cancel a job that has not ended, and return it as it is then."""
        job, now = self.read(job_id), time.time()
        return job if job.status(now).is_terminal else await self._changed(job, cancelled=now)

    async def pause(self, job_id: str) -> DummyJob:
        """Let time stand still for a job that has not ended, and return it as it is then."""
        job, now = self.read(job_id), time.time()
        is_to_pause = not job.is_paused and not job.status(now).is_terminal
        return await self._changed(job, paused=now) if is_to_pause else job

    async def unpause(self, job_id: str) -> DummyJob:
        """Let time go on for a job that is paused, and return it as it is then."""
        job = self.read(job_id)
        if job.paused is None or not job.is_paused:
            return job
        return await self._changed(job, paused=None, pauses=(*job.pauses, (job.paused, time.time())))

    async def delete_checkpoint(self, job_id: str, checkpoint_id: str) -> None:
        """Delete a checkpoint. Raises `UsageError` where there is none of that id."""
        job = self.read(job_id)
        there = {checkpoint.id: checkpoint.step for checkpoint in job.checkpoints(time.time())}
        if checkpoint_id not in there:
            raise UsageError(
                f"The dummy job {job_id!r} has no checkpoint {checkpoint_id!r}. There are: {', '.join(there) or 'none'}."
            )
        await self._changed(job, deleted=(*job.deleted, there[checkpoint_id]))

    def path(self, job_id: str) -> Path:
        """Return the file of a job."""
        if not job_id.startswith("dummy-") or not job_id.removeprefix("dummy-").isalnum():
            raise HandleError(f"{job_id!r} is not the id of a job of the dummy service.")
        return self.directory / f"{job_id}.json"

    async def _changed(self, job: DummyJob, **changes: Any) -> DummyJob:
        """Change what is known of a job, and return it."""
        changed = replace(job, **changes)
        await self._write(changed)
        return changed

    async def _write(self, job: DummyJob) -> None:
        text = json.dumps(asdict(job), indent=2, allow_nan=False, default=str)
        await asyncio.to_thread(self._put, self.path(job.job_id), text)

    def _put(self, path: Path, text: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_text(path, text)


class _Unrecorded:
    """The payment of somebody who has no ticket."""

    job_id: str | None = None


@asynccontextmanager
async def _paying(ticket: Ticket | None) -> AsyncIterator[Payment]:
    if ticket is None:
        yield _Unrecorded()
    else:
        async with ticket.paying() as payment:
            yield payment


__all__ = ["DummyOptions", "DummyService"]
