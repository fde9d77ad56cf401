"""`motools recover` and `motools runs resolve`: after a crash the record is put right, and nothing is paid twice."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # most of these start several processes

BLIND = '''
"""A backend that cannot look for anything: its jobs are files of the directory `service`."""

import json, os, time
from pathlib import Path
from uuid import uuid4

from motools import Capability, TrainingBackend, TrainingRun, read_handle, write_handle

SERVICE = Path(__file__).parent / "service"


class BlindRun(TrainingRun):
    def __init__(self, job_id):
        self.job_id = job_id
        self.is_interrupted = (SERVICE / "interrupted").exists()

    async def wait(self):
        return f"model-of-{self.job_id}"

    async def is_complete(self):
        return self.status == "succeeded"

    async def refresh(self):
        if (SERVICE / "lost").exists():
            from motools.errors import RunLost
            raise RunLost(f"The service knows no {self.job_id}.")
        self.status = "running" if self.is_interrupted else "succeeded"

    async def resume(self):
        is_new = self.is_interrupted and not (SERVICE / "resumed").exists()
        (SERVICE / "resumed").touch()
        return is_new

    async def cancel(self):
        pass

    async def save(self, path):
        await write_handle(path, self, backend="blind")

    @classmethod
    async def load(cls, path):
        return cls((await read_handle(path))["job_id"])


class BlindBackend(TrainingBackend):
    run_type = BlindRun

    def __init__(self, *, dies=False, region="here"):
        self.dies, self.region = dies, region

    def account(self):
        return {"region": self.region}

    async def train(self, dataset, model, hyperparameters=None, suffix=None):
        SERVICE.mkdir(exist_ok=True)
        job_id = f"job-{uuid4().hex[:6]}"
        (SERVICE / f"{job_id}.json").write_text("{}")
        if self.dies:
            os.kill(os.getpid(), 9)
        return BlindRun(job_id)
'''


@pytest.fixture
def blind(motools_home):
    """The backend "blind", in the working directory; a list of its bill is what is returned."""
    Path("blind.py").write_text(BLIND)
    Path("motools.toml").write_text('[plugins.backends]\nblind = "blind:BlindBackend"\n')
    return lambda: sorted(path.stem for path in Path("service").glob("job-*.json"))


@pytest.fixture
def killed(shell, chat, blind):
    """The row of a training whose process was killed while it was submitting."""
    done = shell("train", chat, "-b", "blind", "--model", "m", "-o", "dies=true")
    assert done.returncode == -signal.SIGKILL
    (row,) = shell.json("runs")
    assert row["state"] == "submitting"
    return row


def rows(done):
    return json.loads(done.stdout)


def test_nothing_to_recover_is_said_so(shell):
    done = shell("recover")
    assert done.returncode == 0
    assert done.stderr.strip() == "There is nothing to recover: whatever is recorded has ended."
    assert shell.json("recover") == []


def test_a_lost_answer_is_found_at_the_service_and_recorded(shell, chat, motools_home):
    train = ["train", chat, "-b", "dummy", "--model", "m"]
    assert "did not answer" in shell.refused(*train, "-o", "submission=uncertain", status=1)
    (row,) = shell.json("recover")
    assert (row["before"], row["outcome"], row["state"]) == ("uncertain", "found", "succeeded")
    again = shell.json(*train)
    assert again["recorded"]
    assert again["job_id"] == row["job_id"]
    assert len(list((motools_home / "dummy").glob("dummy-*.json"))) == 1


def test_what_was_proved_not_to_be_there_begins_again(shell, chat, motools_home):
    train = ["train", chat, "-b", "dummy", "--model", "m"]
    shell.refused(*train, "-o", "submission=uncertain", status=1)
    for job in (motools_home / "dummy").glob("dummy-*.json"):
        job.unlink()
    (row,) = shell.json("recover")
    assert (row["outcome"], row["state"]) == ("not_submitted", "absent")
    assert not shell.json(*train)["recorded"]


def test_work_is_looked_for_only_in_the_account_that_it_was_submitted_to(shell, chat, tmp_path):
    elsewhere = f"service={tmp_path / 'elsewhere'}"
    train = ["train", chat, "-b", "dummy", "--model", "m", "-o", elsewhere]
    shell.refused(*train, "-o", "submission=uncertain", status=1)
    done = shell("recover")
    assert done.returncode == 1
    assert "for the account {'service'" in done.stderr
    assert "uncertain  uncertain  not asked" in done.stdout
    (row,) = shell.json("recover", "-b", "dummy", "-o", elsewhere)
    assert row["outcome"] == "found"


def test_an_alias_in_the_configuration_leads_to_the_account(shell, chat, tmp_path):
    text = f'[backends.there]\nuse = "dummy"\nservice = "{tmp_path / "there"}"\n'
    Path("motools.toml").write_text(text)
    shell.refused("train", chat, "-b", "there", "--model", "m", "-o", "submission=uncertain", status=1)
    assert shell.json("recover")[0]["outcome"] == "found"


def test_a_live_run_that_ended_meanwhile_is_written_down(shell, chat):
    shell("train", chat, "-b", "dummy", "--model", "m", "-o", "duration=0.01", "--no-wait")
    shell("train", chat, "-b", "dummy", "--model", "m", "-o", "duration=600", "--no-wait", "--replicate", "2")
    found = {row["state"]: row["outcome"] for row in shell.json("recover")}
    assert found == {"succeeded": "ended", "running": "live"}


def test_a_killed_submission_that_nobody_can_look_for_needs_a_person_who_settles_it(shell, chat, blind, killed):
    done = shell("recover")
    assert done.returncode == 1
    line = f"motools runs resolve {killed['key'][:16]} --submitted ID"
    assert line in done.stderr
    assert "`--not-submitted`" in done.stderr
    assert "submitting  needs_human  needs person" in done.stdout
    assert rows(shell("recover", "--json"))[0]["outcome"] == "needs_person"
    (job,) = blind()
    said = shell("runs", "resolve", killed["key"][:16], "--submitted", job)
    assert said.returncode == 0, said.stderr
    assert f"{job} is what was submitted." in said.stderr
    trained = shell.json("train", chat, "-b", "blind", "--model", "m")
    assert trained["model_id"] == f"model-of-{job}"
    assert blind() == [job]


def test_a_person_may_say_that_nothing_was_submitted(shell, chat, blind, killed):
    row = shell.json("runs", "resolve", killed["key"][:16], "--not-submitted")
    assert row["state"] == "absent"
    assert shell.json("train", chat, "-b", "blind", "--model", "m")["state"] == "succeeded"
    assert len(blind()) == 2
    assert "nothing to settle" in shell.refused("runs", "resolve", killed["key"][:16], "--submitted", "x", status=1)


def test_an_id_that_the_service_does_not_know_is_refused(shell, chat, motools_home):
    shell.refused("train", chat, "-b", "dummy", "--model", "m", "-o", "submission=uncertain", status=1)
    key = shell.json("runs")[0]["key"]
    sentence = shell.refused("runs", "resolve", key, "--submitted", "dummy-000000000000")
    assert "does not know the job 'dummy-000000000000'" in sentence
    assert sentence.endswith("The record stays as it is.")
    assert shell.json("runs")[0]["state"] == "uncertain"


def test_interrupted_work_of_this_machine_goes_on(shell, chat, blind):
    Path("service").mkdir()
    Path("service/interrupted").touch()
    shell("train", chat, "-b", "blind", "--model", "m", "--no-wait")
    assert shell.json("recover")[0]["outcome"] == "resumed"
    assert shell.json("recover")[0]["outcome"] == "live"


def test_a_run_that_the_service_has_lost_needs_a_person_who_gives_it_up(shell, chat, blind):
    Path("service").mkdir()
    Path("service/interrupted").touch()
    row = shell.json("train", chat, "-b", "blind", "--model", "m", "--no-wait")
    Path("service/lost").touch()
    done = shell("recover")
    assert done.returncode == 1
    assert f"`motools runs resolve {row['key'][:16]} --not-submitted`" in done.stderr
    assert shell("runs", "resolve", row["key"][:16], "--not-submitted").stderr.strip() == "It was given up."
    assert shell("recover").returncode == 0


def test_a_plugin_that_is_gone_keeps_nobody_from_the_others(shell, chat, blind, killed):
    shell("train", chat, "-b", "dummy", "--model", "m", "-o", "submission=uncertain")
    Path("motools.toml").unlink()
    done = shell("recover", "--json")
    assert done.returncode == 1
    assert {row["backend"]: row["outcome"] for row in rows(done)} == {"blind": "not_asked", "dummy": "found"}


def test_requests_for_which_nothing_was_paid_are_no_trouble(shell, chat):
    shell("train", chat, "-b", "dummy", "--model", "m", "-o", "submission=rejected")
    done = shell("recover")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "1 more: nothing was submitted" in done.stderr


def test_two_recoveries_at_once_do_no_harm(shell, chat, motools_home):
    shell.refused("train", chat, "-b", "dummy", "--model", "m", "-o", "submission=uncertain", status=1)
    command = [sys.executable, "-m", "motools", "recover", "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) for _ in range(2)]
    done = [row for each in both for row in json.loads(each.communicate()[0])]  # the later one may find nothing to do
    outcomes = {row["outcome"] for row in done}
    assert outcomes <= {"found", "busy", "ended", "live"}
    assert shell.json("runs")[0]["state"] == "succeeded"
    assert len(list((motools_home / "dummy").glob("dummy-*.json"))) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["recover", "nothing"], "No run or job is recorded under 'nothing'."),
        (["recover", "-o", "a=1"], "say which: -b NAME"),
        (["runs", "resolve", "nothing", "--not-submitted"], "No run or job is recorded under 'nothing'."),
        (["runs", "resolve", "x"], "Say one of the two"),
        (["runs", "resolve", "x", "--submitted", "y", "--not-submitted"], "Say one of the two"),
        (["runs", "resolve", "x", "--submitted", " "], "needs the id"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(cli, arguments, sentence):
    assert sentence in cli.refused(*arguments)
