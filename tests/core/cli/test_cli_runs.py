"""A run's life as the command line shows it: submitted, recorded, listed, attached to, waited for, stopped."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIELDS = {
    "key",
    "kind",
    "backend",
    "model",
    "job_id",
    "model_id",
    "status",
    "state",
    "label",
    "tags",
    "created_at",
    "updated_at",
    "error",
}


@pytest.fixture
def train(cli, chat):
    """The arguments of a training with the dummy, more of them as wanted."""

    def arguments(*more):
        return ["train", chat, "-b", "dummy", "--model", "m", *more]

    return arguments


@pytest.fixture
def long_run(cli, train):
    """The record of a training that goes on for longer than any test."""
    return cli.json(*train("-o", "duration=600", "--label", "long", "--no-wait"))


def bill(motools_home):
    """Return the files of all jobs that the dummy service was asked for."""
    return list((motools_home / "dummy").glob("dummy-*.json"))


def test_train_prints_the_models_id_and_nothing_else_on_stdout(cli, train):
    done = cli(*train("--suffix", "organism"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("dummy:m:organism:")
    assert len(done.stdout.splitlines()) == 1
    assert "Submitted as dummy-" in done.stderr


def test_a_second_training_is_a_recorded_result_and_says_of_when(cli, train, motools_home):
    first = cli.json(*train())
    again = cli(*train())
    assert "A recorded result of 20" in again.stderr
    assert "nothing was started" in again.stderr
    assert again.stdout.strip() == first["model_id"]
    assert cli.json(*train()) == first | {"recorded": True}
    assert not first["recorded"]
    assert len(bill(motools_home)) == 1


def test_another_draw_and_a_refresh_are_other_work(cli, train, motools_home):
    first = cli.json(*train())
    second = cli.json(*train("--replicate", "2"))
    third = cli.json(*train("--refresh"))
    assert len({first["model_id"], second["model_id"], third["model_id"]}) == 3
    assert third["key"] == first["key"] != second["key"]
    assert len(bill(motools_home)) == 3


def test_a_failed_training_is_not_begun_again_unless_that_is_asked_for(cli, train, motools_home):
    cli.refused(*train("-o", "fail=out of luck"), status=1)
    sentence = cli.refused(*train("-o", "fail=out of luck"), status=1)
    assert "out of luck" in sentence
    assert len(bill(motools_home)) == 1
    cli.refused(*train("-o", "fail=out of luck", "--retry-failed"), status=1)
    assert len(bill(motools_home)) == 2


def test_the_record_is_listed_with_documented_fields(cli, train):
    cli(*train("--label", "first", "--tag", "a", "--tag", "b", "-p", "n_epochs=2"))
    (row,) = cli.json("runs")
    assert set(row) == FIELDS
    assert row["kind"] == "training"
    assert (row["backend"], row["model"], row["status"]) == ("dummy", "m", "succeeded")
    assert (row["label"], row["tags"]) == ("first", ["a", "b"])
    assert row["created_at"].endswith("Z")
    listed = cli("runs").stdout
    assert "first" in listed
    assert row["key"][4:16] in listed


def test_the_list_is_filtered(cli, train, chat):
    cli(*train("--label", "first", "--tag", "a"))
    cli("eval", "-b", "dummy", "m", "task")
    cli("train", chat, "-b", "dummy", "--model", "other", "-o", "fail=x")
    assert [row["model"] for row in cli.json("runs")] == ["other", "m", "m"]
    assert [row["kind"] for row in cli.json("runs", "--kind", "eval")] == ["eval"]
    assert [row["model"] for row in cli.json("runs", "--state", "failed")] == ["other"]
    assert [row["label"] for row in cli.json("runs", "--label", "first")] == ["first"]
    assert [row["label"] for row in cli.json("runs", "--tag", "a")] == ["first"]
    assert cli.json("runs", "--backend", "openai") == []
    assert len(cli.json("runs", "--limit", "1")) == 1
    assert "Nothing that is recorded matches." in cli("runs", "--label", "nothing").stderr


def test_nothing_recorded_is_said_so(cli):
    assert cli("runs").stderr.strip() == "Nothing is recorded yet."
    assert cli.json("runs") == []


SHOWN = {"account", "layers", "spec", "metadata", "ahead", "progress", "is_paused", "metrics", "estimate", "billed"}


def test_show_tells_what_was_asked_for(cli, train):
    cli(*train("--label", "first", "-p", "n_epochs=2"))
    shown = cli.json("runs", "show", "first")
    assert set(shown) == FIELDS | SHOWN
    assert shown["spec"]["hyperparameters"]["n_epochs"] == 2
    assert "n_epochs" in cli("runs", "show", shown["key"][4:10]).stdout


def test_a_name_that_may_mean_several_lists_them(cli, train):
    cli(*train("--label", "twin"))
    cli(*train("--label", "twin", "--replicate", "2"))
    sentence = cli.refused("runs", "show", "twin")
    assert "may mean any of these" in sentence
    assert len([line for line in sentence.splitlines() if "dummy" in line]) == 2


def test_not_waiting_prints_what_to_come_back_with(cli, train):
    done = cli(*train("-o", "duration=1", "--no-wait"))
    assert done.returncode == 0, done.stderr
    waited = cli("runs", "wait", done.stdout.strip())
    assert waited.returncode == 0, waited.stderr
    assert waited.stdout.startswith("dummy:m:")


def test_a_second_command_attaches_to_a_run_that_is_under_way(cli, train, long_run, motools_home):
    done = cli(*train("-o", "duration=600", "--no-wait"))
    assert "Attached to the training that is under way since" in done.stderr
    assert done.stdout.strip() == long_run["key"][4:16]
    assert len(bill(motools_home)) == 1


def test_cancel_stops_a_run_and_waiting_for_it_then_fails(cli, long_run):
    assert cli("runs", "cancel", "long").stderr.strip() == "Cancelled."
    assert cli.json("runs")[0]["status"] == "cancelled"
    assert "cancelled" in cli.refused("runs", "wait", "long", status=1)
    assert "It has ended already: cancelled." in cli("runs", "cancel", "long").stderr


def test_the_list_says_that_live_ones_may_have_moved_on_and_can_ask(cli, train):
    cli(*train("-o", "duration=0.01", "--no-wait"))
    assert "--refresh asks" in cli("runs").stderr
    deadline = time.monotonic() + 30
    while "succeeded" not in (refreshed := cli("runs", "--refresh")).stdout:
        assert time.monotonic() < deadline, refreshed.stdout
    assert refreshed.stderr == ""


def test_logs_are_printed_and_followed_to_the_end(cli, train):
    cli(*train("--label", "done"))
    assert cli("runs", "logs", "done").stdout.splitlines()[-1] == "succeeded"
    cli(*train("--label", "going", "-o", "duration=1", "--no-wait", "--replicate", "2"))
    followed = cli("runs", "logs", "going", "--follow").stdout.splitlines()
    assert followed[-1] == "succeeded"
    assert len(followed) == 12


def test_a_saved_handle_can_be_waited_for_also_without_a_record(cli, train):
    for more in (["--no-cache"], []):
        done = cli(*train("--save", "run.json", *more))
        waited = cli("runs", "wait", "run.json")
        assert waited.stdout == done.stdout, waited.stderr
    assert cli.json("runs", "wait", "run.json")["recorded"]


def test_an_evaluation_prints_a_table_and_saves_its_results(cli):
    done = cli("eval", "-b", "dummy", "m", "task", "--results", "results.json")
    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
    assert json.loads(Path("results.json").read_text())["samples"]
    again = cli.json("eval", "-b", "dummy", "m", "task")
    assert set(again) == FIELDS | {"recorded", "metrics", "logs"}
    assert again["recorded"]
    assert "accuracy" in cli("runs", "wait", again["job_id"]).stdout
    assert "accuracy" in cli("runs", "show", again["key"]).stdout


def test_several_tasks_are_one_evaluation(cli):
    assert set(cli.json("eval", "-b", "dummy", "m", "one", "two")["metrics"]) == {"one", "two"}


def test_what_is_kept_is_readable_by_its_owner_alone(cli, train, motools_home):
    cli(*train("--save", "run.json"))
    cli("eval", "-b", "dummy", "m", "task", "--results", "results.json")
    kept = [Path("run.json"), Path("results.json"), *motools_home.rglob("*")]
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_without_a_record_there_is_nothing_to_list(cli):
    assert "`motools config` shows where" in cli.refused("runs", MOTOOLS_CACHE="none")


def test_the_module_is_the_command(motools_home):
    done = subprocess.run([sys.executable, "-m", "motools", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("motools-core ")
    assert os.environ["MOTOOLS_HOME"] == str(motools_home)
