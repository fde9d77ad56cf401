"""Models: the base models that everybody sees, and what an account has trained."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from fake_openai.errors import ApiError, no_model, not_trainable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fake_openai.accounts import Account
    from fake_openai.clock import Clock
    from fake_openai.jobs import Job, Jobs
    from fake_openai.switches import Switches

RELEASED = 1_700_000_000
DATE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4})$")


class Models:
    """What GET /models shows."""

    def __init__(self, clock: Clock, switches: Switches, jobs: Jobs) -> None:
        self._clock = clock
        self._switches = switches
        self._jobs = jobs
        self._deleted: defaultdict[Account, set[str]] = defaultdict(set)

    def list(self, account: Account) -> list[dict[str, Any]]:
        base = [self._base(model) for model in self._switches.models]
        return base + [_trained(job, now=self._clock.now()) for job in self._trained_by(account)]

    def get(self, account: Account, model: str) -> dict[str, Any]:
        if model in self._switches.models:
            return self._base(model)
        return _trained(self._find(account, model), now=self._clock.now())

    def delete(self, account: Account, model: str) -> None:
        if model in self._switches.models:
            raise ApiError(403, "You have insufficient permissions for this operation.")
        self._deleted[account].add(self._find(account, model).trained_model)

    def trainable(self, account: Account, model: str) -> str:
        """Return the full name of a model that a job may start from."""
        for name in self._switches.models:
            if model in {name, DATE.sub("", name)}:
                return name
        if model in {job.trained_model for job in self._trained_by(account)}:
            return model
        raise not_trainable(model)

    def _base(self, model: str) -> dict[str, Any]:
        return {
            "id": model,
            "object": "model",
            "created": RELEASED,
            "owned_by": "system",
            "shutdown_date": self._switches.shutdown_dates.get(model),
        }

    def _find(self, account: Account, model: str) -> Job:
        for job in self._trained_by(account):
            if job.trained_model == model:
                return job
        raise no_model(model)

    def _trained_by(self, account: Account) -> Iterator[Job]:
        now = self._clock.now()
        for job in self._jobs.of_organization(account.organization):
            is_gone = job.trained_model in self._deleted[account]
            if job.account == account and not is_gone and job.course.status(now) == "succeeded":
                yield job


def _trained(job: Job, *, now: float) -> dict[str, Any]:
    return {
        "id": job.trained_model,
        "object": "model",
        "created": int(min(now, job.course.moment(job.course.plan.end))),
        "owned_by": job.account.organization,
        "shutdown_date": None,
    }
