"""`motools adopt`: what was paid for before there was a record becomes a part of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def paid_before(cli, chat, motools_home):
    """Submit with no record, in the words of `motools train`, and return the job's id."""

    def submit(*more):
        done = cli("train", chat, "-b", "dummy", "--model", "m", "--no-cache", "--no-wait", *more)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return submit


def bill(motools_home):
    return list((motools_home / "dummy").glob("dummy-*.json"))


@pytest.mark.slow
def test_with_its_data_and_settings_it_becomes_a_hit_in_every_process(shell, chat, paid_before, motools_home):
    job = paid_before("-p", "n_epochs=3", "--suffix", "organism")
    request = ["--model", "m", "-p", "n_epochs=3", "--suffix", "organism"]
    adopted = shell("adopt", "-b", "dummy", job, "--data", chat, *request, "--label", "old")
    assert adopted.returncode == 0, adopted.stderr
    assert f"{job} is recorded as " in adopted.stderr
    assert "answered by it from now on" in adopted.stderr
    trained = shell.json("train", chat, "-b", "dummy", *request)
    assert trained["recorded"]
    assert (trained["job_id"], trained["model_id"]) == (job, adopted.stdout.strip())
    assert shell.json("runs", "--label", "old")[0]["key"] == trained["key"]
    assert len(bill(motools_home)) == 1


def test_without_them_it_is_listed_and_waited_for_and_no_request_finds_it(cli, chat, paid_before, motools_home):
    job = paid_before("-o", "duration=0.3")
    adopted = cli.json("adopt", "-b", "dummy", job)
    assert not adopted["is_hit"]
    assert adopted["state"] in {"found", "running"}
    assert adopted["model"] == "m"
    assert cli("runs", "wait", job).stdout.startswith("dummy:m:")
    assert not cli.json("train", chat, "-b", "dummy", "--model", "m")["recorded"]
    assert len(bill(motools_home)) == 2


def test_what_it_was_trained_on_can_be_said_later(cli, chat, paid_before):
    job = paid_before()
    bare = cli.json("adopt", "-b", "dummy", job, "--tag", "a")
    known = cli.json("adopt", "-b", "dummy", job, "--data", chat, "--model", "m")
    assert known["is_hit"]
    assert known["key"] != bare["key"]
    assert [row["key"] for row in cli.json("runs")] == [known["key"]]


def test_adopting_twice_changes_nothing(cli, chat, paid_before):
    arguments = ["adopt", "-b", "dummy", paid_before(), "--data", chat, "--model", "m"]
    assert cli.json(*arguments) == cli.json(*arguments)


def test_what_contradicts_the_service_is_refused(cli, chat, paid_before, tmp_path):
    job = paid_before("-p", "n_epochs=3")
    adopt = ["adopt", "-b", "dummy", job, "--data"]
    other = tmp_path / "other.jsonl"
    other.write_text(chat.read_text() * 2)
    assert "has model 'm', not 'x'" in cli.refused(*adopt, chat, "--model", "x", "-p", "n_epochs=3")
    assert "has n_epochs 3, not 1" in cli.refused(*adopt, chat, "--model", "m")
    assert "has suffix None, not 'y'" in cli.refused(*adopt, chat, "--model", "m", "-p", "n_epochs=3", "--suffix", "y")
    assert "has dataset " in cli.refused(*adopt, other, "--model", "m", "-p", "n_epochs=3")
    assert cli.json("runs") == []


def test_a_request_that_has_an_answer_keeps_it(cli, chat, paid_before):
    first = cli.json("train", chat, "-b", "dummy", "--model", "m")
    job = paid_before()
    adopt = ["adopt", "-b", "dummy", job, "--data", chat, "--model", "m"]
    assert f"answered already by {first['job_id']!r}" in cli.refused(*adopt)
    assert cli.json(*adopt, "--replicate", "1")["job_id"] == job
    assert f"The run {job!r} of backend 'dummy' is recorded already" in cli.refused("adopt", "-b", "dummy", job)


def test_a_failed_run_is_adopted_as_failed(cli, chat, paid_before):
    job = paid_before("-o", "fail=out of memory")
    done = cli("adopt", "-b", "dummy", job, "--data", chat, "--model", "m")
    assert done.returncode == 0
    assert "failed" in done.stderr
    assert "out of memory" in done.stderr
    assert cli.json("runs")[0]["state"] == "failed"


def test_an_unsettled_submission_is_settled_by_adopting_what_it_came_to(cli, chat, motools_home):
    cli("train", chat, "-b", "dummy", "--model", "m", "-o", "submission=uncertain")
    (job,) = bill(motools_home)
    assert cli.json("adopt", "-b", "dummy", job.stem, "--data", chat, "--model", "m")["state"] == "succeeded"
    assert len(cli.json("runs")) == 1


def test_an_evaluation_is_adopted_too(cli):
    done = cli("eval", "-b", "dummy", "m", "task", "-p", "limit=3", "--no-cache", "--save", "job.json")
    job = json.loads(Path("job.json").read_text())["job_id"]
    adopted = cli.json("adopt", "-b", "dummy", job, "--model", "m", "--task", "task", "-p", "limit=3")
    assert (adopted["kind"], adopted["state"]) == ("eval", "succeeded")
    again = cli("eval", "-b", "dummy", "m", "task", "-p", "limit=3")
    assert again.stdout == done.stdout
    assert "A recorded result" in again.stderr


@pytest.mark.slow
def test_it_is_for_use_from_python_as_well(paid_before, chat, motools_home):
    program = f"""
import asyncio, motools
async def main():
    backend = motools.get_training_backend("dummy")
    run = await backend.adopt({paid_before()!r}, "chat.jsonl", "m")
    assert (await backend.train("chat.jsonl", "m")).job_id == run.job_id
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert len(bill(motools_home)) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["dummy-000000000000"], 1, "does not know the job 'dummy-000000000000'"),
        (["../../etc/passwd"], 2, "is not the id of a job"),
        (["dummy-0", "--data", "chat.jsonl"], 2, "dataset and model, or with neither"),
        (["dummy-0", "--model", "m", "--data", "none.jsonl"], 2, "none.jsonl"),
        (["dummy-0", "-p", "n_epochs=2"], 2, "dataset and model, or with neither"),
        (["dummy-0", "--task", "t", "--kind", "training"], 2, "--task is of an evaluation"),
        (["dummy-0", "--kind", "eval", "--data", "x"], 2, "--data and --suffix are of a training"),
        (["dummy-0", "--task", "t"], 2, "model and tasks, or with neither"),
        (["dummy-0", "-o", "cache=x"], 2, "is no option of a backend"),
    ],
)
def test_what_cannot_be_adopted_is_one_sentence(cli, chat, arguments, status, sentence):
    assert sentence in cli.refused("adopt", "-b", "dummy", *arguments, status=status)


def test_without_a_record_there_is_nothing_to_adopt_into(cli, paid_before):
    sentence = cli.refused("adopt", "-b", "dummy", paid_before(), MOTOOLS_CACHE="none")
    assert "without a record of paid work" in sentence


def test_a_backend_that_cannot_is_named(cli):
    Path("without_adopt.py").write_text(
        "import motools\n\nclass Plain(motools.TrainingBackend):\n    async def train(self, *a, **k): ...\n"
    )
    Path("motools.toml").write_text('[plugins.backends]\nplain = "without_adopt:Plain"\n')
    assert "The backend 'plain' cannot take over" in cli.refused("adopt", "-b", "plain", "run-1")
