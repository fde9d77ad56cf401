"""Driving one training run to its end, whatever the service does meanwhile. For the worker process alone.

One attempt makes a training client, of the newest state that is still there, and runs the loop on it. Where the service
lost what it held for that client, or cannot be reached, another attempt follows from the newest state then recorded.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Literal

from motools.datasets import Dataset
from motools.detached import CancelRequested, CannotGoOn
from motools.errors import RunFailed
from motools_tinker.encoding import EncodedFile
from motools_tinker.feeding import Feeder
from motools_tinker.loop import Loop, Plan
from motools_tinker.order import Order, total_steps
from motools_tinker.problems import Lost, judge
from motools_tinker.rates import guess
from motools_tinker.renderers import renderer_of
from motools_tinker.reporting import Reporting
from motools_tinker.result import result_of
from motools_tinker.service import Service, hidden_size
from motools_tinker.spec import DATA, STATES, VALIDATION
from motools_tinker.states import States
from motools_tinker.waiting import SdkLog, Waiting, beside

if TYPE_CHECKING:
    from concurrent.futures import Future

    import tinker

    from motools.detached import Worker
    from motools_tinker.spec import TrainingSpec

log = logging.getLogger("motools.tinker")
LEAVING = 20.0
"""Seconds that a driver which is to stop has to save a state."""
TIDYING = 15.0
"""Seconds that deleting what is no longer needed may take at the end."""
TRIES = 4
"""How many attempts in a row may train and be lost before another state is recorded: each does those steps again."""
PAUSES = (1.0, 60.0)
"""Seconds between two attempts: the first, and what it grows to."""


class Driver:
    """The driver of one run, as long as its process lives."""

    def __init__(self, worker: Worker, spec: TrainingSpec) -> None:
        self._worker, self._spec = worker, spec
        self._states = States(worker.path / STATES)
        self._states.mend()
        self._sdk_log = SdkLog()
        self._sdk_log.attach()
        self._dead = set(self._states.orphans())
        self._sweeping: Future[list[str]] | None = None
        self._answered = 0

    def run(self) -> dict[str, Any]:
        """Train, and return the result of the run. Raises `CancelRequested`, `CannotGoOn` or `RunFailed`."""
        costly, pause = 0, PAUSES[0]
        away_since = time.monotonic()
        while self._states.model is None:
            before, self._answered = self._newest(), 0
            try:
                self._attempt()
            except Lost as error:
                lost = error
            else:
                continue
            log.info("lost: %s", lost)
            if self._newest() > before or self._answered:
                pause, away_since = PAUSES[0], time.monotonic()
            costly = (0 if self._newest() > before else costly) + (self._answered > 0)
            if costly >= TRIES or time.monotonic() - away_since > self._spec.options.patience:
                raise CannotGoOn(
                    f"The training was lost again and again after step {max(0, self._newest())}, the last time so: {lost} "
                    f"Wait for the run again when the service is well: it goes on from there."
                ) from lost
            self._waiting().sleep(pause, f"connecting again in {pause:.0f} s: {lost}")
            pause = min(2 * pause, PAUSES[1])
        return result_of(self._worker.path, self._spec, self._states)

    def _newest(self) -> int:
        return max((each.step for each in self._states.resumable), default=-1)

    def _waiting(self) -> Waiting:
        return Waiting(self._worker, patience=self._spec.options.patience, sdk_log=self._sdk_log)

    def _attempt(self) -> None:
        waiting = self._waiting()
        try:
            service = Service(self._spec, waiting, self._worker.path.name)
        except Exception as error:
            raise judge(error) from error
        outcome: Literal["success", "errored", "interrupted"] = "errored"
        try:
            self._dead |= set(self._states.orphans())
            self._sweep(service)
            self._train(service, waiting)
            outcome = "success"
        except CancelRequested:
            outcome = "interrupted"
            raise
        finally:
            service.close(outcome)

    def _train(self, service: Service, waiting: Waiting) -> None:
        self._worker.progress(message="waiting for a training client")
        self._worker.flush()
        client, first = self._client(service)
        examples, validation = self._data(client, waiting)
        wanted = self._spec.hyperparameters
        order = Order(len(examples), wanted.batch_size, wanted.seed)
        plan = Plan(
            total=total_steps(order, wanted.n_epochs, wanted.max_steps),
            peak=self._peak(client, waiting),
            label=self._spec.suffix or "motools",
        )
        reporting = Reporting(self._worker, order, first=first, total=plan.total)
        loop = Loop(
            client,
            self._spec,
            plan,
            states=self._states,
            waiting=waiting,
            reporting=reporting,
            validation=validation,
            saved=lambda: self._sweep(service),
        )
        try:
            model = loop.run(iter(Feeder(examples, order, range(first, plan.total))), first)
        except CancelRequested:
            self._leave(loop)
            raise
        finally:
            self._answered = reporting.answered
        log.info("the model is %s", model.path)
        self._tidy(service, waiting)

    def _leave(self, loop: Loop) -> None:
        log.info("asked to stop")
        try:
            loop.leave(LEAVING)
        except Exception as error:  # noqa: BLE001  (what was recorded before is still there)
            log.info("no state could be saved behind the last step: %s", error)

    def _client(self, service: Service) -> tuple[tinker.TrainingClient, int]:
        """Return a training client and how many steps are in it."""
        for state in self._states.resumable:
            client = service.resumed(state.path)
            if client is None:
                self._states.is_gone([state.path])
                continue
            log.info("going on after step %d, from %s", state.step, state.path)
            self._states.opened(client.model_id, step=state.step, source=state.path)
            return client, state.step
        if self._states.has_saved:
            raise RunFailed(
                f"No state of this run is left at the service: they are deleted after {self._spec.options.state_days:g} days "
                f"(the option state_days). What was trained is lost; ask again with retry_failed=True to begin anew."
            )
        client = service.new()
        self._states.opened(client.model_id, step=0, source=None)
        return client, 0

    def _data(self, client: tinker.TrainingClient, waiting: Waiting) -> tuple[EncodedFile, EncodedFile | None]:
        """Return the rendered data sets; they are rendered once, before the first step is paid for."""
        files = [(DATA, self._spec.dataset_name), (VALIDATION, self._spec.validation_name)]
        found = [self._encoded(client, waiting, file, name) if name else None for file, name in files]
        if found[0] is None:
            raise RunFailed("The run has no data.")
        return found[0], found[1]

    def _encoded(self, client: tinker.TrainingClient, waiting: Waiting, file: str, name: str) -> EncodedFile:
        path = self._worker.path / file
        if there := EncodedFile.there(path):
            return there
        render = waiting.call(lambda: renderer_of(self._spec, client.get_tokenizer), "the tokenizer")

        def told(number: int) -> None:
            self._worker.check_cancel()
            self._worker.progress(message=f"rendered {number:,} conversations")

        encoded = EncodedFile.make(
            path,
            Dataset(path).numbered(),
            render,
            max_length=self._spec.hyperparameters.max_length,
            name=name,
            tokenizer=getattr(render.tokenizer, "name_or_path", None),
            told=told,
        )
        facts = encoded.facts
        log.info(
            "%s: %d conversations, %d tokens, the longest has %d", name, facts.examples, facts.tokens, facts.longest
        )
        if facts.truncated:
            log.info("%d conversation(s) were longer than max_length and were cut", facts.truncated)
        if facts.left_out:
            log.info("%d conversation(s) had nothing to learn and were left out", facts.left_out)
        return encoded

    def _peak(self, client: tinker.TrainingClient, waiting: Waiting) -> float:
        wanted = self._spec.hyperparameters.learning_rate
        if wanted != "auto":
            return wanted
        size = waiting.call(lambda: hidden_size(client.get_tokenizer()), "the model's configuration")
        peak = guess(self._spec.model, size)
        log.info("the learning rate is %.3g, for a hidden size of %s", peak, size)
        return peak

    def _sweep(self, service: Service) -> None:
        """Delete, beside the training, the states that are no longer needed and what dead drivers may have left."""
        if self._sweeping is not None:
            if not self._sweeping.done():
                return
            if error := self._sweeping.exception():
                log.info("what is no longer needed could not be deleted: %s", error)
            else:
                self._states.is_gone(self._sweeping.result())
        passing = [state.path for state in self._states.resumable if not state.final]
        orphans = self._dead & set(self._states.orphans())
        kept = 0 if self._states.model else self._spec.options.keep_states
        unneeded = [*passing[kept:], *sorted(orphans)]
        self._sweeping = beside(lambda: service.delete(unneeded)) if unneeded else None

    def _tidy(self, service: Service, waiting: Waiting) -> None:
        """At the end, delete once more, also what was not there: a dead driver's request may have been answered since."""
        waiting.hurry(TIDYING)
        try:
            for _ in range(2):
                if self._sweeping is not None:
                    waiting.result(self._sweeping, "deleting")
                self._sweep(service)
            if late := self._states.unanswered():
                waiting.result(beside(lambda: service.delete(late)), "deleting")
        except Exception as error:  # noqa: BLE001  (the run has its model)
            log.info("not all that is no longer needed could be deleted: %s", error)


__all__ = ["Driver"]
