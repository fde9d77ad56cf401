"""`motools cache gc`: what nobody needs goes, after it has been shown, and a record never does."""

import asyncio
import os
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from motools.cache.cleaning import clean
from motools.cache.sqlite import SqliteLedger
from motools.detached import WorkDirectory, WorkState, WorkStatus

OLD = time.time() - 90 * 86400


@pytest.fixture
def retried(cli, chat):
    """A training that failed, was tried again, and succeeded the third time."""
    train = ["train", chat, "-b", "dummy", "--model", "m"]
    cli(*train, "-o", "fail=x")
    cli(*train, "-o", "fail=y", "--retry-failed")
    cli(*train, "--retry-failed")
    cli(*train, "--refresh")
    return train


@pytest.fixture
def work(motools_home):
    """Make a directory of detached work that was last touched long ago."""

    def make(name, state, at=OLD):
        made = WorkDirectory.create(motools_home / "local" / "runs" / name, spec={}, module="none")
        made.write_status(WorkStatus(state=state, attempt=1))
        os.utime(made.path / "status.json", (at, at))
        return made.path

    return make


def found(cli, *more):
    return {(each["what"], each["goes"]): each for each in cli.json("cache", "gc", *more)["found"]}


def test_nothing_is_touched_until_that_is_asked_for(cli, retried, work):
    gone = work("gone", WorkState.FAILED)
    before = cli.json("cache", "stats")["attempts"]
    done = cli("cache", "gc", "--days", "0")
    assert "--apply removes what goes" in done.stderr
    assert str(gone) in done.stdout
    assert gone.exists()
    assert cli.json("cache", "stats")["attempts"] == before == 3


def test_earlier_attempts_go_unless_they_are_recent_or_had_a_result(cli, retried):
    assert ("earlier attempts", True) not in found(cli)
    looked = found(cli, "--days", "0")
    assert looked["earlier attempts", True]["number"] == 2
    assert looked["earlier attempts", False]["number"] == 1
    assert cli("cache", "gc", "--days", "0", "--apply").stderr.strip() == "Removed."
    assert cli.json("cache", "stats")["attempts"] == 1
    assert ("earlier attempts", True) not in found(cli, "--days", "0")
    assert cli.json(*retried)["recorded"]


def test_of_directories_only_those_go_that_no_record_names_and_that_have_no_result(cli, chat, work, motools_home):
    gone = [work(name, state) for name, state in [("failed", WorkState.FAILED), ("cancelled", WorkState.CANCELLED)]]
    kept = [
        work("with-result", WorkState.SUCCEEDED),
        work("recent", WorkState.FAILED, at=time.time()),
        work("named", WorkState.FAILED),
        work("path", WorkState.FAILED),
    ]
    lock = os.open(work("alive", WorkState.RUNNING) / "lock", os.O_RDWR)
    import fcntl

    fcntl.flock(lock, fcntl.LOCK_EX)
    kept.append(motools_home / "local" / "runs" / "alive")
    cli("eval", "-b", "dummy", str(kept[3] / "model"), "task")
    cli("eval", "-b", "dummy", "named", "task")
    looked = found(cli)
    assert sorted(looked["directories", True]["paths"]) == sorted(map(str, gone))
    why = " ".join(each["why"] for each in cli.json("cache", "gc")["found"] if not each["goes"])
    for reason in ("a record names them", "they are recent", "somebody works there", "they have a result"):
        assert reason in why
    cli("cache", "gc", "--apply")
    os.close(lock)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_the_directory_of_an_earlier_attempt_is_named_by_it(cli, chat, work, motools_home):
    cli("train", chat, "-b", "dummy", "--model", "m", "--label", "x")
    job = cli.json("runs")[0]["job_id"]
    cli("train", chat, "-b", "dummy", "--model", "m", "--refresh")
    assert cli.json("runs")[0]["job_id"] != job
    work(job, WorkState.FAILED)
    assert ("directories", True) not in found(cli)


@pytest.mark.slow
def test_digests_of_files_that_were_never_trained_on_go(cli, chat):
    time.sleep(2.1)  # a digest is remembered only of a file that has rested
    other = Path("other.jsonl")
    other.write_text(chat.read_text() * 2)
    time.sleep(2.1)
    cli("train", chat, "-b", "dummy", "--model", "m")
    cli("cache", "why", other, "-b", "dummy", "--model", "m")
    assert found(cli)["digests of files", True]["number"] == 1
    cli("cache", "gc", "--apply")
    assert cli.json("cache", "stats")["digests"] == 1


def test_in_another_place_than_home_directories_are_left_alone(cli, chat, work, tmp_path):
    work("failed", WorkState.FAILED)
    done = cli("cache", "gc", "--apply", MOTOOLS_CACHE=f"sqlite://{tmp_path / 'lab.db'}")
    assert "Directories are not looked at" in done.stderr
    assert Path(os.environ["MOTOOLS_HOME"], "local/runs/failed").exists()


def test_nothing_to_remove_is_said_so(cli):
    assert cli("cache", "gc").stderr.strip() == "There is nothing to remove."
    assert "--days" in cli.refused("cache", "gc", "--days", "-1")


@contextmanager
def others_at_work(home, failed, elsewhere):
    """Other processes: one that saves handles for a moment, one that cleans as well."""
    ended = threading.Event()

    def save_for_a_moment():
        while not ended.is_set():
            with tempfile.TemporaryDirectory(prefix=".saved-", dir=home):
                pass

    def clean_too():
        shutil.move(failed, elsewhere)
        while not ended.is_set():
            place = shutil.copytree(elsewhere, elsewhere.with_name("copy")).rename(failed)
            shutil.rmtree(place, ignore_errors=True)

    threads = [threading.Thread(target=each) for each in (save_for_a_moment, clean_too)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        ended.set()
        for each in threads:
            each.join()


def test_what_others_make_and_remove_meanwhile_stops_no_cleaning(motools_home, work, tmp_path):
    kept, failed = work("kept", WorkState.SUCCEEDED), work("failed", WorkState.FAILED)
    ledger = SqliteLedger.open(motools_home / "cache.db")

    async def cleaned():
        return [await clean(ledger, motools_home, before=OLD + 1, apply=True) for _ in range(200)]

    with others_at_work(motools_home, failed, tmp_path / "failed"):
        looked = asyncio.run(cleaned())
    assert all(kept in [path for each in found for path in each.paths] for found in looked)
    ledger.close()
