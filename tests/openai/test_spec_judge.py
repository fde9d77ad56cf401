"""The judge notices what is wrong with a request; otherwise its silence would prove nothing."""

from __future__ import annotations

import subprocess
import sys

import openai
import pytest
from spec_judge import steady
from spec_judge.judging import SpecJudge

pytestmark = pytest.mark.slow

GOOD = {"model": "gpt-4.1-mini-2025-04-14", "training_file": "file-abc123"}


def dpo(**hyperparameters):
    return {"method": {"type": "dpo", "dpo": {"hyperparameters": hyperparameters}}}


async def test_a_right_request_is_found_nothing_wrong_with(judge):
    async with judge.client() as client:
        await client.fine_tuning.jobs.create(**GOOD, metadata={"motools": "0123"}, suffix="x" * 64, seed=0)
        await client.fine_tuning.jobs.list(metadata={"motools": "0123"}, limit=100)

    assert len(judge.requests) == 2


@pytest.mark.parametrize(
    "wrong",
    [{"suffix": "x" * 65}, {"seed": -1}, dpo(n_epochs=51), dpo(beta=3.0), dpo(batch_size=257)],
    ids=["a long suffix", "a negative seed", "51 epochs", "a beta of 3", "a batch of 257"],
)
async def test_a_value_out_of_range_is_noticed_although_the_answer_is_200(steady_url, wrong):
    judge = SpecJudge(base_url=steady_url)
    async with judge.client() as client:
        await client.fine_tuning.jobs.create(**GOOD, **wrong)

    assert [violation.status for violation in judge.violations] == [200]
    with pytest.raises(AssertionError, match="POST /fine_tuning/jobs -> 200"):
        judge.check()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/fine_tuning/jobs", {"model": "gpt-4.1-mini-2025-04-14"}),
        ("/fine_tuning/jobs", {**GOOD, "method": {"type": "magic"}}),
        ("/fine_tuning/jobs", {**GOOD, "metadata": {"a": 1}}),
        ("/fine_tuning/jobz", GOOD),
        ("/files", {"purpose": "fine-tune"}),
    ],
    ids=[
        "no training file",
        "an unknown method",
        "metadata that is no text",
        "an unknown path",
        "JSON where a form is due",
    ],
)
async def test_a_request_of_a_wrong_structure_is_refused_and_noticed(steady_url, path, body):
    judge = SpecJudge(base_url=steady_url)
    async with judge.client() as client:
        with pytest.raises(openai.APIStatusError):
            await client.post(path, body=body, cast_to=object)

    assert judge.violations


def test_a_judge_that_saw_nothing_is_content_with_nothing(steady_url):
    with pytest.raises(AssertionError, match="No request came"):
        SpecJudge(base_url=steady_url).check()


def test_without_npm_the_error_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"No npm was found\. .*install node"):
        steady.program()


def test_the_server_ends_with_whoever_started_it(tmp_path):
    command = [
        sys.executable,
        str(steady.LEASH),
        sys.executable,
        "-c",
        "import time; print(1, flush=True); time.sleep(600)",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"1\n"
        process.stdin.close()
        assert process.wait(timeout=30) != 0
        assert process.stdout.read() == b""
