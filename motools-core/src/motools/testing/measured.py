# ruff: noqa: S101  (a contract is spoken in asserts)
"""What is asked of what an evaluation measures: of its results, of the tasks that are asked for, and of what stands in a key."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.errors import MotoolsError, RunCancelled, RunFailed
from motools.evals.base import EvalResults
from motools.testing.backends import BackendContract
from motools.testing.contract import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sized
    from pathlib import Path

    from motools.evals.base import EvalBackend, EvalJob
    from motools.testing.contract import Start

FIELDS = {"id", "epoch", "task", "input", "target", "output", "scores"}


class MeasuredContract(BackendContract):
    """Part of `EvalBackendContract`."""

    model_id: ClassVar[str] = "model"
    """A model that the backend can evaluate."""
    eval_suite: ClassVar[Any] = "task"
    """What it is evaluated on."""
    other_suite: ClassVar[str | None] = None
    """Another task, which is asked for together with the first one."""
    keywords: ClassVar[Mapping[str, Any]] = {}
    """Further keywords of the standard request."""

    async def test_the_job_knows_its_model(self, finished: EvalJob) -> None:
        assert finished.model_id == self.model_id, (
            f"model_id is the model under evaluation, {self.model_id!r}, not {finished.model_id!r}"
        )

    async def test_metrics_are_numbers_by_task_scorer_and_metric(self, finished: EvalJob) -> None:
        results = await finished.wait()
        assert isinstance(results, EvalResults), f"wait() returns EvalResults, not {results!r}"
        assert results.model_id == self.model_id, f"they are of {self.model_id!r}, not of {results.model_id!r}"
        assert results.metrics, "a job that has measured nothing has not succeeded: raise RunFailed"
        for task, scorers in results.metrics.items():
            assert scorers, f"nothing was measured on {task!r}: raise RunFailed"
            for metrics in scorers.values():
                _are_numbers(metrics)

    async def test_samples_say_what_was_asked_answered_and_scored(self, finished: EvalJob) -> None:
        results = await finished.wait()
        for sample in results.samples:
            assert sample.keys() >= FIELDS, f"a sample lacks {', '.join(sorted(FIELDS - sample.keys()))}"
            assert sample["task"] in results.metrics, f"metrics have no task {sample['task']!r}"
            assert isinstance(sample["id"], (str, int)), (
                f"the id of a sample is a string or number, not {sample['id']!r}"
            )
            assert type(sample["epoch"]) is int, f"epochs are counted from 1, and one is {sample['epoch']!r}"
            assert hasattr(sample["scores"], "items"), f"scores are {{scorer: value}}, not {sample['scores']!r}"
        assert not results.samples or any(sample["scores"] for sample in results.samples), (
            "no sample has a score: models are compared by the scores of their samples"
        )

    async def test_no_two_samples_are_the_same_one(self, finished: EvalJob) -> None:
        samples = (await finished.wait()).samples
        which = Counter((sample["task"], sample["id"], sample["epoch"]) for sample in samples)
        twice = [each for each, count in which.items() if count > 1]
        assert not twice, f"models are compared by task, id and epoch of their samples, and several are {twice[0]}"

    async def test_results_can_be_had_again_without_waiting(self, finished: EvalJob) -> None:
        results, waited = await finished.get_results(), await finished.wait()
        assert results.metrics == waited.metrics, "get_results() and wait() give the same results"
        assert list(results.samples) == list(waited.samples), "samples are the same, under the same ids, each time"

    async def test_there_are_no_results_before_the_end(self, start: Start, slow_backend: EvalBackend) -> None:
        job = await start(slow_backend)
        try:
            async with asyncio.timeout(self.timeout):
                results = await job.get_results()
        except RunFailed:
            results = None
        except TimeoutError:
            pytest.fail("get_results() waits: of a job that goes on it raises RunFailed at once, and wait() waits")
        await job.cancel()
        assert results is None, "get_results() of a job that has not ended raises RunFailed"

    async def test_failed_work_has_no_results(self, start: Start, failing_backend: EvalBackend) -> None:
        job = await start(failing_backend)
        await raised(RunFailed, self.waited(job))
        try:
            results = await job.get_results()
        except RunFailed:
            return
        pytest.fail(f"get_results() of a job that has failed raises RunFailed as wait() does, and gave {results!r}")

    async def test_cancelled_work_has_no_results(self, start: Start, slow_backend: EvalBackend) -> None:
        job = await start(slow_backend)
        await job.cancel()
        await raised(RunCancelled, self.waited(job))
        try:
            results = await job.get_results()
        except (RunCancelled, RunFailed):
            return
        pytest.fail(f"get_results() of a job that was cancelled raises RunCancelled or RunFailed, and gave {results!r}")

    async def test_results_survive_saving(self, finished: EvalJob, tmp_path: Path) -> None:
        results = await finished.wait()
        await results.save(tmp_path / "results.json")
        for read_by in (EvalResults, type(results)):
            loaded = await read_by.load(tmp_path / "results.json")
            for name in ("model_id", "metrics", "metadata"):
                _is_as_it_was(name, getattr(results, name), getattr(loaded, name))
            _is_as_it_was("samples", list(results.samples), list(loaded.samples))

    async def test_no_key_turns_up_in_what_is_recorded(
        self, finished: EvalJob, backend: EvalBackend, canary: str
    ) -> None:
        results = await finished.wait()
        recorded = {
            "identify()": dict(await self._identity(backend)),
            "the results": [dict(results.metadata), list(results.samples)],
        }
        shown = [what for what, value in recorded.items() if canary in json.dumps(value)]
        assert not shown, f"a key stands in {' and '.join(shown)}, which the record keeps: leave it out"

    async def test_the_summary_names_every_task(self, finished: EvalJob) -> None:
        results = await finished.wait()
        summary = results.summary()
        missing = [task for task in results.metrics if task not in summary]
        assert not missing, f"summary() leaves out {', '.join(missing)}"

    async def test_a_task_may_be_named_alone_or_in_a_list(self, finished: EvalJob, backend: EvalBackend) -> None:
        if not isinstance(self.eval_suite, str):
            self.not_tested("eval_suite of one name", "whether a task may be named alone")
        tasks = [self.eval_suite, *([] if self.other_suite is None else [self.other_suite])]
        asked = list(tasks)
        alone = await self.waited(finished)
        together = await self.waited(await backend.evaluate(self.model_id, asked, **self.keywords))
        assert asked == tasks, "the list of tasks belongs to whoever asks: evaluate() leaves it as it is"
        assert set(alone) <= set(together), f"of {tasks}, {sorted(set(alone) - set(together))} was not measured"
        assert len(together) >= len(tasks), f"of {tasks}, only {sorted(together)} was measured"

    async def test_what_is_measured_can_stand_in_a_key(self, backend: EvalBackend) -> None:
        identity = await self._identity(backend)
        assert json.loads(json.dumps(dict(identity), allow_nan=False)), (
            "identify() returns what JSON has, and not nothing"
        )
        assert await self._identity(backend) == identity, "identify() returns the same for the same request"

    async def test_each_keyword_that_changes_what_is_measured_is_in_the_key(self, backend: EvalBackend) -> None:
        standard = await self._identity(backend)
        unkeyed: frozenset[str] = getattr(backend.Settings, "unkeyed", frozenset())
        for name, values, changed_to in self.changes(backend):
            for value in values:
                try:
                    changed = await self._identity(backend, **changed_to(name, value))
                except MotoolsError:
                    continue  # it is not for the standard request, or not this value
                assert changed != standard or name in unkeyed, (
                    f"identify() says nothing of {name}: with another value the old results would be returned. "
                    "Where it changes nothing, name it in Settings.unkeyed"
                )
                break

    async def test_another_task_has_another_key(self, backend: EvalBackend) -> None:
        if self.other_suite is None:
            self.not_offered("other_suite", "whether another task is another request")
        other = await backend.identify(self.model_id, self.other_suite, **self.keywords)
        assert other != await self._identity(backend), (
            f"identify() says the same of {self.eval_suite!r} and {self.other_suite!r}: one would have the other's results"
        )

    async def test_asking_what_is_measured_submits_nothing(
        self, backend: EvalBackend, bill: Callable[[], Sized]
    ) -> None:
        before = len(bill())
        await self._identity(backend)
        assert len(bill()) == before, "identify() is asked on the way of every hit: it submits nothing"

    async def _identity(self, backend: EvalBackend, **more: Any) -> Mapping[str, Any]:
        return await backend.identify(self.model_id, self.eval_suite, **{**self.keywords, **more})


def _are_numbers(metrics: Mapping[str, Any]) -> None:
    for name, value in metrics.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)
        assert value is None or is_number, f"the metric {name!r} is a finite number, or None, and not {value!r}"


def _is_as_it_was(name: str, given: Any, loaded: Any) -> None:
    assert loaded == given, (
        f"{name} of the results are not the same after saving: JSON has no tuples, no keys but strings, and no NaN (say None)"
    )


__all__ = ["MeasuredContract"]
