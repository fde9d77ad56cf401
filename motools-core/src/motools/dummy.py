"""A service that does nothing, for tests and for trying things out: what the two dummy backends share.

The service is a directory with a JSON file for each job that it accepted. How a job stands is a function of its file and
the clock, so any number of processes see the same, nothing has to run in the background, and the bill is the number of
files. Removing a file makes the service forget the job.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import uuid4

from motools.errors import (
    HandleError,
    RunCancelled,
    RunFailed,
    RunLost,
    SubmitRejected,
    SubmitUnavailable,
    SubmitUncertain,
)
from motools.files import replace_text
from motools.settings import Range
from motools.status import Progress, RunStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Self

    from motools.cache.base import Payment, Ticket

POLL = 0.1
"""Seconds between two looks at a job, at most."""


@dataclass(frozen=True, kw_only=True)
class DummyOptions:
    """How the service behaves towards the jobs of one backend object."""

    service: Annotated[str | os.PathLike[str] | None, "the service's directory; by default one in MOTOOLS_HOME"] = None
    queue: Annotated[float, Range(ge=0), "seconds that a job waits before it runs"] = 0.0
    duration: Annotated[float, Range(ge=0), "seconds that a job runs"] = 0.0
    steps: Annotated[int, Range(ge=1), "steps of a job's progress"] = 10
    fail: Annotated[str | None, "what goes wrong at the end of each job"] = None
    submission: Annotated[
        Literal["accepted", "rejected", "unavailable", "uncertain"],
        "the answer to a submission; with uncertain the job is accepted and the answer lost",
    ] = "accepted"


@dataclass(frozen=True, kw_only=True)
class DummyJob:
    """What the service knows of a job. Times are seconds since the epoch."""

    job_id: str
    kind: str
    model_id: str
    """The model that a training makes, or that an evaluation evaluates."""
    token: str
    accepted: float
    starts: float
    ends: float
    steps: int
    fail: str | None = None
    cancelled: float | None = None
    request: Mapping[str, Any] = field(default_factory=dict)

    def status(self, now: float) -> RunStatus:
        """Return how the job stands at a time."""
        if self.cancelled is not None:
            return RunStatus.CANCELLED
        if now < self.starts:
            return RunStatus.QUEUED
        if now < self.ends:
            return RunStatus.RUNNING
        return RunStatus.SUCCEEDED if self.fail is None else RunStatus.FAILED

    def step(self, now: float) -> int:
        """Return how many steps are done at a time."""
        now = min(now, self.ends if self.cancelled is None else self.cancelled)
        if now >= self.ends:
            return self.steps
        return max(0, int(self.steps * (now - self.starts) / (self.ends - self.starts)))

    def progress(self, now: float) -> Progress:
        """Return how far the job is at a time; the loss falls with every step."""
        step = self.step(now)
        left = max(0.0, self.ends - now) if self.cancelled is None else 0.0
        return Progress(step=step, total=self.steps, loss=_loss(step), eta_seconds=left)

    def log(self, now: float) -> list[str]:
        """Return the log as it stands at a time; later ones only grow."""
        lines = [f"accepted {self.job_id}"]
        lines += [f"step {step} of {self.steps}: loss {_loss(step):.3f}" for step in range(1, self.step(now) + 1)]
        status = self.status(now)
        if status.is_terminal:
            lines.append(f"failed: {self.fail}" if status is RunStatus.FAILED else str(status))
        return lines


def _loss(step: int) -> float:
    return 2 * math.exp(-step / 10)


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
        self, options: DummyOptions, ticket: Ticket | None, *, kind: str, model_id: str, request: Mapping[str, Any]
    ) -> DummyJob:
        """Accept a job, or answer as the options say. `{job_id}` in `model_id` is filled in."""
        token = "" if ticket is None else ticket.token
        async with _paying(ticket) as payment:
            if options.submission == "rejected":
                raise SubmitRejected("The dummy service refuses this request, as it was told to.")
            if options.submission == "unavailable":
                raise SubmitUnavailable("The dummy service is not to be reached, as it was told to.")
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
                request=request,
            )
            await self._write(job)
            if options.submission == "uncertain":
                raise SubmitUncertain("The dummy service did not answer, as it was told to.")
            payment.job_id = job.job_id
        return job

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

    async def cancel(self, job_id: str) -> DummyJob:
        """Cancel a job that has not ended, and return it as it is then."""
        job = self.read(job_id)
        now = time.time()
        if not job.status(now).is_terminal:
            job = replace(job, cancelled=now)
            await self._write(job)
        return job

    def path(self, job_id: str) -> Path:
        """Return the file of a job."""
        if not job_id.startswith("dummy-") or not job_id.removeprefix("dummy-").isalnum():
            raise HandleError(f"{job_id!r} is not the id of a job of the dummy service.")
        return self.directory / f"{job_id}.json"

    async def _write(self, job: DummyJob) -> None:
        text = json.dumps(asdict(job), indent=2, allow_nan=False, default=str)
        await asyncio.to_thread(self._put, self.path(job.job_id), text)

    def _put(self, path: Path, text: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_text(path, text)


class DummyHandle:
    """What the handles of both kinds do: follow a job of the service."""

    job_id: str
    status: RunStatus
    progress: Progress | None
    metadata: Mapping[str, Any]

    def __init__(self, service: DummyService, job_id: str) -> None:
        self.service = service
        self.job_id = job_id

    @classmethod
    def _restored(cls, fields: Mapping[str, Any], path: str | os.PathLike[str]) -> Self:
        """Return the handle that was saved with these fields, as it stood then."""
        if not isinstance(fields.get("service"), str):
            raise HandleError(f"{os.fspath(path)}: does not name the dummy service's directory.")
        handle = cls(DummyService(fields["service"]), fields["job_id"])
        try:
            handle.status = RunStatus(fields["status"])
        except ValueError as error:
            raise HandleError(f"{os.fspath(path)}: has the unknown status {fields['status']!r}.") from error
        handle.metadata = fields["metadata"]
        return handle

    async def refresh(self) -> None:
        """Bring the attributes up to date. Raises `RunLost` when the service has forgotten the job."""
        self.take(self.service.read(self.job_id))

    async def is_complete(self) -> bool:
        """Ask whether the job has ended."""
        if not self.status.is_terminal:
            await self.refresh()
        return self.status.is_terminal

    async def cancel(self) -> None:
        """Stop the job, unless it has ended."""
        if not self.status.is_terminal:
            self.take(await self.service.cancel(self.job_id))

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        """Yield the log line by line; with `follow`, until the job has ended."""
        told = 0
        while True:
            job, now = self.service.read(self.job_id), time.time()
            lines = job.log(now)
            for line in lines[told:]:
                yield line
            told = len(lines)
            if not follow or job.status(now).is_terminal:
                return
            await _sleep_towards(job)

    async def _succeeded(self) -> None:
        """Wait until the job has ended, and raise what it ended with unless it succeeded."""
        while not await self.is_complete():
            await _sleep_towards(self.service.read(self.job_id))
        if self.status is RunStatus.CANCELLED:
            raise RunCancelled(f"The dummy job {self.job_id!r} was cancelled.")
        if self.status is RunStatus.FAILED:
            raise RunFailed(f"The dummy job {self.job_id!r} failed: {self.service.read(self.job_id).fail}")

    def take(self, job: DummyJob) -> None:
        """Take over what the service says of the job, as of now."""
        now = time.time()
        self.status = job.status(now)
        self.progress = job.progress(now)
        self.metadata = dict(job.request)


async def _sleep_towards(job: DummyJob) -> None:
    """Sleep until the job may have ended, and no longer than until it may have been cancelled."""
    await asyncio.sleep(min(max(job.ends - time.time(), 0.001), POLL))


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


__all__ = ["DummyHandle", "DummyJob", "DummyOptions", "DummyService"]
