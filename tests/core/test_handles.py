"""Saved runs and jobs find their way back to their class."""

from __future__ import annotations

import json

import pytest

import motools
from motools import EvalResults, read_handle
from motools.errors import BackendNotFound, HandleError
from motools.evals.backends.dummy import DummyEvalBackend, DummyEvalJob
from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingRun

RECORDS = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]


@pytest.fixture
async def saved(tmp_path):
    """Save a finished run, and return its file."""
    run = await DummyTrainingBackend().train(RECORDS, "base")
    await run.wait()
    await run.save(tmp_path / "run.json")
    return tmp_path / "run.json"


def change(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


async def test_a_run_is_loaded_by_whichever_backend_it_belongs_to(saved):
    run = await motools.load_run(saved)
    assert isinstance(run, DummyTrainingRun)
    assert await run.wait() == run.model_id


async def test_a_job_is_loaded_by_whichever_backend_it_belongs_to(tmp_path):
    job = await DummyEvalBackend().evaluate("model", "task")
    await job.save(tmp_path / "job.json")
    loaded = await motools.load_job(tmp_path / "job.json")
    assert isinstance(loaded, DummyEvalJob)
    assert (await loaded.wait()).metrics == (await job.wait()).metrics


async def test_the_envelope_is_as_documented(saved):
    fields = await read_handle(saved)
    assert list(fields)[:7] == ["schema", "kind", "backend", "job_id", "model_id", "status", "metadata"]
    assert (fields["schema"], fields["kind"], fields["backend"], fields["status"]) == (
        1,
        "training",
        "dummy",
        "succeeded",
    )


async def test_a_run_is_no_job(saved):
    with pytest.raises(HandleError, match="holds a handle of kind 'training', not 'eval'"):
        await motools.load_job(saved)


async def test_a_handle_of_a_newer_motools_says_what_to_upgrade(saved):
    change(saved, schema=2)
    with pytest.raises(HandleError, match=r"has schema 2, this motools reads 1\. Upgrade motools-core"):
        await motools.load_run(saved)


async def test_a_handle_of_a_backend_that_is_not_installed_says_so(saved):
    change(saved, backend="acme")
    with pytest.raises(BackendNotFound, match="acme"):
        await motools.load_run(saved)


@pytest.mark.parametrize("fields", [{"status": "paused"}, {"service": None}])
async def test_a_handle_that_was_tampered_with_is_refused(saved, fields):
    change(saved, **fields)
    with pytest.raises(HandleError, match=r"run\.json"):
        await DummyTrainingRun.load(saved)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"backend": ["a"]}, r"'backend' must be a string, not \['a'\]"),
        ({"kind": 5}, "'kind' must be a string, not 5"),
        ({"job_id": None}, "'job_id' must be a string, not None"),
        ({"model_id": 5}, "'model_id' must be a string or null, not 5"),
        ({"status": 5}, "'status' must be a string, not 5"),
        ({"metadata": 7}, "'metadata' must be an object, not 7"),
    ],
)
async def test_a_field_of_a_wrong_type_is_named(saved, fields, said):
    change(saved, **fields)
    with pytest.raises(HandleError, match=rf"run\.json: {said}"):
        await motools.load_run(saved)


async def test_results_that_are_none_are_refused(tmp_path):
    (tmp_path / "results.json").write_text('{"model_id": "m"}')
    with pytest.raises(HandleError, match="lacks metrics"):
        await EvalResults.load(tmp_path / "results.json")
