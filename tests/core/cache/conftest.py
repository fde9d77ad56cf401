"""A ledger, a dataset and a paid service of its own for each test."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for paid_world, which worker processes import as well

from motools.cache.sqlite import SqliteLedger

LINE = '{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}\n'


@pytest.fixture
def ledger(tmp_path):
    ledger = SqliteLedger(tmp_path / "home" / "motools.db")
    yield ledger
    ledger.close()


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(LINE)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    return path


@pytest.fixture
def service(tmp_path):
    from paid_world import Service

    return Service(tmp_path / "service")


@pytest.fixture
def events():
    """A list of what was told, and under `notify` the listener that fills it."""

    class Events(list):
        async def notify(self, event):
            self.append(str(event.happened))

    return Events()
