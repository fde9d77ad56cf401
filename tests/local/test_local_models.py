"""What a model's name stands for, and how an evaluation reaches it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from motools.errors import ModelNotFound
from motools.status import Capability
from motools.weights import file_digest, fingerprint
from motools_local import smollm2
from motools_local.hooks import motools_resolve_model
from motools_local.models import identity
from motools_local.training import LocalTrainingBackend


@pytest.fixture
def memo(motools_home):
    return motools_home / "digests"


def make_model(directory, weights="weights", **config):
    directory.mkdir(parents=True)
    (directory / "config.json").write_text(json.dumps({"model_type": "llama"} | config))
    (directory / "model.safetensors").write_text(weights)
    return directory


def make_adapter(directory, base, weights="adapter"):
    directory.mkdir()
    (directory / "adapter_config.json").write_text(json.dumps({"r": 8, "base_model_name_or_path": str(base)}))
    (directory / "adapter_model.safetensors").write_text(weights)
    return directory


def test_a_fingerprint_is_of_the_content_and_not_of_the_place(tmp_path):
    one, two = make_model(tmp_path / "one"), make_model(tmp_path / "two")
    assert fingerprint(one) == fingerprint(two)
    other = make_model(tmp_path / "other", weights="others")
    assert fingerprint(other) != fingerprint(one)
    (two / "motools.json").write_text("{}")
    (two / "notes.md").write_text("mine")
    assert fingerprint(one) == fingerprint(two)


@pytest.mark.parametrize("name", ["model.safetensors", "model.pt", "model.pth"])
def test_the_fingerprint_of_an_adapter_covers_a_base_that_is_named_from_the_working_directory(
    tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    for folder in ("base", "adapter"):
        (tmp_path / folder).mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "base"}')
    (tmp_path / "base" / name).write_text("AAAA")
    before = fingerprint(tmp_path / "adapter")
    (tmp_path / "base" / name).write_text("BBBB")
    assert fingerprint(tmp_path / "adapter") != before


def test_the_fingerprint_of_an_adapter_covers_its_base(tmp_path):
    base, same, other = (make_model(tmp_path / name, weights=name[0]) for name in ("base", "b-again", "other"))
    adapters = [make_adapter(tmp_path / f"on-{place.name}", place) for place in (base, same, other)]
    on_base, on_same, on_other = (fingerprint(adapter) for adapter in adapters)
    assert on_base == on_same != on_other


def test_a_digest_is_remembered_until_the_file_changes_even_if_its_times_are_put_back(tmp_path, memo):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"one")
    first = file_digest(path)
    assert not memo.exists() or not list(memo.iterdir())  # too young to be remembered
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file_digest(path) != first


def test_a_digest_that_is_remembered_is_not_computed_again(memo):
    # A file that has been there for long, whose content takes no part: the memory is asked first.
    path = Path(json.__file__)
    digest = file_digest(path)
    (note,) = memo.iterdir()
    fields = json.loads(note.read_text())
    note.write_text(json.dumps(fields | {"sha256": "remembered"}))
    assert file_digest(path) == "remembered"
    note.write_text("{ torn")
    assert file_digest(path) == digest


async def test_a_model_in_a_key_is_its_weights_wherever_they_are(tmp_path, monkeypatch):
    model = make_model(tmp_path / "models" / "one")
    monkeypatch.chdir(tmp_path)
    by_path, by_name = await identity(str(model)), await identity("models/one")
    shutil.copytree(model, tmp_path / "copy")
    assert by_path == by_name == await identity(str(tmp_path / "copy"))
    (model / "model.safetensors").write_text("trained on")
    assert await identity(str(model)) != by_path
    assert await identity("some/name-on-the-hub") == "some/name-on-the-hub"


async def test_the_packaged_model_in_a_key_is_its_file(motools_home):
    assert await identity("smollm2") == {"gguf": f"sha256:{smollm2.SHA256}"}


def test_inspect_loads_models_and_adapters_and_nothing_else(tmp_path, monkeypatch):
    model = make_model(tmp_path / "model")
    adapter = make_adapter(tmp_path / "adapter", model)
    monkeypatch.chdir(tmp_path)
    for name, place in (("model", model), (str(adapter), adapter)):
        reference = motools_resolve_model(name, "inspect")
        assert reference.model == "hf/local"
        assert reference.args == {"model_path": str(place), "tokenizer_path": str(place), "do_sample": False}
        assert reference.fingerprint.startswith("sha256:")
        json.dumps(reference.as_dict())
    assert motools_resolve_model("model", "another framework") is None
    assert motools_resolve_model(str(tmp_path), "inspect") is None
    assert motools_resolve_model("openai/gpt-4.1-mini", "inspect") is None


def test_inspect_loads_the_packaged_model_once_it_is_converted(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTOOLS_MODELS", str(tmp_path))
    model = make_model(tmp_path / "smollm2")
    reference = motools_resolve_model("smollm2", "inspect")
    assert reference.args["model_path"] == str(model)
    assert reference.fingerprint == f"sha256:{smollm2.SHA256}"


def test_a_damaged_package_is_refused_before_it_is_converted(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTOOLS_MODELS", str(tmp_path / "models"))
    package = tmp_path / "site" / smollm2.PACKAGE
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    (package / smollm2.GGUF).write_bytes(b"GGUF and then something else")
    with pytest.raises(ModelNotFound, match=r"is damaged or of another version: .* pip install --force-reinstall"):
        smollm2.provide(smollm2.directory())
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".smollm2.lock"]


async def test_a_trained_model_is_there_until_its_directory_is_gone(tmp_path):
    backend = LocalTrainingBackend()
    assert Capability.MODELS in backend.capabilities
    for make in (lambda: make_model(tmp_path / "model"), lambda: make_adapter(tmp_path / "model", tmp_path / "base")):
        make()
        assert await backend.has_model(str(tmp_path / "model"))
        shutil.rmtree(tmp_path / "model")
        assert not await backend.has_model(str(tmp_path / "model"))
    (tmp_path / "model").mkdir()
    assert not await backend.has_model(str(tmp_path / "model"))
