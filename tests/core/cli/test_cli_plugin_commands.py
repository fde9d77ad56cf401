"""Commands that plugins bring: by name, imported when they are called, and never in the way of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from motools.cli.app import COMMANDS
from motools.plugins import registry
from motools.plugins.origin import OWN_COMMANDS

GREET = """
import click

@click.command("anything")
@click.argument("whom")
def greet(whom):
    "Say hello."
    click.echo(f"Hello, {whom}!")
    return 5

@click.group()
def tools():
    "Many things."

@tools.command()
def count():
    click.echo("one two")

@click.command()
@click.pass_context
def leave(context):
    context.exit(3)

@click.command()
def stop():
    raise SystemExit(4)

@click.command()
def fail():
    raise KeyError("no luck")

class Worse(BaseException):
    def __str__(self):
        raise RuntimeError

@click.command()
def worse():
    raise Worse

@click.command()
def refuse():
    from motools.errors import UsageError
    raise UsageError("Not like this.")

not_one = "a string"
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return `install(distribution, name=value, …)`: a distribution whose commands are those entry points."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    (site / "acme_commands.py").write_text(GREET)

    def install(distribution="acme-tools", group="motools.commands.v1", **entries):
        information = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"{name} = {value if ':' in value else f'acme_commands:{value}'}" for name, value in entries.items()]
        (information / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        registry.refresh()

    yield install
    sys.modules.pop("acme_commands", None)
    registry.refresh()


@pytest.fixture
def pinned():
    Path("motools.toml").write_text("")
    return Path("motools.toml").write_text


def test_a_command_of_a_plugin_is_called_by_its_entry_points_name(cli, install):
    install(greet="greet", tools="tools")
    done = cli("greet", "World")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, World!\n", "")
    assert cli("tools", "count").stdout == "one two\n"
    help_of_it = cli("greet", "-h").stdout
    assert "Say hello." in help_of_it
    assert "Usage: motools greet" in help_of_it
    assert "--debug" in help_of_it


def test_the_help_lists_them_with_their_distribution_and_imports_none(cli, install):
    install(greet="greet")
    install("acme-more", later="nowhere_at_all:command")
    printed = cli("--help").stdout
    ours, theirs = printed.split("Commands of plugins")
    assert "greet" not in ours
    assert [line.split(maxsplit=1) for line in theirs.splitlines()[1:3]] == [
        ["greet", "of acme-tools 1.0"],
        ["later", "of acme-more 1.0"],
    ]
    assert "acme_commands" not in sys.modules
    assert cli("greet", "you").returncode == 0


def test_without_commands_of_plugins_the_help_has_no_such_heading(cli):
    assert "Commands of plugins" not in cli("--help").stdout


def test_a_misspelt_one_gets_the_nearest(cli, install):
    install(greet="greet")
    assert cli.refused("gret") == "There is no command 'gret'. Did you mean 'greet'?"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("acme_absent:go", "its module 'acme_absent' does not exist."),
        ("gone", "module 'acme_commands' has no 'gone'."),
        ("not_one", "acme_commands:not_one is not a click command but of type str."),
    ],
)
def test_one_that_is_broken_is_one_sentence_and_the_others_work(cli, install, value, reason):
    install(greet="greet", bad=value)
    assert cli.refused("bad") == f"Plugin 'bad' (motools.commands.v1) of acme-tools 1.0 cannot be used: {reason}"
    assert cli("--help").returncode == 0
    assert cli("greet", "World").returncode == 0


def test_two_distributions_with_one_command_are_an_error_until_one_is_picked(cli, install, pinned):
    install(greet="greet")
    install("beta", greet="greet")
    sentence = cli.refused("greet", "World")
    assert sentence.startswith("Two distributions offer a command 'greet': acme-tools 1.0 (")
    assert '[plugins] pin = { greet = "acme-tools" }' in sentence
    assert "greet  of acme-tools 1.0 (conflict: `motools plugins` says why)" in cli("--help").stdout
    pinned('[plugins]\npin = { greet = "beta" }')
    assert cli("greet", "World").stdout == "Hello, World!\n"
    assert "of beta 1.0" in cli("--help").stdout
    assert "acme-tools" not in cli("--help").stdout


def test_one_that_is_switched_off_says_where_and_is_not_in_the_help(cli, install, pinned):
    install(greet="greet")
    pinned('[plugins]\nblock = ["greet"]')
    assert "motools.toml [plugins] blocks it." in cli.refused("greet", "World")
    assert "greet" not in cli("--help").stdout
    assert cli("greet", "World", MOTOOLS_PLUGINS="greet").returncode == 0
    assert "MOTOOLS_PLUGINS='openai' switches it off." in cli.refused("greet", "World", MOTOOLS_PLUGINS="openai")
    assert "acme_commands" in sys.modules


def test_one_for_another_api_says_which_side_to_upgrade(cli, install):
    install(group="motools.commands.v9", greet="greet")
    assert "Upgrade motools-core" in cli.refused("greet", "World")


@pytest.mark.parametrize("choice", ["", '[plugins]\npin = { config = "acme-tools" }'])
def test_our_own_commands_cannot_be_replaced(cli, install, pinned, choice):
    install(config="greet", greet="greet")
    pinned(choice)
    assert "settings" in json.loads(cli("config", "--json").stdout)
    [row] = [row for row in cli.json("plugins", "--kind", "commands") if row["name"] == "config"]
    assert row["status"] == "conflict"
    assert "`motools config` is a command of motools-core, and nothing replaces it." in row["reason"]
    assert "acme-tools" in row["reason"]
    assert "Commands of plugins" in cli("--help").stdout
    assert "  config " not in cli("--help").stdout.partition("Commands of plugins")[2]
    assert "acme_commands" not in sys.modules


def test_the_names_of_our_own_are_known_where_plugins_are_judged():
    assert set(OWN_COMMANDS) == set(COMMANDS)


def test_a_configuration_that_cannot_be_read_leaves_the_help(cli, install, pinned):
    install(greet="greet")
    pinned('cach = "sqlite"')
    done = cli("--help")
    assert done.returncode == 0
    assert "not listed: the configuration cannot be read" in done.stdout
    assert "Did you mean 'cache'?" in cli.refused("greet", "World")


def test_its_exit_status_is_its_own(cli, install):
    install(leave="leave", stop="stop")
    assert cli("leave").returncode == 3
    with pytest.raises(SystemExit) as left:
        cli("stop")
    assert left.value.code == 4


def test_what_it_raises_is_a_sentence_that_names_the_distribution(cli, install):
    install(fail="fail", worse="worse", refuse="refuse")
    done = cli("fail")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: an unexpected KeyError: 'no luck' (in acme-tools 1.0). Run it again with --debug to see where.\n"
    )
    done = cli("worse")
    assert done.returncode == 1
    assert "Worse, whose text cannot be had: str() of it raised RuntimeError (in acme-tools 1.0)." in done.stderr
    assert cli.refused("refuse") == "Not like this."


@pytest.mark.slow
def test_it_is_a_command_of_the_installed_program_too(install, tmp_path):
    install(greet="greet")
    done = subprocess.run(
        [sys.executable, "-m", "motools", "greet", "World"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, World!\n", "")
