"""What happens between two training steps: progress, metrics, checkpoints, and stopping when asked to."""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from motools.detached import keep_rows
from motools.errors import RunFailed
from motools_local import checkpoints
from motools_local.spec import CHECKPOINTS, METRICS

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import TrainerControl, TrainerState, TrainingArguments

    from motools.detached import Worker
    from motools_local.validation import Validation

log = logging.getLogger("motools.local")
INTERVAL = 30.0
"""Seconds between checkpoints, where no number of steps is given."""
MEASURED = ("loss", "learning_rate", "grad_norm", "epoch")
SHARE = 0.05
"""The part of the time that writing checkpoints may take."""


class Reporting(TrainerCallback):
    """Keeps the run directory up to date."""

    def __init__(
        self,
        worker: Worker,
        *,
        total: int,
        save_every: int | None,
        resumed: Path | None,
        validation: Validation | None = None,
    ) -> None:
        self.worker = worker
        self.total = total
        self.save_every = save_every
        self.validation = validation
        self.loss: float | None = None
        self._first_step = checkpoints.step_of(resumed) if resumed else 0
        self._began = self._saved = self._saving = time.monotonic()
        self._saving_took = 0.0
        if self._first_step:
            log.info("going on after step %d", self._first_step)
        self._forget_rows_after(self._first_step)
        worker.progress(step=self._first_step, total=total, loss=self.loss, message=None)
        worker.flush()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        del args, state, control, kwargs
        self._began = self._saved = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        del args, kwargs
        if state.global_step >= self.total:
            return
        if self.worker.cancel_requested:
            log.info("asked to stop after step %d", state.global_step)
            control.should_save = control.should_training_stop = True
        elif self.save_every:
            control.should_save = state.global_step % self.save_every == 0
        else:
            pause = max(INTERVAL, self._saving_took / SHARE)
            control.should_save = time.monotonic() - self._saved >= pause
        self._saving = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        del args, control
        if logs is None or "loss" not in logs:
            return
        step, loss = state.global_step, logs["loss"]
        if not math.isfinite(loss):
            raise RunFailed(f"The loss is {loss} at step {step}: training has diverged. Use a smaller learning_rate.")
        self.loss = loss
        elapsed = time.monotonic() - self._began
        eta = elapsed / (step - self._first_step) * (self.total - step)
        row = {"step": step} | {name: logs[name] for name in MEASURED if name in logs}
        row |= self._validated(step, kwargs["model"]) | {"time": time.time()}
        self.worker.directory.append_row(METRICS, row)
        log.info("step %d/%d  loss %.4f  %s left", step, self.total, loss, _duration(eta))
        self.worker.progress(step=step, total=self.total, loss=loss, eta_seconds=eta, message=None)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        del args, control, kwargs
        directory = self.worker.path / CHECKPOINTS
        checkpoints.seal(directory / f"{checkpoints.PREFIX}{state.global_step}")
        checkpoints.prune(directory)
        self._saved = time.monotonic()
        self._saving_took = self._saved - self._saving
        log.info("checkpoint after step %d", state.global_step)

    def _validated(self, step: int, model: Any) -> dict[str, float]:
        """Return the loss on the held-out conversations, where it is time to measure it."""
        if self.validation is None or not self.validation.is_due(step, self.total):
            return {}
        self.worker.progress(message="validating")
        self.worker.flush()
        loss = self.validation.measure(model, lambda: self.worker.cancel_requested)
        if loss is None:
            return {}
        log.info("step %d/%d  validation loss %.4f", step, self.total, loss)
        return {"validation_loss": loss}

    def _forget_rows_after(self, step: int) -> None:
        """Drop the metrics of steps that are done again, and a row that a dying worker left half-written."""
        for row in keep_rows(self.worker.path / METRICS, lambda row: row["step"] <= step):
            self.loss = row["loss"]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


__all__ = ["Reporting"]
