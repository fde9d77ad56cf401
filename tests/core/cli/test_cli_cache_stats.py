"""`motools cache stats`."""

import json

import pytest


def test_an_empty_record_is_said_to_be_empty(cli):
    assert "Nothing is recorded yet." in cli("cache", "stats").stdout
    assert cli.json("cache", "stats")["records"] == []


def test_records_are_counted_by_kind_backend_and_state(cli, chat, motools_home):
    cli("train", chat, "-b", "dummy", "--model", "m")
    cli("train", chat, "-b", "dummy", "--model", "n", "-o", "fail=x")
    cli("eval", "-b", "dummy", "m", "task")
    cli("train", chat, "-b", "dummy", "--model", "m", "--refresh")
    found = cli.json("cache", "stats")
    assert found["records"] == [
        {"kind": "eval", "backend": "dummy", "state": "succeeded", "records": 1},
        {"kind": "training", "backend": "dummy", "state": "failed", "records": 1},
        {"kind": "training", "backend": "dummy", "state": "succeeded", "records": 1},
    ]
    assert found["attempts"] == 1
    assert found["path"] == str(motools_home / "motools.db")
    assert found["bytes"] > 1000
    assert "No recorded result has been asked for again yet." in cli("cache", "stats").stdout


@pytest.mark.slow
def test_hits_of_other_processes_are_counted_with_what_they_saved(shell, chat):
    train = ["train", chat, "-b", "dummy", "--model", "m", "-o", "duration=0.3"]
    for _ in range(3):
        assert shell(*train).returncode == 0
    shell("eval", "-b", "dummy", "m", "task")
    shell("eval", "-b", "dummy", "m", "task")
    found = shell.json("cache", "stats")
    assert found["hits"] == 3
    assert [(each["kind"], each["hits"]) for each in found["saved"]] == [("eval", 1), ("training", 2)]
    assert found["seconds_saved"] > 0.6
    assert found["last_hit"].endswith("Z")
    told = shell("cache", "stats")
    assert "3 hits, the last 20" in told.stdout
    assert told.stderr == ""
    assert json.dumps(found)


def test_another_store_is_refused_in_a_sentence(cli):
    assert "keeps no record" in cli.refused("cache", "stats", MOTOOLS_CACHE="none")
