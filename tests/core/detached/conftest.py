from __future__ import annotations

import contextlib
import os
import signal
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
def kill(until):
    async def kill(work):
        pid = await until(lambda: work.status().pid)
        os.kill(pid, signal.SIGKILL)
        await until(lambda: work.status().state == "interrupted")
        return pid

    return kill
