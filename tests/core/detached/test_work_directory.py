# ruff: noqa: ASYNC220, ASYNC221, ASYNC222  (a test has the loop to itself)
"""What the asking side sees of detached work: real worker processes, killed and cancelled at every point."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from motools.detached import WorkDirectory, WorkState, keep_rows, lock, read_rows
from motools.detached.memory import out_of_memory_kills
from motools.errors import CacheCorrupt, MotoolsError
from motools.status import RunStatus

pytestmark = pytest.mark.slow


async def test_work_is_done_by_another_process_and_its_result_is_kept(make):
    work = make(steps=3, what="cake")
    assert work.status().state == "queued"
    status = await work.wait()
    assert status.state == "succeeded"
    assert status.result["what"] == "cake"
    assert status.result["pid"] not in {None, os.getpid()}
    assert (status.step, status.total, status.loss) == (3, 3, pytest.approx(1 / 3))
    assert status.progress.step == 3
    assert work.log_path.read_text().splitlines() == ["step 1", "step 2", "step 3"]


async def test_whoever_waits_sees_each_status_on_the_way(make):
    work, seen, held = make(steps=2, at={"2": "hold"}), [], asyncio.Event()

    def see(status):
        seen.append(status)
        if status.step == 2:
            held.set()

    waiting = asyncio.create_task(work.wait(seen=see))
    async with asyncio.timeout(60):
        await held.wait()
        (work.path / "go").touch()
        assert await waiting is seen[-1]
    assert [status.step for status in seen] == sorted(status.step for status in seen)
    assert {str(status.state) for status in seen} >= {"running", "succeeded"}


async def test_everything_in_the_directory_is_for_its_owner_alone(make):
    work = make(steps=1)
    await work.wait()
    assert work.path.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in work.path.iterdir() if path.name != "done"}
    assert set(modes.values()) == {0o600}, modes


def test_the_first_to_create_a_directory_wins(make, tmp_path):
    first, second = make(what="first"), make(what="second")
    assert first.path == second.path
    assert second.spec["what"] == "first"


def test_of_many_that_create_one_directory_at_once_one_wins(tmp_path):
    barrier = threading.Barrier(8)

    def create(number):
        barrier.wait()
        return WorkDirectory.create(tmp_path / "work", spec={"by": number}, module="scripted_worker").spec["by"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(create, range(8)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_directory_that_cannot_be_prepared_is_not_there(tmp_path):
    def prepare(directory):
        (directory / "data").write_text("half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        WorkDirectory.create(tmp_path / "works" / "one", spec={}, module="scripted_worker", prepare=prepare)
    assert list((tmp_path / "works").iterdir()) == []


def test_what_is_prepared_is_there_when_the_directory_is(tmp_path):
    def prepare(directory):
        (directory / "data").write_text("all of it")

    work = WorkDirectory.create(tmp_path / "one", spec={}, module="scripted_worker", prepare=prepare)
    assert (work.path / "data").read_text() == "all of it"


async def test_of_many_that_start_one_worker_one_does(make):
    work = make(steps=1, at={"1": "hold"})
    started = await asyncio.gather(*[asyncio.to_thread(work.start) for _ in range(6)])
    assert started.count(True) == 1
    (work.path / "go").touch()
    assert (await work.wait()).attempt == 1


async def test_a_fork_of_who_has_the_lock_lets_go_of_it(tmp_path, until):
    path = tmp_path / "lock"
    descriptor = lock.acquire(path)
    child = os.fork()
    if child == 0:
        signal.pause()
    try:
        lock.release(descriptor)
        async with asyncio.timeout(20):
            await until(lambda: not lock.is_held(path))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


async def test_the_lock_is_held_from_the_start_on_without_a_gap(make, until):
    work = make(steps=1, at={"1": "hold"})
    assert work.start()
    # From here on somebody holds it: at first the starter's child, which has not even imported anything yet.
    for _ in range(200):
        assert lock.is_held(work.path / "lock")
        assert work.status().state in {WorkState.QUEUED, WorkState.RUNNING}
    await until(lambda: work.status().state == "running")
    assert lock.is_held(work.path / "lock")
    (work.path / "go").touch()
    assert (await work.wait()).state == "succeeded"


async def test_the_work_goes_on_when_its_starter_is_gone(make, until):
    work = make(steps=3, at={"2": "hold"})
    code = (
        "import sys; from motools.detached import WorkDirectory;"
        "WorkDirectory(sys.argv[1], module='scripted_worker').start()"
    )
    subprocess.run([sys.executable, "-c", code, str(work.path)], check=True)
    await until(lambda: work.status().step == 2)
    (work.path / "go").touch()
    status = await work.wait()
    assert (status.state, status.attempt) == (WorkState.SUCCEEDED, 1)


async def test_killed_work_is_interrupted_and_goes_on_when_it_is_waited_for(make, until, kill):
    work = make(steps=3, at={"2": "hold"})
    work.start()
    await until(lambda: work.status().step == 2)
    await kill(work)
    status = work.status()
    assert status.state.run_status == RunStatus.QUEUED
    assert status.progress.message == "interrupted at step 2: it goes on when it is waited for"
    (work.path / "go").touch()
    status = await work.wait()
    assert (status.state, status.attempt, status.step) == (WorkState.SUCCEEDED, 2, 3)
    # The first attempt had done one step; the second went on from there.
    assert work.log_path.read_text().splitlines() == ["step 1", "step 2", "step 3"]


async def test_a_worker_that_dies_while_it_is_waited_for_is_followed_by_another(make):
    status = await make(steps=3, at={"2": "die once"}).wait()
    assert (status.state, status.attempt) == (WorkState.SUCCEEDED, 2)


async def test_a_worker_that_dies_again_and_again_at_one_step_fails_in_words(make):
    work = make(steps=3, at={"2": "die"})
    status = await work.wait()
    assert status.state == "failed"
    assert status.error == (
        f"The worker died 4 times at step 2 without a word. Its log, {work.log_path}, ends with: step 1"
    )
    assert not work.start()


async def test_work_whose_workers_all_end_before_they_begin_fails_in_words(tmp_path):
    work = WorkDirectory.create(tmp_path / "work", spec={}, module="no_such_module")
    status = await work.wait()
    assert (status.step, status.attempt) == (0, 10)
    assert str(status.error).startswith(
        f"The worker ended 10 times before it had begun. Its log, {work.log_path}, ends"
    )


async def test_a_worker_that_never_began_was_not_ended_for_what_it_takes_and_is_no_death_of_the_work(make):
    work = make(steps=1)
    work.write_status(
        dataclasses.replace(work._stored(), attempt=3, fruitless=2, memory_kills=out_of_memory_kills() - 1)
    )
    status = await work.wait()
    assert (status.state, status.attempt) == ("succeeded", 4)


def test_only_the_owner_can_look_into_what_is_made(make, tmp_path):
    work = make("deep/work")
    for directory in (work.path, work.path.parent, tmp_path / "works"):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in work.path.iterdir()} == {0o600}


@pytest.mark.parametrize("deed", ["leave a child behind", "leave a fork behind"])
async def test_a_child_that_outlives_the_worker_does_not_make_it_look_alive(make, until, deed):
    work = make(steps=3, at={"2": deed})
    work.start()
    async with asyncio.timeout(20):  # the child lives for longer
        await until(lambda: work.status().state == "interrupted")


async def test_a_worker_that_the_system_ends_for_lack_of_memory_fails_in_words(make, until, kill):
    work = make(steps=3, at={"2": "hold"})
    work.start()
    await until(lambda: work.status().step == 2)
    await kill(work)
    # As if the system's counter had been one lower when the worker was started.
    work.write_status(dataclasses.replace(work._stored(), memory_kills=out_of_memory_kills() - 1))
    status = await work.wait()
    assert status.state == "failed"
    assert "lack of memory at step 2" in status.error
    assert "batch_size" in status.error


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        ("run out of memory", "Out of memory. Make the work smaller"),
        ("write to a full disk", "The disk is full."),
        ("run out of quota", "The disk is full at /data/weights."),
        ("fail", "ValueError: the numbers do not add up"),
    ],
)
async def test_what_ends_the_work_is_told_in_words(make, deed, sentence):
    work = make(steps=2, at={"2": deed})
    status = await work.wait()
    assert (status.state, status.step) == (WorkState.FAILED, 2)
    assert status.error.startswith(sentence)
    assert "Traceback" in work.log_path.read_text()


async def test_on_a_full_disk_there_is_room_for_the_last_word(small_disk):
    work = WorkDirectory.create(
        small_disk / "work", spec={"steps": 2, "at": {"2": "fill the disk"}}, module="scripted_worker"
    )
    async with asyncio.timeout(20):
        status = await work.wait()
    assert (status.state, status.attempt) == (WorkState.FAILED, 1)
    assert status.error == "The disk is full. Free some space and ask again."


async def test_ended_work_is_not_done_again(make):
    work = make(steps=2)
    before = await work.wait()
    assert not work.start()
    command = [sys.executable, "-m", "scripted_worker", str(work.path)]
    assert subprocess.run(command, check=False).returncode == 3
    assert work.status() == before


async def test_a_second_worker_is_refused(make, until):
    work = make(steps=2, at={"1": "hold"})
    work.start()
    await until(lambda: work.status().state == "running")
    command = [sys.executable, "-m", "scripted_worker", str(work.path)]
    assert subprocess.run(command, check=False).returncode == 3
    (work.path / "go").touch()
    assert (await work.wait()).attempt == 1


async def test_a_status_left_by_a_dead_attempt_does_not_speak_for_the_next(make, until, kill):
    work = make(steps=2, at={"1": "hold"})
    work.start()
    await until(lambda: work.status().step == 1)
    pid = await kill(work)
    work.start()
    status = work.status()
    assert status.attempt == 2
    assert status.pid != pid
    assert status.state in {WorkState.QUEUED, WorkState.RUNNING}
    await work.cancel()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no device: /proc")
async def test_a_zombie_is_dead(make, until):
    work = make(steps=2, at={"1": "hold"})
    # A starter that stands still reaps nobody: its dead child keeps its number, and nothing else.
    code = (
        "import os, signal, sys; from motools.detached import WorkDirectory;"
        "WorkDirectory(sys.argv[1], module='scripted_worker').start(); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(work.path)]) as starter:
        pid = await until(lambda: work.status().pid)
        await until(lambda: Path(f"/proc/{starter.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: work.status().state == "interrupted")
        os.kill(pid, 0)
        starter.kill()


async def test_living_work_is_cancelled(make, until):
    work = make(steps=2, at={"1": "hold"})
    work.start()
    await until(lambda: work.status().step == 1)
    await work.cancel()
    status = await work.wait()
    assert (status.state, status.step, status.error) == (WorkState.CANCELLED, 1, None)
    assert not work.start()


async def test_work_that_nobody_does_is_cancelled_at_once(make, until, kill):
    never_started = make("never")
    await never_started.cancel()
    assert never_started.status().state == "cancelled"
    interrupted = make("interrupted", steps=2, at={"1": "hold"})
    interrupted.start()
    await kill(interrupted)
    await interrupted.cancel()
    assert (await interrupted.wait()).state == "cancelled"


async def test_work_is_cancelled_while_its_worker_is_still_being_imported(make):
    work = make(steps=2, at={"1": "hold"})
    work.start()
    await work.cancel()
    assert work.status().state == "cancelled"


async def test_a_worker_that_does_not_stop_is_killed_with_what_it_has_started(make, until):
    work = make(steps=2, at={"1": "be deaf"})
    work.start()
    await until(lambda: lock.is_held(work.path / "child"))
    async with asyncio.timeout(20):
        await work.cancel(grace=0.2)
        assert work.status().state == "cancelled"
        await until(lambda: not lock.is_held(work.path / "child"))


async def test_cancelling_ended_work_changes_nothing(make):
    work = make(steps=1)
    before = await work.wait()
    await work.cancel()
    assert work.status() == before
    assert not (work.path / "cancel").exists()


async def test_a_worker_that_saves_nothing_is_cancelled_at_any_moment(make, until):
    work = make(steps=2, at={"1": "hold without listening"})
    work.start()
    await until(lambda: work.status().step == 1)
    async with asyncio.timeout(10):
        await work.cancel()
    assert work.status().state == "cancelled"


async def test_a_worker_that_the_system_stops_leaves_work_to_go_on_with(make, until):
    work = make(steps=2, at={"2": "hold"})
    work.start()
    await until(lambda: work.status().step == 2)
    os.kill(work.status().pid, signal.SIGTERM)
    await until(lambda: work.status().state == "interrupted")
    assert work.last_words() == "stopped by a signal; the work goes on when it is waited for"
    (work.path / "go").touch()
    assert (await work.wait()).state == "succeeded"


async def test_cancelling_the_wait_leaves_the_work_alone(make, until):
    work = make(steps=2, at={"1": "hold"})
    waiter = asyncio.create_task(work.wait())
    await until(lambda: work.status().step == 1)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert work.status().state == "running"
    (work.path / "go").touch()
    assert (await work.wait()).state == "succeeded"


async def test_work_of_another_machine_is_refused_unless_it_has_ended(make, until, kill):
    work = make(steps=2, at={"1": "hold"})
    work.start()
    await kill(work)
    work.write_status(dataclasses.replace(work._stored(), host="elsewhere"))
    with pytest.raises(MotoolsError, match="the work is done on elsewhere"):
        work.status()
    work.write_status(dataclasses.replace(work._stored(), state=WorkState.SUCCEEDED))
    assert work.status().host == "elsewhere" != socket.gethostname()


def test_a_torn_status_is_a_loud_error(make):
    work = make()
    (work.path / "status.json").write_text('{"state": "run')
    with pytest.raises(CacheCorrupt, match=r"status\.json: is not JSON"):
        work.status()


def test_a_status_of_a_newer_version_is_read_for_what_is_known(make):
    work = make()
    fields = json.loads((work.path / "status.json").read_text())
    (work.path / "status.json").write_text(json.dumps(fields | {"temperature": 451}))
    assert work.status().state == "queued"


async def test_work_that_cannot_go_on_says_why_and_goes_on_when_that_is_mended(make):
    work = make(steps=3, at={"2": "need something"})
    for _ in range(4):  # more often than it may die
        status = await work.wait()
        assert status.state == "interrupted"
        assert status.state.run_status == RunStatus.QUEUED
        assert status.progress.message == "interrupted at step 2: There is no something. Bring it, and wait again."
        assert work.last_words() == "There is no something. Bring it, and wait again."
    (work.path / "something").touch()
    status = await work.wait()
    assert (status.state, status.error) == ("succeeded", None)


async def test_work_that_cannot_go_on_can_be_cancelled(make):
    work = make(steps=3, at={"2": "need something"})
    await work.wait()
    await work.cancel()
    assert work.status().state == "cancelled"


def test_rows_are_read_and_cut_without_those_that_are_half_written(make):
    work = make()
    path = work.path / "rows.jsonl"
    assert read_rows(path) == keep_rows(path, bool) == []
    for step in range(1, 5):
        work.append_row("rows.jsonl", {"step": step})
    with path.open("a") as file:
        file.write('{"step": 5, "lo')
    assert [row["step"] for row in read_rows(path)] == [1, 2, 3, 4]
    assert keep_rows(path, lambda row: row["step"] <= 2) == read_rows(path) == [{"step": 1}, {"step": 2}]
    work.append_row("rows.jsonl", {"step": 3})
    assert [row["step"] for row in read_rows(path)] == [1, 2, 3]
