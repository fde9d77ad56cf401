"""Training over the Tinker API keeps the contract of training backends."""

from __future__ import annotations

import pytest
from submitted_work import SubmittedWork

from motools.testing.training import TrainingBackendContract
from motools_tinker.training import TinkerTrainingBackend


@pytest.mark.slow
class TestTinkerContract(SubmittedWork, TrainingBackendContract):
    below_home = "tinker/runs"
    key_variables = ("TINKER_API_KEY",)
    key_prefix = "tml-"
    sdk_modules = ("tinker", "transformers", "jinja2")
    model = "tiny/qwen3"
    hyperparameters = {"max_steps": 1, "batch_size": 2}  # noqa: RUF012  (an attribute of the contract)
    timeout = 120
    lacking = {  # noqa: RUF012  (as above)
        "away": "a run asks its driver's directory; what a driver does without the service is tested with the driver",
        "puzzling": "how a run stands is what its driver has written",
        "ping": "nothing of Tinker's is asked for its own sake yet: `motools doctor --online` leaves it out",
        "rejecting_backend": "the driver asks the service: what train() itself refuses is a setting, and nothing is submitted",
        "uncertain_backend": "what is submitted is a directory on this machine: it is there or it is not",
        "adopt": "the service knows no runs, only what their drivers have saved",
        "pause": "a driver that stops is interrupted, and what was interrupted goes on: there is nothing to hold",
        "limits": "the service says nothing of limits",
        "estimate": "the service cannot be asked for its prices",
    }

    @pytest.fixture(autouse=True)
    def _served(self, server, canary, monkeypatch):
        monkeypatch.setenv("TINKER_API_KEY", canary)

    @pytest.fixture
    def backend(self, warm):
        return TinkerTrainingBackend()

    @pytest.fixture
    def slow_backend(self, warm, monkeypatch):
        monkeypatch.setattr(type(self), "hyperparameters", {"max_steps": 100_000, "batch_size": 2})
        return TinkerTrainingBackend()

    @pytest.fixture
    async def forgotten(self, start, slow_backend, motools_home, tmp_path):
        handle = await start(slow_backend)
        await handle.save(tmp_path / "forgotten.json")
        another = await type(handle).load(tmp_path / "forgotten.json")
        await handle.cancel()
        handle.work.path.rename(motools_home / "elsewhere")
        return another

    @pytest.fixture
    def failing_backend(self, warm, monkeypatch):
        """Train a model that the service does not have."""
        monkeypatch.setattr(type(self), "model", "no-such/model")
        return TinkerTrainingBackend()

    @pytest.fixture
    def unavailable_backend(self, warm, motools_home):
        """Train where run directories cannot be made."""
        (motools_home / "tinker").mkdir()
        (motools_home / "tinker" / "runs").write_text("in the way")
        return TinkerTrainingBackend()
