"""`-k` gives a training what neither a hyperparameter nor an option of its own says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LINE = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "Hello"}]}\n'


@pytest.fixture
def train(cli):
    Path("train.jsonl").write_text(LINE % "Hi")
    Path("held_out.jsonl").write_text(LINE % "Good morning")

    def train(*more):
        return cli("train", "train.jsonl", "-b", "dummy", "--model", "small", "--json", *more)

    return train


def test_a_keyword_reaches_the_backend_and_is_part_of_what_is_asked_for(cli, train):
    first = json.loads(train("-k", "seed=3", "-k", "validation=held_out.jsonl").stdout)
    asked = json.loads(cli("runs", "show", first["key"], "--json").stdout)["spec"]["arguments"]
    assert (asked["seed"], list(asked["validation"])) == (3, ["dataset"])
    assert json.loads(train("-k", "validation=held_out.jsonl", "-k", "seed=3").stdout)["recorded"]
    assert json.loads(train().stdout)["key"] != first["key"]


def test_why_and_a_dry_run_take_keywords_too(cli, train):
    train("-k", "seed=3")
    foreseen = json.loads(train("-k", "seed=3", "--dry-run").stdout)
    assert foreseen["would"] == "hit"
    said = json.loads(
        cli("cache", "why", "train.jsonl", "-b", "dummy", "--model", "small", "-k", "seed=4", "--json").stdout
    )
    assert [each["path"] for each in said["differences"]] == ["arguments.seed"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("suffix=x", "-k suffix=… is said by an option of its own"),
        ("replicate=1", "-k replicate=… is said by an option of its own"),
        ("ticket=1", "the record gives a backend its ticket"),
        ("sed=1", "has no keyword 'sed'. Did you mean 'seed'? Known: seed, validation"),
        ("seed", "is not of the form key=value"),
    ],
)
def test_what_is_no_keyword_is_refused_before_anything_is_started(cli, train, given, words):
    done = train("-k", given)
    assert done.returncode == 2
    assert words in done.stderr
    assert json.loads(cli("runs", "--state", "succeeded", "--json").stdout) == []
