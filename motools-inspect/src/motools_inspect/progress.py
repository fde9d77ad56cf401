"""How far the evaluation is: counted in Inspect's hooks, told to the job's directory."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from inspect_ai.hooks import Hooks, SampleEnd, TaskStart, hooks
from inspect_ai.log import read_eval_log_sample_summaries

from motools.detached import CancelRequested
from motools_inspect.building import LABEL
from motools_inspect.rows import append, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inspect_ai.log import EvalLog, EvalSample

    from motools.detached import Worker


class Count:
    """Samples of one job: how many there are, how many are done, and what they scored so far."""

    def __init__(self, worker: Worker, each: Callable[[], None]) -> None:
        self._worker, self._each = worker, each
        self._labels: dict[str, str] = {}
        self._loading = ExitStack()
        self._is_loading = False
        self._done = 0
        self._total = 0
        self._here = 0
        self._began = time.monotonic()
        self._scores: dict[str, tuple[float, int]] = {}

    def load(self) -> None:
        """Hear that models and tasks are being loaded: that may take long, and nothing is lost by stopping it."""
        self._is_loading = True
        self._loading.enter_context(self._worker.expendable())
        self._worker.progress(message="loading")

    def loaded(self) -> None:
        """Hear that a task begins, or that none does."""
        if not self._is_loading:
            return
        self._is_loading = False
        with suppress(CancelRequested):  # whoever watches for it sees it too
            self._loading.close()
        self._began = time.monotonic()

    def begin(self, eval_id: str, label: str) -> None:
        """Hear which task one of Inspect's evaluations is of."""
        self._labels[eval_id] = label

    def note(self, eval_id: str, sample: EvalSample) -> None:
        """Keep a sample that has ended well."""
        append(self._worker.path, self._labels[eval_id], sample)
        self._each()

    def expect(self, total: int, done: int) -> None:
        """Hear of samples that are to be done, or have been before."""
        self._total += total
        self._done += done
        self._tell()

    def ended(self, scores: dict[str, float]) -> None:
        """Hear of a sample that is done here."""
        self._done += 1
        self._here += 1
        for scorer, score in scores.items():
            total, number = self._scores.get(scorer, (0.0, 0))
            self._scores[scorer] = total + score, number + 1
        self._tell()

    def all_done(self) -> None:
        """Hear that nothing is left: samples that were taken over from an earlier log are known only now."""
        self._done = self._total
        self._tell()

    def _tell(self) -> None:
        means = ", ".join(f"{scorer} {total / number:.2f}" for scorer, (total, number) in self._scores.items())
        eta = None
        if self._here and self._total:
            eta = (time.monotonic() - self._began) / self._here * max(0, self._total - self._done)
        self._worker.progress(step=self._done, total=self._total or None, eta_seconds=eta, message=means or None)


_count: Count | None = None


def follow(worker: Worker, each: Callable[[], None]) -> None:
    """Tell a job's directory from now on how far it is, and call `each` after each sample."""
    global _count  # noqa: PLW0603  (Inspect makes the hooks' only instance itself)
    _count = Count(worker, each)


def note(label: str, sample: EvalSample) -> None:
    """Hear of a sample that was scored again."""
    assert _count is not None  # noqa: S101  (`follow` comes first)
    _count.begin(label, label)
    _count.note(label, sample)
    _count.expect(1, 1)


def finish() -> None:
    """Tell that every sample is done."""
    assert _count is not None  # noqa: S101  (`follow` comes first)
    _count.loaded()
    _count.all_done()


def expect(*, done: Sequence[EvalLog], begun: Sequence[EvalLog]) -> None:
    """Count what earlier workers have done, before anything is loaded."""
    assert _count is not None  # noqa: S101  (`follow` comes first)
    _count.load()
    for log in done:
        samples = log.results.total_samples if log.results else 0
        _count.expect(samples, samples)
    for log in begun:
        _count.expect(0, sum(1 for sample in read_eval_log_sample_summaries(log.location) if not sample.error))


@hooks(name="motools_progress", description="tells MOTools how far an evaluation is")
class Progress(Hooks):
    """What Inspect calls."""

    async def on_task_start(self, data: TaskStart) -> None:
        if _count is not None:
            _count.loaded()
            _count.begin(data.eval_id, (data.spec.metadata or {}).get(LABEL, data.spec.task))
            epochs = data.spec.config.epochs or 1
            _count.expect(len(data.spec.dataset.sample_ids or ()) * epochs, 0)

    async def on_sample_end(self, data: SampleEnd) -> None:
        if _count is not None and data.sample.error is None:
            _count.note(data.eval_id, data.sample)
            values = {name: number_of(score.value) for name, score in (data.sample.scores or {}).items()}
            _count.ended({name: float(value) for name, value in values.items() if isinstance(value, (int, float))})


__all__ = ["Progress", "expect", "finish", "follow", "note"]
