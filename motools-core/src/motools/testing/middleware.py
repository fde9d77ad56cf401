# ruff: noqa: S101  (a contract is spoken in asserts)
"""The contract of layers.

    class TestAcmeLayer(MiddlewareContract):
        @pytest.fixture
        def layer(self):
            return AcmeTrainingLayer

`layer` is the one fixture to write: what puts the layer around a backend, its class or any callable. Layers of one name for both
kinds of backend are tested together:

    class TestLimit(MiddlewareContract):
        kinds = ("training", "eval")

        @pytest.fixture
        def layer(self, kind):
            return {"training": LimitedTrainingBackend, "eval": LimitedEvalBackend}[kind]

The backend inside is a dummy that notes how it is asked, with every optional power. The layer is held to what it passes on; what it
does of its own is for the author to test. What it does not pass on by nature is stated in `lacking`:

    "handles"        it returns handles of its own around those of the backend
    "ticket"         it hands tickets out, and takes none
    "cancellation"   work goes on though whoever asked for it is cancelled
    "options"        it is not made of options alone
    a method's name  it answers that itself

A standard test is marked, never removed: see `motools.testing.contract`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from motools.cache.arguments import takes_ticket
from motools.errors import SettingError, SubmitRejected, SubmitUnavailable, SubmitUncertain, UsageError
from motools.middleware.chain import DEFAULT
from motools.plugins.catalogue import base_of
from motools.plugins.registry import get_backend
from motools.settings import check, declared
from motools.status import Capability
from motools.testing.construction import innermost
from motools.testing.contract import Contract, standard_dataset
from motools.testing.observed import DECLARED, QUESTIONS, ObservedEvalBackend, ObservedTrainingBackend
from motools.testing.tickets import RecordingTicket

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path
    from typing import TypeAlias

    from motools.testing.observed import Call

    Layer: TypeAlias = Callable[[Any], Any]
    Ask: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]

VERB = {"training": "train", "eval": "evaluate"}


class OfThePlugin(Exception):
    """What nobody but the backend inside knows."""


ERRORS = (SubmitRejected("no"), SubmitUnavailable("not now"), SubmitUncertain("who knows"), OfThePlugin("odd"))


class MiddlewareContract(Contract):
    """What is asked of a layer."""

    kinds: ClassVar[tuple[str, ...]] = ("training",)
    """The kinds of backend that it can be put around: "training", "eval" or both."""
    named: ClassVar[str | None] = None
    """Its name, where it is one of the layers of the default chain, in the place of which it is then tested."""

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

    async def test_closing_it_closes_the_backend_once(self, layered: Any, inside: Any) -> None:
        await layered.aclose()
        assert len(inside.asked("aclose")) == 1

    async def test_a_caller_that_is_cancelled_is_let_go(self, layered: Any, inside: Any, ask: Ask) -> None:
        entered, may_go_on = asyncio.Event(), asyncio.Event()

        async def before(_: Call) -> None:
            entered.set()
            await may_go_on.wait()

        inside.before = before
        caller = asyncio.create_task(ask(layered))
        async with asyncio.timeout(self.timeout):
            await entered.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
        may_go_on.set()

    async def test_the_cancellation_of_a_caller_reaches_the_backend(self, layered: Any, inside: Any, ask: Ask) -> None:
        if "cancellation" in self.lacking:
            self.not_tested("cancellation", "whether a submission ends with its caller")
        entered, cancelled = asyncio.Event(), asyncio.Event()

        async def before(_: Call) -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        inside.before = before
        caller = asyncio.create_task(ask(layered))
        async with asyncio.timeout(self.timeout):
            await entered.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
        assert cancelled.is_set()

    async def test_requests_that_are_made_at_once_do_not_mix(
        self, kind: str, layered: Any, inside: Any, ask: Ask
    ) -> None:
        models = [f"base-{number}" for number in range(5)]
        everybody = asyncio.Barrier(len(models))

        async def before(_: Call) -> None:
            await everybody.wait()

        inside.before = before
        handles = await asyncio.gather(*(ask(layered, model) for model in models))
        models_of = {job.job_id: _model_of(job, kind) for job in inside.service.jobs()}
        assert [models_of[handle.job_id] for handle in handles] == models

    async def test_it_stands_at_every_place_of_the_default_chain_that_makes_sense(
        self, kind: str, layer: Layer, ask: Ask
    ) -> None:
        others: list[Any] = [name for name in DEFAULT if name != self.named]
        options: dict[str, Any] = {"price": 0.001} if kind == "training" else {}
        refused = []
        for place in range(len(others) + 1):
            chain = [*others[:place], layer, *others[place:]]
            try:
                backend = get_backend("dummy", kind=kind, middleware=chain, **options)
            except SettingError as error:  # as it, or another layer, declares that it makes no sense there
                refused.append(str(error))
            else:
                await self._is_paid_once(backend, ask, f"base-{place}")
        assert len(refused) <= len(others), "\n".join(refused)

    async def _is_paid_once(self, backend: Any, ask: Ask, model: str) -> None:
        """Ask for a request twice and for another draw of it, and look that two jobs came of it."""
        service = innermost(backend).service
        before = len(service.jobs())
        first, again, another = (
            await ask(backend, model),
            await ask(backend, model),
            await ask(backend, model, replicate=1),
        )
        assert again.job_id == first.job_id != another.job_id
        assert await self.waited(again) == await self.waited(first)
        await self.waited(another)
        assert len(service.jobs()) == before + 2

    async def test_it_is_made_of_options_that_are_declared_and_have_defaults(self, layered: Any, inside: Any) -> None:
        if "options" in self.lacking:
            self.not_tested("options", "whether a motools.toml can ask for it")
        declaration = getattr(type(layered), "Options", None)
        arguments = [inside]
        if declaration is not None:
            assert hasattr(declaration, "__dataclass_fields__"), "it is declared by a dataclass"
            assert not [setting.name for setting in declared(declaration) if setting.required]
            options = check(declaration, {}, who="The layer", what="option")
            assert hash(options) == hash(check(declaration, {}, who="The layer", what="option")), "it is not frozen"
            arguments.append(options)
        try:
            again = type(layered)(*arguments)
        except UsageError as error:
            assert str(error)  # noqa: PT017 (it may ask for an option that it does not do without)
        else:
            assert innermost(again) is inside

    async def test_it_shows_the_backend_inside_and_no_key(
        self, layered: Any, inside: Any, ask: Ask, canary: str
    ) -> None:
        assert repr(inside) in repr(layered)
        handle = await ask(layered)
        shown = [repr(layered), repr(handle), json.dumps(dict(handle.metadata))]
        assert not [text for text in shown if canary in text]


async def _answered(backend: Any, question: str, arguments: tuple[Any, ...]) -> Any:
    answer = getattr(backend, question)(*arguments)
    return await answer if asyncio.iscoroutine(answer) else answer


def _model_of(job: Any, kind: str) -> str:
    return str(job.request["model"] if kind == "training" else job.model_id)


__all__ = ["MiddlewareContract"]
