"""A process that is killed at any point of a submission leaves one job, which the next one finds."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from submitting_process import cached_at

MODEL = "gpt-4.1-nano-2025-04-14"
PROCESS = Path(__file__).parent / "submitting_process.py"

POINTS = {
    "while the file is uploaded": ("POST", "/files", "stall_before_accepting", "POST /files"),
    "when the file has been uploaded": ("POST", "/files", "stall_after_accepting", "POST /files"),
    "before the job is accepted": ("POST", "/fine_tuning/jobs", "stall_before_accepting", "POST /fine_tuning/jobs"),
    "when the job has been accepted": ("POST", "/fine_tuning/jobs", "stall_after_accepting", "POST /fine_tuning/jobs"),
    "and the job is accepted after that": ("POST", "/fine_tuning/jobs", "accept_late", "POST /fine_tuning/jobs"),
    "while it waits": ("GET", "/fine_tuning/jobs/*", "stall_before_accepting", "GET /fine_tuning/jobs/{id}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_process_that_is_killed_leaves_one_job(service, data, tmp_path, motools_home, monkeypatch, point):
    monkeypatch.setenv("OPENAI_API_KEY", service.key)
    method, path, fault, request = POINTS[point]
    service.set(speed=20)
    service.fault(method, path, fault, seconds=2.0 if fault == "accept_late" else 60.0)
    ledger = str(tmp_path / "ledger.db")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROCESS), service.base_url, ledger, str(data), MODEL
    )
    async with asyncio.timeout(60):
        while not service.requests()[request]:  # noqa: ASYNC110 (it is another process's count)
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL
    service.mend()
    backend = cached_at(service.base_url, ledger)
    run = await backend.train(data, MODEL)
    assert await run.wait()
    assert [job["id"] for job in service.bill()] == [run.job_id]
    await backend.aclose()
