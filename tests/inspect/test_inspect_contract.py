"""The backend keeps the contract of evaluation backends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from motools.evals.middleware import EvalMiddleware
from motools.testing.evals import EvalBackendContract
from motools_inspect import InspectEvalBackend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping


class Otherwise(EvalMiddleware):
    """Ask the backend inside for something else."""

    def __init__(self, backend: InspectEvalBackend, suite: str) -> None:
        super().__init__(backend)
        self._suite = suite

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> Any:
        return await super().evaluate(model_id, self._suite, **kwargs)


@pytest.mark.slow
@pytest.mark.timeout(180)
class TestInspect(EvalBackendContract):
    model_id, eval_suite = "scripted/upper", "scripted/shouting"
    keywords: Mapping[str, Any] = {"limit": 2}
    key_variables = ("OPENAI_API_KEY",)
    sdk_modules = ("inspect_ai", "torch", "transformers", "openai")

    @pytest.fixture
    def backend(self, motools_home) -> InspectEvalBackend:
        return InspectEvalBackend()

    @pytest.fixture
    def slow_backend(self, backend) -> Otherwise:
        return Otherwise(backend, "scripted/waiting")

    @pytest.fixture
    def failing_backend(self, backend, tmp_path) -> Otherwise:
        path = tmp_path / "broken.py"
        path.write_text("from inspect_ai import task\n\n@task\ndef broken():\n    raise ValueError('no dataset')\n")
        return Otherwise(backend, f"{path}@broken")

    @pytest_asyncio.fixture(scope="class", loop_scope="class")
    async def finished(self, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MOTOOLS_HOME", str(tmp_path_factory.mktemp("motools_home")))
            job = await InspectEvalBackend().evaluate(self.model_id, self.eval_suite, **self.keywords)
            await job.wait()
            yield job
