from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from motools.detached import WorkDirectory
from motools.errors import CacheCorrupt


@pytest.fixture(autouse=True)
def _worker_module(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a work directory; workers that are left at the end are killed."""
    made = []

    def make(name="work", **spec):
        work = WorkDirectory.create(tmp_path / "works" / name, spec={"steps": 1} | spec, module="scripted_worker")
        made.append(work)
        return work

    yield make
    for work in made:
        with contextlib.suppress(FileNotFoundError, CacheCorrupt):
            work._signal(signal.SIGKILL)


@pytest.fixture
def small_disk(tmp_path):
    """Return a directory on a file system of two megabytes."""
    directory = tmp_path / "disk"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no device: this user may not mount a small disk")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture
def until():
    async def until(condition):
        async with asyncio.timeout(20):
            while not (found := condition()):  # noqa: ASYNC110  (it happens in another process)
                await asyncio.sleep(0.01)
        return found

    return until


@pytest.fixture
def kill(until):
    async def kill(work):
        pid = await until(lambda: work.status().pid)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: work.status().state == "interrupted")
        return pid

    return kill
