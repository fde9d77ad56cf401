"""Local training keeps the contract of training backends."""

from __future__ import annotations

import json

import pytest
import pytest_asyncio
from submitted_work import SubmittedWork

from motools.testing.training import TrainingBackendContract
from motools_local.training import LocalTrainingBackend


@pytest.mark.slow
class TestLocalContract(SubmittedWork, TrainingBackendContract):
    below_home = "local/runs"
    sdk_modules = ("torch", "transformers", "peft")
    hyperparameters = {"max_steps": 1, "batch_size": 2}  # noqa: RUF012  (an attribute of the contract)
    timeout = 120
    lacking = {  # noqa: RUF012  (as above)
        "estimate": "nobody bills what is done on this machine",
        "rejecting_backend": "there is no service: what can be refused is refused before anything is submitted",
        "uncertain_backend": "there is no service: a run's directory is there or it is not",
        "adopt": "there is no service that others could have asked: a run has a record or a saved handle",
        "ping": "there is no service that could be away",
        "away": "there is no service that could be away",
        "puzzling": "there is no service: how a run stands is what its worker has written",
        "pause": "a worker that holds its place in memory is no pause, and one that ends is a cancellation",
        "limits": "runs of one machine take turns by themselves",
    }

    @pytest.fixture(autouse=True)
    def _model(self, tiny, monkeypatch):
        monkeypatch.setattr(type(self), "model", str(tiny))

    @pytest.fixture
    def backend(self, warm):
        return LocalTrainingBackend(threads=1)

    @pytest_asyncio.fixture
    async def checkpointed(self, warm, start, monkeypatch):
        monkeypatch.setattr(type(self), "hyperparameters", {"max_steps": 3, "batch_size": 2})
        run = await start(LocalTrainingBackend(threads=1, save_every=1))
        await self.waited(run)
        return run

    @pytest.fixture
    def slow_backend(self, warm, monkeypatch):
        monkeypatch.setattr(type(self), "hyperparameters", {"max_steps": 100_000})
        return LocalTrainingBackend(threads=1)

    @pytest.fixture
    def unavailable_backend(self, motools_home):
        """Train where run directories cannot be made."""
        (motools_home / "local").mkdir()
        (motools_home / "local" / "runs").write_text("in the way")
        return LocalTrainingBackend(threads=1)

    @pytest_asyncio.fixture
    async def forgotten(self, start, slow_backend, motools_home, tmp_path):
        handle = await start(slow_backend)
        await handle.save(tmp_path / "forgotten.json")
        another = await type(handle).load(tmp_path / "forgotten.json")
        await handle.cancel()
        handle.work.path.rename(motools_home / "elsewhere")
        return another

    @pytest.fixture
    def failing_backend(self, warm, tiny, tmp_path, monkeypatch):
        """Train a model whose weights are not there."""
        model = tmp_path / "hollow"
        model.mkdir()
        (model / "config.json").write_text(json.dumps({"model_type": "llama"}))
        monkeypatch.setattr(type(self), "model", str(model))
        return LocalTrainingBackend(threads=1)
