"""A ledger, a dataset and a paid service of its own for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for paid_world, which worker processes import as well

import paid_world

from motools.cache.sqlite import SqliteLedger


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database with its tables: making one costs more syncs to disk than most tests."""
    path = tmp_path_factory.mktemp("template") / "motools.db"
    ledger = SqliteLedger(path)
    asyncio.run(ledger.read("mk1:none"))
    ledger.close()
    return path


@pytest.fixture
def ledger(tmp_path, empty_database):
    path = tmp_path / "motools.db"
    shutil.copy(empty_database, path)
    ledger = SqliteLedger(path)
    yield ledger
    ledger.close()


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text(paid_world.LINE)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    return path


@pytest.fixture
def service(tmp_path):
    return paid_world.Service(tmp_path / "service")


@pytest.fixture
def events():
    """A list of what was told, and under `notify` the listener that fills it."""

    class Events(list):
        async def notify(self, event):
            self.append(str(event.happened))

    return Events()
