"""Fine-tuning jobs: created, listed, cancelled, paused, resumed, and settled when their time has come."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fake_openai import happenings
from fake_openai.errors import ApiError, invalid, no_job, no_training_file, not_ready
from fake_openai.lifecycle import ERRORS, Course, Plan
from fake_openai.shelf import Shelf, new_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fake_openai.accounts import Account
    from fake_openai.asked import Asked
    from fake_openai.clock import Clock
    from fake_openai.files import Files, StoredFile
    from fake_openai.switches import Switches

NO_ERROR = {"code": None, "message": None, "param": None}
"""What healthy jobs have for an error."""
CHARACTERS_PER_TOKEN = 4


@dataclass(kw_only=True, eq=False)
class Job:
    """One job: what was asked, and how it goes."""

    id: str
    account: Account
    asked: Asked
    course: Course
    created_at: float
    listed_at: float
    tokens: int
    trained_model: str
    results_file: str

    @property
    def failure(self) -> dict[str, Any]:
        """The error with which the plan ends, if it ends badly."""
        error = self.course.plan.error or ERRORS[self.course.plan.outcome]
        return {**error, "message": error["message"].format(model=self.trained_model)}

    def checkpoint_model(self, step: int) -> str:
        return f"{self.trained_model}:ckpt-step-{step}"

    def payload(self, now: float) -> dict[str, Any]:
        """Return the job as OpenAI shows it, nulls and undocumented fields included."""
        asked, plan, status = self.asked, self.course.plan, self.course.status(now)
        has_succeeded = status == "succeeded"
        was_trained = status in {"succeeded", "failed"} and plan.steps_at(plan.end) == plan.steps
        is_resolved = self.course.age(now) >= plan.validating and plan.outcome != "invalid"
        hyperparameters = asked.resolved() if is_resolved else asked.hyperparameters
        return {
            "object": "fine_tuning.job",
            "id": self.id,
            "model": asked.model,
            "created_at": int(self.created_at),
            "finished_at": int(self.course.moment(plan.end)) if has_succeeded else None,
            "fine_tuned_model": self.trained_model if has_succeeded else None,
            "organization_id": self.account.organization,
            "result_files": [self.results_file] if has_succeeded else [],
            "status": plan.status or status,
            "validation_file": asked.validation_file,
            "training_file": asked.training_file,
            "hyperparameters": hyperparameters if asked.method == "supervised" else None,
            "trained_tokens": self.tokens if was_trained else None,
            "error": self.failure if status == "failed" else NO_ERROR,
            "user_provided_suffix": asked.suffix,
            "seed": asked.seed,
            "estimated_finish": int(self.course.moment(plan.end)) if status == "running" else None,
            "integrations": asked.integrations,
            "metadata": asked.metadata,
            "usage_metrics": None,
            "shared_with_openai": False,
            "method": {
                "type": asked.method,
                asked.method: {
                    **({} if asked.grader is None else {"grader": asked.grader}),
                    "hyperparameters": hyperparameters,
                },
            },
        }


class Jobs:
    """Every account's jobs."""

    def __init__(self, clock: Clock, switches: Switches, files: Files) -> None:
        self._clock = clock
        self._switches = switches
        self._files = files
        self._shelves: defaultdict[Account, Shelf[Job]] = defaultdict(Shelf)
        self._due: list[tuple[float, str]] = []
        self._unsettled: dict[str, Job] = {}

    def create(self, account: Account, asked: Asked) -> Job:
        """Begin a job. From here on it is paid for."""
        training = self._usable(account, asked.training_file, "training_file")
        if asked.validation_file is not None:
            self._usable(account, asked.validation_file, "validation_file")
        now = self._clock.now()
        examples = sum(1 for line in training.content.splitlines() if line.strip())
        plan = self._plan(asked, examples)
        job_id = new_id("ftjob-")
        job = Job(
            id=job_id,
            account=account,
            asked=asked,
            course=Course(plan=plan, created_at=now),
            created_at=now,
            listed_at=now + self._switches.list_lag,
            tokens=len(training.content) // CHARACTERS_PER_TOKEN * asked.resolved()["n_epochs"],
            trained_model=self._trained_model(asked, job_id),
            results_file=new_id("file-"),
        )
        self._shelves[account].add(job.id, job)
        self._await_end(job)
        return job

    def get(self, account: Account, job_id: str) -> Job:
        job = self._shelves[account].get(job_id)
        if job is None:
            raise no_job(job_id)
        return job

    def anyones(self, job_id: str) -> Job:
        """Return a job, whoever it belongs to."""
        found = (shelf.get(job_id) for shelf in self._shelves.values())
        job = next((job for job in found if job is not None), None)
        if job is None:
            raise no_job(job_id)
        return job

    def page(
        self, account: Account, *, after: str | None, limit: int, metadata: Mapping[str, str]
    ) -> tuple[list[Job], bool]:
        now = self._clock.now()

        def is_shown(job: Job) -> bool:
            return job.listed_at <= now and metadata.items() <= (job.asked.metadata or {}).items()

        return self._shelves[account].page(after=after, limit=limit, shown=is_shown)

    def alive(self) -> Iterator[Job]:
        self.settle()
        return iter(self._unsettled.values())

    def of_organization(self, organization: str) -> Iterator[Job]:
        for account, shelf in self._shelves.items():
            if account.organization == organization:
                yield from shelf

    def cancel(self, job: Job) -> None:
        now = self._clock.now()
        if job.course.is_over(now):
            raise ApiError(400, f"Job has already completed: {job.id}")
        job.course.cancel(now)
        self._unsettled.pop(job.id, None)

    def pause(self, job: Job) -> None:
        now = self._clock.now()
        if job.course.is_paused or job.course.is_over(now):
            raise invalid(f"Job {job.id} is {job.course.status(now)} and cannot be paused.", "fine_tuning_job_id")
        job.course.pause(now)

    def resume(self, job: Job) -> None:
        now = self._clock.now()
        if not job.course.is_paused or job.course.is_over(now):
            raise invalid(f"Job {job.id} is {job.course.status(now)} and cannot be resumed.", "fine_tuning_job_id")
        job.course.resume(now)
        self._await_end(job)

    def replan(self, job: Job, changes: Mapping[str, Any]) -> None:
        """Let a job that is not over go otherwise than its switches had it."""
        if job.course.is_over(self._clock.now()):
            raise ApiError(400, f"Job has already completed: {job.id}")
        job.course.plan = replace(job.course.plan, **changes)
        self._await_end(job)

    def settle(self) -> None:
        """Give what has ended since the last time its results."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            job = self._unsettled.get(heapq.heappop(self._due)[1])
            if job is None or job.course.is_paused:
                continue
            if not job.course.is_over(now):
                self._await_end(job)
                continue
            del self._unsettled[job.id]
            if job.course.status(now) == "succeeded":
                ended = job.course.moment(job.course.plan.end)
                self._files.add_results(job.account, job.results_file, happenings.results(job), at=ended)

    def _await_end(self, job: Job) -> None:
        self._unsettled[job.id] = job
        heapq.heappush(self._due, (job.course.moment(job.course.plan.end), job.id))

    def _usable(self, account: Account, file_id: str, param: str) -> StoredFile:
        file = self._files.find(account, file_id)
        if file is None:
            raise no_training_file(file_id, param)
        status = file.status(self._clock.now())
        if status == "uploaded":
            raise not_ready(file_id)
        if status == "error" or file.purpose != "fine-tune":
            raise invalid(f"File '{file_id}' cannot be used for fine-tuning: {file.flaw or file.purpose}.", param)
        return file

    def _plan(self, asked: Asked, examples: int) -> Plan:
        switches, resolved = self._switches, asked.resolved()
        steps_per_epoch = max(1, math.ceil(examples / resolved["batch_size"]))
        too_few = {
            "code": "invalid_n_examples",
            "message": f"Training file has {examples} example(s), but must have at least {switches.min_examples} examples",
            "param": "training_file",
        }
        is_too_few = examples < switches.min_examples
        return Plan(
            validating=switches.validating,
            queued=switches.queued,
            step=switches.step,
            steps=steps_per_epoch * resolved["n_epochs"],
            steps_per_epoch=steps_per_epoch,
            outcome="invalid" if is_too_few else switches.outcome,
            error=too_few if is_too_few else switches.error,
        )

    def _trained_model(self, asked: Asked, job_id: str) -> str:
        name = job_id.removeprefix("ftjob-")
        if self._switches.azure:
            return f"{asked.model}.ft-{name}" + (f"-{asked.suffix}" if asked.suffix else "")
        base = asked.model.split(":")[1] if asked.model.startswith("ft:") else asked.model
        return f"ft:{base}:personal:{asked.suffix or ''}:{name[:8]}"
