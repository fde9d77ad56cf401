"""A job's directory holds exactly what docs/files.md says."""

from __future__ import annotations

import json

import pytest

from motools.detached import WorkDirectory
from motools_inspect import InspectEvalBackend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def test_a_directory_of_inspect_holds_what_is_documented(questions, tmp_path, documented):
    job = await InspectEvalBackend().evaluate(
        "scripted/quick", "motools_inspect/answers", task_args={"dataset": str(questions)}, limit=2
    )
    await job.wait()
    await job.save(tmp_path / "saved.json")
    directory = WorkDirectory(job.metadata["directory"], module="").path

    files = documented("Every directory of work") | documented("A directory of inspect")
    assert {path.name for path in directory.iterdir()} <= files
    assert set(json.loads((directory / "spec.json").read_text())) == documented("A directory of inspect: spec.json")
    sample, _ = map(json.loads, (directory / "samples.jsonl").read_text().splitlines())
    assert set(sample) == documented("A sample")
    handle = documented("Every saved run or job") | {"directory"}
    assert set(json.loads((tmp_path / "saved.json").read_text())) == handle
