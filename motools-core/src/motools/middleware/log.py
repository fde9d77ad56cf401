"""The `log` layer: every event is a record that a program can read.

    [backends.openai]
    middleware = ["log", "cache", "validate", "limit"]
    log_file = "runs.jsonl"

Records go to the logger `motools.log` with these as extra fields, those that are known; with `log_file` each is a line of that
file too. It is opened for each line and only ever added to, so it may be moved away at any time.

    event                 submitted, attached, cache_hit, refused (the call raised); queued, succeeded, failed, cancelled,
                          recovered
    kind backend model    what for
    seconds               that the call took; of an end, since the work was asked for
    key job_id model_id label tags
    error error_type
    at                    seconds since the epoch; in the file alone, since every record of logging has its time

Outermost it tells of hits and attaches as well, inside `cache` of what is submitted. Ends are told where there is a record of paid
work, once somebody looks. Neither options nor hyperparameters are in it, and errors are without the keys that they quote.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from motools.cache.redact import in_words
from motools.errors import SettingError
from motools.evals.middleware import EvalMiddleware
from motools.events import Happened
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping
    from typing import TypeVar

    from motools.evals.base import EvalBackend, EvalJob
    from motools.events import RunEvent
    from motools.training.base import DatasetLike, TrainingBackend, TrainingRun

    H = TypeVar("H", TrainingRun, EvalJob)

log = logging.getLogger("motools.log")

UNHEARD: frozenset[str] = frozenset({Happened.SUBMITTED, Happened.ATTACHED, Happened.CACHE_HIT, Happened.PROGRESS})
"""What each call says of itself, with the time it took; and progress, of which there would be too much."""
BAD = frozenset({"refused", Happened.FAILED})


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """What the layer can be told."""

    log_file: Annotated[str | None, "a file that each event is added to, as a line of JSON"] = None


class EventLog:
    """Writes the events of one backend."""

    def __init__(self, kind: str, backend: str, options: LogOptions | None) -> None:
        self._same = {"kind": kind, "backend": backend}
        self._file = None if options is None or options.log_file is None else Path(options.log_file).expanduser()
        if self._file is not None:
            try:
                _append(self._file, "")
            except OSError as error:
                raise SettingError(f"log_file {self._file} cannot be written: {error.strerror}.") from error

    async def calling(self, call: Awaitable[H], model: str, keywords: Mapping[str, Any]) -> H:
        """Await a call, and write how it went."""
        began = time.perf_counter()
        try:
            handle = await call
        except Exception as error:
            fields = {"error": in_words(error), "error_type": type(error).__name__}
            self._write("refused", model, seconds=time.perf_counter() - began, **fields)
            raise
        seconds = time.perf_counter() - began
        if not self._is_read(logging.INFO):
            return handle
        ticket, record = keywords.get("ticket"), getattr(handle, "record", None)
        self._write(
            getattr(handle, "happened", Happened.SUBMITTED),
            model,
            key=getattr(record or ticket, "key", None),
            job_id=handle.job_id,
            model_id=handle.model_id if self._same["kind"] == "training" else None,
            label=getattr(record, "label", None),
            tags=list(getattr(record, "tags", ())),
            seconds=seconds,
        )
        return handle

    def told(self, event: RunEvent) -> None:
        """Write an event that no call says of itself."""
        named = {name: event.details.get(name) for name in ("label", "tags", "seconds", "ahead")}
        self._write(
            event.happened,
            event.model,
            key=event.key,
            job_id=event.job_id,
            model_id=event.model_id,
            error=event.error,
            **named,
        )

    def _is_read(self, level: int) -> bool:
        """Whether anybody reads what is written, so that it need be put together."""
        return self._file is not None or log.isEnabledFor(level)

    def _write(self, event: str, model: str, **known: Any) -> None:
        level = logging.WARNING if event in BAD else logging.INFO
        if not self._is_read(level):
            return
        fields = {"event": str(event), **self._same, "model": model}
        fields |= {name: value for name, value in known.items() if value not in (None, "", [])}
        about = fields.get("error") or fields.get("job_id", "")
        log.log(level, "%s: %s of %s with %s: %s", event, fields["kind"], model, fields["backend"], about, extra=fields)
        if self._file is not None:
            try:
                _append(self._file, json.dumps({"at": time.time(), **fields}) + "\n")
            except OSError as error:
                log.error("The log %s cannot be written: %s.", self._file, error.strerror)  # noqa: TRY400  (the traceback says no more)


def _append(path: Path, text: str) -> None:
    """Add a text in one write, so that the lines of several processes stand one after the other."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


class LoggedTrainingBackend(TrainingMiddleware):
    """Log each training: how the call went, and how the run ended."""

    Options = LogOptions
    unheard = UNHEARD

    def __init__(self, backend: TrainingBackend, options: LogOptions | None = None) -> None:
        super().__init__(backend)
        self._log = EventLog("training", self.name, options)

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> TrainingRun:
        return await self._log.calling(super().train(dataset, model, hyperparameters, suffix, **kwargs), model, kwargs)

    async def told(self, event: RunEvent) -> None:
        self._log.told(event)


class LoggedEvalBackend(EvalMiddleware):
    """Log each evaluation, as trainings are."""

    Options = LogOptions
    unheard = UNHEARD

    def __init__(self, backend: EvalBackend, options: LogOptions | None = None) -> None:
        super().__init__(backend)
        self._log = EventLog("eval", self.name, options)

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> EvalJob:
        return await self._log.calling(super().evaluate(model_id, eval_suite, **kwargs), model_id, kwargs)

    async def told(self, event: RunEvent) -> None:
        self._log.told(event)


__all__ = ["LogOptions", "LoggedEvalBackend", "LoggedTrainingBackend"]
