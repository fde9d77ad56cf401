"""`motools compare`: recorded evaluations on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FIELDS = {"schema", "kind", "baseline", "models", "confidence", "scores", "differences", "notes"}


@pytest.fixture
def evaluate(cli):
    """Evaluate a model with the dummy and return its record."""

    def of(model, *more, task="hello"):
        return cli.json("eval", "-b", "dummy", model, task, "-p", "limit=30", *more)

    return of


def test_two_evaluations_are_compared_by_key_and_label(cli, evaluate):
    base = evaluate("base")
    evaluate("organism", "--label", "mine")
    done = cli("compare", base["key"][4:12], "mine")
    assert done.returncode == 0, done.stderr
    assert "differences from base on the same samples, with 95 % intervals" in done.stdout
    assert "exact McNemar" in done.stdout
    assert done.stderr == ""
    assert cli("compare", base["job_id"], "mine").stdout == done.stdout


def test_json_has_the_documented_fields(cli, evaluate):
    evaluate("base", "--label", "before")
    evaluate("organism", "--label", "after")
    found = cli.json("compare", "before", "after")
    assert set(found) == FIELDS
    assert (found["baseline"], found["models"]) == ("before", {"before": "base", "after": "organism"})
    (row,) = found["differences"]
    assert (row["task"], row["scorer"], row["pairs"], row["test"]) == ("hello", "dummy", 30, "exact McNemar")
    assert row["interval"][0] <= row["difference"] <= row["interval"][1]
    assert [each["model"] for each in found["scores"]] == ["before", "after"]


def test_the_baseline_the_confidence_and_the_measures_can_be_chosen(cli, evaluate):
    for model in ("a", "b", "c"):
        cli.json("eval", "-b", "dummy", model, "hello", "other", "--label", model)
    found = cli.json(
        "compare", "a", "b", "c", "--baseline", "b", "--confidence", "0.8", "--task", "other", "--by", "dummy"
    )
    assert list(found["models"]) == ["b", "a", "c"]
    assert found["confidence"] == 0.8
    assert [(row["task"], row["model"]) for row in found["differences"]] == [("other", "a"), ("other", "c")]
    added = cli.json("compare", "a", "--baseline", "b")
    assert list(added["models"]) == ["b", "a"]


def test_saved_results_and_saved_handles_are_compared(cli):
    cli("eval", "-b", "dummy", "base", "hello", "--results", "base.json")
    cli("eval", "-b", "dummy", "organism", "hello", "--save", "organism.json")
    assert list(cli.json("compare", "base.json", "organism.json")["models"]) == ["base", "organism"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["found.png", "found.svg"])
def test_a_picture_is_drawn_beside_the_table(cli, evaluate, name):
    evaluate("base", "--label", "before")
    evaluate("organism", "--label", "after")
    done = cli("compare", "before", "after", "--plot", name)
    assert f"The picture is in {name}." in done.stderr
    assert "differences from before" in done.stdout
    assert Path(name).stat().st_size > 5000


def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_read(cli):
    assert "name a file that ends in .png or .svg" in cli.refused("compare", "a", "b", "--plot", "found.pdf")
    assert "the directory missing does not exist" in cli.refused("compare", "a", "b", "--plot", "missing/found.png")


def test_wrong_input_is_one_sentence(cli, evaluate, chat):
    evaluate("base", "--label", "base")
    evaluate("elsewhere", "--label", "elsewhere", task="other")
    evaluate("slow", "-o", "duration=600", "--no-wait", "--label", "slow")
    cli("train", chat, "-b", "dummy", "--model", "m", "--label", "trained")
    for arguments, sentence in [
        (["base"], "A comparison needs two evaluations at least"),
        (["base", "base"], "'base' is given twice"),
        (["base", "nothing"], "No evaluation is recorded under 'nothing'"),
        (["base", "trained"], "'trained' is a training run: compare takes evaluations."),
        (
            ["base", "slow"],
            "The evaluation 'slow' is running: it has no results yet. Wait for it with: motools runs wait ",
        ),
        (["base", "elsewhere"], "base and elsewhere were evaluated on different tasks: hello; other."),
        (["base", str(chat)], "No evaluation is recorded under 'chat.jsonl'"),
        (["base", "elsewhere", "--confidence", "95"], "confidence is a share between 0 and 1"),
    ]:
        said = cli.refused("compare", *arguments)
        assert said.startswith(sentence)
        assert "\n" not in said


def test_no_samples_in_common_is_one_sentence(cli, evaluate):
    cli("eval", "-b", "dummy", "base", "hello", "--results", "base.json")
    saved = json.loads(Path("base.json").read_text())
    for sample in saved["samples"]:
        sample["id"] += "x"
    Path("other.json").write_text(json.dumps(saved | {"model_id": "other"}))
    assert "base and other have no sample in common" in cli.refused("compare", "base.json", "other.json")


def test_a_failed_evaluation_is_the_works_failure(cli, evaluate):
    evaluate("base", "--label", "base")
    cli("eval", "-b", "dummy", "broken", "hello", "-o", "fail=out of luck", "--label", "broken")
    assert "out of luck" in cli.refused("compare", "base", "broken", status=1)


@pytest.mark.slow
def test_in_a_process_of_its_own_it_is_the_same(shell, cli, evaluate):
    evaluate("base", "--label", "base")
    evaluate("organism", "--label", "organism")
    done = shell("compare", "base", "organism", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == cli.json("compare", "base", "organism")
    assert done.stderr == ""
