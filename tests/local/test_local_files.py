"""A run's directory holds exactly what docs/files.md says."""

from __future__ import annotations

import json

import pytest

from motools_local.training import LocalTrainingBackend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_a_directory_of_local_holds_what_is_documented(warm, tiny, records, tmp_path, documented):
    run = await LocalTrainingBackend().train(
        records, str(tiny), {"max_steps": 2, "batch_size": 2}, validation=records[:1]
    )
    await run.wait()
    await run.save(tmp_path / "saved.json")
    directory = run.work.path

    files = documented("Every directory of work") | documented("A directory of local")
    assert {path.name for path in directory.iterdir()} <= files
    assert set(json.loads((directory / "spec.json").read_text())) == documented("A directory of local: spec.json")
    assert set(json.loads((directory / "status.json").read_text())) == documented(
        "Every directory of work: status.json"
    )
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    assert {name for row in rows for name in row} == documented("A directory of local: each row of metrics.jsonl")
    note = json.loads((directory / "model" / "motools.json").read_text())
    assert set(note) == documented("A directory of local: motools.json beside the model")
    handle = documented("Every saved run or job") | {"directory"}
    assert set(json.loads((tmp_path / "saved.json").read_text())) == handle
