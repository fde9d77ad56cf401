# ruff: noqa: S101  (a contract is spoken in asserts)
"""What a layer passes on: requests, questions, answers and errors, as they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.cache.arguments import takes_ticket
from motools.errors import SubmitRejected, SubmitUnavailable, SubmitUncertain
from motools.plugins.catalogue import base_of
from motools.status import Capability
from motools.testing.construction import innermost
from motools.testing.contract import Contract, standard_dataset
from motools.testing.observed import DECLARED, QUESTIONS, ObservedEvalBackend, ObservedTrainingBackend
from motools.testing.tickets import RecordingTicket

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import TypeAlias

    Layer: TypeAlias = Callable[[Any], Any]
    Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]

VERB = {"training": "train", "eval": "evaluate"}


class OfThePlugin(Exception):
    """What nobody but the backend inside knows."""


ERRORS = (SubmitRejected("no"), SubmitUnavailable("not now"), SubmitUncertain("who knows"), OfThePlugin("odd"))


class PassingContract(Contract):
    """Part of `MiddlewareContract`: what can be set, the fixtures, and that requests, answers and errors pass through unchanged."""

    kinds: ClassVar[tuple[str, ...]] = ("training",)
    """The kinds of backend that it can be put around: "training", "eval" or both."""
    named: ClassVar[str | None] = None
    """Its name, where it is one of the layers of the default chain, in the place of which it is then tested."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.kinds or not VERB.keys() >= set(cls.kinds):
            raise TypeError(
                f"{cls.__name__}.kinds must name what the layer is for: ('training',), ('eval',) or both; it is {cls.kinds!r}."
            )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test for each kind of backend, and those of questions for each question."""
        if "question" in metafunc.fixturenames:
            pairs = [(kind, question) for kind in self.kinds for question in QUESTIONS[kind]]
            metafunc.parametrize(("kind", "question"), pairs)
        elif "kind" in metafunc.fixturenames:
            metafunc.parametrize("kind", self.kinds)

    @pytest.fixture
    def layer(self) -> Layer:
        """Return what puts the layer around a backend."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `layer`, which returns the layer's class.")

    @pytest.fixture
    def inside(self, kind: str) -> Any:
        """Return the backend inside, with every optional power and a price."""
        return ObservedTrainingBackend(price=0.001) if kind == "training" else ObservedEvalBackend()

    @pytest.fixture
    def layered(self, layer: Layer, inside: Any) -> Any:
        """Return the backend with the layer around it."""
        return layer(inside)

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Path:
        """Return a chat dataset of sixteen records."""
        return standard_dataset(tmp_path / "standard.jsonl")

    @pytest.fixture
    def ask(self, kind: str, dataset: Path) -> Ask:
        """Return `ask(backend, model, **more)`, which submits the standard request."""

        async def ask(backend: Any, model: str = "base", **more: Any) -> Any:
            async with asyncio.timeout(self.timeout):
                if kind == "training":
                    return await backend.train(dataset, model, {"n_epochs": 2}, "suffix", **more)
                return await backend.evaluate(model, "task", **more)

        return ask

    async def test_it_is_a_backend_of_the_kind_that_it_is_put_around(
        self, kind: str, layered: Any, inside: Any
    ) -> None:
        assert isinstance(layered, base_of(kind))
        assert innermost(layered) is inside, "the backend inside is not to be found: subclass the base of layers"

    async def test_what_the_backend_declares_shows_through(self, kind: str, layered: Any, inside: Any) -> None:
        for name in DECLARED[kind]:
            assert getattr(layered, name) == getattr(inside, name), name

    async def test_what_the_backend_lacks_the_layer_does_not_claim(self, layer: Layer, inside: Any) -> None:
        inside.capabilities = frozenset({Capability.ESTIMATE})
        assert layer(inside).capabilities <= inside.capabilities

    async def test_a_request_reaches_the_backend_as_it_was_made(
        self, kind: str, layered: Any, inside: Any, ask: Ask, dataset: Path
    ) -> None:
        further = {"a keyword": ["of", "the plugin's"]}
        await ask(layered, unknown=further)
        [call] = inside.asked(VERB[kind])
        expected = (dataset, "base", {"n_epochs": 2}, "suffix") if kind == "training" else ("base", "task")
        assert call.arguments == expected
        assert call.keywords["unknown"] == further

    async def test_a_backend_is_asked_once_and_one_job_comes_of_it(
        self, kind: str, layered: Any, inside: Any, ask: Ask
    ) -> None:
        handle = await ask(layered)
        assert len(inside.asked(VERB[kind])) == 1
        assert [job.job_id for job in inside.service.jobs()] == [handle.job_id]

    async def test_a_handle_is_the_one_that_the_backend_made(
        self, kind: str, layered: Any, inside: Any, ask: Ask
    ) -> None:
        if "handles" in self.lacking:
            self.not_tested("handles", "whether handles pass through unchanged")
        assert type(await ask(layered)) is (inside.run_type if kind == "training" else inside.job_type)

    async def test_a_handle_can_be_waited_for_saved_and_loaded(self, layered: Any, ask: Ask, tmp_path: Path) -> None:
        handle = await ask(layered)
        outcome = await self.waited(handle)
        await handle.save(tmp_path / "handle.json")
        loaded = await type(handle).load(tmp_path / "handle.json")
        assert type(loaded) is type(handle)
        assert loaded.job_id == handle.job_id
        assert await self.waited(loaded) == outcome

    async def test_a_ticket_reaches_the_backend_which_alone_pays_with_it(
        self, kind: str, layered: Any, inside: Any, ask: Ask
    ) -> None:
        if "ticket" in self.lacking:
            self.not_tested("ticket", "whether tickets are passed on")
        ticket = RecordingTicket()
        handle = await ask(layered, ticket=ticket)
        [call] = inside.asked(VERB[kind])
        assert call.keywords["ticket"] is ticket
        assert [payment.job_id for payment in ticket.payments] == [handle.job_id]

    async def test_a_backend_that_takes_no_ticket_is_given_none(
        self, kind: str, layer: Layer, inside: Any, ask: Ask
    ) -> None:
        inside.capabilities = frozenset({Capability.ESTIMATE})
        layered, ticket = layer(inside), RecordingTicket()
        if not takes_ticket(layered) or "ticket" in self.lacking:
            await ask(layered)
        else:
            handle = await ask(layered, ticket=ticket)
            assert [payment.job_id for payment in ticket.payments] == [handle.job_id]
        [call] = inside.asked(VERB[kind])
        assert "ticket" not in call.keywords

    @pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
    async def test_what_a_submission_raises_is_what_the_caller_gets(
        self, kind: str, layered: Any, inside: Any, ask: Ask, error: Exception
    ) -> None:
        inside.errors[VERB[kind]] = error
        with pytest.raises(type(error)) as caught:
            await ask(layered)
        assert caught.value is error
        assert len(inside.asked(VERB[kind])) == 1, "a submission is nobody's to repeat but the ledger's"

    async def test_every_question_is_passed_on_and_so_is_the_answer(
        self, kind: str, layered: Any, inside: Any, question: str
    ) -> None:
        if question in self.lacking:
            self.not_tested(question, "whether it is passed on")
        inside.calls.clear()
        answer = inside.answers[question] = None if question == "ping" else object()
        assert await _answered(layered, question, QUESTIONS[kind][question]) is answer
        [call] = inside.asked(question)
        assert call.arguments == QUESTIONS[kind][question]

    async def test_what_a_question_raises_is_what_the_caller_gets(
        self, kind: str, layered: Any, inside: Any, question: str
    ) -> None:
        error = inside.errors[question] = OfThePlugin("odd")
        with pytest.raises(OfThePlugin) as caught:
            await _answered(layered, question, QUESTIONS[kind][question])
        assert caught.value is error

    async def test_keywords_of_questions_are_passed_on(self, kind: str, layered: Any, inside: Any) -> None:
        question = "estimate" if kind == "training" else "identify"
        inside.answers[question] = object()
        await getattr(layered, question)(*QUESTIONS[kind][question], further=1)
        assert inside.asked(question)[-1].keywords == {"further": 1}


async def _answered(backend: Any, question: str, arguments: tuple[Any, ...]) -> Any:
    answer = getattr(backend, question)(*arguments)
    return await answer if asyncio.iscoroutine(answer) else answer


__all__ = ["PassingContract"]
