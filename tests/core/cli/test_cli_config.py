"""`motools config`: what each backend can be told, what holds, where that comes from, and the layers around it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from motools.plugins import registry

ACME = """
from dataclasses import dataclass
from typing import Annotated, Any

from motools import Range, Settings, TrainingBackend
from motools.settings import Variable

@dataclass(frozen=True, kw_only=True)
class Options:
    base_url: Annotated[str | None, Variable("ACME_URL"), "the server's address"] = None
    retries: Annotated[int, Range(ge=0, le=9), "how often it is asked again"] = 2
    api_key: str | None = None
    extra: dict[str, Any] | None = None

@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    n_epochs: Annotated[int, Range(ge=1), "passes over the data"] = 3
    kind: str

class AcmeSettings(Settings):
    Options = Options
    Hyperparameters = Hyperparameters

class AcmeTrainingBackend(TrainingBackend):
    key_variables = ("ACME_API_KEY",)
    Settings = AcmeSettings
    def __init__(self, **options):
        if options.get("retries") == 9:
            raise OSError("no luck")
    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs): ...
"""


@pytest.fixture(autouse=True)
def acme(monkeypatch):
    for name in ("ACME_URL", "ACME_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    Path("acme.py").write_text(ACME)
    yield
    sys.modules.pop("acme", None)
    registry.refresh()


def configure(text=""):
    path = Path("motools.toml")
    path.write_text(f'[plugins.backends]\nacme = "acme:AcmeTrainingBackend"\n{text}')
    return path.absolute()


def described(cli, name, *more, **environment):
    [found] = cli.json("config", "--backend", name, *more, **environment)
    return found, {(row["part"], row["name"]): row for row in found["settings"]}


class TestOneBackend:
    def test_each_option_has_its_type_range_default_value_and_origin(self, cli):
        file = configure("[backends.acme]\nretries = 4\n")
        found, rows = described(cli, "acme")
        assert (found["name"], found["use"], found["kind"]) == ("acme", "acme", "training")
        assert rows["option", "retries"] == {
            "part": "option",
            "name": "retries",
            "type": "int",
            "range": "at least 0 and at most 9",
            "default": 2,
            "required": False,
            "value": 4,
            "origin": f"{file} [backends.acme]",
            "description": "how often it is asked again",
        }
        assert (rows["option", "extra"]["value"], rows["option", "extra"]["origin"]) == (None, "default")
        assert rows["hyperparameter", "n_epochs"]["value"] == 3
        assert rows["hyperparameter", "kind"]["required"] is True

    def test_an_argument_is_above_the_file_and_that_above_the_environment(self, cli):
        file = configure()
        assert described(cli, "acme", ACME_URL="http://env")[1]["option", "base_url"]["origin"] == "ACME_URL"
        assert described(cli, "acme", ACME_URL="http://env")[1]["option", "base_url"]["value"] == "http://env"
        configure('[backends.acme]\nbase_url = "http://file"\n')
        row = described(cli, "acme", ACME_URL="http://env")[1]["option", "base_url"]
        assert (row["value"], row["origin"]) == ("http://file", f"{file} [backends.acme]")
        row = described(cli, "acme", "-o", "base_url=http://me", ACME_URL="http://env")[1]["option", "base_url"]
        assert (row["value"], row["origin"]) == ("http://me", "argument")

    def test_an_alias_is_resolved(self, cli):
        file = configure(
            '[backends.cheap]\nuse = "acme"\nretries = 1\nmiddleware = ["cache", "limit"]\nmax_live_runs = 3\n'
        )
        found, rows = described(cli, "cheap")
        assert (found["name"], found["use"], found["layers"]) == ("cheap", "acme", ["cache", "limit"])
        assert found["layers_origin"] == f"{file} [backends.cheap]"
        assert rows["option of limit", "max_live_runs"]["value"] == 3
        assert "cheap, which is acme" in cli("config", "-b", "cheap").stdout

    def test_a_name_of_both_kinds_is_described_as_both(self, cli):
        assert [each["kind"] for each in cli.json("config", "-b", "dummy")] == ["training", "eval"]
        [evals] = cli.json("config", "-b", "dummy", "--kind", "eval")
        assert evals["kind"] == "eval"
        assert {row["part"] for row in evals["settings"]} == {"option", "option of limit", "parameter"}
        assert evals["undeclared"] == []

    def test_keywords_of_a_request_are_shown_beside_its_hyperparameters(self, cli):
        _, rows = described(cli, "dummy", "--kind", "training")
        assert {name for part, name in rows if part == "keyword"} == {"seed", "validation"}

    def test_keywords_of_an_evaluation_are_its_parameters_wherever_they_are_declared(self, cli):
        source = ACME.replace("TrainingBackend", "EvalBackend").replace("Hyperparameters = Hyper", "Keywords = Hyper")
        Path("acme.py").write_text(
            source.replace(
                "train(self, dataset, model, hyperparameters=None, suffix=None, ",
                "evaluate(self, model_id, eval_suite, ",
            )
        )
        configure().write_text('[plugins.backends]\nacme = "acme:AcmeEvalBackend"\n')
        found, rows = described(cli, "acme")
        assert {name for part, name in rows if part == "parameter"} == {"n_epochs", "kind"}
        assert found["undeclared"] == []

    def test_no_secret_is_shown(self, cli):
        configure(
            '[backends.acme]\napi_key = "sk-canary-1"\nbase_url = "http://me:canary-2@host/v1"\nextra = {token = "canary-3"}\n'
        )
        for arguments in (
            ["config", "-b", "acme"],
            ["config", "-b", "acme", "--json"],
            ["config"],
            ["config", "--json"],
        ):
            assert "canary" not in cli(*arguments, ACME_API_KEY="sk-canary-4").stdout
        found, rows = described(cli, "acme", ACME_API_KEY="sk-canary-4")
        assert found["keys"] == {"ACME_API_KEY": True}
        assert rows["option", "api_key"]["value"] == "***"
        assert "ACME_API_KEY is set" in cli("config", "-b", "acme", ACME_API_KEY="sk-canary-4").stdout
        assert "ACME_API_KEY is not set" in cli("config", "-b", "acme").stdout

    @pytest.mark.parametrize(
        "table",
        [
            'accessToken = "canary"',
            'passwd = "canary"',
            'credentials = "canary"',
            'auth = ["me", "canary"]',
            'base_url = "http://host/v1?apiKey=canary&x=1"',
            'base_url = "http://host/v1?x=1&password=canary#top"',
            "api_key = 4711\nretries = 1",
        ],
    )
    def test_what_is_secret_by_whatever_name_is_not_shown(self, cli, table):
        configure(f"[backends.acme]\n{table}\n")
        for arguments in (["config"], ["config", "-b", "acme"]):
            done = cli(*arguments)
            assert "canary" not in done.stdout + done.stderr
            assert "4711" not in done.stdout + done.stderr
            assert "***" in done.stdout + done.stderr or "has no option" in done.stderr

    def test_the_password_of_a_store_is_in_no_error(self, cli, chat):
        for cache in ('"acmedb://me:canary@host/?password=canary"', '["acmedb://me:canary@host"]'):
            Path("motools.toml").write_text(f"cache = {cache}\n")
            done = cli("train", "-b", "dummy", str(chat), "--model", "m")
            assert done.returncode == 2
            assert "acmedb" in done.stderr
            assert "canary" not in done.stderr

    def test_what_is_not_declared_is_said_to_be_so(self, cli):
        Path("acme.py").write_text(ACME.replace("    Settings = AcmeSettings\n", ""))
        configure()
        assert "It declares no options: what is given it judges itself." in cli("config", "-b", "acme").stdout


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("retries = 10", "(FILE [backends.acme]): option 'retries' must be at least 0 and at most 9, not 10."),
        ('retries = "2"', "(FILE [backends.acme]): option 'retries' must be int, not '2'."),
        ("retrys = 1", "(FILE [backends.acme]) has no option 'retrys'. Did you mean 'retries'?"),
        ('middlewares = ["cache"]', "(FILE [backends.acme]) has no option 'middlewares'. Did you mean 'middleware'?"),
        ("max_live_runs = 0", "(FILE [backends.acme]): option 'max_live_runs' must be at least 1, not 0."),
        (
            "max_cost = 5",
            "FILE [backends.acme]: 'max_cost' is an option of the layer 'budget', which is not among the layers",
        ),
        ('middleware = ["limit", "cache"]', "FILE [backends.acme]: The layer 'limit' stands outside 'cache'"),
        ('middleware = ["cahce"]', "No middleware layer is called 'cahce'. Did you mean 'cache'?"),
        ("retries = 9", "its constructor raised OSError: no luck"),
    ],
)
def test_what_is_wrong_is_a_sentence_that_names_file_and_key(cli, table, sentence):
    file = configure(f"[backends.acme]\n{table}\n")
    done = cli("config", "-b", "acme")
    assert done.returncode == 2
    assert sentence.replace("FILE", str(file)) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "from __future__ import annotations\n"
            + ACME.replace("retries: Annotated[int, ", "retries: Annotated[Nowhere, "),
            "its Settings cannot be read: NameError",
        ),
        (ACME.replace("    Options = Options\n", "    Options = 3\n"), "its Settings cannot be read: "),
        (ACME.replace("    Settings = AcmeSettings\n", "    Settings = None\n"), "declares no options"),
        ("raise SystemExit(3)", "called sys.exit(3)"),
        ("def", "SyntaxError"),
    ],
)
def test_broken_settings_are_a_sentence(cli, source, sentence):
    Path("acme.py").write_text(source)
    configure("[backends.acme]\nretries = 1\n" if "Settings = None" not in source else "")
    done = cli("config", "-b", "acme")
    assert sentence in done.stdout + done.stderr
    assert done.returncode == (0 if "Settings = None" in source else 2)
    assert "Traceback" not in done.stderr
    train = cli("train", "-b", "acme", "nothing.jsonl", "--model", "m")
    assert (train.returncode, "Traceback" in train.stderr) == (2, False)


def test_a_backend_that_is_not_there_names_the_nearest(cli):
    assert "Did you mean 'dummy'?" in cli.refused("config", "-b", "dumy")


class TestLayersOfAll:
    def test_the_chain_of_each_backend_is_shown_with_where_it_is_from(self, cli):
        file = configure('[backends.acme]\nmiddleware = ["log", "cache"]\n[backends.cheap]\nuse = "dummy"\n')
        rows = {(row["backend"], row["kind"]): row for row in cli.json("config")["layers"]}
        assert rows["acme", "training"] == {
            "backend": "acme",
            "kind": "training",
            "layers": ["log", "cache"],
            "origin": f"{file} [backends.acme]",
            "problem": None,
        }
        assert (
            rows["cheap", "training"]["layers"] == rows["dummy", "training"]["layers"] == ["cache", "validate", "limit"]
        )
        assert rows["dummy", "eval"]["layers"] == ["cache", "limit"]
        assert rows["dummy", "training"]["origin"] == "default"
        assert "log > cache" in cli("config").stdout

    def test_without_a_record_that_layer_falls_away(self, cli):
        rows = cli.json("config", MOTOOLS_CACHE="none")["layers"]
        assert {(row["kind"], *row["layers"]) for row in rows} == {("training", "validate", "limit"), ("eval", "limit")}

    def test_a_chain_that_makes_no_sense_is_shown_and_is_an_error(self, cli):
        configure('[backends.acme]\nmiddleware = ["limit", "cache"]\n')
        done = cli("config")
        assert done.returncode == 2
        assert "limit > cache" in done.stdout
        assert "'limit' stands outside 'cache'" in done.stderr

    def test_what_is_wrong_with_layers_is_said_once(self, cli):
        configure('[backends.acme]\nmiddleware = ["cahce"]\n')
        done = cli("config")
        assert (done.returncode, done.stderr.count("cahce")) == (2, 1)

    def test_a_store_that_nothing_opens_is_an_error_and_nothing_is_imported_to_see_that(self, cli):
        configure().write_text('cache = "sqlit:///lab/runs.db"\n')
        done = cli("config")
        assert (done.returncode, "cache > validate > limit" in done.stdout) == (2, True)
        assert "No installed store is called 'sqlit'" in done.stderr
        assert "Did you mean 'sqlite'?" in done.stderr

    def test_a_table_of_what_is_not_there_is_told_and_is_no_error(self, cli):
        file = configure("[backends.dumy]\nduration = 1\n")
        done = cli("config")
        assert (done.returncode, "backends.dumy.duration" in done.stdout) == (0, True)
        assert f"{file} [backends.dumy]: No backend 'dumy'." in done.stderr
        assert done.stderr.rstrip().endswith("Correct the name, or remove the table.")
        assert cli("config", "--json").stderr == done.stderr
