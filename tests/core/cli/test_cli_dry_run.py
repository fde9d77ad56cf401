"""`motools train --dry-run`: what a request would lead to and cost, with an empty bill."""

import json
from pathlib import Path

import pytest

from motools import Capability, TrainingMiddleware
from motools.plugins.registry import open_store
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend

PRICED = ["-o", "price=0.5"]
FEW = ["cache", "validate", "budget"]


@pytest.fixture
def dry(chat):
    return ["train", chat, "-b", "dummy", "--model", "m", "--dry-run"]


@pytest.fixture
def bill(motools_home):
    return DummyTrainingBackend().service.jobs


def budget(max_cost):
    Path("motools.toml").write_text(f"[backends.dummy]\nmiddleware = {json.dumps(FEW)}\nmax_cost = {max_cost}\n")


def test_it_shows_what_it_would_cost_and_what_that_rests_on(cli, dry, bill):
    done = cli(*dry, *PRICED, "-p", "n_epochs=3")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "dataset   chat.jsonl",
        "model     m",
        "examples  2",
        "tokens    60",
        "epochs    3",
        "cost      $0.03",
        "would     it would be submitted, and paid for",
        "",
        "- A token of the dummy service is a word of the dataset's file.",
        "- 1,000 tokens cost 0.5, as option 'price' says.",
    ]
    assert bill() == []
    assert cli.json("runs") == []


def test_a_cost_that_is_not_known_is_unknown_for_people_and_null_for_programs(cli, dry):
    assert "cost      unknown" in cli(*dry).stdout
    told = cli.json(*dry)
    assert told["estimate"]["cost"] is None
    assert told["estimate"]["tokens"] == 20
    assert told["estimate"]["is_exact"] is True
    assert (told["would"], told["record"], told["ceiling"], told["refusal"]) == ("submit", None, None, None)


def test_bad_data_is_refused_with_its_line(cli, dry, chat, bill):
    with chat.open("a") as file:
        file.write('{"messages": [{"role": "user", "content": "Hi."}]}\n')
    assert "chat.jsonl:3: the last message is from 'user'" in cli.refused(*dry)
    assert bill() == []


def test_a_wrong_hyperparameter_is_refused(cli, dry):
    assert "n_epochs" in cli.refused(*dry, "-p", "epochs=3")


def test_a_result_that_is_recorded_is_a_hit_unless_it_is_to_be_done_again(cli, dry, chat, bill):
    recorded = cli.json("train", chat, "-b", "dummy", "--model", "m")
    told = cli.json(*dry)
    assert (told["would"], told["key"]) == ("hit", recorded["key"])
    assert told["record"]["state"] == "succeeded"
    assert "nothing would be started or paid" in cli(*dry).stdout
    assert cli.json(*dry, "--refresh")["would"] == "submit"
    assert cli.json(*dry, "--replicate", "1")["would"] == "submit"
    assert cli.json(*dry, "--no-cache")["would"] == "submit"
    assert len(bill()) == 1


def test_what_is_under_way_is_attached_to(cli, dry, chat):
    cli("train", chat, "-b", "dummy", "--model", "m", "-o", "duration=60", "--no-wait")
    assert cli.json(*dry)["would"] == "attach"


def test_what_failed_is_only_shown_and_the_exit_status_says_so(cli, dry, chat):
    cli("train", chat, "-b", "dummy", "--model", "m", "-o", "fail=out of memory")
    done = cli(*dry, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["would"] == "fail"
    assert "out of memory" in json.loads(done.stdout)["refusal"]
    assert cli.json(*dry, "--retry-failed")["would"] == "submit"


def test_a_submission_that_is_not_settled_is_looked_for_first(cli, dry, chat):
    cli("train", chat, "-b", "dummy", "--model", "m", "-o", "submission=uncertain")
    assert cli.json(*dry)["would"] == "look"


def test_what_is_above_its_ceiling_is_shown_and_refused_as_the_training_would_be(cli, dry, chat, bill):
    budget(0.001)
    done = cli(*dry, *PRICED)
    assert done.returncode == 2
    assert "ceiling   $0.001" in done.stdout
    assert "would     it would be refused" in done.stdout
    assert "This run is estimated to cost $0.01, and its ceiling is $0.001 (max_cost)" in done.stderr
    refused = cli.refused("train", chat, "-b", "dummy", "--model", "m", *PRICED)
    assert refused == done.stderr.partition("Error: ")[2].strip()
    assert bill() == []


def test_what_nobody_knows_the_cost_of_is_refused_under_a_ceiling(cli, dry):
    budget(1000)
    done = cli(*dry, "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert (told["would"], told["ceiling"], told["estimate"]["cost"]) == ("refuse", 1000, None)
    assert "Give the prices that are missing" in told["refusal"]


def test_a_hit_is_not_held_to_a_ceiling(cli, dry, chat):
    cli("train", chat, "-b", "dummy", "--model", "m")
    budget(0)
    assert cli.json(*dry, *PRICED)["would"] == "hit"


def test_a_handle_that_there_will_not_be_cannot_be_saved(cli, dry):
    assert "a dry run has none" in cli.refused(*dry, "--save", "handle.json")


def test_nothing_but_the_answer_is_on_stdout(shell, dry):
    done = shell(*dry, "--json")
    assert json.loads(done.stdout)["would"] == "submit"
    assert done.stderr == ""


def test_what_was_expected_is_shown_beside_what_was_billed(cli, chat, dry):
    budget(5)
    key = cli.json("train", chat, "-b", "dummy", "--model", "m", *PRICED)["key"]
    told = cli.json("runs", "show", key)
    assert told["estimate"]["cost"] == 0.01
    assert told["billed"] is None
    assert "expected    20 tokens, $0.01" in cli("runs", "show", key).stdout


class Billing(TrainingMiddleware):
    """A service that says what it has billed."""

    async def train(self, *args, **kwargs):
        run = await super().train(*args, **kwargs)
        run.metadata = {**run.metadata, "trained_tokens": 1234, "cost": 0.5}
        return run


@pytest.mark.slow
async def test_what_was_billed_is_shown_where_the_service_says_it(shell, chat):
    run = await CachedTrainingBackend(Billing(DummyTrainingBackend(price=0.5)), open_store()).train(
        chat, "m", estimate=True
    )
    await run.wait()
    shown = shell.json("runs", "show", run.key)
    assert shown["billed"] == {"trained_tokens": 1234, "cost": 0.5}
    assert "billed      1,234 tokens, $0.50" in shell("runs", "show", run.key).stdout


SILENT = """
from motools.training.backends.dummy import DummyTrainingBackend

class Silent(DummyTrainingBackend):
    name = ""
    capabilities = DummyTrainingBackend.capabilities - {"estimate"}
"""


def test_a_backend_that_does_not_say_what_its_runs_cost_costs_nobody_knows_what(cli, chat, bill):
    assert Capability.ESTIMATE == "estimate"
    Path("silent.py").write_text(SILENT)
    Path("motools.toml").write_text('[plugins.backends]\nsilent = "silent:Silent"\n')
    dry = ["train", chat, "-b", "silent", "--model", "m", "--dry-run"]
    assert cli.json(*dry)["estimate"] is None
    told = cli(*dry).stdout
    assert "cost     unknown" in told
    assert "The backend 'silent' does not say what its runs cost." in told
    assert bill() == []
