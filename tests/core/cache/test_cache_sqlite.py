"""What is particular to the ledger in SQLite: its file."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

from motools.cache.base import Draft
from motools.cache.connection import file_system, refuse_network
from motools.cache.holder import is_gone, this_process
from motools.cache.schema import APPLICATION_ID, MIGRATIONS
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.cache.ticket import kept_alive
from motools.errors import CacheCorrupt, CacheError, TransitionRefused

DRAFT = Draft(key="mk1:aaaa0001", kind="training", backend="paid", account={}, model="base", spec={"n": 1})


async def paid(ledger):
    record = await ledger.claim(DRAFT, seconds=10)
    record = await ledger.move(record, State.SUBMITTING)
    record = await ledger.move(record, State.SUBMITTED, job_id="job", handle={}, handle_class="m:C")
    return await ledger.move(record, State.SUCCEEDED, model_id="model-of-job", results={"metrics": {"a": 1}})


async def test_the_files_are_for_their_owner_alone(tmp_path):
    ledger = SqliteLedger(tmp_path / "home" / "motools.db")
    await paid(ledger)
    assert stat.S_IMODE(ledger.path.parent.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in ledger.path.parent.iterdir()}
    assert modes == dict.fromkeys(["motools.db", "motools.db-wal", "motools.db-shm"], 0o600)
    ledger.close()


async def test_the_database_is_marked_durable_and_opened_again(ledger):
    await paid(ledger)
    writer = ledger._database._writer
    pragmas = {name: writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert writer.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    ledger.close()
    assert (await SqliteLedger(ledger.path).read(DRAFT.key)).model_id == "model-of-job"


def test_a_process_has_one_ledger_for_a_path(tmp_path):
    assert SqliteLedger.open(tmp_path / "a.db") is SqliteLedger.open(str(tmp_path / "b" / ".." / "a.db"))
    assert not list(tmp_path.iterdir())


async def test_transitions_are_kept_as_events(ledger):
    await paid(ledger)
    rows = ledger._database.reader.execute("SELECT previous, state FROM events ORDER BY id").fetchall()
    assert rows == [
        (None, "intent"),
        ("intent", "submitting"),
        ("submitting", "submitted"),
        ("submitted", "succeeded"),
    ]


@pytest.mark.parametrize(
    "more", [{}, {"kind": "training"}, {"backend": "paid"}, {"kind": "training", "backend": "paid"}]
)
async def test_what_is_under_way_is_found_among_all_that_has_ended_by_the_index_of_these_few(ledger, more):
    await paid(ledger)
    for number in (1, 2):
        await ledger.claim(replace(DRAFT, key=f"mk1:bbbb000{number}"), seconds=10)
    reader, statements = ledger._database.reader, []
    reader.set_trace_callback(statements.append)
    found = await ledger.records(state=[State.INTENT, State.RUNNING], **more)
    reader.set_trace_callback(None)
    assert [record.key for record in found] == ["mk1:bbbb0002", "mk1:bbbb0001"]
    plan = [step for *_, step in reader.execute(f"EXPLAIN QUERY PLAN {statements[0]}")]
    assert [step for step in plan if "runs_under_way" in step]
    assert not [step for step in plan if step == "SCAN runs" or "runs_by_age" in step]


async def test_a_result_is_not_set_over_work_that_is_under_way(ledger):
    await ledger.claim(DRAFT, seconds=10)
    with pytest.raises(TransitionRefused):
        await ledger.set_model_id(DRAFT.key, "model")


@pytest.mark.parametrize(
    ("was", "now"), [("model-of-job", "model-of-jab"), ('"a":1', '"a":2'), ("succeeded", "cancelled")]
)
async def test_a_flipped_bit_is_an_error_and_never_an_answer(ledger, was, now):
    await paid(ledger)
    writer = ledger._database._writer
    for damage in (
        "UPDATE runs SET model_id = replace(model_id, ?, ?)",
        "UPDATE runs SET results = replace(results, ?, ?)",
        "UPDATE runs SET state = replace(state, ?, ?)",
    ):
        writer.execute(damage, (was, now))
    with pytest.raises(CacheCorrupt, match=r"motools\.db is damaged: .* is not what was written"):
        await ledger.read(DRAFT.key)
    with pytest.raises(CacheCorrupt):
        await ledger.claim(DRAFT, seconds=10)


@pytest.mark.parametrize("damage", ["garbage", "truncated"])
async def test_a_torn_database_is_loud_and_says_what_to_do(ledger, damage):
    await paid(ledger)
    ledger.close()
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(b"not a database" * 1000 if damage == "garbage" else whole[: len(whole) // 3])
    with pytest.raises(CacheError) as caught:
        await SqliteLedger(ledger.path).claim(DRAFT, seconds=10)
    assert isinstance(caught.value, CacheCorrupt)
    assert str(ledger.path) in str(caught.value)
    assert "backup" in str(caught.value)


async def test_a_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "motools.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    with pytest.raises(CacheCorrupt, match="database of something else"):
        await SqliteLedger(path).read("mk1:x")


async def test_a_database_of_a_newer_motools_is_not_touched(ledger):
    await ledger.read("mk1:x")
    ledger._database._writer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    ledger.close()
    with pytest.raises(CacheError, match="pip install -U motools-core"):
        await SqliteLedger(ledger.path).read("mk1:x")


async def test_a_database_of_an_older_motools_is_brought_up_to_date_in_place(ledger, tmp_path):
    await paid(ledger)
    ledger.close()
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(MIGRATIONS[0])
        old.execute("ATTACH ? AS new", [str(ledger.path)])
        old.execute("INSERT INTO runs SELECT * FROM new.runs")
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute("PRAGMA user_version = 1")
        old.commit()
    later = SqliteLedger(path)
    assert (await later.read(DRAFT.key)).model_id == "model-of-job"
    assert later._database.reader.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    later.close()


async def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match=r"file/motools\.db: cannot be opened"):
        await SqliteLedger(tmp_path / "file" / "motools.db").read("mk1:x")


@pytest.mark.slow
def test_processes_that_make_the_database_together_do_not_disturb_each_other(tmp_path):
    code = (
        "import asyncio, sys; from motools.cache.sqlite import SqliteLedger;"
        "asyncio.run(SqliteLedger(sys.argv[1]).set_file_id('d', sys.argv[2], 'f'))"
    )
    path = tmp_path / "home" / "motools.db"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), str(number)]) for number in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM uploads").fetchone() == (4,)
    database.close()


async def test_reads_do_not_wait_for_a_writer_and_writes_of_one_process_queue(ledger):
    await paid(ledger)
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.create_task(ledger.set_file_id("d", "a", "f"))
    await asyncio.sleep(0.05)
    assert (await asyncio.wait_for(ledger.read(DRAFT.key), 1)).model_id == "model-of-job"
    assert not write.done()
    other.execute("ROLLBACK")
    other.close()
    await write


async def test_a_cancelled_writer_is_told_when_its_write_is_done(ledger):
    await ledger.read("mk1:x")
    write = asyncio.create_task(ledger.set_file_id("d", "a", "f"))
    await asyncio.sleep(0)
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write
    assert await ledger.get_file_id("d", "a") == "f"


def test_a_lease_of_a_dead_process_does_not_have_to_lapse(ledger):
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(ledger.claim(DRAFT, seconds=3600))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert asyncio.run(ledger.claim(DRAFT, seconds=10)).epoch == 2


@contextmanager
def claimed_in_a_child(ledger, seconds):
    """Let another process claim the work, and live on."""
    claimed, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(ledger.claim(DRAFT, seconds=seconds))
            os.write(tell, b".")
            signal.pause()
        finally:
            os._exit(0)
    try:
        assert os.read(claimed, 1) == b"."
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(claimed)
        os.close(tell)


def test_a_living_process_keeps_its_lease_however_late_it_is(ledger):
    tomorrow = SqliteLedger(ledger.path, clock=lambda: time.time() + 86400)
    with claimed_in_a_child(ledger, 10):
        assert asyncio.run(tomorrow.claim(DRAFT, seconds=10)) is None
    assert asyncio.run(tomorrow.claim(DRAFT, seconds=10)).epoch == 2
    tomorrow.close()


def test_a_stopped_process_loses_its_lease_when_it_lapses_and_not_before(ledger):
    tomorrow = SqliteLedger(ledger.path, clock=lambda: time.time() + 86400)
    with claimed_in_a_child(ledger, 3600) as child:
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        assert asyncio.run(ledger.claim(DRAFT, seconds=10)) is None
        assert asyncio.run(tomorrow.claim(DRAFT, seconds=10)).epoch == 2
    tomorrow.close()


async def test_what_another_loop_of_this_process_works_on_is_not_taken_over(ledger):
    begun, go_on = asyncio.Event(), threading.Event()
    here = asyncio.get_running_loop()

    async def work():
        own = SqliteLedger(ledger.path)
        async with kept_alive(own, await own.claim(DRAFT, seconds=60)):
            here.call_soon_threadsafe(begun.set)
            await asyncio.to_thread(go_on.wait)
        own.close()

    other = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(work())))
    await begun.wait()
    tomorrow = SqliteLedger(ledger.path, clock=lambda: time.time() + 86400)
    assert await tomorrow.claim(DRAFT, seconds=10) is None
    go_on.set()
    await other
    assert (await tomorrow.claim(DRAFT, seconds=10)).epoch == 2
    tomorrow.close()


def test_only_a_process_of_this_machine_can_be_known_to_be_gone():
    assert not is_gone(this_process())
    machine, _, process = this_process().rpartition("/")
    assert is_gone(f"{machine}/{process}0")
    assert not is_gone(f"another-{machine}/{process}0")
    assert not is_gone("")


def test_a_network_file_system_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mountinfo"
    lines = ["1 0 8:1 / / rw - ext4 /dev/root rw", f"2 1 0:5 / {tmp_path} rw - nfs4 server:/x rw"]
    mounts.write_text("\n".join(lines))
    assert file_system(tmp_path / "motools.db", mounts) == "nfs4"
    assert file_system(tmp_path.parent / "motools.db", mounts) == "ext4"
    monkeypatch.setattr("motools.cache.connection.file_system", lambda path: "nfs4")
    with pytest.raises(CacheError, match=r"network file system \(nfs4\).*MOTOOLS_HOME"):
        refuse_network(tmp_path / "motools.db")
