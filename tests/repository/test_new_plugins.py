"""What `motools plugin new` writes is built, installed beside core alone, listed, used and proven; and reads as it should."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from motools.plugins.rules import RULES
from motools.scaffold import write_plugin
from motools.scaffold.naming import naming

pytestmark = pytest.mark.slow

KINDS = ("training", "eval", "middleware", "cache")
CONVERSATION = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}


@pytest.fixture
def plugin(tmp_path):
    """Return what writes a new plugin of a kind, called after it."""

    def new(kind):
        directory = tmp_path / f"motools-new-{kind}"
        write_plugin(naming(f"new-{kind}", kind), kind, directory)
        return directory

    return new


@pytest.fixture
def installed(plugin, wheels, install, tmp_path):
    """Return what builds a new plugin's wheel and installs it beside core: its directory, and the environment."""

    def make(kind):
        directory, out = plugin(kind), tmp_path / "wheel"
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*pip, "--wheel-dir", out, directory], check=True)
        [wheel] = out.glob("*.whl")
        environment = install(f"motools-core[testing] @ {wheels['motools-core'].as_uri()}", wheel)
        (environment.directory / "data.jsonl").write_text(json.dumps(CONVERSATION))
        return directory, environment

    return make


def listed(environment):
    rows = json.loads(environment.run("motools", "plugins", "--check", "--json"))
    assert {(row["status"], row["reason"]) for row in rows} == {("ok", "")}
    assert [sentence for row in rows for sentence in row["check"]["did"]] == []
    return {(row["name"], row["kind"]) for row in rows if row["distribution"] != "motools-core"}


def prove(directory, environment, suite):
    """Have the installed plugin proven with its own tests; return what became of the contract of its kind."""
    check = ["motools", "plugin", "check", directory.name, "--tests", f"{directory / 'tests'}", "--json"]
    told = json.loads(environment.run(*check))
    assert told["problems"] == 0
    assert [finding for plugin in told["plugins"] for finding in plugin["findings"]] == []
    suites = {contract["suite"]: contract for contract in told["contracts"]}
    assert suites["PluginHygiene"]["passed"] == len(RULES) + 1
    return suites[suite]


def test_a_new_training_plugin_trains(installed):
    directory, environment = installed("training")
    assert listed(environment) == {("new-training", "training"), ("new-training", "hooks")}
    service = ["python", f"{directory / 'tests' / 'fake_service.py'}"]
    train = ["motools", "train", "-b", "new-training", "data.jsonl", "--model", "base", "-p", "n_epochs=2", "--json"]
    programs = environment.python.parent
    told = json.loads(environment.run(*service, f"{programs / train[0]}", *train[1:]))
    assert (told["status"], told["model_id"]) == ("succeeded", "new-training:base:plain:job-1")
    [record] = json.loads(environment.run("motools", "runs", "--json"))
    assert record["model_id"] == told["model_id"]
    assert prove(directory, environment, "TrainingBackendContract")["passed"] >= 35


def test_a_new_evaluation_plugin_evaluates(installed):
    directory, environment = installed("eval")
    assert listed(environment) == {("new-eval", "eval"), ("new-eval", "hooks")}
    service = ["python", f"{directory / 'tests' / 'fake_service.py'}"]
    evaluate = ["motools", "eval", "-b", "new-eval", "MODEL", "arithmetic", "-p", "limit=2", "--json"]
    told = json.loads(environment.run(*service, f"{environment.python.parent / evaluate[0]}", *evaluate[1:]))
    assert told["metrics"]["arithmetic"]["exact"]["accuracy"] == 0.5
    assert prove(directory, environment, "EvalBackendContract")["passed"] >= 35


def test_a_new_layer_stands_around_a_backend(installed):
    directory, environment = installed("middleware")
    assert listed(environment) == {("new-middleware", "middleware"), ("new-middleware", "hooks")}
    (environment.directory / "motools.toml").write_text(
        '[backends.dummy]\nmiddleware = ["cache", "validate", "new-middleware"]\nallowed_models = ["small"]\n'
    )
    train = ["motools", "train", "-b", "dummy", "data.jsonl", "--model"]
    assert environment.run(*train, "small").startswith("dummy:small")
    environment.run(*train, "large", status=2)
    evaluate = ["motools", "eval", "-b", "dummy", "small", "any-task"]
    assert "any-task" in environment.run(*evaluate)
    environment.run(*evaluate[:-2], "large", "any-task", status=2)
    assert prove(directory, environment, "MiddlewareContract")["passed"] >= 60


def test_a_new_store_remembers_what_was_paid_for(installed, monkeypatch):
    directory, environment = installed("cache")
    assert listed(environment) == {("new-cache", "cache"), ("new-cache", "hooks")}
    kept = environment.directory / "kept"
    monkeypatch.setenv("MOTOOLS_CACHE", f"new-cache://{kept}")
    train = ["motools", "train", "-b", "dummy", "data.jsonl", "--model", "small"]
    model_id = environment.run(*train)
    assert environment.run(*train) == model_id
    evaluate = ["motools", "eval", "-b", "dummy", model_id.strip(), "any-task"]
    assert environment.run(*evaluate) == environment.run(*evaluate)
    assert len(list(kept.glob("*.json"))) == 2
    monkeypatch.delenv("MOTOOLS_CACHE")
    assert prove(directory, environment, "CacheContract")["passed"] >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_passes_its_own_linter_and_type_checker(kind, plugin):
    directory = plugin(kind)
    for program in (["ruff", "format", "--check"], ["ruff", "check"], ["mypy"]):
        done = subprocess.run(
            [Path(sys.executable).with_name(program[0]), *program[1:]],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
