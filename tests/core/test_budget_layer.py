"""The budget layer refuses what may cost more than its ceiling before anything is uploaded or paid."""

from __future__ import annotations

import math
import pickle

import pytest

import motools
from motools import Capability, Estimate, TrainingMiddleware
from motools.errors import BudgetExceeded, SettingError, SubmitUnavailable
from motools.middleware.budget import BudgetedTrainingBackend, BudgetOptions
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend
from motools.training.estimated import EstimatedTrainingBackend

DATA = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]
LAYERS = ["cache", "validate", "budget"]


class Priced(TrainingMiddleware):
    """A backend whose runs cost what it is told, with a count of how often it was asked."""

    def __init__(self, backend, estimate):
        super().__init__(backend)
        self.answer = estimate
        self.asked = []

    async def estimate(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        self.asked.append((list(motools.Dataset.of(dataset)), kwargs))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def costing(cost, **more):
    return Estimate(tokens=1000, cost=cost, assumptions=("A token is a word.",), **more)


def budgeted(estimate, max_cost=5.0):
    dummy = DummyTrainingBackend()
    priced = Priced(dummy, estimate)
    return BudgetedTrainingBackend(priced, BudgetOptions(max_cost=max_cost)), priced, dummy


async def test_a_run_below_the_ceiling_is_submitted_and_keeps_its_estimate():
    backend, _, dummy = budgeted(costing(5.0))
    run = await backend.train(DATA, "base")
    assert run.estimate == costing(5.0)
    assert len(dummy.service.jobs()) == 1


async def test_a_run_above_the_ceiling_is_refused_and_the_bill_is_empty():
    backend, _, dummy = budgeted(costing(5.0001))
    with pytest.raises(BudgetExceeded) as caught:
        await backend.train(DATA, "base")
    assert (caught.value.cost, caught.value.ceiling) == (5.0001, 5.0)
    assert str(caught.value) == (
        "This run is estimated to cost $5.0001, and its ceiling is $5.00 (max_cost). Nothing was uploaded or submitted.\n"
        "- A token is a word.\n"
        "Train on less, for fewer epochs or on a cheaper model; or raise max_cost, or leave the layer 'budget' out."
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 (our own error)
    assert dummy.service.jobs() == []


async def test_a_run_of_unknown_cost_is_refused_whatever_the_ceiling():
    backend, _, dummy = budgeted(costing(None), max_cost=1_000_000)
    with pytest.raises(BudgetExceeded, match=r"is not known.*\n- A token is a word.\nGive the prices that are missing"):
        await backend.train(DATA, "base")
    assert dummy.service.jobs() == []


@pytest.mark.parametrize("estimate", [costing(math.nan), costing(1.0, currency="EUR"), costing(math.inf)])
async def test_a_cost_that_cannot_be_compared_with_dollars_is_refused(estimate):
    backend, _, dummy = budgeted(estimate)
    with pytest.raises(BudgetExceeded):
        await backend.train(DATA, "base")
    assert dummy.service.jobs() == []


async def test_an_estimate_that_fails_is_known_to_have_submitted_nothing():
    backend, _, dummy = budgeted(ConnectionError("no route"))
    with pytest.raises(
        SubmitUnavailable, match=r"could not be estimated: ConnectionError: no route. Nothing"
    ) as caught:
        await backend.train(DATA, "base")
    assert isinstance(caught.value.__cause__, ConnectionError)
    assert dummy.service.jobs() == []


async def test_records_that_can_be_read_once_are_estimated_and_trained_on():
    backend, priced, _ = budgeted(costing(1.0))
    run = await backend.train(iter(DATA), "base", validation=iter(DATA), seed=3)
    ((estimated, keywords),) = priced.asked
    assert estimated == DATA
    assert keywords["seed"] == 3
    assert "ticket" not in keywords
    whole = await DummyTrainingBackend().train(DATA, "base", validation=DATA)
    assert run.metadata["dataset"] == run.metadata["validation"] == whole.metadata["dataset"]


class TestInTheChain:
    async def test_it_is_a_layer_with_an_option(self):
        backend = motools.get_training_backend("dummy", middleware=LAYERS, max_cost=1, price=5000.0)
        with pytest.raises(BudgetExceeded, match="1,000 tokens cost 5000"):
            await backend.train(DATA, "base")
        assert DummyTrainingBackend().service.jobs() == []

    async def test_what_is_not_known_is_refused_until_there_is_a_price(self):
        unknown = motools.get_training_backend("dummy", middleware=LAYERS, max_cost=1)
        with pytest.raises(BudgetExceeded, match="The dummy service has no price"):
            await unknown.train(DATA, "base")
        known = motools.get_training_backend("dummy", middleware=LAYERS, max_cost=1, price=0.1)
        run = await known.train(DATA, "base")
        assert run.estimate.cost == run.record.details["estimate"]["cost"] > 0

    async def test_a_hit_is_neither_counted_nor_held_to_a_ceiling(self):
        dear = motools.get_training_backend("dummy", price=5000.0)
        await (await dear.train(DATA, "base")).wait()
        run = await motools.get_training_backend("dummy", middleware=LAYERS, max_cost=1, price=5000.0).train(
            DATA, "base"
        )
        assert run.is_hit

    async def test_a_refusal_leaves_a_record_that_the_same_request_begins_again(self):
        refusing = motools.get_training_backend("dummy", middleware=LAYERS, max_cost=1, price=5000.0)
        with pytest.raises(BudgetExceeded):
            await refusing.train(DATA, "base")
        granting = motools.get_training_backend("dummy", middleware=LAYERS, max_cost=1_000_000, price=5000.0)
        assert await (await granting.train(DATA, "base")).wait()
        assert len(DummyTrainingBackend().service.jobs()) == 1

    async def test_around_a_cache_it_passes_on_what_is_the_caches(self, motools_home):
        cached = CachedTrainingBackend(DummyTrainingBackend(price=0.1), _ledger(motools_home))
        backend = BudgetedTrainingBackend(cached, BudgetOptions(max_cost=1))
        run = await backend.train(DATA, "base", label="mine", tags=["a"])
        assert await run.wait()

    def test_without_a_ceiling_it_is_refused(self):
        with pytest.raises(SettingError, match="'budget' of the backend 'dummy' has no ceiling: set max_cost"):
            motools.get_training_backend("dummy", middleware=LAYERS)

    @pytest.mark.parametrize("wrong", [-1, "5", math.nan, True])
    def test_a_ceiling_is_a_number_of_dollars(self, wrong):
        with pytest.raises(SettingError, match="max_cost"):
            motools.get_training_backend("dummy", middleware=LAYERS, max_cost=wrong)

    def test_a_ceiling_without_the_layer_is_refused(self):
        with pytest.raises(SettingError, match=r"'max_cost' is an option of the layer 'budget'.*Add 'budget'"):
            motools.get_training_backend("dummy", max_cost=5)

    def test_a_backend_that_cannot_say_what_it_costs_is_refused_with_the_reason(self):
        dummy = DummyTrainingBackend()
        dummy.capabilities = dummy.capabilities - {Capability.ESTIMATE}
        with pytest.raises(
            SettingError, match=r"'dummy' cannot say what a run .*declare ESTIMATE.*Leave the layer 'budget' out"
        ):
            BudgetedTrainingBackend(dummy, BudgetOptions(max_cost=1))

    def test_evaluations_are_not_paid_for_as_if_there_was_no_ceiling(self):
        with pytest.raises(SettingError, match="nothing says what an evaluation with 'dummy' costs"):
            motools.get_eval_backend("dummy", middleware=["cache", "budget"], max_cost=5)


class TestEstimateOfARun:
    async def test_it_is_recorded_when_asked_for(self, tmp_path):
        backend = motools.get_training_backend("dummy", price=0.5)
        run = await backend.train(DATA, "base", estimate=True)
        expected = await backend.estimate(DATA, "base")
        assert run.estimate == expected
        again = await backend.train(DATA, "base")
        assert again.estimate == expected
        assert run.key == again.key

    async def test_it_is_not_made_unless_asked_for(self):
        run = await motools.get_training_backend("dummy", price=0.5).train(DATA, "base")
        assert run.estimate is None
        assert "estimate" not in run.record.details

    async def test_it_is_made_once_where_a_budget_makes_it_anyway(self, motools_home):
        backend, priced, _ = budgeted(costing(1.0))
        run = await CachedTrainingBackend(backend, _ledger(motools_home)).train(DATA, "base", estimate=True)
        assert run.estimate == costing(1.0)
        assert len(priced.asked) == 1

    async def test_where_a_backend_cannot_estimate_asking_for_it_is_an_error(self, motools_home):
        dummy = DummyTrainingBackend()
        dummy.capabilities = dummy.capabilities - {Capability.ESTIMATE}
        with pytest.raises(SettingError, match="cannot say what a run of it would cost"):
            await CachedTrainingBackend(dummy, _ledger(motools_home)).train(DATA, "base", estimate=True)
        assert dummy.service.jobs() == []

    async def test_estimating_takes_the_keywords_of_the_cache_too(self):
        backend = motools.get_training_backend("dummy", price=0.5)
        assert await backend.estimate(DATA, "base", label="x", replicate=2) == await backend.estimate(DATA, "base")

    async def test_a_run_that_takes_no_attributes_is_not_lost(self):
        class Closed(TrainingMiddleware):
            async def train(self, *args, **kwargs):
                return _Closed()

        run = await EstimatedTrainingBackend(Closed(DummyTrainingBackend(price=1.0))).train(DATA, "base")
        assert type(run) is _Closed


class _Closed:
    __slots__ = ()


def _ledger(home):
    from motools.cache.sqlite import SqliteLedger

    return SqliteLedger.open(home / "budget.db")
