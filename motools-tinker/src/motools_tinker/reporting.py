"""What the run directory tells of a training: metrics as rows, the log, and how far it is."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from motools.detached import keep_rows
from motools_tinker.spec import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.detached import Worker
    from motools_tinker.feeding import Batch
    from motools_tinker.order import Order

log = logging.getLogger("motools.tinker")


class Reporting:
    """Keeps the run directory up to date from one step on."""

    def __init__(self, worker: Worker, order: Order, *, first: int, total: int) -> None:
        self._worker, self._order = worker, order
        self._first, self._total = first, total
        self._began = self._last = time.monotonic()
        self._tokens = 0
        self.answered = 0
        """Steps that were answered since."""
        # Steps after the state that is gone on from are done again.
        kept = keep_rows(worker.path / METRICS, lambda row: row["step"] <= first)
        self.loss: float | None = kept[-1]["loss"] if kept else None
        worker.progress(step=first, total=total, loss=self.loss, message=None)
        worker.flush()

    def check_cancel(self) -> None:
        """Raise `CancelRequested` if the driver was asked to stop."""
        self._worker.check_cancel()

    def step_is_done(self, batch: Batch, measured: Mapping[str, Any]) -> None:
        """Write down a step that was answered."""
        now, step = time.monotonic(), batch.step + 1
        self.answered += 1
        self._tokens += batch.tokens
        pace = self._tokens / max(now - self._began, 1e-9)
        row = {"step": step, **measured, "tokens": batch.tokens, "epoch": round(self._order.epoch(batch.step), 4)}
        self._worker.directory.append_row(
            METRICS,
            row | {"tokens_per_second": round(pace, 1), "seconds": round(now - self._last, 4), "time": time.time()},
        )
        self._last, self.loss = now, row["loss"]
        eta = (now - self._began) / (step - self._first) * (self._total - step)
        validation = f"  validation {row['validation_loss']:.4f}" if "validation_loss" in row else ""
        log.info("step %d/%d  loss %.4f%s  %.0f tokens/s", step, self._total, self.loss, validation, pace)
        self._worker.progress(
            step=step, total=self._total, loss=self.loss, eta_seconds=eta, message=f"{pace:,.0f} tokens/s"
        )


__all__ = ["Reporting"]
