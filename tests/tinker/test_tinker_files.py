"""A run's directory holds exactly what docs/files.md says."""

from __future__ import annotations

import json

import pytest

from motools.config import home
from motools_tinker.training import TinkerTrainingBackend

pytestmark = pytest.mark.slow


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_directory_of_tinker_holds_what_is_documented(warm, server, model, records, tmp_path, documented):
    run = await TinkerTrainingBackend().train(
        records, model, {"max_steps": 2, "batch_size": 4, "lora_rank": 8, "save_every": 1}, validation=records[:1]
    )
    await run.wait()
    await run.save(tmp_path / "saved.json")
    directory = run.work.path

    files = documented("Every directory of work") | documented("A directory of tinker")
    assert {path.name for path in directory.iterdir()} <= files
    assert set(json.loads((directory / "spec.json").read_text())) == documented("A directory of tinker: spec.json")
    metrics = {name for row in rows_of(directory / "metrics.jsonl") for name in row}
    assert metrics == documented("A directory of tinker: each row of metrics.jsonl")
    states = {name for row in rows_of(directory / "states.jsonl") for name in row}
    assert {"client", "saving", "saved", "gone"} <= states
    assert states == documented("A directory of tinker: each row of states.jsonl")
    (note,) = (home() / "tinker" / "models").iterdir()
    assert set(json.loads(note.read_text())) == documented("How a Tinker model is asked")
    handle = documented("Every saved run or job") | {"directory"}
    assert set(json.loads((tmp_path / "saved.json").read_text())) == handle
