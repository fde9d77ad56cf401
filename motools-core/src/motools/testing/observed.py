"""The dummies, which note how they are asked and can be told what to answer: what is put inside a layer under test."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from motools.evals.backends.dummy import DummyEvalBackend, DummyEvalJob
from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from motools.training.base import DatasetLike
    from motools.training.estimate import Estimate

T = TypeVar("T", bound=type)

OF_BOTH = ("name", "capabilities", "find_lag", "version", "key_variables", "Settings")
DECLARED = {"training": (*OF_BOTH, "run_type", "dataset_keywords"), "eval": (*OF_BOTH, "job_type")}
"""What shows through a layer, by kind."""
ASKED_OF_BOTH: Mapping[str, tuple[Any, ...]] = {
    "find": ("token",),
    "find_noted": ("token", {"file": "file-1"}),
    "adopt": ("job-1",),
    "account": (),
    "ping": (),
}
QUESTIONS: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "training": {
        **ASKED_OF_BOTH,
        "has_model": ("model-1",),
        "identify": ("base",),
        "formats": (),
        "format_of": ("base", {"method": "dpo"}),
        "estimate": ("data.jsonl", "base", {"n_epochs": 2}, "suffix"),
        "limits": ("base",),
    },
    "eval": {**ASKED_OF_BOTH, "identify": ("model-1", "task")},
}
"""Everything else that a backend can be asked, by kind, and with what it is."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """How one method was asked."""

    name: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]


class Observed:
    """Part of both backends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.calls: list[Call] = []
        """How it was asked, in order."""
        self.answers: dict[str, Any] = {}
        """What is answered, by method, in place of what the dummy would."""
        self.errors: dict[str, BaseException] = {}
        """What is raised, by method."""
        self.before: Callable[[Call], Awaitable[None]] | None = None
        """What is awaited before work is submitted."""

    def asked(self, name: str) -> list[Call]:
        """Return how one method was asked, in order."""
        return [call for call in self.calls if call.name == name]

    def note(self, name: str, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Call:
        """Note a call, and raise what it is to end with."""
        self.calls.append(Call(name=name, arguments=arguments, keywords=dict(keywords)))
        if name in self.errors:
            raise self.errors[name]
        return self.calls[-1]


def observed(*names: str) -> Callable[[T], T]:
    """Have a class note each call of these methods."""

    def decorated(cls: T) -> T:
        for name in names:
            setattr(cls, name, _noting(name, getattr(cls, name)))
        return cls

    return decorated


def _noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def noted(self: Any, *arguments: Any, **keywords: Any) -> Any:
        self.note(name, arguments, keywords)
        return self.answers[name] if name in self.answers else method(self, *arguments, **keywords)

    async def noted_and_awaited(self: Any, *arguments: Any, **keywords: Any) -> Any:
        answer = noted(self, *arguments, **keywords)
        return await answer if inspect.isawaitable(answer) else answer

    return noted_and_awaited if inspect.iscoroutinefunction(method) else noted


@observed(
    *("find", "find_noted", "adopt", "has_model", "identify", "formats", "format_of", "estimate", "limits"),
    *("account", "ping", "aclose"),
)
class ObservedTrainingBackend(Observed, DummyTrainingBackend):
    """A dummy that takes any keyword, and passes on those that a dummy knows."""

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> DummyTrainingRun:
        call = self.note("train", (dataset, model, hyperparameters, suffix), kwargs)
        if self.before is not None:
            await self.before(call)
        return await super().train(dataset, model, hyperparameters, suffix, **_known(kwargs, "ticket"))

    async def estimate(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        **kwargs: Any,
    ) -> Estimate:
        return await super().estimate(dataset, model, hyperparameters, suffix, **_known(kwargs))


def _known(keywords: Mapping[str, Any], *further: str) -> dict[str, Any]:
    """Return those keywords that a dummy knows."""
    return {name: keywords[name] for name in ("seed", "validation", *further) if name in keywords}


@observed("find", "find_noted", "adopt", "identify", "account", "ping", "aclose")
class ObservedEvalBackend(Observed, DummyEvalBackend):
    """The same for evaluations."""

    async def evaluate(self, model_id: str, eval_suite: Any, **kwargs: Any) -> DummyEvalJob:
        call = self.note("evaluate", (model_id, eval_suite), kwargs)
        if self.before is not None:
            await self.before(call)
        known = {name: kwargs[name] for name in ("limit", "epochs", "ticket") if name in kwargs}
        return await super().evaluate(model_id, eval_suite, **known)


__all__ = ["DECLARED", "QUESTIONS", "Call", "ObservedEvalBackend", "ObservedTrainingBackend"]
