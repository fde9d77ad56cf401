"""`motools validate`: what is wrong with training data, before anything is paid for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

USER = {"role": "user", "content": "Hi."}
ANSWER = {"role": "assistant", "content": "Hello!"}
PAIR = {
    "input": {"messages": [USER]},
    "preferred_output": [ANSWER],
    "non_preferred_output": [{**ANSWER, "content": "No."}],
}

BACKEND = """
from motools import Format
from motools.datasets import CHAT_FORMAT
from motools.training.backends import DummyTrainingBackend

def is_polite(record):
    if "please" not in str(record):
        yield "does not say please."

class PoliteTrainingBackend(DummyTrainingBackend):
    def formats(self):
        return {"polite": CHAT_FORMAT.with_rules(is_polite), "chat": CHAT_FORMAT}
"""


def write(path, *records):
    Path(path).write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return path


def chat(text, *messages):
    return {"messages": [{**USER, "content": text}, *messages]}


@pytest.fixture
def polite():
    Path("polite.py").write_text(BACKEND)
    Path("motools.toml").write_text('[plugins.backends]\npolite = "polite:PoliteTrainingBackend"\n')
    return "polite"


def test_good_data_is_counted_and_nothing_is_printed_as_a_result(cli):
    done = cli("validate", write("train.jsonl", chat("a", ANSWER), chat("b", ANSWER)))
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "train.jsonl: 2 records. 0 errors, 0 warnings by the format chat.\n"


def test_errors_come_first_and_then_warnings_with_file_and_line(cli):
    blank = {**ANSWER, "content": ""}
    done = cli("validate", write("train.jsonl", chat("a", blank), chat("b"), chat("a", blank)))
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "train.jsonl:2: error: the last message is from 'user'; a training example must end with an assistant message.",
        "train.jsonl:1: warning: message 2, from the assistant, is blank.",
        "train.jsonl:3: warning: message 2, from the assistant, is blank.",
        "train.jsonl:3: warning: is the same record as line 1. 1 of 3 records repeats an earlier one: line 3.",
    ]
    assert done.stderr == "train.jsonl: 3 records. 1 error, 3 warnings by the format chat.\n"


def test_warnings_alone_are_exit_status_zero(cli):
    done = cli("validate", write("train.jsonl", chat("a", ANSWER), chat("a", ANSWER)))
    assert done.returncode == 0
    assert "train.jsonl:2: warning:" in done.stdout


def test_of_many_findings_twenty_are_printed_and_all_are_in_the_json(cli):
    write("train.jsonl", *[chat(f"{n}") for n in range(30)])
    printed = cli("validate", "train.jsonl").stdout.splitlines()
    assert len(printed) == 21
    assert printed[-1] == "… and 10 more errors: --json lists them."
    done = cli("validate", "train.jsonl", "--json")
    assert done.returncode == 2
    assert [error["line"] for error in json.loads(done.stdout)["errors"]] == list(range(1, 31))


def test_the_json_has_counts_and_findings(cli):
    write("train.jsonl", chat("a", ANSWER), chat("b", ANSWER))
    write("held_out.jsonl", chat("b", ANSWER))
    told = cli.json("validate", "train.jsonl", "--validation", "held_out.jsonl")
    message = told["warnings"].pop()["message"]
    assert told == {
        "backend": None,
        "format": "chat",
        "datasets": [
            {"name": "train.jsonl", "records": 2, "bytes": Path("train.jsonl").stat().st_size},
            {"name": "held_out.jsonl", "records": 1, "bytes": Path("held_out.jsonl").stat().st_size},
        ],
        "errors": [],
        "warnings": [],
    }
    assert message.startswith("is trained on as well: train.jsonl:2 is the same record.")


def test_each_format_has_its_rules(cli):
    write("pairs.jsonl", PAIR)
    write("prompts.jsonl", {"messages": [USER], "answer": "Hello!"})
    assert cli("validate", "pairs.jsonl", "--format", "dpo").returncode == 0
    assert cli("validate", "prompts.jsonl", "--format", "rft").returncode == 0
    assert cli("validate", "prompts.jsonl", "--format", "dpo").returncode == 2


def test_data_of_another_format_is_recognised(cli):
    done = cli("validate", write("pairs.jsonl", PAIR))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "The first record looks like the format 'dpo': --format dpo"
    assert "looks like" not in cli("validate", "pairs.jsonl", "--format", "rft").stderr
    assert "looks like" not in cli("validate", write("other.jsonl", {"text": "Hi."})).stderr


def test_an_unknown_format_names_the_nearest(cli):
    write("train.jsonl", chat("a", ANSWER))
    refused = cli.refused("validate", "train.jsonl", "--format", "dop")
    assert refused == "There is no format 'dop'. Did you mean 'dpo'? Known: chat, dpo, rft."
    assert cli.refused("validate", "train.jsonl", "--format", "x").endswith("'x'. Known: chat, dpo, rft.")


def test_a_backend_asks_what_its_service_asks(cli, polite):
    write("train.jsonl", chat("Hi.", ANSWER))
    done = cli("validate", "train.jsonl", "-b", polite)
    assert done.returncode == 2
    assert done.stdout == "train.jsonl:1: error: does not say please.\n"
    assert "by the format chat of polite." in done.stderr
    assert cli("validate", "train.jsonl", "-b", polite, "--format", "chat").returncode == 0
    assert "of 'polite'" in cli.refused("validate", "train.jsonl", "-b", polite, "--format", "dpo")


def test_an_unknown_backend_says_what_there_is(cli):
    assert "Did you mean 'dummy'?" in cli.refused("validate", write("train.jsonl", chat("a")), "-b", "dumy")


def test_what_cannot_be_read_is_an_error_with_its_place(cli):
    done = cli("validate", "nowhere.jsonl", "--validation", "neither.jsonl")
    assert (done.returncode, done.stdout.splitlines()) == (
        2,
        ["nowhere.jsonl: error: there is no such file.", "neither.jsonl: error: there is no such file."],
    )
    Path("train.jsonl").write_text("{no json\n")
    assert cli("validate", "train.jsonl").stdout.startswith("train.jsonl:1: error: is not valid JSON")
