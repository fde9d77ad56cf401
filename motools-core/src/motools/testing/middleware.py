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
from typing import TYPE_CHECKING, Any

import pytest

from motools.errors import SettingError, UsageError
from motools.middleware.chain import DEFAULT
from motools.plugins.registry import get_backend
from motools.settings import check, declared
from motools.testing.construction import innermost
from motools.testing.passing import PassingContract

if TYPE_CHECKING:
    from motools.testing.observed import Call
    from motools.testing.passing import Ask, Layer


class MiddlewareContract(PassingContract):
    """What is asked of a layer."""

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


def _model_of(job: Any, kind: str) -> str:
    return str(job.request["model"] if kind == "training" else job.model_id)


__all__ = ["MiddlewareContract"]
