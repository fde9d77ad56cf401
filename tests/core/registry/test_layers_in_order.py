"""Layers compose in every order that makes sense, and one that makes none is refused with the reason before any work."""

from __future__ import annotations

from functools import partial
from itertools import permutations

import pytest

import motools
from motools import EvalMiddleware, TrainingMiddleware
from motools.cache.memory import MemoryLedger
from motools.errors import SettingError
from motools.middleware.budget import BudgetedTrainingBackend, BudgetOptions
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend

DATA = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]
OURS = ("cache", "validate", "budget", "limit", "log")
OPTIONS = {"max_cost": 1000, "price": 0.1, "max_live_runs": 3}


class Plain(TrainingMiddleware):
    pass


class AsPlain(EvalMiddleware):
    pass


def makes_sense(order):
    """Say it in other words than the code: what the cache answers passes nobody who refuses or waits, and waiting comes last."""
    at = {name: order.index(name) for name in order}
    return at["cache"] < min(at["validate"], at["budget"], at["limit"]) and at["limit"] > max(
        at["validate"], at["budget"]
    )


@pytest.mark.parametrize("order", [order for order in permutations(OURS) if makes_sense(order)], ids=" ".join)
async def test_an_order_that_makes_sense_trains_once_and_answers_again(order):
    backend = motools.get_training_backend("dummy", middleware=[*order, Plain], **OPTIONS)
    model_id = await (await backend.train(DATA, "base", label="mine")).wait()
    again = await backend.train(DATA, "base")
    assert (again.is_hit, await again.wait()) == (True, model_id)
    assert len(DummyTrainingBackend().service.jobs()) == 1


def test_every_other_order_is_refused_with_what_would_happen():
    for order in permutations(OURS):
        if not makes_sense(order):
            said = r"The layer '\w+' stands outside '\w+', and so .+\. List '\w+' before '\w+'\."
            with pytest.raises(SettingError, match=said):
                motools.get_training_backend("dummy", middleware=order, **OPTIONS)


@pytest.mark.parametrize("order", [*permutations(("cache", "limit", "log"))], ids=" ".join)
async def test_evaluations_are_held_to_the_same(order):
    order = [*order, AsPlain]
    if order.index("limit") < order.index("cache"):
        with pytest.raises(SettingError, match="'limit' stands outside 'cache'"):
            motools.get_eval_backend("dummy", middleware=order)
        return
    backend = motools.get_eval_backend("dummy", middleware=order, max_live_runs=2)
    results = await (await backend.evaluate("model", "task")).wait()
    again = await backend.evaluate("model", "task")
    assert (again.is_hit, (await again.wait()).metrics) == (True, results.metrics)


def refusal(middleware, **options):
    with pytest.raises(SettingError) as caught:
        motools.get_training_backend("dummy", middleware=middleware, **options)
    return str(caught.value)


def test_the_sentence_says_what_would_happen_and_what_to_write():
    assert refusal(["limit", "cache"]) == (
        "The layer 'limit' stands outside 'cache', and so a recorded result would wait for a slot that it does not need. "
        "List 'cache' before 'limit'."
    )


def test_a_line_needs_a_record_to_be_kept_in():
    assert refusal(["validate", "limit"]) == (
        "The layer 'limit' needs the layer 'cache': who waits is kept in the record of paid work. List 'cache' before it."
    )


@pytest.mark.parametrize(
    ("middleware", "words"),
    [
        (None, "middleware must be a list of layers, not None. Write [] for none."),
        (3, "middleware must be a list of layers, not 3. Write [] for none."),
        ([["cache"]], "A layer is a name, a class, or a callable that takes a backend and returns one, not ['cache']."),
        ([None], "A layer is a name, a class, or a callable that takes a backend and returns one, not None."),
    ],
)
def test_what_is_no_layer_is_refused(middleware, words):
    assert refusal(middleware) == words


@pytest.mark.parametrize("name", OURS)
def test_a_layer_stands_in_a_chain_once(name):
    words = f"The layer {name!r} is listed twice. Once is enough: every call passes it."
    assert refusal(["cache", name, "log", name] if name != "cache" else ["cache", "cache"], **OPTIONS) == words


def test_an_order_of_motools_toml_is_refused_with_its_place(world):
    world.configure('[backends.dummy]\nmiddleware = ["limit", "cache"]')
    with pytest.raises(
        SettingError, match=r"motools.toml \[backends.dummy\]: The layer 'limit' stands outside 'cache'"
    ):
        motools.get_training_backend("dummy")


def test_no_backend_is_made_for_a_chain_that_makes_no_sense(world, training):
    source = training.format(name="Acme") + "    def __init__(self):\n        raise SystemExit('made')\n"
    world.install("acme", training={"acme": "acme:AcmeTrainingBackend"}, modules={"acme": source})
    with pytest.raises(SettingError, match="stands outside"):
        motools.get_backend("acme", middleware=["limit", "cache"])


class TestLayersOfOthers:
    def test_they_declare_where_they_stand(self, world):
        source = """
from motools import TrainingMiddleware

class Picky(TrainingMiddleware):
    inside = {"validate": "it would be asked about data that nobody has looked at"}
    outside = {"limit": "its answer would take a slot"}
    needs = {"log": "nobody would hear of it"}
"""
        world.install("acme", middleware={"picky": "picky:Picky"}, modules={"picky": source})
        assert motools.get_training_backend("dummy", middleware=["cache", "log", "validate", "picky", "limit"])
        assert "'picky' stands outside 'validate', and so it would be asked" in refusal(
            ["cache", "log", "picky", "validate"]
        )
        assert refusal(["cache", "log", "limit", "picky"]) == (
            "The layer 'picky' stands inside 'limit', and so its answer would take a slot. List 'picky' before 'limit'."
        )
        assert "'picky' needs the layer 'log': nobody would hear" in refusal(["cache", "picky"])

    def test_a_class_or_a_callable_that_is_given_is_judged_as_by_its_name(self):
        budget = partial(BudgetedTrainingBackend, options=BudgetOptions(max_cost=5))
        assert motools.get_training_backend("dummy", middleware=["cache", budget], price=1.0)
        assert "'budget' stands outside 'cache'" in refusal([budget, "cache"])
        assert "'budget' is listed twice" in refusal(["cache", budget, "budget"], max_cost=3)

    def test_a_cache_of_ones_own_is_a_record_too(self):
        own = partial(CachedTrainingBackend, cache=MemoryLedger())
        backend = motools.get_training_backend("dummy", middleware=[own, "limit"], max_live_runs=1)
        assert type(backend) is CachedTrainingBackend

    def test_two_callables_that_only_look_alike_are_two(self):
        assert motools.get_training_backend(
            "dummy", middleware=[lambda inner: inner, lambda inner: Plain(backend=inner)]
        )
