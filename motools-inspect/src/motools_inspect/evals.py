"""The backend that starts evaluations, and the job that is followed.

evaluate() ── spec.json ──> job directory <── status.json, logs, samples.jsonl ── worker (the only one with Inspect)
a handle, in any process ── reads the directory; wait() starts a worker again where one has died
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import uuid4

from motools import Capability, EvalBackend, EvalJob, read_handle, write_handle
from motools.config import home
from motools.detached import WorkDirectory, WorkState, as_sentence, follow_log, own_directory
from motools.errors import HandleError, MotoolsError, RunCancelled, RunFailed, RunLost, SubmitUnavailable
from motools.settings import check
from motools_inspect import models
from motools_inspect.asked import check_still_asked
from motools_inspect.environment import log_directory
from motools_inspect.identity import model_identity
from motools_inspect.launching import announce, launch
from motools_inspect.memory import hold, tasks_of
from motools_inspect.observed import FIELD, Observed
from motools_inspect.resolution import Request, facts_of_tasks
from motools_inspect.results import InspectEvalResults
from motools_inspect.settings import WHO, InspectSettings, Options, Pace, given, parameters_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from motools.cache.base import Payment, Ticket
    from motools.detached import WorkStatus
    from motools_inspect.settings import Parameters

WORKER = "motools_inspect.worker"
BELOW_HOME = ("inspect",)
"""Where each job has its directory."""


class InspectEvalJob(EvalJob):
    """An evaluation in a worker of its own: it outlives the process that asked for it."""

    def __init__(
        self, directory: WorkDirectory | str | os.PathLike[str], objects: Mapping[str, Any] | None = None
    ) -> None:
        self._objects = objects
        """Its tasks, by label, where they are objects: as long as it lives it can begin again."""
        self._work = directory if isinstance(directory, WorkDirectory) else _work(Path(directory))
        self.job_id = self._work.path.name
        self._take(self._status())

    async def wait(self) -> InspectEvalResults:
        try:
            if not self._objects and (await asyncio.to_thread(self._status)).state is WorkState.INTERRUPTED:
                tasks_of(self._work.spec)
            status = await self._work.wait(seen=self._take)
        except FileNotFoundError as error:
            raise self._lost() from error
        return self._results(status)

    async def is_complete(self) -> bool:
        await self.refresh()
        return self.status.is_terminal

    async def refresh(self) -> None:
        self._take(await asyncio.to_thread(self._status))

    async def cancel(self) -> None:
        try:
            await self._work.cancel()
        except FileNotFoundError as error:
            raise self._lost() from error
        await self.refresh()

    async def get_results(self) -> InspectEvalResults:
        await self.refresh()
        status = self._status()
        if not status.state.is_terminal:
            raise RunFailed(
                f"The evaluation {self.job_id} is {self.status}: it has no results yet. Wait for it with wait()."
            )
        return self._results(status)

    async def resume(self) -> bool:
        try:
            return await asyncio.to_thread(self._work.start)
        except FileNotFoundError as error:
            raise self._lost() from error

    async def save(self, path: str | os.PathLike[str]) -> None:
        await write_handle(path, self, backend="inspect", directory=str(self._work.path))

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        fields = await read_handle(path, kind="eval")
        if "directory" not in fields:
            raise HandleError(f"{os.fspath(path)}: has no field 'directory'; it was not written by motools-inspect.")
        place = await asyncio.to_thread(own_directory, fields["directory"], below=BELOW_HOME, handle=path)
        return await asyncio.to_thread(cls, place)

    async def view_command(self) -> list[str]:
        return [sys.executable, "-m", "inspect_ai", "view", "start", "--log-dir", str(self._work.spec["log_dir"])]

    def get_log_paths(self) -> list[str]:
        result = self._status().result
        if result is not None:
            return list(result["metadata"]["logs"])
        return _logs_in(self._work.spec["log_dir"])

    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:
        is_over = self.is_complete if follow else None
        async for line in follow_log(self._work.log_path, is_over):
            yield line

    def _status(self) -> WorkStatus:
        try:
            return self._work.status()
        except FileNotFoundError as error:
            raise self._lost() from error

    def _lost(self) -> RunLost:
        return RunLost(f"The evaluation {self.job_id} is gone: its directory {self._work.path} is not there any more.")

    def _take(self, status: WorkStatus) -> None:
        spec = self._work.spec
        self.model_id = spec["model_id"]
        self.status = status.state.run_status
        self.progress = status.progress
        facts = {"directory": str(self._work.path), "tasks": [task["label"] for task in spec["tasks"]]}
        self.metadata = facts | ({"error": status.error} if status.error else {})

    def _results(self, status: WorkStatus) -> InspectEvalResults:
        if status.state is WorkState.CANCELLED:
            raise RunCancelled(f"The evaluation {self.job_id} of {self.model_id!r} was cancelled.")
        if status.state is WorkState.INTERRUPTED:
            error = status.error or ""
            raise MotoolsError(f"The evaluation {self.job_id} cannot go on: {error[:1].lower()}{error[1:]}")
        if status.state is WorkState.FAILED or status.result is None:
            said = as_sentence(status.error or "It left no result")
            raise RunFailed(f"{said} The worker's log is {self._work.log_path}.")
        return InspectEvalResults.of(self.model_id, status.result, self._work.path)


class InspectEvalBackend(EvalBackend):
    """Evaluates with Inspect AI; `settings.Options` are its keywords.

    `evaluate` takes the tasks as `tasks.resolve` describes, and the keywords of `settings.Parameters`. Relative paths
    in them lead from the working directory of the caller. The keys of model providers are read from the environment of
    the process that starts the worker.
    """

    name = "inspect"
    job_type = InspectEvalJob
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.FIND, Capability.LOGS, Capability.VIEW})
    find_lag = 0.0
    Settings = InspectSettings

    def __init__(self, **options: Any) -> None:
        self._options = check(Options, options, who=WHO, what="option")

    async def evaluate(
        self, model_id: str, eval_suite: Any, *, ticket: Ticket | None = None, **kwargs: Any
    ) -> InspectEvalJob:
        """Start a worker and return at once. Raises `TaskNotFound`, `ModelNotFound` or `SettingError` beforehand."""
        job_id = ticket.token if ticket else uuid4().hex
        parameters = parameters_of(kwargs)
        spec, objects = await asyncio.to_thread(self._spec, job_id, model_id, eval_suite, parameters, ticket)
        async with _paying(ticket) as payment:
            try:
                job = await asyncio.to_thread(_start, _place(job_id), spec, objects)
            except OSError as error:
                raise SubmitUnavailable(
                    f"No evaluation was started: {error.filename or _place(job_id)}: {error.strerror or error}."
                ) from error
            if payment is not None:
                payment.job_id = job_id
        return job

    def _spec(
        self, job_id: str, model_id: str, eval_suite: Any, parameters: Parameters, ticket: Ticket | None
    ) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """Return all that the worker has to know, and its tasks where they are objects."""
        if self._options.keep_warm:
            announce()
        request = Request(eval_suite=eval_suite, parameters=parameters)
        found, objects = request.tasks(), request.objects
        measured = ticket.measured if ticket else {}
        facts, depends = facts_of_tasks(request, self._options) if measured or objects is not None else ({}, [])
        if objects is None:
            check_still_asked(measured, facts, ", ".join(task.label for task in found))
        spec = request.fields() | {
            "schema": 1,
            "job_id": job_id,
            "model_id": model_id,
            "tasks": [task.as_dict() for task in found],
            "measured_models": model_identity(model_id, parameters),
            "model": models.under_evaluation(model_id, parameters),
            "model_roles": models.roles(parameters.model_roles),
            "role_ids": dict(parameters.model_roles or {}),
            "in_memory": None if objects is None else hold(objects, facts),
            "measured": measured,
            "depends": depends,
            "folder": request.folder,
            "replicate": ticket.replicate if ticket else None,
            "refresh": bool(ticket and ticket.refresh),
            "prices": parameters.model_cost_config,
            "pace": given(parameters, Pace),
            "threads": self._options.threads,
            "workers": self._options.workers,
            "keep_warm": self._options.keep_warm,
            "log_dir": self._log_dir(job_id),
        }
        return spec, objects

    def _log_dir(self, job_id: str) -> str:
        """Return where a job's logs go: a path, or a URL."""
        given = os.fspath(self._options.log_dir or log_directory() or "")
        if "://" in given:
            return f"{given.rstrip('/')}/{job_id}"
        return str(Path(given).absolute() / job_id if given else _place(job_id) / "logs")

    async def identify(self, model_id: str, eval_suite: Any, **kwargs: Any) -> Mapping[str, Any]:
        parameters = parameters_of(kwargs)
        request = Request(eval_suite=eval_suite, parameters=parameters)

        def identify() -> dict[str, Any]:
            models = model_identity(model_id, parameters)  # first, for it costs less and may be wrong as well
            facts, _ = facts_of_tasks(request, self._options)
            if (objects := request.objects) is not None:
                hold(objects, facts)  # a job of the same tasks may wait for somebody who has them
            measured = facts | models
            return measured | {FIELD: Observed(measured, request.folder).changed}

        return await asyncio.to_thread(identify)

    async def find(self, token: str) -> Sequence[InspectEvalJob]:
        place = _place(token)
        exists = await asyncio.to_thread(_work(place).exists)
        return [await asyncio.to_thread(InspectEvalJob, place)] if exists else []

    def __repr__(self) -> str:
        return (
            f"InspectEvalBackend({', '.join(f'{k}={v!r}' for k, v in asdict(self._options).items() if v is not None)})"
        )


def _logs_in(folder: str) -> list[str]:
    """Return the logs in a directory, which may be a URL."""
    if "://" not in folder:
        return sorted(str(path) for path in Path(folder).glob("*.eval"))
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it has no types

    system, path = url_to_fs(folder)
    return sorted(system.unstrip_protocol(each) for each in system.glob(f"{path}/*.eval"))


def _place(job_id: str) -> Path:
    return home().joinpath(*BELOW_HOME, job_id)


def _work(place: Path) -> WorkDirectory:
    return WorkDirectory(place, module=WORKER, launch=launch)


def _start(place: Path, spec: Mapping[str, Any], objects: Mapping[str, Any] | None) -> InspectEvalJob:
    work = WorkDirectory.create(place, spec=spec, module=WORKER, launch=partial(launch, objects=objects))
    work.start()
    return InspectEvalJob(work, objects)


@asynccontextmanager
async def _paying(ticket: Ticket | None) -> AsyncIterator[Payment | None]:
    if ticket is None:
        yield None
        return
    async with ticket.paying() as payment:
        yield payment


__all__ = ["InspectEvalBackend", "InspectEvalJob", "InspectEvalResults"]
