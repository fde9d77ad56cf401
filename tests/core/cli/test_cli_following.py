"""Following one run from the command line: its metrics, checkpoints and log, holding it and letting it go on."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

BARE = """
import json
from pathlib import Path
from motools import Capability, Progress, TrainingBackend, TrainingRun

class BareTrainingRun(TrainingRun):
    job_id = "bare-1"
    status = "queued"
    progress = Progress(message="interrupted at step 0")

    async def wait(self):
        return "model"

    async def is_complete(self):
        return Path("ended").exists()

    async def refresh(self):
        if Path("away").exists():
            raise ConnectionError("the service is away")

    async def cancel(self):
        pass

    async def save(self, path):
        Path(path).write_text("{}")

    @classmethod
    async def load(cls, path):
        return cls()

    async def resume(self):
        is_interrupted = not Path("resumed").exists()
        Path("resumed").touch()
        return is_interrupted

    async def logs(self, *, follow=False):
        yield "one line"

class BareTrainingBackend(TrainingBackend):
    capabilities = frozenset(CAPABILITIES)

    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        return BareTrainingRun()
"""
"""A backend whose runs are interrupted until somebody resumes them."""


@pytest.fixture
def train(cli, chat):
    """Train with the dummy, with more options as wanted; the run is called "run"."""

    def train(*more):
        done = cli("train", chat, "-b", "dummy", "--model", "m", "--label", "run", *more)
        assert done.returncode == 0, done.stderr
        return done

    return train


@pytest.fixture
def bare(cli, chat):
    """A run of a backend with few powers, called "bare"."""

    def bare(*capabilities):
        Path("bare.py").write_text(BARE.replace("CAPABILITIES", f"[{', '.join(capabilities)}]"))
        Path("motools.toml").write_text('[plugins.backends]\nbare = "bare:BareTrainingBackend"\n')
        done = cli("train", chat, "-b", "bare", "--model", "m", "--label", "bare", "--no-wait")
        assert done.returncode == 0, done.stderr

    yield bare
    sys.modules.pop("bare", None)


def test_metrics_are_a_table_json_or_csv(cli, train):
    train("-o", "steps=4", "-o", "save_every=2", "-p", "n_epochs=2")
    table = cli("runs", "metrics", "run")
    assert [line.split() for line in table.stdout.splitlines()[:3]] == [
        ["STEP", "LOSS"],
        ["1", "1.80967"],
        ["2", "1.63746"],
    ]
    rows = cli.json("runs", "metrics", "run")
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    read = [*csv.DictReader(io.StringIO(cli("runs", "metrics", "run", "--csv").stdout))]
    assert [(int(row["step"]), float(row["loss"])) for row in read] == [(row["step"], row["loss"]) for row in rows]
    assert cli.refused("runs", "metrics", "run", "--csv", "--json") == "Give --json or --csv, not both."


def test_what_was_not_measured_at_a_step_is_left_empty(cli, chat):
    saved = cli("train", chat, "-b", "dummy", "--model", "m", "--no-cache", "--save", "run.json", "-o", "save_every=5")
    assert saved.returncode == 0, saved.stderr
    (path,) = Path(os.environ["MOTOOLS_HOME"]).glob("dummy/dummy-*.json")
    job = json.loads(path.read_text())
    path.write_text(json.dumps(job | {"steps": 5, "request": job["request"] | {"validation": "digest"}}))
    lines = cli("runs", "metrics", "run.json").stdout.splitlines()
    assert [line.split() for line in lines[:2] + lines[5:]] == [
        ["STEP", "LOSS", "VALIDATION_LOSS"],
        ["1", "1.80967"],
        ["5", "1.21306", "1.33437"],
    ]
    assert cli("runs", "metrics", "run.json", "--csv").stdout.splitlines()[1].endswith(",")


def test_nothing_measured_yet_is_said_so(cli, train):
    train("-o", "queue=600", "--no-wait")
    done = cli("runs", "metrics", "run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Nothing has been measured yet.\n")
    assert cli.json("runs", "metrics", "run") == []
    assert cli("runs", "checkpoints", "run").stderr == "There are no checkpoints.\n"


def test_checkpoints_are_listed_with_model_and_measurements(cli, train):
    train()
    lines = cli("runs", "checkpoints", "run").stdout.splitlines()
    assert lines[0].split() == ["CHECKPOINT", "STEP", "MODEL", "CREATED", "LOSS"]
    assert [line.split()[:2] for line in lines[1:]] == [["step-5", "5"], ["step-10", "10"]]
    first, _ = cli.json("runs", "checkpoints", "run")
    assert set(first) == {"id", "step", "model_id", "created_at", "expires_at", "metrics"}
    assert first["model_id"].endswith(":step-5")
    assert first["created_at"].endswith("Z")


def test_a_checkpoint_is_deleted_without_a_question_and_it_is_said(cli, train):
    train()
    assert cli("runs", "checkpoints", "run", "--delete", "step-5").stderr == "Deleted checkpoint step-5, of step 5.\n"
    assert [each["id"] for each in cli.json("runs", "checkpoints", "run")] == ["step-10"]
    sentence = cli.refused("runs", "checkpoints", "run", "--delete", "step-1")
    assert sentence == "There is no checkpoint 'step-1'. Did you mean 'step-10'? There are: step-10."
    assert cli.json("runs", "checkpoints", "run", "--delete", "step-10")["step"] == 10
    assert cli.json("runs", "checkpoints", "run") == []


def test_a_run_is_held_and_let_go_on(cli, train):
    train("-o", "duration=600", "--no-wait")
    assert cli("runs", "pause", "run").stderr == "Paused.\n"
    assert "progress    0/10 steps · paused" in cli("runs", "show", "run").stdout
    assert cli.json("runs", "show", "run")["is_paused"]
    assert cli("runs", "resume", "run").stderr == "It was paused, and goes on.\n"
    nothing = "There is nothing to resume: it is running, and neither paused nor interrupted.\n"
    assert cli("runs", "resume", "run").stderr == nothing
    cli("runs", "cancel", "run")
    for command in ("pause", "resume"):
        assert cli("runs", command, "run").stderr == "It has ended already: cancelled.\n"


def test_interrupted_work_is_taken_up_where_nothing_can_be_paused(cli, bare):
    bare()
    assert cli("runs", "resume", "bare").stderr == "It had been interrupted, and goes on.\n"
    assert "There is nothing to resume: it is queued" in cli("runs", "resume", "bare").stderr
    Path("ended").touch()
    assert cli("runs", "resume", "bare").returncode == 0


@pytest.mark.parametrize(
    ("command", "lacking"),
    [
        ("metrics", "has no metrics of its runs to show (it does not declare METRICS)"),
        ("checkpoints", "has no checkpoints of its runs to show (it does not declare CHECKPOINTS)"),
        ("pause", "cannot pause its runs (it does not declare PAUSE)"),
        ("logs", "has no logs of its runs to show (it does not declare LOGS)"),
    ],
)
def test_a_power_that_a_backend_has_not_is_named(cli, bare, command, lacking):
    bare()
    assert cli.refused("runs", command, "bare") == f"The backend 'bare' {lacking}."


def test_an_evaluation_has_no_metrics_of_training(cli):
    job = cli.json("eval", "-b", "dummy", "m", "task")
    sentence = cli.refused("runs", "metrics", job["key"])
    assert sentence == "The backend 'dummy' has no metrics of its jobs to show (it does not declare METRICS)."


def test_a_saved_handle_is_followed_also_without_a_record(cli, chat):
    live = ["-o", "duration=600", "--no-wait"]
    saved = cli("train", chat, "-b", "dummy", "--model", "m", "--no-cache", "--save", "run.json", *live)
    assert saved.returncode == 0, saved.stderr
    assert cli("runs", "pause", "run.json").stderr == "Paused.\n"
    assert cli("runs", "resume", "run.json").stderr == "It was paused, and goes on.\n"
    assert cli.json("runs", "metrics", "run.json") == cli.json("runs", "checkpoints", "run.json") == []


def test_a_live_run_is_shown_with_how_far_it_is_and_what_it_says_of_itself(cli, train):
    train("-o", "duration=600", "--no-wait", "--suffix", "s")
    shown = cli.json("runs", "show", "run")
    assert shown["progress"]["total"] == 10
    assert shown["status"] == "running"
    assert shown["metadata"]["suffix"] == "s"
    text = cli("runs", "show", "run").stdout
    assert re.search(r"^progress +0/10 steps · (9|10) min \d\d s left$", text, re.MULTILINE)
    assert '"seed": null' in text.partition("metadata {")[2]


def test_a_backend_that_cannot_be_asked_keeps_nobody_from_what_is_recorded(cli, bare):
    bare()
    Path("away").touch()
    done = cli("runs", "show", "bare")
    assert done.stderr == "Its backend could not be asked how it stands: ConnectionError: the service is away\n"
    assert "job id      bare-1" in done.stdout


def test_an_ended_run_is_shown_without_asking(cli, train, motools_home):
    train()
    for path in motools_home.glob("dummy/*.json"):
        path.unlink()
    done = cli("runs", "show", "run")
    assert done.stderr == ""
    assert '"seed": null' in done.stdout


def test_what_a_followed_run_waits_for_is_said(cli, bare):
    bare("Capability.LOGS")
    done = cli("runs", "logs", "bare", "--follow")
    assert (done.stdout, done.stderr) == ("one line\n", "Queued: interrupted at step 0.\n")
    assert cli("runs", "logs", "bare").stderr == ""


TRACKER = """
from pathlib import Path
from motools import hookimpl

