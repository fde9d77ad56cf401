"""The layers of one call, and those that a recorded run was asked for through."""

from __future__ import annotations

import json
from pathlib import Path


def shown(cli, name):
    return cli.json("runs", "show", name)


def test_a_training_goes_through_the_layers_that_are_listed_and_its_record_says_so(cli, chat):
    layers = "log,cache,validate"
    run = cli.json("train", "-b", "dummy", chat, "--model", "base", "--middleware", layers, "-o", "log_file=log.jsonl")
    assert [json.loads(line)["event"] for line in Path("log.jsonl").read_text().splitlines()] == [
        "submitted",
        "succeeded",
    ]
    assert shown(cli, run["key"])["layers"] == ["log", "cache", "validate"]
    assert "layers      log > cache > validate" in cli("runs", "show", run["key"]).stdout


def test_an_evaluation_does_likewise_and_keeps_them_when_it_has_ended(cli):
    job = cli.json("eval", "-b", "dummy", "model", "task", "--middleware", "cache,limit", "-o", "max_live_runs=2")
    assert job["status"] == "succeeded"
    assert shown(cli, job["key"])["layers"] == ["cache", "limit"]


def test_without_the_option_they_are_those_of_motools_toml_or_the_default(cli, chat):
    run = cli.json("train", "-b", "dummy", chat, "--model", "base")
    assert shown(cli, run["key"])["layers"] == ["cache", "validate", "limit"]
    Path("motools.toml").write_text('[backends.dummy]\nmiddleware = ["cache", "log"]\n')
    run = cli.json("train", "-b", "dummy", chat, "--model", "other")
    assert shown(cli, run["key"])["layers"] == ["cache", "log"]


def test_another_attempt_has_the_layers_that_it_was_made_through(cli, chat):
    train = ["train", "-b", "dummy", chat, "--model", "base"]
    run = cli.json(*train)
    cli.json(*train, "--refresh", "--middleware", "cache,validate")
    assert shown(cli, run["key"])["layers"] == ["cache", "validate"]


def test_what_makes_no_sense_is_refused(cli, chat):
    train = ["train", "-b", "dummy", chat, "--model", "base", "--middleware"]
    assert "'limit' stands outside 'cache'" in cli.refused(*train, "limit,cache")
    assert "Did you mean 'validate'?" in cli.refused(*train, "cache,validat")
    assert (
        cli.refused(*train, "cache,,log")
        == "--middleware cache,,log: names no layer between two commas. List them as in cache,validate."
    )
    assert cli.json("runs") == []


def test_no_layers_at_all_is_no_record(cli, chat):
    train = ["train", "-b", "dummy", chat, "--model", "base", "--middleware", ""]
    assert cli(*train).stdout.startswith("dummy:base")
    assert cli.json("runs") == []
    assert "--label is about the record of paid work, and the layers of --middleware keep none." in cli.refused(
        *train, "--label", "x"
    )
