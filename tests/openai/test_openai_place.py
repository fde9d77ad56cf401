from __future__ import annotations

import subprocess
import sys

import pytest

import motools
from motools.errors import HandleError, SettingError, SubmitRejected
from motools.training.backends import OpenAITrainingBackend, OpenAITrainingRun

DATA = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]


async def test_training_is_refused_before_anything_is_sent_and_the_message_says_what_trains():
    with pytest.raises(SubmitRejected, match=r"nothing was sent.*get_backend\('local'\)"):
        await motools.get_backend("openai").train(DATA, model="gpt-4.1-mini-2025-04-14")


async def test_a_saved_job_of_a_newer_version_is_not_misread(tmp_path):
    with pytest.raises(HandleError, match="upgrade motools-openai"):
        await OpenAITrainingRun.load(tmp_path / "run.json")


def test_the_account_is_what_was_given_else_what_the_sdk_would_read(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-environment")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-environment")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    backend = OpenAITrainingBackend(project="mine")

    assert backend.account() == {"base_url": None, "organization": "org-of-the-environment", "project": "mine"}


def test_no_key_is_part_of_the_account(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-key")

    assert "canary-key" not in str(OpenAITrainingBackend().account())


def test_an_unknown_option_is_refused_with_the_nearest_one():
    with pytest.raises(SettingError, match="base_url"):
        motools.get_backend("openai", base_ur="http://127.0.0.1:1/v1")


def test_finding_and_constructing_it_does_not_import_the_sdk():
    script = "import sys, motools; motools.get_backend('openai', cache=None); print('openai' in sys.modules)"

    assert (
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "False\n"
    )
