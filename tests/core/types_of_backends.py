"""Not run but read by mypy: what a type checker knows of backends."""

from __future__ import annotations

from typing import Any, assert_type

import motools
from motools.evals.backends import CachedEvalJob, DummyEvalBackend, EvalResults
from motools.training.backends import DummyTrainingBackend, TrainingRun


async def official_names() -> None:
    assert_type(motools.get_backend("openai"), motools.TrainingBackend)
    assert_type(motools.get_backend("tinker", cache=None), motools.TrainingBackend)
    assert_type(motools.get_backend("local", middleware=["cache"], device="cpu"), motools.TrainingBackend)
    assert_type(motools.get_backend("inspect"), motools.EvalBackend)
    assert_type(await motools.get_backend("openai").train("data.jsonl", model="gpt"), TrainingRun)
    assert_type(await (await motools.get_backend("inspect").evaluate("model", "task")).wait(), EvalResults)


def other_names(name: str) -> None:
    assert_type(motools.get_backend("dummy", kind="training"), motools.TrainingBackend)
    assert_type(motools.get_backend("dummy", kind="eval"), motools.EvalBackend)
    assert_type(motools.get_backend(DummyTrainingBackend), motools.TrainingBackend)
    assert_type(motools.get_backend(DummyEvalBackend), motools.EvalBackend)
    assert_type(motools.get_backend(name), Any)
    assert_type(motools.get_training_backend(name), motools.TrainingBackend)
    assert_type(motools.get_eval_backend("acme", cache="sqlite"), motools.EvalBackend)


def listing() -> None:
    assert_type(motools.list_backends(kind="eval"), list[motools.BackendInfo])


def handles(job: CachedEvalJob) -> None:
    assert_type(job.job_id, str)
