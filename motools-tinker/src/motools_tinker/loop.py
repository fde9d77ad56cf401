"""The training loop on one training client: submitted ahead, collected in order, saved in line.

    forward_backward(k)  optim_step(k)  [forward of the validation set]  [save_state]  forward_backward(k+1)  …

The service does what it is asked for in that order, so a state that is asked for after step k holds exactly the steps up
to k, whatever has been submitted after it. The loop never waits for it: it is written down once it is there.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tinker import types

from motools.errors import RunFailed
from motools_tinker.datums import datum, total_loss
from motools_tinker.problems import judge
from motools_tinker.rates import rate
from motools_tinker.states import Saved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import tinker
    from tinker import APIFuture

    from motools_tinker.encoding import EncodedFile
    from motools_tinker.feeding import Batch
    from motools_tinker.reporting import Reporting
    from motools_tinker.spec import TrainingSpec
    from motools_tinker.states import Kind, States
    from motools_tinker.waiting import Waiting

T = TypeVar("T")

log = logging.getLogger("motools.tinker")
UNRECORDED = 2
"""States that may be on their way at once; before the next is asked for, the oldest is waited for."""
PIECE = 64
"""Conversations of the validation set in one request."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be done, as far as it is decided before the first step."""

    total: int
    peak: float
    """The learning rate at the peak of the schedule."""
    label: str
    """With which the names of what is saved begin."""


