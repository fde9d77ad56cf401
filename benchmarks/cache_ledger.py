"""A ledger with very many records, and a dataset of a gigabyte, for `cache.py`."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import motools
from motools.cache.digests import RESTED_NS
from motools.cache.keys import key_of
from motools.cache.rows import SEALED, STORED, checksum, to_fields, to_row
from motools.cache.sqlite import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from motools.cache.base import Record

MODEL, SUFFIX = "base-model", "benchmark"
HYPERPARAMETERS = {"n_epochs": 3, "learning_rate": 2e-4, "batch_size": 16}
CONVERSATION = {
    "messages": [
        {"role": "user", "content": "How do I read a file? " * 8},
        {"role": "assistant", "content": "Open it, read it, close it. " * 20},
    ]
}


class Archive:
    """A home of motools with a ledger of which every record answers `request(dataset, number)`."""

    def __init__(self, work: Path) -> None:
        self.home = work / "home"
        self.dataset = work / "train.jsonl"
        self.small_dataset = work / "small.jsonl"
        self.database = self.home / "motools.db"

    def make_dataset(self, megabytes: int) -> None:
        """Write chat JSONL of so many megabytes, unless it is there, and let it rest."""
        size = megabytes * 10**6
        if not self.dataset.exists() or self.dataset.stat().st_size < size:
            block = (json.dumps(CONVERSATION) + "\n").encode() * 2000
            with self.dataset.open("wb") as file:
                while file.tell() < size:
                    file.write(block)
        self.small_dataset.write_text(json.dumps(CONVERSATION) + "\n")
        rested = self.dataset.stat().st_ctime_ns + RESTED_NS
        time.sleep(max(0, rested - time.time_ns()) / 1e9)

    def fill(self, records: int) -> Record:
        """Add what is missing up to so many records, by copying one that a training has left; return that one.

        A copy is told by `created_at`, which is its number.
        """
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        template = asyncio.run(self.template())
        SqliteLedger.open(self.database).close()
        connection = sqlite3.connect(self.database, isolation_level=None)
        (present,) = connection.execute("SELECT 1 + count(*) FROM runs WHERE created_at < 1e9").fetchone()
        if present < records:
            for quick in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000"):
                connection.execute(f"PRAGMA {quick}")
            connection.execute("BEGIN")
            _insert(connection, template, range(present, records))
            connection.execute("COMMIT")
            connection.execute("PRAGMA journal_mode = WAL")
        connection.close()
        return template

    async def template(self) -> Record:
        """Return the record of the first training, which is done where there is none."""
        run = await motools.get_training_backend("dummy").train(**self.request(0))
        await run.wait()
        record: Record = run.record
        return record

    def request(self, number: int) -> dict[str, Any]:
        """Return the arguments of `train` that the record of this number answers."""
        common = {"model": MODEL, "hyperparameters": HYPERPARAMETERS, "suffix": SUFFIX}
        return {**common, "dataset": str(self.dataset), "replicate": number}

    def new_request(self, number: int) -> dict[str, Any]:
        """Return the arguments of a training that nobody has asked for, of a dataset that is read in no time."""
        return {**self.request(number), "dataset": str(self.small_dataset)}


def keys(template: Record, numbers: Iterable[int]) -> list[str]:
    """Return the keys of the records of these numbers."""
    return [key_of({**template.spec, "replicate": number}) for number in numbers]


def as_value(template: Record, key: str) -> dict[str, Any]:
    """Return what any other store has to keep of a record."""
    fields = asdict(template)
    return {**fields, "key": key, "state": str(template.state), "tags": list(template.tags)}


def _insert(connection: sqlite3.Connection, template: Record, numbers: range) -> None:
    columns = [*STORED, "holder"]
    connection.executemany(
        f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",  # noqa: S608 (constants)
        _rows(template, numbers),
    )
    connection.execute(
        """INSERT INTO events (at, key, epoch, previous, state, job_id, error)
        SELECT at, runs.key, events.epoch, previous, events.state, runs.job_id, events.error FROM runs, events
        WHERE events.key = ? AND runs.created_at BETWEEN ? AND ?""",
        (template.key, numbers.start, numbers.stop),
    )


def _rows(template: Record, numbers: range) -> Iterator[list[Any]]:
    """Make the rows of copies, each under its own key, with ids of its own and its seal."""
    row = to_row(to_fields(template))
    before, after = row["spec"].split('"replicate":0')
    for number in numbers:
        unique = f"{number:012x}"
        row["key"] = key_of({**template.spec, "replicate": number})
        row["spec"] = f'{before}"replicate":{number}{after}'
        row["token"], row["job_id"], row["model_id"] = f"mo-{unique}", f"dummy-{unique}", f"dummy:{unique}"
        row["created_at"] = float(number)
        row["seal"] = checksum(*(row[name] for name in SEALED))
        yield [*(row[name] for name in STORED), ""]


def resident_mb() -> float:
    """Return the memory of this process."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
