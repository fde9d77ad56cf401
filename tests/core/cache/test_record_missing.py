"""A model that was deleted since: an evaluation finds it out, the record notes it, and nobody pays again unasked."""

import logging

import pytest
from paid_world import PaidBackend, PaidEvalBackend

from motools.cache.missing import NOTE
from motools.errors import ModelNotFound
from motools.evals.backends.cached import CachedEvalBackend
from motools.training.backends.cached import CachedTrainingBackend


class Forgetful(PaidEvalBackend):
    """Finds no model."""

    async def evaluate(self, model_id, eval_suite, **kwargs):
        raise ModelNotFound(f"There is no model {kwargs.get('grader', model_id)!r}.")


@pytest.fixture
async def trained(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    return await (await cached.train(data, "base", label="mine")).wait()


async def test_an_evaluation_that_misses_it_says_where_it_came_from_and_notes_it(ledger, service, data, trained):
    with pytest.raises(ModelNotFound, match=r"There is no model .* It was trained on 20.* 'mine'\) .*refresh=True"):
        await CachedEvalBackend(Forgetful(service), ledger).evaluate(trained, "task")
    [record] = await ledger.records(kind="training")
    assert record.details[NOTE] > 0
    assert record.model_id == trained


async def test_the_record_stays_a_hit_that_says_so_and_only_refresh_pays_again(ledger, service, data, trained, caplog):
    with pytest.raises(ModelNotFound):
        await CachedEvalBackend(Forgetful(service), ledger).evaluate(trained, "task")
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    with caplog.at_level(logging.WARNING):
        assert await (await cached.train(data, "base")).wait() == trained
    assert "has been deleted since" in caplog.text
    assert len(service.jobs()) == 1
    again = await (await cached.train(data, "base", refresh=True)).wait()
    assert again != trained
    [record] = await ledger.records(kind="training")
    assert NOTE not in record.details


async def test_another_model_that_is_missing_is_not_blamed_on_it(ledger, service, trained):
    with pytest.raises(ModelNotFound, match=r"no model 'judge'\.$"):
        await CachedEvalBackend(Forgetful(service), ledger).evaluate(trained, "task", grader="judge")
    [record] = await ledger.records(kind="training")
    assert NOTE not in record.details


async def test_a_model_that_nobody_trained_here_is_an_error_as_it_is(ledger, service):
    with pytest.raises(ModelNotFound, match=r"no model 'gpt'\.$"):
        await CachedEvalBackend(Forgetful(service), ledger).evaluate("gpt", "task")
