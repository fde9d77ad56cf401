"""The dummies keep the contract that is shipped for plugin authors."""

from __future__ import annotations

from dataclasses import asdict
from operator import attrgetter
from typing import ClassVar

import pytest

from motools.evals.backends.dummy import DummyEvalBackend
from motools.testing.evals import EvalBackendContract
from motools.testing.training import TrainingBackendContract
from motools.training.backends.dummy import DummyTrainingBackend

HEAVY = ("torch", "openai", "tinker", "inspect_ai", "sqlite3", "click")


class TestDummyTraining(TrainingBackendContract):
    sdk_modules = HEAVY
    key_variables = ("DUMMY_API_KEY",)
    hyperparameters: ClassVar = {"n_epochs": 2}
    lacking: ClassVar = {
        "away": "its service is a directory",
        "puzzling": "its service has the words of motools",
        "uploaded": "its service is told the digest of the data",
    }

    @pytest.fixture
    def backend(self):
        return DummyTrainingBackend(duration=0.05)

    @pytest.fixture
    def slow_backend(self):
        return DummyTrainingBackend(duration=60)

    @pytest.fixture
    def pausable_backend(self):
        return DummyTrainingBackend(duration=1)

    @pytest.fixture
    def failing_backend(self):
        return DummyTrainingBackend(fail="as told")

    @pytest.fixture
    async def forgotten(self, start, slow_backend):
        handle = await start(slow_backend)
        handle.service.path(handle.job_id).unlink()
        return handle

    @pytest.fixture
    def rejecting_backend(self):
        return DummyTrainingBackend(submission="rejected")

    @pytest.fixture
    def unavailable_backend(self):
        return DummyTrainingBackend(submission="unavailable")

    @pytest.fixture
    def uncertain_backend(self):
        return DummyTrainingBackend(submission="uncertain")

    @pytest.fixture
    def bill(self, backend):
        return DummyTrainingBackend().service.jobs

    @pytest.fixture
    def received(self, bill):
        return lambda: asdict(max(bill(), key=attrgetter("accepted")))["request"]


class TestDummyEvals(EvalBackendContract):
    sdk_modules = HEAVY
    key_variables = ("DUMMY_API_KEY",)
    keywords: ClassVar = {"limit": 3}
    other_suite = "other"
    lacking: ClassVar = {
        "away": "its service is a directory",
        "puzzling": "its service has the words of motools",
        "view": "there is nothing to look at",
    }

    @pytest.fixture
    def backend(self):
        return DummyEvalBackend(duration=0.05)

    @pytest.fixture
    def slow_backend(self):
        return DummyEvalBackend(duration=60)

    @pytest.fixture
    def failing_backend(self):
        return DummyEvalBackend(fail="as told")

    @pytest.fixture
    async def forgotten(self, start, slow_backend):
        handle = await start(slow_backend)
        handle.service.path(handle.job_id).unlink()
        return handle

    @pytest.fixture
    def rejecting_backend(self):
        return DummyEvalBackend(submission="rejected")

    @pytest.fixture
    def unavailable_backend(self):
        return DummyEvalBackend(submission="unavailable")

    @pytest.fixture
    def uncertain_backend(self):
        return DummyEvalBackend(submission="uncertain")

    @pytest.fixture
    def bill(self, backend):
        return DummyEvalBackend().service.jobs

    @pytest.fixture
    def received(self, bill):
        return lambda: asdict(max(bill(), key=attrgetter("accepted")))
