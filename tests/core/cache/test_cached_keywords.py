"""What of the further keywords of a request is in its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from motools.errors import SettingError, SpecError
from motools.evals.backends.cached import CachedEvalBackend
from motools.evals.backends.dummy import DummyEvalBackend
from motools.settings import Range, Settings
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingSettings


@dataclass(frozen=True, kw_only=True)
class Keywords:
    method: str = "supervised"
    seed: Annotated[int | None, Range(ge=0)] = None
    rate: Annotated[float, Range(gt=0)] = 1.0
    notes: Any = None


class Declared(DummyTrainingBackend):
    class Settings(DummyTrainingSettings):
        Keywords = Keywords
        unkeyed = frozenset({"notes"})

    async def train(self, *args, method="supervised", rate=1.0, notes=None, **kwargs):
        run = await super().train(*args, **kwargs)
        run.metadata = {**run.metadata, "method": method, "rate": rate, "notes": notes}
        return run


@pytest.fixture
def cached(ledger):
    return CachedTrainingBackend(Declared(), ledger)


async def test_a_keyword_that_is_given_as_its_default_is_no_other_request(cached, data):
    plain = await cached.draft(data, "base")
    assert (await cached.draft(data, "base", method="supervised", seed=None, rate=1)).key == plain.key
    assert (await cached.draft(data, "base", method="dpo")).key != plain.key


async def test_a_declared_float_is_one_however_it_is_written(cached, data):
    assert (await cached.draft(data, "base", rate=2)).key == (await cached.draft(data, "base", rate=2.0)).key


async def test_what_is_declared_to_change_nothing_is_no_part_of_the_key(cached, data):
    run = await cached.train(data, "base", notes={"who": "me"})
    await run.wait()
    assert "notes" not in run.record.spec["arguments"]
    assert (await cached.train(data, "base", notes={"who": "you"})).is_hit


async def test_a_keyword_out_of_range_is_refused_before_anything_is_recorded(cached, ledger, data):
    with pytest.raises(SettingError, match="keyword 'seed' must be at least 0, not -1"):
        await cached.train(data, "base", seed=-1)
    assert await ledger.records() == []


async def test_a_keyword_that_is_not_declared_is_part_of_the_key_as_it_is_given(ledger, data):
    class Open(Settings):
        Keywords = None

    backend = Declared()
    backend.Settings = Open
    cached = CachedTrainingBackend(backend, ledger)
    assert (await cached.draft(data, "base", method="supervised")).spec["arguments"] == {"method": "supervised"}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    limit: Annotated[int, Range(ge=1)] = 5
    temperature: float = 0.0
    max_connections: int | None = None


class EvalSettings(Settings):
    unkeyed = frozenset({"max_connections"})


class DeclaringEvals(DummyEvalBackend):
    async def evaluate(self, model_id, eval_suite, *, ticket=None, **keywords):
        return await super().evaluate(model_id, eval_suite, ticket=ticket)


@pytest.mark.parametrize("part", ["Hyperparameters", "Keywords"])
async def test_the_keywords_of_an_evaluation_are_keyed_as_those_of_a_training_wherever_they_are_declared(ledger, part):
    declared = type("Declared", (EvalSettings,), {part: Parameters})
    cached = CachedEvalBackend(type("Backend", (DeclaringEvals,), {"Settings": declared})(), ledger)
    plain = (await cached.evaluate("m", "t")).key
    for same in ({"limit": 5}, {"temperature": 0}, {"max_connections": 8}):
        assert (await cached.evaluate("m", "t", **same)).key == plain
    half = {(await cached.evaluate("m", "t", limit=6, temperature=value)).key for value in (1, 1.0)}
    assert len(half | {plain}) == 2
    with pytest.raises(SettingError, match="limit"):
        await cached.evaluate("m", "t", limit=0)
    assert len(await ledger.records()) == 2


@pytest.mark.parametrize("method", ["account", "identify"])
async def test_what_a_backend_says_of_itself_or_of_its_tasks_is_a_mapping_or_a_fault_with_a_name(ledger, method):
    async def identify(self, *args, **kwargs):
        return ["task"]

    wrong = {"account": lambda self: None, "identify": identify}[method]
    cached = CachedEvalBackend(type("Backend", (DummyEvalBackend,), {method: wrong})(), ledger)
    with pytest.raises(
        SpecError, match=rf"{method}\(\) of backend .* returned .*, not a mapping\. That is a fault of the plugin"
    ):
        await cached.evaluate("m", "t")
    assert await ledger.records() == []
