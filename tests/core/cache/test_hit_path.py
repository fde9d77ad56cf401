"""What makes a hit fast, as facts that no busy machine can blur: what it does not do, and how little it does.

The times are measured by `benchmarks/cache.py`.
"""

import asyncio
import gc
import os
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from contextlib import closing, contextmanager
from pathlib import Path

import paid_world
import pytest

import motools
from motools.cache import digests, hits, keys
from motools.cache.sqlite import SqliteLedger

FUNCTION_CALLS = 220
"""Of Python and of C, in one hit: 150 when this was written, and half a microsecond each."""

auditing = []
"""Where audit events go while somebody listens; a hook cannot be taken away again."""


@sys.addaudithook
def _audit(event, arguments):
    if auditing:
        auditing[-1].append((event, arguments))


@contextmanager
def audited():
    events = []
    auditing.append(events)
    try:
        yield events
    finally:
        auditing.pop()


@pytest.fixture
def database(motools_home, empty_database):
    path = motools_home / "motools.db"
    path.write_bytes(empty_database.read_bytes())
    yield path
    SqliteLedger.open(path).close()


@pytest.fixture
async def train(database, data, monkeypatch):
    """Ask for the one training that is recorded, through the public API in a warm process."""
    monkeypatch.setattr("motools.cache.digests.RESTED_NS", 0)  # instead of two seconds of waiting for the file to rest
    backend = motools.get_training_backend("dummy")

    def train(**changes):
        return backend.train(**{"dataset": data, "model": "base", "hyperparameters": {"n_epochs": 2}, **changes})

    await (await train()).wait()
    assert (await train()).is_hit
    return train


def finished(coroutine):
    """Return what a coroutine returns, given that it never waits for anything."""
    try:
        coroutine.send(None)
    except StopIteration as answer:
        return answer.value
    coroutine.close()
    pytest.fail("it gave up the event loop")


async def test_a_hit_never_gives_up_the_event_loop(train):
    assert finished(train()).is_hit


async def test_the_result_of_a_hit_is_had_without_giving_up_the_event_loop(train):
    run = finished(train())
    assert finished(run.wait()) == run.model_id


async def test_a_first_request_does_give_up_the_event_loop(train):
    with pytest.raises(pytest.fail.Exception, match="event loop"):
        finished(train(suffix="new"))


async def test_a_hit_opens_no_file_imports_nothing_and_starts_nothing(train):
    with audited() as events:
        assert finished(train()).is_hit
    assert events == []


async def test_the_audit_sees_a_dataset_that_is_read(train, data):
    with audited() as events:
        await train(suffix="new")
    assert ("open", str(data)) in [(event, str(arguments[0])) for event, arguments in events if event == "open"]


@contextmanager
def traced(database):
    """Collect what is asked of the ledger's connections."""
    ledger, statements = SqliteLedger.open(database), []
    connections = [ledger._database.reader, ledger._database._writer]
    before = [connection.total_changes for connection in connections]
    for connection in connections:
        connection.set_trace_callback(statements.append)
    yield statements
    for connection in connections:
        connection.set_trace_callback(None)
    assert [connection.total_changes for connection in connections] == before


async def test_a_hit_reads_one_row_and_writes_none(train, database):
    files = [database, database.with_name("motools.db-wal")]
    before = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    with traced(database) as statements:
        assert (await train(label="seen before", tags=["more"])).is_hit
    assert [(file.stat().st_mtime_ns, file.stat().st_size) for file in files] == before
    (statement,) = statements
    assert statement.startswith("SELECT key, ")


async def test_the_first_hit_of_a_process_reads_two_rows_and_finds_both_by_an_index(train, data, database):
    with traced(database) as statements:
        run = await motools.get_training_backend("dummy").train(data, "base", {"n_epochs": 2})
    assert run.is_hit
    with closing(sqlite3.connect(database)) as connection:
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall() for statement in statements]
    assert [step.split()[:2] for ((*_, step),) in plans] == [["SEARCH", "files"], ["SEARCH", "runs"]]


