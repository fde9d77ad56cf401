"""The training backend "openai"."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar

from motools import Capability, TrainingBackend
from motools.settings import check
from motools_openai.answers import page_in, whole
from motools_openai.cost import estimate
from motools_openai.finding import find_jobs
from motools_openai.limits import limits_of
from motools_openai.prices import prices_for
from motools_openai.problems import seconds_ahead, unpaid
from motools_openai.request import WHO, job_request
from motools_openai.run import OpenAITrainingRun
from motools_openai.server import OPENAI, Connection, Server
from motools_openai.settings import OpenAISettings, Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from openai import AsyncOpenAI
    from openai.types.fine_tuning import FineTuningJob

    from motools import Estimate, Format, Limits, Ticket
    from motools.training.base import DatasetLike
    from motools_openai.files import TrainingFiles

log = logging.getLogger("motools.openai")

FORMAT_OF_METHOD = {"supervised": "chat", "dpo": "dpo", "reinforcement": "rft"}
SHOWN_AFTER = 120.0
"""Seconds that the service is given to show a job in its list, beyond the time that a submission may take."""

PING_SECONDS = 15.0


class OpenAITrainingBackend(TrainingBackend):
    """Fine-tuning at OpenAI, and at any server with the same API.

    Keywords are those of `Options`. `client` is any `AsyncOpenAI`, with which Azure and others are reached; it is used as it
    is, and stays open. Without one the SDK's own variables are read when the first request is made, OPENAI_API_KEY among them.
    """

    name = "openai"
    run_type = OpenAITrainingRun
    capabilities = frozenset(
        {
            Capability.FIND,
            Capability.LOGS,
            Capability.ADOPT,
            Capability.MODELS,
            Capability.METRICS,
            Capability.CHECKPOINTS,
            Capability.PAUSE,
            Capability.ESTIMATE,
            Capability.LIMITS,
            Capability.PING,
        }
    )
    dataset_keywords = ("validation",)
    key_variables = ("OPENAI_API_KEY",)
    Settings: ClassVar[type] = OpenAISettings

    def __init__(self, *, client: AsyncOpenAI | None = None, **options: Any) -> None:
        self.options = check(Options, options, who=WHO, what="option")
        said = {name: getattr(self.options, name) for name in ("base_url", "organization", "project")}
        self._connection = Connection.to(Server.of(client, **said), client)
        self._prices = prices_for(self.options.prices, self._connection.server.base_url)
        self.find_lag = self.options.submit_timeout + SHOWN_AFTER  # type: ignore[misc]  # of this object, by its options

    async def train(  # noqa: PLR0913 (the keywords of the service, beside those of the contract)
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        method: str = "supervised",
        seed: int | None = None,
        validation: DatasetLike | None = None,
        grader: Mapping[str, Any] | None = None,
        metadata: Mapping[str, str] | None = None,
        integrations: Sequence[Mapping[str, Any]] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        ticket: Ticket | None = None,
        **others: Any,
    ) -> OpenAITrainingRun:
        """Create a job; the further keywords are described by `motools_openai.settings.Keywords`.

        Everything is checked and uploaded before the paid call. Data that are at the service already are not uploaded again.
        """
        from motools_openai.problems import FileGone
        from motools_openai.submitting import submit

        keywords = {"method": method, "seed": seed, "grader": grader, "metadata": metadata, "extra_body": extra_body}
        request = job_request(model, hyperparameters, suffix, {**keywords, "integrations": integrations, **others})
        shutdown, ahead = await look_at(self._connection, model)
        files = self._files(ticket)
        training_file, digest = await files.provide(dataset)
        validation_file, held_out = (None, None) if validation is None else await files.provide(validation)
        token = None if ticket is None else ticket.token
        body = request.body(training_file=training_file, validation_file=validation_file, token=token)
        try:
            async with nullcontext() if ticket is None else ticket.paying(**notes_of(body, ahead)) as payment:
                job = await submit(self._connection, body, seconds=self.options.submit_timeout)
                if payment is not None:
                    payment.job_id = job.id
        except FileGone:
            for each in (digest, held_out):
                if each is not None:
                    await files.forget(each)
            raise
        facts = {"dataset": digest, "suffix": suffix, "validation": held_out, "shutdown_date": shutdown}
        return self._run(job, {name: value for name, value in facts.items() if value is not None})

    async def find(self, token: str) -> Sequence[OpenAITrainingRun]:
        return await self.find_noted(token, {})

    async def find_noted(self, token: str, notes: Mapping[str, Any]) -> Sequence[OpenAITrainingRun]:
        """Return the jobs with this token; at a server that carries no metadata, those that are as they were noted."""
        async with self._asking("look for a job") as client:
            jobs = await find_jobs(client, token, notes, carries_metadata=self._connection.server.name == OPENAI)
            return [self._run(job) for job in jobs]

    async def adopt(self, job_id: str) -> OpenAITrainingRun:
        run = OpenAITrainingRun(self._connection, job_id, poll=self.options.poll, prices=self._prices)
        await run.refresh()
        return run

    async def has_model(self, model_id: str) -> bool:
        from openai import NotFoundError

        async with self._asking(f"look for the model {model_id!r}") as client:
            try:
                whole(await client.models.retrieve(model_id))
            except NotFoundError:
                return False
            return True

    async def estimate(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **keywords: Any,
    ) -> Estimate:
        """Count the tokens here and price them by the list of `prices`; the service is not asked, and no key is needed."""
        validation = keywords.pop("validation", None)
        request = job_request(model, hyperparameters, suffix, keywords)
        given = {"method": request.method, "validation": validation, "prices": self._prices}
        return await estimate(dataset, model, request.hyperparameters, **given)

    async def limits(self, model: str) -> Limits:
        async with self._asking("say what its limits are") as client:
            return await limits_of(client, model)

    async def ping(self) -> None:
        """Ask for one job of the list: what training needs, and no other permission of the key."""
        async with self._asking("answer") as client:
            hasty = client.with_options(max_retries=0, timeout=PING_SECONDS)
            await page_in(hasty.fine_tuning.jobs.list(limit=1))

    def formats(self) -> Mapping[str, Format]:
        from motools_openai.formats import FORMATS

        return FORMATS

    def format_of(self, model: str, arguments: Mapping[str, Any]) -> str:
        del model
        return FORMAT_OF_METHOD.get(arguments.get("method", "supervised"), "chat")

    def account(self) -> Mapping[str, Any]:
        return {name: value for name, value in self._connection.server.as_dict().items() if value is not None}

    async def aclose(self) -> None:
        """Close the connections of this process to the server, unless they are those of a client that was given."""
        await self._connection.aclose()

    def _files(self, ticket: Ticket | None) -> TrainingFiles:
        from motools_openai.files import TrainingFiles

        uploads = None if ticket is None else ticket.uploads
        return TrainingFiles(self._connection, uploads, parts_above=self.options.parts_above)

    def _run(self, job: FineTuningJob, facts: Mapping[str, Any] | None = None) -> OpenAITrainingRun:
        run = OpenAITrainingRun(self._connection, job.id, poll=self.options.poll, prices=self._prices)
        run.metadata.update(facts or {})
        run.take(job)
        return run

    @asynccontextmanager
    async def _asking(self, doing: str) -> AsyncIterator[AsyncOpenAI]:
        """Give the client, and put what it raises into words."""
        from openai import OpenAIError

        try:
            yield self._connection.client
        except (OpenAIError, ValueError) as error:
            raise unpaid(error, self._connection.server.name, doing) from error


def notes_of(body: Mapping[str, Any], ahead: float) -> dict[str, Any]:
    """Return what a paid call is noted with, by which its job is told where the server carries no metadata.

    `ahead` is by how many seconds the service's clock is ahead of ours: the time is the earlier one of the two.
    """
    method = body["method"]["type"]
    noted = {name: body.get(name) for name in ("training_file", "validation_file", "model", "suffix", "seed")}
    hyperparameters = body["method"][method].get("hyperparameters", {})
    return noted | {"method": method, "hyperparameters": hyperparameters, "at": time.time() + min(ahead, 0.0)}


async def look_at(connection: Connection, model: str) -> tuple[str | None, float]:
    """Return when the service shuts a base model down, if it says so, and by how many seconds its clock is ahead of ours.

    Warns of the first: fine-tunes go with the model.
    """
    from openai import APIStatusError, OpenAIError

    try:
        answer = await connection.client.models.with_raw_response.retrieve(model)
        shutdown: str | None = getattr(answer.parse(), "shutdown_date", None)
    except APIStatusError as error:
        return None, seconds_ahead(error.response.headers)  # a server may list no base models
    except ValueError:
        return None, 0.0  # or know no such request
    except OpenAIError as error:
        raise unpaid(error, connection.server.name, f"look for the model {model!r}", submitting=True) from error
    if shutdown:
        log.warning("%s shuts %s down on %s, and what was fine-tuned of it.", connection.server.name, model, shutdown)
    return shutdown, seconds_ahead(answer.headers)


__all__ = ["OpenAITrainingBackend", "OpenAITrainingRun"]