@dataclass(kw_only=True)
class Submitted:
    """A step that was submitted and not yet answered."""

    batch: Batch
    learning_rate: float
    forward: APIFuture[types.ForwardBackwardOutput]
    update: APIFuture[types.OptimStepResponse]
    validation: list[tuple[APIFuture[types.ForwardBackwardOutput], Sequence[types.Datum]]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class OnItsWay:
    """Something that is being saved."""

    kind: Kind
    step: int
    final: bool
    expires_at: float | None
    future: APIFuture[Any]


class Loop:
    """Trains one client from a step to the last one."""

    def __init__(
        self,
        client: tinker.TrainingClient,
        spec: TrainingSpec,
        plan: Plan,
        *,
        states: States,
        waiting: Waiting,
        reporting: Reporting,
        validation: EncodedFile | None,
        saved: Callable[[], None],
    ) -> None:
        self._client, self._spec, self._plan = client, spec, plan
        self._states, self._waiting, self._reporting = states, waiting, reporting
        self._validation, self._saved = validation, saved
        self._pending: deque[Submitted] = deque()
        self._saving: deque[OnItsWay] = deque()
        self._submitted = 0

    def run(self, batches: Iterator[Batch], first: int) -> Saved:
        """Train, and return the trained model. Raises `CancelRequested`, `Lost`, `CannotGoOn` or `RunFailed`."""
        self._submitted = first
        if first == 0:
            self._save("state")
        for batch in batches:
            self._reporting.check_cancel()
            self._submit(batch)
            while len(self._pending) > self._spec.options.submit_ahead:
                self._collect()
        if first < self._plan.total:
            self._save("state", final=True)
        self._save("model", final=True)
        self._collect_all()
        return self._states.model  # type: ignore[return-value]  # it has just been waited for

    def leave(self, seconds: float) -> None:
        """Save a state behind what was submitted, if there is time for that, and write down all that is answered."""
        self._waiting.hurry(seconds)
        there = [each.step for each in self._states.resumable] + [each.step for each in self._saving]
        newest = max(there, default=-1)
        if newest < self._submitted < self._plan.total:
            self._save("state")
        self._collect_all()

    def _submit(self, batch: Batch) -> None:
        learning_rate = rate(batch.step, self._plan.total, self._plan.peak, self._spec.hyperparameters)
        forward = self._client.forward_backward(list(batch.datums), "cross_entropy")
        step = Submitted(
            batch=batch,
            learning_rate=learning_rate,
            forward=forward,
            update=self._client.optim_step(self._adam(learning_rate)),
        )
        self._submitted = batch.step + 1
        is_last = self._submitted == self._plan.total
        if self._validation and (is_last or self._submitted % self._spec.hyperparameters.eval_every == 0):
            step.validation = self._measure(self._validation)
        self._pending.append(step)
        if not is_last and self._submitted % self._spec.hyperparameters.save_every == 0:
            self._save("state")

    def _adam(self, learning_rate: float) -> types.AdamParams:
        wanted = self._spec.hyperparameters
        return types.AdamParams(
            learning_rate=learning_rate,
            beta1=wanted.beta1,
            beta2=wanted.beta2,
            eps=wanted.eps,
            weight_decay=wanted.weight_decay,
            grad_clip_norm=wanted.grad_clip_norm,
        )

    def _measure(
        self, examples: EncodedFile
    ) -> list[tuple[APIFuture[types.ForwardBackwardOutput], Sequence[types.Datum]]]:
        """Ask for the log-probabilities of the validation set as the model now is."""
        asked: list[tuple[APIFuture[types.ForwardBackwardOutput], Sequence[types.Datum]]] = []
        for first in range(0, len(examples), PIECE):
            datums = [datum(examples[number]) for number in range(first, min(first + PIECE, len(examples)))]
            asked.append((self._client.forward(datums, "cross_entropy"), datums))
        return asked

    def _save(self, kind: Kind, *, final: bool = False) -> None:
        """Ask for a state, or for the model, with all that was submitted so far."""
        while len(self._saving) >= UNRECORDED:
            if self._is_due():
                self._record()
            else:
                self._collect()
        name = self._states.saving(self._client.model_id, kind, self._submitted, self._plan.label)
        seconds = None if final else round(self._spec.options.state_days * 86400)
        save = self._client.save_state if kind == "state" else self._client.save_weights_for_sampler
        self._saving.append(
            OnItsWay(
                kind=kind,
                step=self._submitted,
                final=final,
                expires_at=None if seconds is None else time.time() + seconds,
                future=save(name, ttl_seconds=seconds),
            )
        )

    def _collect_all(self) -> None:
        while self._pending:
            self._collect()
        while self._saving:
            self._record()

    def _collect(self) -> None:
        """Wait for the oldest step, and write down what came of it."""
        step = self._pending[0]
        number = step.batch.step + 1
        output = self._result(step.forward, f"step {number}")
        self._result(step.update, f"step {number}")
        loss, weight = total_loss([output], step.batch.datums)
        row: dict[str, Any] = {"loss": loss / weight, "learning_rate": step.learning_rate, "learned_tokens": weight}
        if step.validation:
            outputs = [self._result(future, f"the validation after step {number}") for future, _ in step.validation]
            loss, weight = total_loss(outputs, [each for _, datums in step.validation for each in datums])
            row["validation_loss"] = loss / weight
        if not math.isfinite(row["loss"]):
            raise RunFailed(
                f"The loss is {row['loss']} at step {number}: training has diverged. Use a smaller learning_rate."
            )
        self._pending.popleft()
        self._reporting.step_is_done(step.batch, row)
        while self._saving and self._is_due() and self._saving[0].future.future().done():
            self._record()

    def _is_due(self) -> bool:
        """Whether all steps of what was asked for first are written down: training that goes on from it repeats none."""
        return not self._pending or self._pending[0].batch.step >= self._saving[0].step

    def _record(self) -> None:
        """Wait for what was asked for first to be saved, and write that down."""
        saving = self._saving[0]
        path = self._result(saving.future, f"saving step {saving.step}").path
        self._saving.popleft()
        self._states.is_there(
            Saved(
                path=path,
                kind=saving.kind,
                step=saving.step,
                final=saving.final,
                expires_at=saving.expires_at,
                saved_at=time.time(),
            )
        )
        log.info("saved the %s after step %d: %s", saving.kind, saving.step, path)
        self._saved()

    def _result(self, future: APIFuture[T], what: str) -> T:
        try:
            return self._waiting.result(future.future(), what)
        except Exception as error:
            raise judge(error) from error


__all__ = ["Loop", "Plan"]
