"""`motools runs label`: a name given afterwards."""

import pytest


@pytest.fixture
def key(cli, chat):
    return cli.json("train", chat, "-b", "dummy", "--model", "m", "--tag", "a")["key"]


def test_a_label_and_tags_can_be_given_later_and_taken_away(cli, key):
    row = cli.json("runs", "label", key, "best", "--tag", "b", "--untag", "a")
    assert (row["label"], row["tags"]) == ("best", ["b"])
    assert cli.json("runs", "--label", "best")[0]["key"] == key
    assert cli.json("runs", "--tag", "b")[0]["key"] == key
    assert cli.json("runs", "--tag", "a") == []
    assert cli("runs", "label", "best", "").stderr.strip() == f"{key[4:16]}: no label, tags b."
    assert cli("cache", "verify").returncode == 0


def test_the_request_stays_the_same(cli, chat, key):
    before = cli.json("runs")[0]
    cli("runs", "label", key, "best")
    again = cli.json("train", chat, "-b", "dummy", "--model", "m")
    assert again["recorded"]
    assert {**again, "recorded": None} == {**before, "label": "best", "recorded": None}


def test_a_live_run_goes_on_when_it_gets_a_label(cli, chat):
    submitted = cli.json("train", chat, "-b", "dummy", "--model", "m", "-o", "duration=0.5", "--no-wait")
    cli("runs", "label", submitted["key"], "going")
    assert cli("runs", "wait", "going").stdout.startswith("dummy:m:")
    assert cli.json("runs")[0]["label"] == "going"


def test_nothing_to_change_and_nothing_to_change_it_of_are_sentences(cli, key):
    assert "Give a LABEL" in cli.refused("runs", "label", key)
    assert "No run or job" in cli.refused("runs", "label", "nothing", "x")
