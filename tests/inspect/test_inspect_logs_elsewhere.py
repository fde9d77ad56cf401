"""Logs in a store of objects, which other processes and other machines read."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from motools_inspect import InspectEvalBackend, InspectEvalJob

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
SERVER = Path(__file__).with_name("objects_server.py")


@pytest.fixture
def store(monkeypatch):
    """Run the store, and lead whoever uses S3 to it."""
    with subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True) as process:
        monkeypatch.setenv("AWS_ENDPOINT_URL", process.stdout.readline().strip())
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "canary-key")
        yield "s3://logs/evaluations"
        process.kill()


async def test_a_job_whose_logs_are_in_a_store_of_objects_resumes_from_there_and_they_are_found_there(
    store, tmp_path, motools_home
):
    calls = tmp_path / "calls"
    backend = InspectEvalBackend(log_dir=store)
    job = await backend.evaluate(
        "scripted/slow",
        "scripted/shouting",
        task_args={"words": 6},
        max_connections=2,
        log_buffer=1,
        model_args={"calls": str(calls)},
    )
    async with asyncio.timeout(90):
        while (await job.refresh()) or job.progress.step < 4:
            assert not job.status.is_terminal, job.metadata
            await asyncio.sleep(0.05)
    psutil.Process(job._work.status().pid).kill()
    results = await job.wait()
    assert [sample["id"] for sample in results.samples] == [f"word{number}" for number in range(6)]
    assert len(calls.read_text().splitlines()) <= 6 + 2
    (log,) = results.metadata["logs"]
    assert log.startswith(f"{store}/{job.job_id}/")
    # Another process that has the handle alone finds them as well.
    await job.save(tmp_path / "job.json")
    again = await InspectEvalJob.load(tmp_path / "job.json")
    assert log in again.get_log_paths()
    kept = "".join(path.read_text(errors="replace") for path in motools_home.rglob("*") if path.is_file())
    assert "canary-key" not in kept
