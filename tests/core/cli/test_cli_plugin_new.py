"""`motools plugin new`: what it writes, and what it refuses. That what it writes works is tested where it is installed."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import motools
from motools.plugins.requirements import requirement

KINDS = ("training", "eval", "middleware", "cache")
GROUPS = {
    "training": ("motools.training.v1", "motools_my_service.training:MyServiceTrainingBackend"),
    "eval": ("motools.evals.v1", "motools_my_service.evals:MyServiceEvalBackend"),
    "middleware": ("motools.middleware.v1", "motools_my_service.layer:MyServiceTrainingLayer"),
    "cache": ("motools.cache.v1", "motools_my_service.store:MyServiceStore"),
}


def files_of(directory):
    return {path.relative_to(directory).as_posix(): path for path in Path(directory).rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_is_written_with_its_name_in_every_form(cli, kind):
    told = cli.json("plugin", "new", "my-service", "--kind", kind)
    assert (told["name"], told["kind"], told["distribution"]) == ("my-service", kind, "motools-my-service")
    files = files_of(told["directory"])
    assert sorted(files) == told["files"]
    assert {"pyproject.toml", "README.md", ".gitignore", ".github/workflows/check.yml"} <= files.keys()
    assert {f"src/motools_my_service/{name}" for name in ("__init__.py", "hooks.py", "py.typed")} <= files.keys()
    assert "LICENSE" not in files
    for place, path in files.items():
        text = path.read_text()
        assert "acme" not in f"{place} {text}".lower()
        if path.suffix == ".py":
            assert ast.get_docstring(ast.parse(text))
    project = tomllib.loads(files["pyproject.toml"].read_text())["project"]
    group, value = GROUPS[kind]
    assert project["name"] == "motools-my-service"
    assert project["entry-points"] == {
        group: {"my-service": value},
        "motools.hooks.v1": {"my-service": "motools_my_service.hooks"},
    }
    [core] = project["dependencies"]
    assert requirement(core).allows(motools.__version__)


def test_the_next_commands_are_told(cli):
    printed = cli("plugin", "new", "motools-acme", "--directory", "deep/down").stdout
    assert "    cd deep/down\n" in printed
    assert "python -m pytest" in printed
    assert Path("deep/down/pyproject.toml").exists()
    assert [path.name for path in Path("deep").iterdir()] == ["down"]


def test_nothing_is_overwritten_and_an_empty_directory_is_taken(cli):
    place = Path("motools-acme")
    place.mkdir()
    assert cli("plugin", "new", "acme").returncode == 0
    (place / "README.md").write_text("mine")
    assert cli.refused("plugin", "new", "acme", "--kind", "cache") == (
        "motools-acme is there already, and nothing is overwritten. Name another place with --directory."
    )
    assert (place / "README.md").read_text() == "mine"
    assert "store.py" not in str(files_of(place))
    Path("file").touch()
    assert "is there already" in cli.refused("plugin", "new", "acme", "--directory", "file")


def test_what_cannot_be_written_leaves_nothing_behind(cli):
    Path("file").touch()
    done = cli("plugin", "new", "acme", "--directory", "file/below")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [path.name for path in Path.cwd().iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("My_Service", "training", "begins with a letter. Perhaps 'my-service'."),
        ("2fast", "training", "begins with a letter."),
        ("a--b", "training", "Perhaps 'a-b'."),
        ("", "training", "begins with a letter."),
        ("../up", "training", "Perhaps 'up'."),
        ("é", "training", "lower-case letters and digits"),
        ("x" * 41, "training", "it has 41 characters, and 40 are the most."),
        ("openai", "training", "the name is reserved for motools-openai."),
        ("motools-openai", "cache", "the name is reserved for motools-openai."),
        ("dummy", "eval", "the name is reserved for motools-core."),
        ("core", "cache", "motools-core is what plugins are for."),
        ("validate", "middleware", "a layer of that name comes with motools-core"),
        ("sqlite", "cache", "the store of that name comes with motools-core."),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_reason(cli, name, kind, reason):
    sentence = cli.refused("plugin", "new", name, "--kind", kind)
    assert sentence.startswith(f"A plugin cannot be called {name!r}: ")
    assert reason in sentence
    assert list(Path.cwd().iterdir()) == []


def test_the_name_of_a_layer_is_free_for_a_backend(cli):
    assert cli.json("plugin", "new", "validate", "--kind", "training")["name"] == "validate"


def test_the_group_lists_its_commands(cli):
    done = cli("plugin", "--help")
    assert done.returncode == 0
    assert "new" in done.stdout
