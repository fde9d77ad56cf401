"""A backend with layers around it keeps the contract that it keeps alone."""

from __future__ import annotations

from dataclasses import asdict
from operator import attrgetter
from typing import ClassVar

import pytest

from motools.evals.backends.dummy import DummyEvalBackend
from motools.evals.middleware import EvalMiddleware
from motools.middleware.budget import BudgetedTrainingBackend, BudgetOptions
from motools.middleware.validate import ValidatedTrainingBackend
from motools.testing.evals import EvalBackendContract
from motools.testing.training import TrainingBackendContract
from motools.training.backends.dummy import DummyTrainingBackend


@pytest.mark.slow
class TestValidatedDummyTraining(TrainingBackendContract):
    lacking: ClassVar = {
        "away": "the dummy service is a directory",
        "puzzling": "the dummy service has the words of motools",
        "uploaded": "the dummy service is told the digest of the data",
    }

    @pytest.fixture
    def backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(duration=0.05))

    @pytest.fixture
    def slow_backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(duration=60))

    @pytest.fixture
    def pausable_backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(duration=1))

    @pytest.fixture
    def failing_backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(fail="as told"))

    @pytest.fixture
    async def forgotten(self, start, slow_backend):
        handle = await start(slow_backend)
        handle.service.path(handle.job_id).unlink()
        return handle

    @pytest.fixture
    def rejecting_backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(submission="rejected"))

    @pytest.fixture
    def unavailable_backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(submission="unavailable"))

    @pytest.fixture
    def uncertain_backend(self):
        return ValidatedTrainingBackend(DummyTrainingBackend(submission="uncertain"))

    @pytest.fixture
    def bill(self, backend):
        return DummyTrainingBackend().service.jobs

    @pytest.fixture
    def received(self, bill):
        return lambda: _last(bill())


@pytest.mark.slow
class TestBudgetedDummyTraining(TestValidatedDummyTraining):
    @pytest.fixture
    def backend(self):
        return _budgeted(duration=0.05)

    @pytest.fixture
    def slow_backend(self):
        return _budgeted(duration=60)

    @pytest.fixture
    def failing_backend(self):
        return _budgeted(fail="as told")

    @pytest.fixture
    def rejecting_backend(self):
        return _budgeted(submission="rejected")

    @pytest.fixture
    def unavailable_backend(self):
        return _budgeted(submission="unavailable")

    @pytest.fixture
    def uncertain_backend(self):
        return _budgeted(submission="uncertain")


def _budgeted(**options):
    return BudgetedTrainingBackend(DummyTrainingBackend(price=1.0, **options), BudgetOptions(max_cost=1000))


@pytest.mark.slow
class TestPassingOnDummyEvals(EvalBackendContract):
    lacking: ClassVar = {
        "away": "the dummy service is a directory",
        "puzzling": "the dummy service has the words of motools",
        "view": "there is nothing to look at",
    }
    other_suite = "other"

    @pytest.fixture
    def backend(self):
        return EvalMiddleware(DummyEvalBackend(duration=0.05))

    @pytest.fixture
    def slow_backend(self):
        return EvalMiddleware(DummyEvalBackend(duration=60))

    @pytest.fixture
    def failing_backend(self):
        return EvalMiddleware(DummyEvalBackend(fail="as told"))

    @pytest.fixture
    async def forgotten(self, start, slow_backend):
        handle = await start(slow_backend)
        handle.service.path(handle.job_id).unlink()
        return handle

    @pytest.fixture
    def rejecting_backend(self):
        return EvalMiddleware(DummyEvalBackend(submission="rejected"))

    @pytest.fixture
    def unavailable_backend(self):
        return EvalMiddleware(DummyEvalBackend(submission="unavailable"))

    @pytest.fixture
    def uncertain_backend(self):
        return EvalMiddleware(DummyEvalBackend(submission="uncertain"))

    @pytest.fixture
    def bill(self, backend):
        return DummyEvalBackend().service.jobs

    @pytest.fixture
    def received(self, bill):
        return lambda: _last(bill())


def _last(jobs):
    return asdict(max(jobs, key=attrgetter("accepted")))
