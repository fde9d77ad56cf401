"""How many jobs an organisation may have: at a time, and within a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fake_openai.errors import not_eligible, too_many_alive, too_many_today

if TYPE_CHECKING:
    from fake_openai.accounts import Account
    from fake_openai.clock import Clock
    from fake_openai.jobs import Jobs
    from fake_openai.switches import Switches

DAY = 24 * 3600.0


class Limits:
    """The quotas of every organisation, which are the same."""

    def __init__(self, clock: Clock, switches: Switches, jobs: Jobs) -> None:
        self._clock = clock
        self._switches = switches
        self._jobs = jobs

    def check(self, account: Account, model: str) -> None:
        """Raise ApiError unless another job may be created."""
        switches = self._switches
        if not switches.eligible:
            raise not_eligible()
        if switches.daily_jobs is not None and self._today(account, model) >= switches.daily_jobs:
            raise too_many_today(switches.daily_jobs, model)
        if switches.concurrent_jobs is not None and self._alive(account, model) >= switches.concurrent_jobs:
            raise too_many_alive(switches.concurrent_jobs, model)

    def payload(self) -> dict[str, Any]:
        """Return the limits of every model.

        The address stands in OpenAI's guide on rate limits; what it answers has not been published. This is our own guess.
        """
        return {
            "object": "list",
            "data": [
                {
                    "object": "fine_tuning.model_limit",
                    "model": model,
                    "max_concurrent_jobs": self._switches.concurrent_jobs,
                    "max_jobs_per_day": self._switches.daily_jobs,
                }
                for model in self._switches.models
            ],
        }

    def _today(self, account: Account, model: str) -> int:
        since = self._clock.now() - DAY
        jobs = self._jobs.of_organization(account.organization)
        return sum(1 for job in jobs if job.asked.model == model and job.created_at > since)

    def _alive(self, account: Account, model: str) -> int:
        organization = account.organization
        return sum(
            1
            for job in self._jobs.alive()
            if job.asked.model == model and job.account.organization == organization and not job.course.is_paused
        )
