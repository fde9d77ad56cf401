"""Hits are counted without anybody waiting for it."""

import asyncio
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from paid_world import PaidBackend

from motools.cache import hits
from motools.cache.hits import Hits
from motools.cache.statistics import statistics
from motools.training.backends.cached import CachedTrainingBackend


@pytest.fixture
async def cached(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    await (await cached.train(data, "base")).wait()
    return cached


async def test_every_hit_counts_and_a_submission_does_not(cached, ledger, data):
    assert (await statistics(ledger)).saved == []
    for _ in range(3):
        await cached.train(data, "base")
    (saved,) = (await statistics(ledger)).saved
    assert (saved.kind, saved.backend, saved.hits) == ("training", "paid", 3)
    [record] = await ledger.records()
    assert saved.seconds == pytest.approx(3 * (record.updated_at - record.created_at))


async def test_a_hit_touches_no_file(cached, ledger, data):
    await cached.train(data, "base")
    own = Hits.of(ledger)
    assert not own.path.exists()
    own.flush()
    assert own.path.stat().st_mode & 0o777 == 0o600
    assert [count for count, _ in own.read().values()] == [1]


def test_the_counts_of_all_processes_are_added_up(tmp_path):
    own = Hits(tmp_path / "motools.db")
    for _ in range(2):
        own.count("mk1:a")
        own.flush()
    program = "import sys; from pathlib import Path; from motools.cache.hits import Hits\n"
    program += "h = Hits.of(type('S', (), {'path': Path(sys.argv[1])}))\nh.count('mk1:a'); h.count('mk1:b')"
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "motools.db")], check=True)
    assert {key: count for key, (count, _) in own.read().items()} == {"mk1:a": 3, "mk1:b": 1}


def test_they_are_written_down_while_the_process_goes_on(tmp_path):
    program = "import sys, time; from pathlib import Path; from motools.cache import hits\n"
    program += "hits.FLUSH_SECONDS = 0.05\nh = hits.Hits.of(type('S', (), {'path': Path(sys.argv[1])}))\n"
    program += "h.count('mk1:a'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(tmp_path / "motools.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        own, until = Hits(tmp_path / "motools.db"), time.monotonic() + 30
        while not own.read() and time.monotonic() < until:
            os.sched_yield()
        process.kill()
    assert own.read()["mk1:a"][0] == 1


def test_a_writer_that_holds_the_file_delays_nobody_and_the_counts_are_lost(tmp_path):
    own = Hits(tmp_path / "motools.db")
    own.count("mk1:a")
    own.flush()
    other = sqlite3.connect(own.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    own.count("mk1:a")
    began = time.monotonic()
    own.flush()
    assert time.monotonic() - began < 5 * hits.PATIENCE
    other.execute("ROLLBACK")
    other.close()
    assert own.read()["mk1:a"][0] == 1


def test_a_file_that_is_spoilt_is_begun_again(tmp_path):
    own = Hits(tmp_path / "motools.db")
    own.path.write_bytes(b"not a database, at all" * 100)
    assert own.read() == {}
    own.count("mk1:a")
    own.flush()
    own.count("mk1:a")
    own.flush()
    assert own.read()["mk1:a"][0] == 1


def test_a_place_that_cannot_be_written_is_no_trouble(tmp_path):
    own = Hits(tmp_path / "gone" / "motools.db")
    own.count("mk1:a")
    own.flush()
    assert own.read() == {}


def _child(own):
    own.count("mk1:a")
    own.flush()


def test_a_forked_child_does_not_count_its_parents_hits_again(tmp_path):
    own = Hits.of(type("Store", (), {"path": Path(tmp_path / "motools.db")}))
    own.count("mk1:a")
    process = multiprocessing.get_context("fork").Process(target=_child, args=(own,))
    process.start()
    process.join()
    own.flush()
    assert own.read()["mk1:a"][0] == 2


async def test_many_tasks_and_threads_lose_none(tmp_path):
    own = Hits(tmp_path / "motools.db")

    def hit():
        for _ in range(500):
            own.count("mk1:a")
            own.flush()

    await asyncio.gather(*(asyncio.to_thread(hit) for _ in range(2)))
    own.flush()
    assert 0 < own.read()["mk1:a"][0] <= 1000
