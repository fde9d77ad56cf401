"""What the handles of both kinds do: follow a job of the dummy service."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from motools.dummy.service import DummyService
from motools.errors import HandleError, RunCancelled, RunFailed
from motools.status import RunStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Self

    from motools.dummy.job import DummyJob
    from motools.status import Progress

POLL = 0.1
"""Seconds between two looks at a job, at most."""


class DummyHandle:
    """A handle of a job of the service."""

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
    """Sleep until the job may have ended, and no longer than until it may have been cancelled, paused or let go on."""
    end = job.expected_end()
    await asyncio.sleep(POLL if end is None else min(max(end - time.time(), 0.001), POLL))


__all__ = ["DummyHandle"]
