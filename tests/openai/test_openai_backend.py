"""The backend without a service: what it is told, what it says of itself, and what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

import motools
from motools.errors import SettingError
from motools.training.backends import OpenAITrainingBackend


def test_the_account_is_what_was_given_else_what_the_sdk_would_read(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-environment")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-the-environment")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    backend = OpenAITrainingBackend(project="mine")
    assert backend.account() == {"organization": "org-of-the-environment", "project": "mine"}


@pytest.mark.parametrize("address", ["https://api.openai.com/v1", "https://api.openai.com/v1/", None])
def test_openai_itself_is_one_account_however_it_is_named(monkeypatch, address):
    for name in ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    assert OpenAITrainingBackend(base_url=address).account() == {}


def test_a_client_that_is_given_says_whose_account_it_is():
    from openai import AsyncAzureOpenAI

    client = AsyncAzureOpenAI(azure_endpoint="http://127.0.0.1:9", api_version="2026-01-01", api_key="canary")
    account = OpenAITrainingBackend(client=client).account()
    assert account == {"base_url": "http://127.0.0.1:9/openai", "api_version": "2026-01-01"}


def test_an_address_with_a_password_is_refused_and_that_of_a_client_is_recorded_without_it(monkeypatch):
    from openai import AsyncOpenAI

    address = "https://me:canary@example.org/v1?key=canary"
    with pytest.raises(SettingError, match=r"where https://example\.org/v1 is\. Give a password") as caught:
        OpenAITrainingBackend(base_url=address)
    assert "canary" not in str(caught.value)
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(SettingError, match="base_url is recorded"):
        OpenAITrainingBackend()
    backend = OpenAITrainingBackend(client=AsyncOpenAI(api_key="key", base_url=address))
    assert backend.account() == {"base_url": "https://example.org/v1"}


@pytest.mark.parametrize(
    "address", ["foo", "me:canary@example.org/v1", "http://", "ftp://example.org", "http://[canary"]
)
def test_what_is_no_address_is_refused_and_not_shown(address):
    with pytest.raises(
        SettingError, match=r"base_url must be an address that begins with https:// or http://"
    ) as caught:
        OpenAITrainingBackend(base_url=address)
    assert "canary" not in str(caught.value)


def test_a_job_is_looked_for_until_the_service_must_show_it_after_all_that_a_submission_may_take():
    assert OpenAITrainingBackend().find_lag == 60 + 120
    assert OpenAITrainingBackend(submit_timeout=600).find_lag == 600 + 120


def test_no_key_is_part_of_the_account(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-key")
    assert "canary-key" not in str(OpenAITrainingBackend().account())


def test_an_unknown_option_is_refused_with_the_nearest_one():
    with pytest.raises(SettingError, match="Did you mean 'base_url'"):
        motools.get_backend("openai", base_ur="http://127.0.0.1:1/v1")


async def test_without_a_key_training_says_which_variable_to_set(monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    backend = OpenAITrainingBackend(base_url="http://127.0.0.1:9/v1")
    with pytest.raises(
        SettingError, match=r"http://127\.0\.0\.1:9/v1 needs a key and there is none: set OPENAI_API_KEY"
    ):
        await backend.train([{"messages": []}], "base")


@pytest.mark.parametrize(
    "script",
    [
        "import motools; motools.get_backend('openai', cache=None)",
        "import motools_openai",
        "from motools.training.backends import OpenAITrainingBackend, OpenAITrainingRun; OpenAITrainingBackend()",
    ],
)
def test_finding_and_constructing_it_does_not_import_the_sdk(script):
    code = f"import sys; {script}; print([name for name in ('openai', 'httpx2', 'pydantic') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"