@hookimpl
def motools_run_event(event):
    with Path("heard").open("a") as file:
        file.write(f"{event.happened} {event.details.get('total')}\\n")
"""


@pytest.fixture
def tracker(tmp_path):
    """An installed distribution with a listener, which writes what it hears into the file "heard"."""
    (tmp_path / "tracker_hooks.py").write_text(TRACKER)
    information = tmp_path / "tracker-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tracker\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[motools.hooks.v1]\ntracker = tracker_hooks\n")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.slow
def test_listeners_hear_of_a_run_that_another_process_comes_back_to(train, shell, cli, tracker):
    train("-o", "duration=600", "--no-wait")
    shown = shell("runs", "show", "run", **tracker)
    assert shown.returncode == 0, shown.stderr
    assert Path("heard").read_text() == "progress 10\n"
    cli("runs", "cancel", "run")
    assert shell("runs", "wait", "run", **tracker).returncode == 1
    train("-o", "duration=0.5", "--no-wait", "--replicate", "1", "--label", "other")
    assert shell("runs", "wait", "other", **tracker).returncode == 0
    assert Path("heard").read_text().splitlines() == ["progress 10", "succeeded None"]


@pytest.fixture
def following(train):
    """`motools runs logs --follow` of a run that goes on, in a process that did not submit it."""
    train("-o", "duration=600", "-o", "steps=6000", "--no-wait")
    command = [sys.executable, "-m", "motools", "runs", "logs", "run", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("accepted dummy-")
        yield process
        process.kill()


@pytest.mark.slow
def test_ctrl_c_ends_following_and_says_how_to_come_back(following, cli):
    following.send_signal(signal.SIGINT)
    out, said = following.communicate(timeout=60)
    assert following.returncode == 130
    assert said == "Interrupted. The run goes on. Come back with: motools runs logs --follow run\n"
    assert out == "" or out.endswith("\n")
    assert cli.json("runs", "show", "run")["status"] == "running"


@pytest.mark.slow
def test_a_reader_that_leaves_ends_following_quietly(following, cli):
    following.stdout.close()
    assert following.wait(60) == 0
    assert following.stderr.read() == ""
    assert cli.json("runs", "show", "run")["status"] == "running"


@pytest.mark.slow
def test_following_ends_when_another_process_ends_the_run(following, cli):
    cli("runs", "cancel", "run")
    out, said = following.communicate(timeout=60)
    assert (following.returncode, said) == (0, "")
    assert out.splitlines()[-1] == "cancelled"
