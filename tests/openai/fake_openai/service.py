"""The whole state of the service, and the bill."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fake_openai.clock import Clock
from fake_openai.faults import Faults
from fake_openai.files import Files
from fake_openai.jobs import Jobs
from fake_openai.limits import Limits
from fake_openai.models import Models
from fake_openai.switches import Switches
from fake_openai.uploads import Uploads

if TYPE_CHECKING:
    from fake_openai.accounts import Account
    from fake_openai.asked import Asked
    from fake_openai.jobs import Job


class Service:
    """Everything there is, until it is reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: nothing stored, nothing broken, every switch where it was."""
        self.clock = Clock()
        self.switches = Switches()
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.bill: list[dict[str, Any]] = []
        self.files = Files(self.clock, self.switches)
        self.uploads = Uploads(self.clock, self.files)
        self.jobs = Jobs(self.clock, self.switches, self.files)
        self.limits = Limits(self.clock, self.switches, self.jobs)
        self.models = Models(self.clock, self.switches, self.jobs)

    def set(self, changes: dict[str, Any]) -> None:
        self.switches.set(changes)
        if "speed" in changes:
            self.clock.run_at(changes["speed"])

    def submit(self, account: Account, asked: Asked, body: dict[str, Any]) -> Job:
        """Create a job, if everything allows it, and put it on the bill."""
        asked = replace(asked, model=self.models.trainable(account, asked.model))
        self.limits.check(account, asked.model)
        job = self.jobs.create(account, asked)
        self.charge("job", job.id, account, body)
        return job

    def charge(self, kind: str, name: str, account: Account, body: dict[str, Any]) -> None:
        """Write down what was accepted."""
        self.bill.append(
            {
                "kind": kind,
                "id": name,
                "at": self.clock.now(),
                "organization": account.organization,
                "project": account.project,
                "body": body,
            }
        )
