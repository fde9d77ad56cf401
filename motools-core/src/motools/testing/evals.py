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

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.evals.base import EvalBackend, EvalJob
from motools.evals.middleware import EvalMiddleware
from motools.status import Capability
from motools.testing.measured import MeasuredContract

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


class EvalBackendContract(MeasuredContract):
    """What is asked of an evaluation backend, its jobs and their results."""

    group: ClassVar[str] = "motools.evals.v1"
    handle_base: ClassVar[type[Any]] = EvalJob

    @pytest.fixture
    def start(self) -> Start:
        async def start(backend: EvalBackend, **more: Any) -> EvalJob:
            work = backend.evaluate(self.model_id, self.eval_suite, **{**self.keywords, **more})
            job: EvalJob = await self.in_time(
                work, "evaluate() has not returned", ": it starts the work, and wait() waits"
            )
            return job

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

    async def test_log_paths_are_strings(self, finished: EvalJob) -> None:
        paths: list[Any] = finished.get_log_paths()
        assert all(isinstance(path, str) and path for path in paths), f"log paths are strings, not {paths}"

    async def test_the_viewer_is_a_program_with_its_arguments(self, finished: EvalJob, backend: EvalBackend) -> None:
        self.needs(backend, Capability.VIEW, "whether the framework's viewer can be started")
        command: list[Any] = list(await finished.view_command())
        assert command
        assert all(isinstance(word, str) and word for word in command)

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
