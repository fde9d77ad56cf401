"""`motools cache verify`: what was written is what is read, and what is wrong is named."""

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from motools.cache.sqlite import SqliteLedger


@pytest.fixture
def ledger_path(cli, chat, motools_home):
    cli("train", chat, "-b", "dummy", "--model", "m", "--label", "first")
    cli("eval", "-b", "dummy", "m", "task")
    return motools_home / "motools.db"


def change(path, statement, *values):
    """Change the database behind everybody's back."""
    SqliteLedger.open(path).close()
    connection = sqlite3.connect(path)
    assert connection.execute(statement, values).rowcount > 0
    connection.commit()
    connection.close()


def findings(cli, *more):
    done = cli("cache", "verify", *more)
    assert done.returncode == 1, done.stderr
    return done.stdout.strip()


def test_a_sound_record_is_said_to_be_sound(cli, ledger_path):
    done = cli("cache", "verify")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.strip() == f"{ledger_path}: 2 records checked, nothing is wrong."
    assert cli.json("cache", "verify") == {"path": str(ledger_path), "records": 2, "findings": []}


def test_an_empty_record_is_sound(cli):
    assert cli.json("cache", "verify")["records"] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET model_id = 'another' WHERE kind = 'training'",
        "UPDATE runs SET results = '{}' WHERE kind = 'eval'",
        "UPDATE runs SET spec = '{' WHERE kind = 'training'",
        "UPDATE runs SET state = 'finished' WHERE kind = 'training'",
    ],
)
def test_a_record_that_is_not_what_was_written_is_named(cli, ledger_path, statement):
    keys = {row["kind"]: row["key"] for row in cli.json("runs")}
    change(ledger_path, statement)
    told = findings(cli)
    assert told.startswith(keys["eval" if "eval" in statement else "training"])
    assert "is not what was written" in told
    assert len(told.splitlines()) == 1


def test_a_key_that_is_not_that_of_its_request_is_named(cli, ledger_path):
    """With a seal that fits: as a faulty program would write it."""
    from motools.cache.rows import SELECT, to_fields, to_record, to_row

    connection = sqlite3.connect(ledger_path)
    row = connection.execute(f"{SELECT} WHERE kind = 'training'").fetchone()
    connection.close()
    fields = to_fields(to_record(row))
    fields["spec"] = fields["spec"] | {"replicate": 7}
    changed = to_row(fields)
    change(
        ledger_path, "UPDATE runs SET spec = ?, seal = ? WHERE key = ?", changed["spec"], changed["seal"], fields["key"]
    )
    assert "its key is not that of its request" in findings(cli)


def test_a_run_that_cannot_be_followed_here_is_named(cli, chat):
    Path("followed_here.py").write_text(
        "from motools.training.backends.dummy import *\n\n"
        "class MyRun(DummyTrainingRun): pass\n\n"
        "class MyBackend(DummyTrainingBackend):\n    name = 'mine'\n    run_type = MyRun\n"
        "    def _run(self, service, job):\n        run = MyRun(service, job.job_id)\n        run.take(job)\n"
        "        return run\n"
    )
    Path("motools.toml").write_text('[plugins.backends]\nmine = "followed_here:MyBackend"\n')
    submitted = cli("train", chat, "-b", "mine", "--model", "m", "-o", "duration=600", "--no-wait")
    assert submitted.returncode == 0, submitted.stderr
    assert cli("cache", "verify").returncode == 0
    Path("motools.toml").unlink()
    told = findings(cli, "--debug")
    assert "cannot be followed here" in told
    assert "'mine'" in told


@pytest.mark.slow
def test_a_remembered_digest_that_was_changed_is_named(cli, chat, motools_home):
    an_hour_ago = time.time() - 3600
    os.utime(chat, (an_hour_ago, an_hour_ago))
    time.sleep(2.1)  # a digest is remembered only of a file that has rested
    cli("train", chat, "-b", "dummy", "--model", "m")
    assert cli("cache", "verify", "--data", chat).returncode == 0
    change(motools_home / "motools.db", "UPDATE files SET digest = 'x'")
    assert "digest of file" in findings(cli)


@pytest.mark.slow
def test_a_remembered_digest_of_other_content_is_named(cli, chat, motools_home):
    from motools.cache.rows import checksum

    an_hour_ago = time.time() - 3600
    os.utime(chat, (an_hour_ago, an_hour_ago))
    time.sleep(2.1)  # a digest is remembered only of a file that has rested
    cli("train", chat, "-b", "dummy", "--model", "m")
    path = motools_home / "motools.db"
    SqliteLedger.open(path).close()
    connection = sqlite3.connect(path)
    *fingerprint, _, _ = connection.execute("SELECT * FROM files").fetchone()
    connection.close()
    change(path, "UPDATE files SET digest = 'x', seal = ?", checksum(*fingerprint, "x"))
    assert cli("cache", "verify").returncode == 0
    assert "remembered is x" in findings(cli, "--data", chat)


def test_a_file_that_is_no_database_is_one_sentence(cli, ledger_path):
    SqliteLedger.open(ledger_path).close()
    for ending in ("-wal", "-shm"):
        ledger_path.with_name(ledger_path.name + ending).unlink(missing_ok=True)
    ledger_path.write_bytes(b"nothing of the kind " * 1000)
    assert "is damaged" in cli.refused("cache", "verify", status=1)


def test_a_page_that_was_overwritten_is_named(cli, ledger_path):
    SqliteLedger.open(ledger_path).close()
    content = bytearray(ledger_path.read_bytes())
    content[-4096:] = os.urandom(4096)
    ledger_path.write_bytes(content)
    done = cli("cache", "verify")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_model_that_is_gone_is_noted_told_and_trained_again_only_when_asked(
    cli, shell, chat, ledger_path, motools_home
):
    train = ["train", chat, "-b", "dummy", "--model", "m"]
    assert cli("cache", "verify", "--models").returncode == 0
    job = cli.json(*train)["job_id"]
    place = motools_home / "dummy" / f"{job}.json"
    shutil.move(place, "kept.json")
    told = findings(cli, "--models")
    assert "is gone. It was trained on 20" in told
    assert "--refresh" in told
    again = shell(*train)
    assert again.returncode == 0
    assert "has been deleted since" in again.stderr
    shutil.move("kept.json", place)
    assert cli("cache", "verify", "--models").returncode == 0
    assert "deleted" not in shell(*train).stderr
    place.unlink()
    findings(cli, "--models")
    assert cli.json(*train, "--refresh")["job_id"] != job
    assert "deleted" not in shell(*train).stderr


def test_a_backend_that_cannot_be_asked_for_models_is_told(cli, chat, ledger_path, tmp_path):
    cli("train", chat, "-b", "dummy", "--model", "m", "-o", f"service={tmp_path / 'elsewhere'}")
    assert "could not be asked" in findings(cli, "--models")
