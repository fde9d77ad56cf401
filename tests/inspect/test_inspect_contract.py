"""The backend keeps the contract of evaluation backends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from submitted_work import SubmittedWork

from motools.evals.middleware import EvalMiddleware
from motools.testing.evals import EvalBackendContract
from motools_inspect import InspectEvalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL, SUITE, KEYWORDS = "scripted/upper", "scripted/shouting", {"limit": 2}


class Otherwise(EvalMiddleware):
    """Ask the backend inside for something else."""

    def __init__(self, backend: InspectEvalBackend, suite: str) -> None:
        super().__init__(backend)
        self._suite = suite

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> Any:
        return await super().evaluate(model_id, self._suite, **kwargs)


@pytest.fixture(scope="module")
def evaluated(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return one job that has been waited on, for all tests that only look."""

    async def evaluate() -> Any:
        job = await InspectEvalBackend().evaluate(MODEL, SUITE, **KEYWORDS)
        await job.wait()
        return job

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTOOLS_HOME", str(tmp_path_factory.mktemp("motools_home")))
        yield asyncio.run(evaluate())


@pytest.mark.slow
@pytest.mark.timeout(180)
class TestInspect(SubmittedWork, EvalBackendContract):
    below_home = "inspect"
    model_id, eval_suite, other_suite, keywords = MODEL, SUITE, "scripted/murmuring", KEYWORDS
    key_variables = ("OPENAI_API_KEY",)
    sdk_modules = ("inspect_ai", "torch", "transformers", "openai")

    @pytest.fixture
    def backend(self, motools_home) -> InspectEvalBackend:
        return InspectEvalBackend()

    lacking: ClassVar = {
        "rejecting_backend": "there is no service: the work is done on this machine",
        "uncertain_backend": "there is no service whose answer could be lost",
        "ping": "there is no service that could be away",
        "away": "there is no service that could be away",
        "puzzling": "there is no service: how a job stands is what its worker has written",
        "adopt": "there is no service that others could have asked: a job has a record or a saved handle",
    }

    @pytest.fixture
    def unavailable_backend(self, backend, motools_home) -> InspectEvalBackend:
        (motools_home / "inspect").write_text("a file where the jobs' directory should be")
        return backend

    @pytest.fixture
    def slow_backend(self, backend) -> Otherwise:
        return Otherwise(backend, "scripted/waiting")

    @pytest.fixture
    async def forgotten(self, start, slow_backend, motools_home, tmp_path):
        handle = await start(slow_backend)
        await handle.save(tmp_path / "forgotten.json")
        another = await type(handle).load(tmp_path / "forgotten.json")
        await handle.cancel()
        handle._work.path.rename(motools_home / "elsewhere")
        return another

    @pytest.fixture
    def failing_backend(self, backend, tmp_path) -> Otherwise:
        path = tmp_path / "broken.py"
        path.write_text("from inspect_ai import task\n\n@task\ndef broken():\n    raise ValueError('no dataset')\n")
        return Otherwise(backend, f"{path}@broken")

    @pytest.fixture
    def finished(self, evaluated, monkeypatch) -> Any:
        monkeypatch.setenv("MOTOOLS_HOME", str(Path(evaluated.metadata["directory"]).parents[1]))
        return evaluated
