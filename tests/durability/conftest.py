"""A paid service for all tests of a process, and a ledger and a dataset for each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from motools.cache.sqlite import SqliteLedger

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for paid_backend and the rest, which worker processes import as well

LINE = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}\n'


class Service:
    """The address of a running service, and what tests ask of it."""

    def __init__(self, url):
        self.url = url

    async def ask(self, method, path, body=None):
        from paid_backend import ask

        return await ask(self.url, method, path, body)

    async def paid(self, work):
        """Return the jobs that were paid for one piece of work."""
        return [job for job in await self.ask("GET", "/bill") if job["work"] == work]

    async def bill(self):
        """Return how often each piece of work was paid for."""
        return Counter(job["work"] for job in await self.ask("GET", "/bill"))

    async def befall(self, work, *faults):
        """Say what happens to the next submissions of a piece of work."""
        await self.ask("POST", "/faults", {"work": work, "faults": faults})


@pytest.fixture(scope="session")
def service():
    command = [sys.executable, str(HERE / "paid_service.py"), json.dumps({"lag": 0.05})]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Service(process.stdout.readline().strip())
        process.stdin.close()
        process.wait(timeout=30)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory whose files outlive processes; in memory where there is such a thing, since only a power cut would tell.

    Temporary files go there as well: each is synced, which takes longer on a disk than all that is tested here.
    """
    memory = Path("/dev/shm")  # noqa: S108 (a directory of our own is made in it)
    with tempfile.TemporaryDirectory(prefix="motools-durability-", dir=memory if memory.is_dir() else tmp_path) as name:
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


@pytest.fixture
def ledger(place):
    ledger = SqliteLedger(place / "motools.db")
    yield ledger
    ledger.close()


@pytest.fixture
def data(place):
    path = place / "train.jsonl"
    path.write_text(LINE, encoding="utf-8")
    return path
