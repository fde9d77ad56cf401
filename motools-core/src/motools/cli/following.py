"""Following one request from its submission to its end, and saying what kind of answer it got."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from motools.cli.output import duration, of_when, say, when
from motools.cli.records import FIELDS, as_dict, short
from motools.cli.waiting import InLine, prepare, watch
from motools.evals.base import EvalJob

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from motools.cache.base import Record
    from motools.training.base import TrainingRun

    H = TypeVar("H", bound=TrainingRun | EvalJob)


class Following:
    """One request on its way; `noun` is "training" or "evaluation", `save` where its handle is to be written."""

    def __init__(self, noun: str, save: str | None = None) -> None:
        self.noun = noun
        self.save = save
        self.began = time.time()
        self.job_id: str | None = None
        self.record: Record | None = None
        self._line = InLine()

    @property
    def name(self) -> str:
        """What the `motools runs` commands find it by."""
        return short(self.record.key) if self.record else self.save or self.job_id or ""

    @property
    def is_recorded(self) -> bool:
        """Whether the answer was there before it was asked for."""
        return self.record is not None and self.record.state.is_ended and self.record.updated_at < self.began

    def come_back(self) -> str:
        """Say what Ctrl-C has not stopped, and how to come back to it."""
        if self.job_id is None and self._line.words is not None:
            return (
                f"Interrupted. The {self.noun} {self._line.words}. Unless that had come just now, nothing was submitted: the "
                "same command has its place in line again."
            )
        if self.job_id is None:
            return f"Interrupted before there was a {self.noun} to come back to. The same command takes it up again."
        if self.record is None and not self.save:
            return f"Interrupted. The {self.noun} {self.job_id} goes on; nothing is recorded of it."
        return f"Interrupted. The {self.noun} goes on. Come back to it with: motools runs wait {self.name}"

    async def submit(self, request: Awaitable[H]) -> H:
        """Await the handle of a request, save it where that was asked for, and say what kind of answer it is."""
        handle = await prepare(request, self.noun, self._line)
        await self.note(handle)
        say(self._answer())
        return handle

    def _answer(self) -> str:
        record, named = self.record, f" as {self.job_id}" if self.job_id else ""
        if record is None:
            return f"Submitted{named}, without a record."
        if self.is_recorded:
            return f"A recorded result{of_when(record.updated_at)}: nothing was started, nothing is paid."
        if record.updated_at < self.began:
            return f"Attached to the {self.noun} that is under way since {when(record.created_at)} ({self.name})."
        # What somebody else asked for before may have been submitted by them in this moment, or by us, again.
        verb = "Under way" if record.created_at < self.began else "Submitted"
        return f"{verb}{named} ({self.name})."

    async def wait(self, handle: TrainingRun | EvalJob) -> Any:
        """Wait for the end with a progress bar and return the result."""
        result = await watch(handle, self.noun)
        await self.note(handle)
        waited = time.time() - self.began
        if waited >= 1 and not self.is_recorded:
            say(f"The {self.noun} is done, after {duration(waited)}.")
        return result

    async def note(self, handle: TrainingRun | EvalJob) -> None:
        """Take over the id and the record, and save the handle where that was asked for."""
        self.job_id = handle.job_id
        self.record = getattr(handle, "record", None)
        if self.save is not None:
            await handle.save(self.save)

    def as_dict(self, handle: TrainingRun | EvalJob, backend: str) -> dict[str, Any]:
        """Return the documented fields for `--json`; without a record those are null that only it knows."""
        if self.record is not None:
            return as_dict(self.record) | {"recorded": self.is_recorded}
        known = {
            "kind": "eval" if isinstance(handle, EvalJob) else "training",
            "backend": backend,
            "job_id": handle.job_id,
            "model_id": handle.model_id,
            "status": str(handle.status),
        }
        return dict.fromkeys(FIELDS) | known | {"tags": [], "recorded": False}


__all__ = ["Following"]
