"""What training over the Tinker API refuses before anything is written or asked of the service, and what it says of itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import motools
import motools_tinker
from motools.errors import DatasetError, HandleError, RunLost, SettingError, UsageError
from motools.training.backends import TinkerTrainingBackend, TinkerTrainingRun
from motools_tinker.address import DEFAULT_URL

DATA = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]


@pytest.fixture(autouse=True)
def _nothing_is_started(motools_home, monkeypatch):
    monkeypatch.setenv("TINKER_API_KEY", "tml-canary-key")
    yield
    assert not list(motools_home.glob("tinker/runs/*"))


@pytest.mark.parametrize(
    ("hyperparameters", "sentence"),
    [
        ({"epochs": 3}, r"tinker has no hyperparameter 'epochs'. Did you mean 'n_epochs'\? Known: loss, n_epochs, "),
        ({"n_epochs": 0}, "'n_epochs' must be at least 1, not 0"),
        ({"learning_rate": 0}, "'learning_rate' must be more than 0 and at most 1, not 0"),
        ({"learning_rate": "high"}, """'learning_rate' must be float or "auto", not 'high'"""),
        ({"schedule": "step"}, """'schedule' must be "linear" or "cosine" or "constant", not 'step'"""),
        ({"beta1": 1.0}, "'beta1' must be at least 0 and less than 1, not 1.0"),
        ({"seed": -1}, "'seed' must be at least 0"),
        ({"save_every": 0}, "'save_every' must be at least 1"),
        ({"train_mlp": False, "train_attn": False, "train_unembed": False}, "there is nothing to train"),
        ({"renderer": "mine"}, "'renderer' must be 'module:function', not 'mine'"),
        ({"renderer": "no_such_module_here:render"}, "there is no module 'no_such_module_here'"),
    ],
)
async def test_hyperparameters_are_checked(hyperparameters, sentence):
    with pytest.raises(SettingError, match=sentence):
        await TinkerTrainingBackend().train(DATA, "some/model", hyperparameters)


@pytest.mark.parametrize(
    ("weight", "sentence"),
    [
        ("heavy", "message 2 has the weight 'heavy'; it must be a number, 0 or more"),
        (-1, "the weight -1"),
        (True, "True"),
    ],
)
async def test_a_weight_that_is_none_is_refused_with_its_line(weight, sentence):
    data = [*DATA, {"messages": [DATA[0]["messages"][0], DATA[0]["messages"][1] | {"weight": weight}]}]
    with pytest.raises(DatasetError, match=rf"<records>:2: .*{sentence}"):
        await TinkerTrainingBackend().train(data, "some/model")


async def test_data_and_validation_sets_are_checked_before_a_driver_is_started(tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(DATA[0]) + '\n{"messages": [{"role": "user", "content": "Hi."}]}\n')
    with pytest.raises(DatasetError, match=r"data\.jsonl:2: the last message is from 'user'"):
        await TinkerTrainingBackend().train(data, "some/model")
    with pytest.raises(DatasetError, match=r"data\.jsonl:2: the last message is from 'user'"):
        await TinkerTrainingBackend().train(DATA, "some/model", validation=data)


async def test_without_a_key_nothing_is_started_and_the_message_says_how_to_give_one(monkeypatch, tmp_path):
    monkeypatch.delenv("TINKER_API_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SettingError, match=r"no key for Tinker\. Set TINKER_API_KEY \(or TINKER_CREDENTIAL_CMD\)"):
        await TinkerTrainingBackend().train(DATA, "some/model")


async def test_unknown_keywords_unusable_suffixes_and_tokens_are_refused():
    backend = TinkerTrainingBackend()
    with pytest.raises(SettingError, match=r"tinker has no keyword 'epochs'\. Known: validation"):
        await backend.train(DATA, "some/model", epochs=3)
    with pytest.raises(SettingError, match=r"suffix must be .* not '../up'"):
        await backend.train(DATA, "some/model", suffix="../up")
    with pytest.raises(SettingError, match="is no token of a run"):
        await backend.find("../../etc")


async def test_a_run_that_this_machine_does_not_have_is_not_adopted():
    with pytest.raises(
        RunLost, match=r"There is no run 'job-1' on this machine\. A model at the service is adopted by"
    ):
        await TinkerTrainingBackend().adopt("job-1")
    with pytest.raises(UsageError, match="is no model over Tinker"):
        await TinkerTrainingBackend().adopt("tinker://run/weights/state")


async def test_a_run_whose_directory_is_elsewhere_is_not_loaded(tmp_path):
    handle = {"schema": 1, "kind": "training", "backend": "tinker", "job_id": "x", "model_id": None, "status": "queued"}
    path = tmp_path / "run.json"
    path.write_text(json.dumps(handle | {"metadata": {}, "directory": str(tmp_path / "runs" / "x")}))
    with pytest.raises(HandleError, match=r"is not in .*tinker/runs"):
        await TinkerTrainingRun.load(path)


def test_the_account_is_what_was_given_else_what_the_sdk_would_read(monkeypatch):
    monkeypatch.setenv("TINKER_PROJECT_ID", "project-of-the-environment")
    monkeypatch.setenv("TINKER_BASE_URL", "http://127.0.0.1:2")
    account = {"base_url": "http://127.0.0.1:2", "project_id": "project-of-the-environment"}
    assert TinkerTrainingBackend().account() == account
    assert TinkerTrainingBackend(base_url="http://127.0.0.1:1").account() == account | {
        "base_url": "http://127.0.0.1:1"
    }


def test_no_key_is_part_of_what_a_backend_shows():
    for backend in (TinkerTrainingBackend(), TinkerTrainingBackend(api_key="tml-canary-key")):
        assert "canary-key" not in f"{backend!r} {backend.account()} {backend.options}"


def test_a_password_in_the_address_is_refused_because_it_would_be_stored():
    with pytest.raises(SettingError, match="must not hold a password"):
        TinkerTrainingBackend(base_url="http://me:secret@127.0.0.1:1")


async def test_a_password_in_the_address_of_the_environment_is_refused_too(monkeypatch):
    monkeypatch.setenv("TINKER_BASE_URL", "http://me:secret@127.0.0.1:1")
    with pytest.raises(SettingError, match="must not hold a password") as refused:
        await TinkerTrainingBackend().train(DATA, "some/model")
    assert "secret" not in str(refused.value)


def test_the_services_own_address_is_no_other_account_when_it_is_named(monkeypatch):
    monkeypatch.delenv("TINKER_BASE_URL", raising=False)
    unnamed = TinkerTrainingBackend().account()
    monkeypatch.setenv("TINKER_BASE_URL", DEFAULT_URL + "/")
    assert TinkerTrainingBackend().account() == unnamed


def test_an_unknown_option_is_refused_with_the_nearest_one():
    with pytest.raises(SettingError, match="project_id"):
        motools.get_backend("tinker", project="mine")


def test_finding_and_constructing_it_imports_no_sdk():
    script = (
        "import sys, motools, motools_tinker.hooks; motools.get_backend('tinker', cache=None);"
        "print([name for name in ('tinker', 'transformers', 'inspect_ai', 'jinja2', 'httpx') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_only_calls_that_the_sdk_stands_by_are_made():
    given_up = re.compile(r"\.(\w+_async|load_state\w*|create_rest_client|search_sessions|get_billing_usage)\(")
    sources = sorted(Path(motools_tinker.__file__).parent.glob("*.py"))
    called = {name for source in sources for name in given_up.findall(source.read_text())}
    assert len(sources) > 10
    assert called <= {"result_async"}
