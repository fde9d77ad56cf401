# ruff: noqa: S101  (a contract is spoken in asserts)
"""The contract of evaluation backends.

    class TestAcmeEvals(EvalBackendContract):
        model_id, eval_suite = "acme-small", "acme/arithmetic"

        @pytest.fixture
        def backend(self):
            return AcmeEvalBackend()

See `motools.testing.contract` for all that can be set.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.errors import RunFailed
from motools.evals.base import EvalBackend, EvalJob, EvalResults
from motools.evals.middleware import EvalMiddleware
from motools.status import Capability
from motools.testing.backends import BackendContract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from motools.testing.contract import Start


class CountingEvalBackend(EvalMiddleware):
    """Count what reaches the backend inside."""

    def __init__(self, backend: EvalBackend) -> None:
        super().__init__(backend)
        self.submissions = 0

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> EvalJob:
        self.submissions += 1
        return await super().evaluate(model_id, eval_suite, **kwargs)


class EvalBackendContract(BackendContract):
    """What is asked of an evaluation backend, its jobs and their results."""

    group: ClassVar[str] = "motools.evals.v1"
    handle_base: ClassVar[type[Any]] = EvalJob
    model_id: ClassVar[str] = "model"
    """A model that the backend can evaluate."""
    eval_suite: ClassVar[Any] = "task"
    """What it is evaluated on."""
    keywords: ClassVar[Mapping[str, Any]] = {}
    """Further keywords of the standard request."""

    @pytest.fixture
    def start(self) -> Start:
        async def start(backend: EvalBackend, **more: Any) -> EvalJob:
            async with asyncio.timeout(self.timeout):
                return await backend.evaluate(self.model_id, self.eval_suite, **{**self.keywords, **more})

        return start

    def changed(self, name: str, value: Any) -> dict[str, Any]:
        return {name: value}

    @property
    def standard_values(self) -> list[tuple[str, Any]]:
        tasks = self.eval_suite if isinstance(self.eval_suite, (list, tuple)) else [self.eval_suite]
        return [("model_id", self.model_id), *(("eval_suite", task) for task in tasks if isinstance(task, str))]

    @pytest.fixture
    def request_made(self) -> Mapping[str, Any]:
        return {"arguments": [self.model_id, self.eval_suite], "keywords": dict(self.keywords)}

    async def test_the_job_knows_its_model(self, finished: EvalJob) -> None:
        assert finished.model_id == self.model_id

    async def test_metrics_are_numbers_by_task_scorer_and_metric(self, finished: EvalJob) -> None:
        results = await finished.wait()
        assert isinstance(results, EvalResults)
        assert results.model_id == self.model_id
        assert results.metrics
        for scorers in results.metrics.values():
            for metrics in scorers.values():
                assert all(value is None or isinstance(value, (int, float)) for value in metrics.values())

    async def test_samples_say_what_was_asked_answered_and_scored(self, finished: EvalJob) -> None:
        results = await finished.wait()
        for sample in results.samples:
            assert {"id", "epoch", "task", "input", "target", "output", "scores"} <= sample.keys()
            assert sample["task"] in results.metrics

    async def test_results_can_be_had_again_without_waiting(self, finished: EvalJob) -> None:
        results = await finished.get_results()
        assert results.metrics == (await finished.wait()).metrics
        assert list(results.samples) == list((await finished.wait()).samples)

    async def test_there_are_no_results_before_the_end(self, start: Start, slow_backend: EvalBackend) -> None:
        job = await start(slow_backend)
        with pytest.raises(RunFailed):
            await job.get_results()
        await job.cancel()

    async def test_results_survive_saving(self, finished: EvalJob, tmp_path: Path) -> None:
        results = await finished.wait()
        await results.save(tmp_path / "results.json")
        loaded = await EvalResults.load(tmp_path / "results.json")
        assert loaded.model_id == results.model_id
        assert loaded.metrics == json.loads(json.dumps(results.metrics))
        assert list(loaded.samples) == json.loads(json.dumps(list(results.samples)))

    async def test_the_summary_names_every_task(self, finished: EvalJob) -> None:
        results = await finished.wait()
        summary = results.summary()
        assert all(task in summary for task in results.metrics)

    async def test_log_paths_are_strings(self, finished: EvalJob) -> None:
        paths: list[Any] = finished.get_log_paths()
        assert all(isinstance(path, str) and path for path in paths)

    async def test_the_viewer_is_a_program_with_its_arguments(self, finished: EvalJob, backend: EvalBackend) -> None:
        self.needs(backend, Capability.VIEW, "whether the framework's viewer can be started")
        command: list[Any] = list(await finished.view_command())
        assert command
        assert all(isinstance(word, str) and word for word in command)

    async def test_what_is_measured_can_stand_in_a_key(self, backend: EvalBackend) -> None:
        identity = await backend.identify(self.model_id, self.eval_suite, **self.keywords)
        assert json.loads(json.dumps(dict(identity), allow_nan=False))
        assert await backend.identify(self.model_id, self.eval_suite, **self.keywords) == identity

    async def test_the_same_request_is_paid_once_under_the_cache(
        self, backend: EvalBackend, start: Start, tmp_path: Path
    ) -> None:
        from motools.cache.sqlite import SqliteLedger
        from motools.evals.backends.cached import CachedEvalBackend

        counting = CountingEvalBackend(backend)
        ledger = SqliteLedger.open(tmp_path / "ledger.db")
        cached = CachedEvalBackend(counting, ledger)
        first = await self.waited(await start(cached))
        assert await self.waited(await start(cached)) == first
        assert counting.submissions == 1


__all__ = ["CountingEvalBackend", "EvalBackendContract"]
