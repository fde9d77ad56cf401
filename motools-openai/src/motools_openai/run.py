"""A fine-tuning job, as a handle."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from motools import Checkpoint, Progress, RunStatus, TrainingRun, read_handle, write_handle
from motools.errors import HandleError, RunCancelled, RunFailed, RunLost, UsageError
from motools_openai import jobs
from motools_openai.answers import pages_of, whole
from motools_openai.cost import billed
from motools_openai.events import events_of, latest_metrics, line_of, measured, newest_first
from motools_openai.metrics import named, progress_numbers, rows_of, rows_of_file
from motools_openai.prices import price_noted, prices_for
from motools_openai.problems import failure_of, unpaid
from motools_openai.server import Connection, server_of_handle
from motools_openai.settings import Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from typing import Self

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob
    from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

    from motools_openai.prices import Prices

LOOKS_FOR_MODEL = 5
"""How often a job that succeeded is asked for its model, which may be named a moment later."""


class OpenAITrainingRun(TrainingRun):
    """A fine-tuning job at a server. `metadata` has what the service says of it, `trained_tokens` once it has ended."""

    def __init__(
        self, connection: Connection, job_id: str, *, poll: float | None = None, prices: Prices | None = None
    ) -> None:
        self.connection = connection
        self._prices = prices
        self.job_id = job_id
        self.metadata: dict[str, Any] = {}
        self._poll = Options().poll if poll is None else poll
        self._failure: tuple[str | None, str | None] = (None, None)

    def take(self, job: FineTuningJob, metrics: Mapping[str, Any] | None = None) -> None:
        """Take over how the service says that the job stands."""
        self.status = jobs.status_of(job)
        self.is_paused = str(job.status) == jobs.PAUSED
        self.metadata = {**self.metadata, **jobs.metadata_of(job)}
        if self.status is RunStatus.SUCCEEDED:
            self.model_id = job.fine_tuned_model or self.model_id
        if self.status is RunStatus.FAILED and job.error is not None:
            self._failure = (job.error.message, job.error.code)
            self.metadata["error"] = {"message": job.error.message, "code": job.error.code}
        self.metadata |= self._cost_of(job)
        before = self.progress
        if metrics is not None:
            step, total, loss = progress_numbers(metrics)
            before = Progress(step=step, total=total or (before.total if before else None), loss=loss)
        self.progress = jobs.progress_of(job, before)

    def _cost_of(self, job: FineTuningJob) -> dict[str, Any]:
        """Return what a token costs, as of the submission, and what was billed once the service says so."""
        prices, method = self._prices, self.metadata["method"]
        if prices is None and "price" in self.metadata:
            prices = price_noted(self.metadata["price"], job.model)
        elif prices is None:
            prices = prices_for(None, self.connection.server.base_url)
        price = prices.of(job.model)
        noted = {"price": None if price is None else price.usd_per_million_tokens}
        if self.metadata.get("trained_tokens") is None:
            return noted
        return noted | billed(job.trained_tokens, job.model, prices, method=method)

    async def wait(self) -> str:
        if not RunStatus(self.status).is_terminal:
            await self.connection.poller(self._poll).followed(self)
        if self.status is RunStatus.CANCELLED:
            raise RunCancelled(f"The fine-tuning job {self.job_id!r} was cancelled.")
        if self.status is RunStatus.FAILED:
            raise RunFailed(failure_of(self.job_id, *self._failure))
        for _ in range(LOOKS_FOR_MODEL):
            if self.model_id:
                return self.model_id
            await asyncio.sleep(self._poll)
            await self.refresh()
        raise RunFailed(f"The fine-tuning job {self.job_id!r} succeeded, and the service names no model.")

    async def is_complete(self) -> bool:
        if not RunStatus(self.status).is_terminal:
            await self._look()
        return RunStatus(self.status).is_terminal

    async def refresh(self) -> None:
        """Ask how the job stands and, while it runs, what it measured last: two requests."""
        await self._look()
        if self.status is RunStatus.RUNNING:
            async with self._asking("say how it goes") as client:
                if (metrics := await latest_metrics(client, self.job_id)) is not None:
                    step, total, loss = progress_numbers(metrics)
                    known = self.progress or Progress()
                    self.progress = Progress(
                        step=step, total=total, loss=loss, eta_seconds=known.eta_seconds, message=known.message
                    )

    async def cancel(self) -> None:
        await self._look()
        if RunStatus(self.status).is_terminal:
            return
        from openai import BadRequestError, ConflictError

        async with self._asking("cancel it") as client:
            try:
                self.take(whole(await client.fine_tuning.jobs.cancel(self.job_id)))
            except (BadRequestError, ConflictError):
                await self._look()
                if not RunStatus(self.status).is_terminal:  # it had not ended in this very moment
                    raise

    async def pause(self) -> None:
        await self._hold(is_held=True)

    async def unpause(self) -> None:
        await self._hold(is_held=False)

    async def _hold(self, *, is_held: bool) -> None:
        """Have the job held, or let it go on; one that has ended, or is so already, stays as it is."""
        if RunStatus(self.status).is_terminal:
            return
        from openai import BadRequestError, ConflictError

        async with self._asking("pause it" if is_held else "resume it") as client:
            call = client.fine_tuning.jobs.pause if is_held else client.fine_tuning.jobs.resume
            try:
                self.take(whole(await call(self.job_id)))
            except (BadRequestError, ConflictError):
                await self._look()
                if self.is_paused is not is_held and not RunStatus(self.status).is_terminal:
                    raise

    async def metrics(self) -> Sequence[Mapping[str, Any]]:
        """Return the rows of the result file once there is one, else those that the events tell."""
        await self._look()
        async with self._asking("show its metrics") as client:
            for file_id in self.metadata.get("result_files", ())[:1]:
                content = await client.files.content(file_id)
                if rows := rows_of_file(content.content):
                    return rows
            pieces = [
                found async for event in newest_first(client, self.job_id) if (found := measured(event)) is not None
            ]
        return rows_of(reversed(pieces))

    async def checkpoints(self) -> Sequence[Checkpoint]:
        async with self._asking("list its checkpoints") as client:
            listed = client.fine_tuning.jobs.checkpoints.list(self.job_id, limit=100)
            found = [
                Checkpoint(
                    id=each.id,
                    step=int(each.step_number),
                    model_id=each.fine_tuned_model_checkpoint,
                    created_at=float(each.created_at),
                    metrics=measured_at(each),
                )
                async for page in pages_of(listed)
                for each in page.data
            ]
        return sorted(found, key=lambda checkpoint: checkpoint.step)

    async def delete_checkpoint(self, checkpoint_id: str) -> None:
        """Delete the model of a checkpoint. The last one's is the trained model, which is not deleted this way."""
        found = {each.id: each for each in await self.checkpoints()}
        if checkpoint_id not in found:
            there = ", ".join(found) or "none"
            raise UsageError(f"The job {self.job_id!r} has no checkpoint {checkpoint_id!r}. There are: {there}.")
        model_id = found[checkpoint_id].model_id
        if model_id is None or model_id == self.model_id:
            raise UsageError(
                f"The checkpoint {checkpoint_id!r} is the trained model {model_id!r}: it is not deleted as one."
            )
        from openai import NotFoundError

        async with self._asking(f"delete the model {model_id!r}") as client:
            try:
                await client.models.delete(model_id)
            except NotFoundError as error:
                server = self.connection.server.name
                raise UsageError(f"{server} has no model {model_id!r} to delete, or lets nobody delete it.") from error

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        async for event in self._events(follow=follow):
            yield line_of(event)

    def _events(self, *, follow: bool) -> AsyncIterator[Any]:
        async def is_over() -> bool:
            return not follow or await self.is_complete()

        server = self.connection.server.name
        return events_of(lambda: self.connection.client, self.job_id, is_over, pause=self._poll, server=server)

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Write the job's id and its server: all that it takes to go on, with a key that is found where it is loaded."""
        more = {"server": self.connection.server.as_dict(), "poll": self._poll}
        await write_handle(path, self, backend="openai", **more)

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        fields = await read_handle(path, kind="training")
        server = server_of_handle(fields, path)
        poll = fields.get("poll")
        run = cls(Connection.to(server), fields["job_id"], poll=poll if isinstance(poll, float) and poll > 0 else None)
        run.model_id, run.metadata = fields["model_id"], dict(fields["metadata"])
        try:
            run.status = RunStatus(fields["status"])
        except ValueError as error:
            raise HandleError(f"{os.fspath(path)}: has the unknown status {fields['status']!r}.") from error
        run.is_paused = run.metadata.get("service_status") == jobs.PAUSED
        said = run.metadata.get("error")
        if isinstance(said, dict):
            run._failure = (said.get("message"), said.get("code"))
        return run

    async def _look(self) -> None:
        async with self._asking("say how it stands") as client:
            self.take(whole(await client.fine_tuning.jobs.retrieve(self.job_id)))

    @asynccontextmanager
    async def _asking(self, doing: str) -> AsyncIterator[AsyncOpenAI]:
        """Give the client, and put what it raises into words. Raises `RunLost` where the job is not known."""
        from openai import NotFoundError, OpenAIError

        server = self.connection.server.name
        try:
            yield self.connection.client
        except NotFoundError as error:
            raise RunLost(f"{server} does not know the fine-tuning job {self.job_id!r}, asked to {doing}.") from error
        except (OpenAIError, ValueError) as error:
            raise unpaid(error, server, doing) from error


def measured_at(checkpoint: FineTuningJobCheckpoint) -> Mapping[str, Any]:
    """Return what was measured at a checkpoint, under the names of motools."""
    said: Any = checkpoint.metrics
    row = {} if said is None else named(said.model_dump(mode="json"))
    return {name: value for name, value in row.items() if name != "step"}


__all__ = ["OpenAITrainingRun"]