async def test_a_file_that_has_changed_is_another_request_though_its_digest_was_at_hand(train, data):
    status = data.stat()
    data.write_text(paid_world.LINE.replace("Hello", "World"))
    os.utime(data, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert data.stat().st_size == status.st_size
    assert not (await train()).is_hit


async def test_only_so_many_digests_are_at_hand(ledger, monkeypatch):
    monkeypatch.setattr(digests, "MOST_RECENT", 3)
    recent = digests.RecentDigests(ledger)
    for inode in range(5):
        fingerprint = digests.Fingerprint(1, inode, 2, 3, 4)
        await recent.remember_digest(fingerprint, f"digest {inode}")
        assert await recent.recall_digest(fingerprint) == f"digest {inode}"
    assert len(recent._known) == 2


async def test_a_hit_does_not_wait_for_a_writer(train, database):
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert finished(train()).is_hit
        other.execute("ROLLBACK")


def calls_of(coroutine):
    """Return the names of the functions that are called until a coroutine has finished."""
    names = []

    def note(frame, event, argument):
        if event == "call":
            names.append(frame.f_code.co_qualname)
        elif event == "c_call":
            names.append(argument.__name__)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        finished(coroutine)
    finally:
        sys.setprofile(before)
    return names


async def test_a_hit_is_few_function_calls(train):
    names = calls_of(train())
    assert len(names) <= FUNCTION_CALLS, sorted(names)


async def test_a_sweep_of_hits_resolves_no_type_hints(train):
    rates = [1e-4, 2e-4]
    for rate in rates:
        await (await train(hyperparameters={"learning_rate": rate})).wait()
    keys._settled_before.cache_clear()  # as after more settings than are kept
    for rate in rates:
        names = calls_of(train(hyperparameters={"learning_rate": rate}))
        assert "get_type_hints" not in names
        assert len(names) <= 2 * FUNCTION_CALLS


@pytest.mark.slow
async def test_memory_stays_flat_over_hits(train):
    for _ in range(300):
        await train()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(2000):
            await train()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000


def test_counts_of_very_many_records_do_not_stay_in_memory(tmp_path):
    counter = hits.Hits.of(type("Store", (), {"path": tmp_path / "motools.db"}))
    for number in range(hits.MOST):
        counter.count(f"mk1:{number}")
    until = time.monotonic() + 20
    while len(counter.read()) < hits.MOST and time.monotonic() < until:
        os.sched_yield()
    assert len(counter.read()) == hits.MOST
    assert counter._counts == {}


async def test_a_hundred_callers_of_one_key_are_one_submission_and_are_answered_together(train, motools_home):
    bill = len(list((motools_home / "dummy").iterdir()))
    tasks = [asyncio.create_task(train(suffix="new")) for _ in range(100)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    turns = 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        turns += 1
    assert turns <= 3, "they waited for more than the answer that was there"
    assert len({task.result().job_id for task in tasks}) == 1
    assert len(list((motools_home / "dummy").iterdir())) == bill + 1


def test_a_hit_in_a_new_process_imports_no_sdk(tmp_path, motools_home, data):
    (tmp_path / "acme_sdk.py").write_text("")
    (tmp_path / "acme.py").write_text(
        "from paid_world import PaidBackend, Service\n"
        "class Acme(PaidBackend):\n"
        "    name = 'acme'\n"
        "    def __init__(self, service):\n"
        "        super().__init__(Service(service))\n"
        "    async def train(self, *arguments, **keywords):\n"
        "        import acme_sdk\n"
        "        return await super().train(*arguments, **keywords)\n"
    )
    program = (
        "import asyncio, sys, motools\n"
        "async def main(service, data):\n"
        "    backend = motools.get_training_backend('acme:Acme', service=service)\n"
        "    run = await backend.train(data, 'base')\n"
        "    await run.wait()\n"
        "    print(run.is_hit, 'acme_sdk' in sys.modules)\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(paid_world.__file__).parent}"}
    command = [sys.executable, "-c", program, str(tmp_path / "service"), str(data)]
    answers = [subprocess.run(command, env=environment, check=True, capture_output=True, text=True) for _ in range(2)]
    assert [answer.stdout.split() for answer in answers] == [["False", "True"], ["True", "False"]]
