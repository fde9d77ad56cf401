"""Every layer that motools ships keeps the contract that is shipped for authors of others."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import pytest

from motools.evals.backends.cached import CachedEvalBackend
from motools.evals.middleware import EvalMiddleware
from motools.middleware.budget import BudgetedTrainingBackend, BudgetOptions
from motools.middleware.limit import LimitedEvalBackend, LimitedTrainingBackend
from motools.middleware.log import LoggedEvalBackend, LoggedTrainingBackend
from motools.middleware.validate import ValidatedTrainingBackend
from motools.plugins.registry import open_store
from motools.testing.middleware import MiddlewareContract
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.middleware import TrainingMiddleware


class TestTheBaseOfLayers(MiddlewareContract):
    kinds = ("training", "eval")

    @pytest.fixture
    def layer(self, kind):
        return {"training": TrainingMiddleware, "eval": EvalMiddleware}[kind]


class TestCache(MiddlewareContract):
    kinds = ("training", "eval")
    named = "cache"
    lacking: ClassVar = {
        "handles": "its handles are those of the record, around the backend's",
        "ticket": "it hands tickets out",
        "cancellation": "work is shared, and whoever leaves takes nobody along",
        "options": "it is made with a store",
        "adopt": "what it takes over it records",
    }

    @pytest.fixture
    def layer(self, kind, motools_home):
        made = {"training": CachedTrainingBackend, "eval": CachedEvalBackend}[kind]
        return partial(made, cache=open_store())


class TestValidate(MiddlewareContract):
    named = "validate"

    @pytest.fixture
    def layer(self):
        return ValidatedTrainingBackend


class TestLimit(MiddlewareContract):
    kinds = ("training", "eval")
    named = "limit"

    @pytest.fixture
    def layer(self, kind):
        return {"training": LimitedTrainingBackend, "eval": LimitedEvalBackend}[kind]


class TestBudget(MiddlewareContract):
    @pytest.fixture
    def layer(self):
        return partial(BudgetedTrainingBackend, options=BudgetOptions(max_cost=1000))


class TestLog(MiddlewareContract):
    kinds = ("training", "eval")

    @pytest.fixture
    def layer(self, kind):
        return {"training": LoggedTrainingBackend, "eval": LoggedEvalBackend}[kind]
