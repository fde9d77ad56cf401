"""`motools cache why`: a miss explained by what differs."""

import json

import pytest


@pytest.fixture
def recorded(cli, chat):
    return cli.json("train", chat, "-b", "dummy", "--model", "m", "-p", "n_epochs=2", "--label", "first")


def places(explained):
    return {row["path"]: (row["request"], row["record"]) for row in explained["differences"]}


def test_what_differs_is_named_with_both_values_heaviest_first(cli, chat, recorded):
    why = ["cache", "why", chat, "-b", "dummy", "--model", "other", "-p", "n_epochs=3"]
    explained = cli.json(*why)
    assert explained["recorded"] is None
    assert explained["nearest"]["key"] == recorded["key"]
    assert list(places(explained).items()) == [("model", ("other", "m")), ("hyperparameters.n_epochs", (3, 2))]
    told = cli(*why).stdout
    assert "No record answers this request" in told
    assert "'first' (succeeded" in told
    assert "It differs in 2 places:" in told


def test_it_submits_nothing(cli, chat, motools_home):
    explained = cli.json("cache", "why", chat, "-b", "dummy", "--model", "m")
    assert (explained["recorded"], explained["nearest"]) == (None, None)
    assert cli.json("runs") == []
    assert not (motools_home / "dummy").exists()
    assert "no other record of this kind" in cli("cache", "why", chat, "-b", "dummy", "--model", "m").stdout


def test_a_hit_is_said_to_be_one(cli, chat, recorded):
    why = ["cache", "why", chat, "-b", "dummy", "--model", "m", "-p", "n_epochs=2"]
    assert cli.json(*why)["recorded"]["key"] == recorded["key"]
    assert "it is a hit" in cli(*why).stdout


@pytest.mark.parametrize(
    ("options", "meaning"), [(["-o", "fail=x"], "--retry-failed"), (["-o", "duration=9"], "attaches")]
)
def test_what_is_recorded_without_being_a_hit_is_told_from_one(cli, chat, options, meaning):
    cli("train", chat, "-b", "dummy", "--model", "m", "--no-wait", *options)
    cli("runs", "--refresh")
    assert meaning in cli("cache", "why", chat, "-b", "dummy", "--model", "m").stdout


def test_another_dataset_is_told_by_the_records_that_have_it(cli, chat, recorded, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text(chat.read_text() * 2)
    cli("train", other, "-b", "dummy", "--model", "elsewhere", "--label", "second")
    why = ["cache", "why", other, "-b", "dummy", "--model", "m", "-p", "n_epochs=2"]
    explained = cli.json(*why)
    ((path, (mine, its)),) = places(explained).items()
    assert path == "dataset"
    assert explained["datasets"][its] == [recorded["key"]]
    assert len(explained["datasets"][mine]) == 1
    told = cli(*why).stdout
    assert f"dataset {mine[:12]}… is that of " in told
    assert "'second'" in told


def test_text_and_numbers_are_told_apart(cli, recorded):
    cli("eval", "-b", "dummy", "m", "task", "-p", "limit=3")
    explained = cli.json("cache", "why", "m", "task", "other", "-b", "dummy", "-p", "limit=3")
    assert places(explained) == {"measured.eval_suite": (["task", "other"], "task")}
    explained = cli.json("cache", "why", "m", "task", "-b", "dummy")
    assert explained["differences"] == [
        {"path": "measured.kwargs.limit", "request": None, "record": 3, "absent": "request"}
    ]
    assert "(absent)" in cli("cache", "why", "m", "task", "-b", "dummy").stdout


def test_a_record_is_compared_with_its_nearest_neighbour(cli, chat, recorded):
    cli("train", chat, "-b", "dummy", "--model", "far", "-p", "n_epochs=9", "--suffix", "x")
    near = cli.json("train", chat, "-b", "dummy", "--model", "m", "-p", "n_epochs=2", "--replicate", "1")
    explained = cli.json("cache", "why", "first")
    assert explained["nearest"]["key"] == near["key"]
    assert places(explained) == {"replicate": (0, 1)}
    assert "The nearest other record is" in cli("cache", "why", "first").stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "No run or job is recorded under 'nothing'."),
        (["a", "b"], "A request needs its backend"),
        (["a", "--model", "m"], "A request needs its backend"),
        (["chat.jsonl", "-b", "dummy"], "Of a training give DATA and --model M"),
        (["a", "b", "-b", "dummy", "--model", "m"], "A training has one DATA"),
        (["none.jsonl", "-b", "dummy", "--model", "m"], "none.jsonl"),
        (["chat.jsonl", "-b", "dummy", "--model", "m", "-p", "epochs=1"], "n_epochs"),
        (["chat.jsonl", "-b", "dumy", "--model", "m"], "dummy"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(cli, chat, arguments, sentence):
    assert sentence in cli.refused("cache", "why", *arguments)


def test_nothing_but_the_explanation_is_on_stdout(shell, chat):
    done = shell("cache", "why", chat, "-b", "dummy", "--model", "m", "--json")
    assert json.loads(done.stdout)["key"].startswith("mk1:")
    assert done.stderr == ""
