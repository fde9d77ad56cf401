"""The contract suites of a plugin whose author's tests are not at hand: what can be tested without giving its service any work.

`motools plugin check NAME` runs them in a process of their own. A layer is tested whole, around a dummy. A backend is made, as
`get_backend` makes it; tests that would submit, or ask its service for anything, are skipped and say so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import pytest

from motools.errors import UsageError
from motools.evals.middleware import EvalMiddleware
from motools.middleware.layers import layers_of
from motools.plugins.registry import get_backend
from motools.testing.evals import EvalBackendContract
from motools.testing.middleware import MiddlewareContract
from motools.testing.training import TrainingBackendContract
from motools.training.middleware import TrainingMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.testing.contract import Start
    from motools.testing.passing import Layer

NO_WORK = "its service was given no work, which may cost money: its author's tests say with what to test it (--tests)"


def _not_asked(*_: Any, **__: Any) -> NoReturn:
    pytest.skip(NO_WORK)


class _Configured:
    """Says whose work it would be, where that takes no configuration that is missing here."""

    def account(self) -> Mapping[str, Any]:
        try:
            said: Mapping[str, Any] = super().account()  # type: ignore[misc]  # of the layer that it is a part of
        except UsageError as error:
            pytest.skip(f"it has no account without being configured: {error}")
        return said


class NoTraining(_Configured, TrainingMiddleware):
    """A layer that lets nothing through to a service."""

    async def train(self, *_: Any, **__: Any) -> NoReturn:
        _not_asked()

    identify = find = find_noted = adopt = has_model = estimate = limits = ping = train


class NoEvaluation(_Configured, EvalMiddleware):
    """The same for evaluations."""

    async def evaluate(self, *_: Any, **__: Any) -> NoReturn:
        _not_asked()

    identify = find = find_noted = adopt = ping = evaluate


class Unattended:
    """Part of the suites of backends."""

    plugin: ClassVar[str]
    """What it is called, or its class, `module:Class`."""
    beside: ClassVar[str | None] = None
    """The directory that its module is in, where no distribution brings it."""
    kind: ClassVar[str]
    idle: ClassVar[Any]
    """The layer that lets nothing through."""

    @pytest.fixture
    def backend(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Return the backend as `get_backend` makes it."""
        if self.beside is not None:
            monkeypatch.setattr(sys, "path", [*sys.path, self.beside])
        return self.idle(_made(self.plugin, kind=self.kind, middleware=()))

    @pytest.fixture
    def start(self) -> Start:
        """Skip what would be started."""

        async def start(*_: Any, **__: Any) -> NoReturn:
            _not_asked()

        return start

    @pytest.fixture
    def request_made(self) -> Mapping[str, Any]:
        """Skip what needs a model that the service knows."""
        _not_asked()

    def not_offered(self, fixture: str, consequence: str) -> NoReturn:  # noqa: ARG002 (the suite's signature)
        """Skip what only the author's tests can see."""
        _not_asked()


class UnattendedTrainingContract(Unattended, TrainingBackendContract):
    """For a training backend."""

    kind, idle = "training", NoTraining


class UnattendedEvalContract(Unattended, EvalBackendContract):
    """For an evaluation backend."""

    kind, idle = "eval", NoEvaluation


class UnattendedMiddlewareContract(MiddlewareContract):
    """For a layer, with the defaults of its options."""

    plugin: ClassVar[str]

    @pytest.fixture
    def layer(self, kind: str) -> Layer:
        [found] = layers_of([self.plugin], kind)

        def around(backend: Any) -> Any:
            try:
                return found.around(backend, {}, f"The layer {self.plugin!r}")
            except UsageError as error:
                pytest.skip(f"it is not made without options: {error} Its author's tests say with which (--tests)")

        return around


def _made(name: str, **how: Any) -> Any:
    try:
        return get_backend(name, **how)
    except UsageError as error:
        pytest.skip(f"it is not made without options: {error} Its author's tests say with which (--tests)")


__all__ = ["UnattendedEvalContract", "UnattendedMiddlewareContract", "UnattendedTrainingContract"]
