"""OpenAI training keeps the contract of training backends."""

from __future__ import annotations

import socket

import httpx2
import pytest

from motools.testing.training import TrainingBackendContract
from motools.training.backends import OpenAITrainingBackend


@pytest.mark.slow
class TestOpenAIContract(TrainingBackendContract):
    sdk_modules = ("openai", "httpx2", "pydantic")
    key_variables = ("OPENAI_API_KEY",)
    model = "gpt-4.1-nano-2025-04-14"
    hyperparameters = {"n_epochs": 1, "batch_size": 8}  # noqa: RUF012 (an attribute of the contract)
    lacking = {  # noqa: RUF012 (the same)
        "deletion": "the one checkpoint of a job of one epoch is its model, which is not deleted as a checkpoint",
    }

    @pytest.fixture(autouse=True)
    def _let_in(self, service, canary):
        service.set(keys={canary: "proj_default"}, speed=200)

    @pytest.fixture
    async def made(self):
        backends = []

        def make(**options):
            backends.append(OpenAITrainingBackend(poll=0.02, **options))
            return backends[-1]

        yield make
        for backend in backends:
            await backend.aclose()

    @pytest.fixture
    def backend(self, made, service):
        return made(base_url=service.base_url)

    @pytest.fixture
    def slow_backend(self, made, service):
        service.set(speed=0)
        return made(base_url=service.base_url)

    @pytest.fixture
    def pausable_backend(self, made, service):
        service.set(speed=10)
        return made(base_url=service.base_url)

    @pytest.fixture
    def failing_backend(self, made, service):
        service.set(outcome="failed")
        return made(base_url=service.base_url)

    @pytest.fixture
    async def forgotten(self, start, slow_backend, service, canary):
        run = await start(slow_backend)
        service.reset()
        service.set(keys={canary: "proj_default"})
        return run

    @pytest.fixture
    async def away(self, start, slow_backend, service, monkeypatch):
        monkeypatch.setattr("motools_openai.server.RETRIES", 0)
        run = await start(slow_backend)
        service.fault("GET", "*", "close_before_reading", times=1000)
        return run

    @pytest.fixture
    async def puzzling(self, start, slow_backend, service):
        run = await start(slow_backend)
        service.plan(run.job_id, status="dreaming")
        return run

    @pytest.fixture
    def rejecting_backend(self, made, service):
        service.set(eligible=False)
        return made(base_url=service.base_url)

    @pytest.fixture
    def unavailable_backend(self, made, service, monkeypatch):
        """Submit where nobody listens any more once the files are there."""
        monkeypatch.setattr("motools_openai.server.RETRIES", 0)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return made(base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1")

    @pytest.fixture
    def uncertain_backend(self, made, service):
        service.fault("POST", "/fine_tuning/jobs", "close_after_accepting")
        return made(base_url=service.base_url)

    @pytest.fixture
    def bill(self, service):
        return lambda: [taken for kind in ("job", "file", "upload") for taken in service.bill(kind)]

    @pytest.fixture
    def received(self, service):
        return lambda: service.bill("job")[-1]["body"]

    @pytest.fixture
    def uploaded(self, service, canary):
        def uploaded():
            place = f"{service.base_url}/files/{service.bill('job')[-1]['body']['training_file']}/content"
            return httpx2.get(place, headers={"Authorization": f"Bearer {canary}"}).raise_for_status().text

        return uploaded
