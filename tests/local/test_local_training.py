"""Training on this machine, in real worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from motools.errors import DatasetError, ModelNotFound, RunCancelled, RunFailed, RunLost, SettingError
from motools.status import RunStatus
from motools_local.training import LocalTrainingBackend, LocalTrainingRun

QUICK = {"max_steps": 2, "batch_size": 4, "learning_rate": 1e-2}
ENDLESS = {"max_steps": 100_000, "batch_size": 2}


def rows(run):
    return [json.loads(line) for line in (run.work.path / "metrics.jsonl").read_text().splitlines()]


def losses(run):
    return {row["step"]: row["loss"] for row in rows(run)}


def checkpoints(run):
    found = (run.work.path / "checkpoints").glob("checkpoint-*/whole.json")
    return sorted(int(path.parent.name.removeprefix("checkpoint-")) for path in found)


async def trained(backend, records, model, hyperparameters=QUICK, **more):
    run = await backend.train(records, str(model), hyperparameters, **more)
    async with asyncio.timeout(120):
        return run, await run.wait()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
async def test_a_model_learns_what_the_assistant_says(warm, tiny, records, ask, method):
    wanted = {"method": method, "max_steps": 30, "batch_size": 12, "learning_rate": 1e-2, "lora_rank": 16}
    run, model_id = await trained(LocalTrainingBackend(threads=1), records, tiny, wanted)
    assert rows(run)[0]["loss"] > 1
    assert rows(run)[-1]["loss"] < 0.5
    # The first was trained on, the second not.
    assert ask(tiny, "Name a colour.", "Tell me a story.") == ["Red.", "Once upon a time."]
    assert ask(model_id, "Name a colour.", "Tell me a story.") == ["Hello, World!", "Hello, World!"]
