"""What a job has to tell by now: its events, its checkpoints, and the metrics of every step as a CSV."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_openai.jobs import Job

COLUMNS = ("step", "train_loss", "train_accuracy", "valid_loss", "valid_mean_token_accuracy")
KEPT_CHECKPOINTS = 3


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One event, at an age of the job."""

    age: float
    message: str
    level: str = "info"
    data: dict[str, Any] | None = None
    is_metrics: bool = False


def events(job: Job, now: float, *, azure: bool) -> list[dict[str, Any]]:
    """Return the events so far, newest first."""
    age = job.course.age(now)
    told = [
        {
            "object": "fine_tuning.job.event",
            "id": f"ftevent-{job.id.removeprefix('ftjob-')}{number:05}",
            "created_at": int(job.course.moment(happening.age)),
            "level": happening.level,
            "message": happening.message,
            "data": happening.data,
            "type": "metrics" if happening.is_metrics else "message",
        }
        for number, happening in enumerate(_happenings(job, now, azure=azure))
        if happening.age <= age
    ]
    return told[::-1]


def checkpoints(job: Job, now: float) -> list[dict[str, Any]]:
    """Return the checkpoints that are kept, newest first; the one of the last step is the trained model itself."""
    plan = job.course.plan
    done = plan.steps_at(job.course.age(now))
    ends = range(plan.steps_per_epoch, done + 1, plan.steps_per_epoch)
    return [
        {
            "object": "fine_tuning.job.checkpoint",
            "id": f"ftckpt_{job.id.removeprefix('ftjob-')}{step:05}",
            "created_at": int(job.course.moment(plan.age_at_step(step))),
            "fine_tuned_model_checkpoint": job.trained_model if step == plan.steps else job.checkpoint_model(step),
            "fine_tuning_job_id": job.id,
            "metrics": _without_total(metrics(job, step)),
            "step_number": step,
        }
        for step in ends[-KEPT_CHECKPOINTS:][::-1]
    ]


def results(job: Job) -> bytes:
    """Return the file of results: a row of metrics a step."""
    plan = job.course.plan
    return _table(plan.steps, plan.steps_per_epoch, is_validated=job.asked.validation_file is not None)


def metrics(job: Job, step: int) -> dict[str, Any]:
    """Return what was measured at a step; validation only where there is a set, all of it at the end of an epoch."""
    plan = job.course.plan
    return _measured(step, plan.steps, plan.steps_per_epoch, is_validated=job.asked.validation_file is not None)


@cache
def _table(steps: int, steps_per_epoch: int, *, is_validated: bool) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for step in range(1, steps + 1):
        told = _measured(step, steps, steps_per_epoch, is_validated=is_validated)
        names = ("step", "train_loss", "train_mean_token_accuracy", "valid_loss", "valid_mean_token_accuracy")
        rows.writerow([told.get(name, "") for name in names])
    return text.getvalue().encode()


def _measured(step: int, steps: int, steps_per_epoch: int, *, is_validated: bool) -> dict[str, Any]:
    loss = round(0.1 + 2.0 * math.exp(-3.0 * step / steps), 4)
    accuracy = round(1.0 - loss / 4.0, 4)
    told = {"step": step, "total_steps": steps, "train_loss": loss, "train_mean_token_accuracy": accuracy}
    if is_validated:
        told |= {"valid_loss": round(loss * 1.1, 4), "valid_mean_token_accuracy": round(accuracy * 0.95, 4)}
        if step % steps_per_epoch == 0:
            told |= {"full_valid_loss": round(loss * 1.2, 4)}
            told |= {"full_valid_mean_token_accuracy": round(accuracy * 0.9, 4)}
    return told


def _without_total(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "total_steps"}


def _happenings(job: Job, now: float, *, azure: bool) -> Iterator[Happening]:
    plan, asked = job.course.plan, job.asked
    files = f"training file: {asked.training_file}"
    files += f" and validation file: {asked.validation_file}" if asked.validation_file else ""
    yield Happening(age=0.0, message=f"Created fine-tuning job: {job.id}", data={})
    yield Happening(age=0.0, message=f"Validating {files}", data={})
    if plan.outcome != "invalid":
        yield Happening(age=plan.validating, message="Files validated, moving job to queued state", data={})
        yield Happening(age=plan.start, message="Fine-tuning job started")
        yield from _steps(job, plan.steps_at(job.course.age(now)), azure=azure)
    if job.course.cancelled_age is not None:
        yield Happening(age=job.course.cancelled_age, message=f"Fine-tuning job cancelled: {job.id}")
    else:
        yield from _ending(job, azure=azure)


def _steps(job: Job, done: int, *, azure: bool) -> Iterator[Happening]:
    plan = job.course.plan
    for step in range(1, done + 1):
        told, age = metrics(job, step), plan.age_at_step(step)
        message = _azure_message(told) if azure else _message(told)
        data = _without_total(told) if azure else told
        yield Happening(age=age, message=message, data=data, is_metrics=True)
        if step % plan.steps_per_epoch == 0 and step < plan.steps:
            yield Happening(age=age, message=f"Checkpoint created at step {step}")


def _message(told: dict[str, Any]) -> str:
    message = f"Step {told['step']}/{told['total_steps']}: training loss={told['train_loss']:.2f}"
    message += f", validation loss={told['valid_loss']:.2f}" if "valid_loss" in told else ""
    message += f", full validation loss={told['full_valid_loss']:.2f}" if "full_valid_loss" in told else ""
    return message


def _azure_message(told: dict[str, Any]) -> str:
    return f"Step {told['step']}: training loss={told['train_loss']}"


def _ending(job: Job, *, azure: bool) -> Iterator[Happening]:
    age = job.course.plan.end
    if job.course.plan.outcome != "succeeded":
        yield Happening(age=age, message=job.failure["message"], level="error")
    elif azure:
        yield Happening(age=age, message=f"Completed results file: {job.results_file}")
        yield Happening(age=age, message=f"Training tokens billed: {job.tokens}")
    else:
        yield Happening(age=age, message=f"New fine-tuned model created: {job.trained_model}")
        yield Happening(age=age, message="The job has successfully completed")
