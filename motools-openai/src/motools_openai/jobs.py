"""What a fine-tuning job of the SDK says, in the words of motools.

A job is built leniently by the SDK: a field may be missing or of another type, since not every server with this API
fills in every field. `error` is an object without content on healthy jobs, so only the status tells.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from motools import Progress, RunStatus
from motools_openai.request import TOKEN_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openai.types.fine_tuning import FineTuningJob

STATUS = {
    "validating_files": RunStatus.QUEUED,
    "queued": RunStatus.QUEUED,
    "pending": RunStatus.QUEUED,
    "running": RunStatus.RUNNING,
    "succeeded": RunStatus.SUCCEEDED,
    "failed": RunStatus.FAILED,
    "cancelled": RunStatus.CANCELLED,
    "canceled": RunStatus.CANCELLED,
}
"""The services' words; any other is of a job that goes on."""
PAUSED = "paused"
"""The word for a job that is held."""

FACTS = (
    "created_at", "finished_at", "estimated_finish", "trained_tokens", "training_file", "validation_file",
    "result_files", "seed", "organization_id",
)  # fmt: skip
"""Fields that are kept as the service gives them."""


def status_of(job: FineTuningJob) -> RunStatus:
    """Return where a job stands. A word that is not known is not the end."""
    return STATUS.get(str(job.status), RunStatus.RUNNING)


def progress_of(job: FineTuningJob, before: Progress | None = None) -> Progress | None:
    """Return how far a job is: the steps known from before, and the time that the service expects it to take."""
    status, finish = status_of(job), job.estimated_finish
    is_plain = str(job.status) in {"queued", "running"} or status.is_terminal
    left = max(0.0, finish - time.time()) if isinstance(finish, (int, float)) and not status.is_terminal else None
    message = None if is_plain else str(job.status).replace("_", " ")
    if before is None and left is None and message is None:
        return None
    before = before or Progress()
    step = before.total if status is RunStatus.SUCCEEDED and before.total else before.step
    return Progress(step=step, total=before.total, loss=before.loss, eta_seconds=left, message=message)


def metadata_of(job: FineTuningJob) -> dict[str, Any]:
    """Return what is worth keeping of a job. `model`, `hyperparameters` and `suffix` are as `adopt` promises them."""
    facts: dict[str, Any] = {name: value for name in FACTS if (value := getattr(job, name, None)) not in (None, [])}
    facts |= {"model": job.model, "service_status": str(job.status), "method": method_of(job)}
    if hyperparameters := hyperparameters_of(job):
        facts["hyperparameters"] = hyperparameters
    extra: Mapping[str, Any] = job.model_extra or {}
    if "user_provided_suffix" in extra:
        facts["suffix"] = extra["user_provided_suffix"]
    labels = {name: value for name, value in (job.metadata or {}).items() if name != TOKEN_KEY}
    return facts | ({"labels": labels} if labels else {})


def method_of(job: FineTuningJob) -> str:
    """Return the method's name; a server that does not say has only one."""
    return str(job.method.type) if job.method is not None else "supervised"


def hyperparameters_of(job: FineTuningJob) -> dict[str, Any]:
    """Return the hyperparameters: those of the method, or the older field where there are none."""
    inner = getattr(job.method, method_of(job), None) if job.method is not None else None
    found = getattr(inner, "hyperparameters", None) or getattr(job, "hyperparameters", None)
    return {} if found is None else dict(found.model_dump(mode="json", exclude_none=True))


def made_at(job: FineTuningJob) -> float:
    """Return when a job was made, in seconds since the epoch by the service's clock; 0 where it does not say."""
    made: object = job.created_at
    return float(made) if isinstance(made, (int, float)) else 0.0


def token_of(job: FineTuningJob) -> str | None:
    """Return the token that a job was submitted with, where the server carries it."""
    return (job.metadata or {}).get(TOKEN_KEY)


def suffix_of(job: FineTuningJob) -> str | None:
    """Return the suffix that was asked for, where the server says."""
    suffix = (job.model_extra or {}).get("user_provided_suffix")
    return str(suffix) if suffix else None


__all__ = [
    "hyperparameters_of",
    "made_at",
    "metadata_of",
    "method_of",
    "progress_of",
    "status_of",
    "suffix_of",
    "token_of",
]
