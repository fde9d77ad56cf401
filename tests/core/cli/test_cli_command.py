import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from motools.cli.assignments import read_value
from motools.cli.lazy import Session
from motools.cli.output import duration, table, when_exactly


def test_without_a_command_the_commands_are_listed(cli):
    done = cli()
    assert done.returncode == 2
    assert "backends" in done.stderr + done.stdout


@pytest.mark.parametrize(
    "command", [[], ["train"], ["eval"], ["runs"], ["runs", "wait"], ["backends"], ["config"], ["demo"]]
)
def test_every_command_has_help(cli, command):
    done = cli(*command, "--help")
    assert done.returncode == 0
    assert "Usage: motools" in done.stdout
    assert "--debug" in done.stdout


@pytest.mark.parametrize("command", [["plugins"], ["plugin", "check"], ["doctor"]])
def test_a_time_is_asked_for_in_seconds_and_not_in_types(cli, command):
    assert "--timeout SECONDS" in cli(*command, "--help").stdout


def test_the_version_is_that_of_the_distribution(cli):
    import motools

    assert motools.__version__ in cli("--version").stdout


def test_a_misspelt_command_gets_the_nearest_one(cli):
    assert cli.refused("backend") == "There is no command 'backend'. Did you mean 'backends'?"
    assert "Did you mean 'cancel'?" in cli.refused("runs", "cancle", "x")


def test_a_command_of_a_group_that_is_called_without_it_gets_the_whole_name(cli):
    assert cli.refused("why", "data.jsonl") == "There is no command 'why'. Did you mean 'cache why'?"
    assert cli.refused("logs", "x") == "There is no command 'logs'. Did you mean 'runs logs'?"


def test_an_unknown_option_is_wrong_usage(cli):
    assert "--nonsense" in cli.refused("backends", "--nonsense")


def test_help_and_backends_import_neither_a_plugin_nor_what_is_heavy(motools_home):
    for arguments in (["--help"], ["backends"]):
        program = (
            "import sys\n"
            f"sys.argv = ['motools', *{arguments!r}]\n"
            "from motools.cli import main\n"
            "try:\n    main()\n"
            "except SystemExit as end:\n    assert not end.code, end.code\n"
            "heavy = {'rich', 'asyncio', 'sqlite3', 'pluggy', 'importlib_metadata', 'aiofiles', 'torch', 'inspect_ai',\n"
            "         'motools_local', 'motools_inspect', 'motools_openai', 'motools_tinker', 'motools.dummy'}\n"
            "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == "[]", (arguments, done.stderr)


def test_backends_lists_what_is_installed(cli):
    rows = cli.json("backends", "--kind", "training")
    assert {"name", "kind", "value", "distribution", "version", "status", "location"} == set(rows[0])
    assert "dummy" in {row["name"] for row in rows}
    assert {row["kind"] for row in rows} == {"training"}
    assert "dummy" in cli("backends").stdout


def test_config_says_where_each_value_comes_from(cli, motools_home):
    settings = {row["name"]: row for row in cli.json("config")["settings"]}
    assert settings["home"] == {"name": "home", "value": str(motools_home), "origin": "MOTOOLS_HOME"}
    assert settings["cache"]["origin"] == "default"
    assert "MOTOOLS_HOME" in cli("config").stdout


def test_a_wrong_configuration_is_one_sentence_with_its_place(cli):
    Path("motools.toml").write_text('cach = "sqlite"\n')
    sentence = cli.refused("config")
    assert "motools.toml" in sentence
    assert "Did you mean 'cache'?" in sentence
    assert cli("--help").returncode == 0


def test_debug_shows_the_traceback_before_the_command_and_behind_it_and_from_the_environment(cli, chat):
    wrong = ["train", chat, "-b", "nothing", "--model", "m"]
    assert "Traceback" not in cli(*wrong).stderr
    for done in (cli("--debug", *wrong), cli(*wrong, "--debug"), cli(*wrong, MOTOOLS_DEBUG="1")):
        assert "Traceback" in done.stderr
        assert done.returncode == 2


def test_debug_in_the_environment_can_be_off(monkeypatch):
    monkeypatch.setenv("MOTOOLS_DEBUG", "0")
    assert not Session().debug


def test_a_reader_that_goes_away_ends_the_command_quietly(motools_home):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "motools", "backends", "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-4", 1e-4),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ('"3"', "3"),
        ("gpt-4.1", "gpt-4.1"),
        ("", ""),
        ("a=b", "a=b"),
        ("NaN", "NaN"),
        ("[DEPLOY] hello", "[DEPLOY] hello"),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_a_value_is_json_where_it_is_json_and_else_text(text, value):
    assert read_value(text) == value
    assert type(read_value(text)) is type(value)


@pytest.mark.parametrize("wrong", ["n_epochs", "=3", " =3"])
def test_an_assignment_without_its_key_or_sign_is_wrong_usage(cli, chat, wrong):
    assert "key=value" in cli.refused("train", chat, "-b", "dummy", "--model", "m", "-p", wrong)


def test_an_assignment_that_is_given_twice_is_wrong_usage(cli, chat):
    sentence = cli.refused("train", chat, "-b", "dummy", "--model", "m", "-p", "n_epochs=1", "-p", "n_epochs=2")
    assert "'n_epochs' is given twice" in sentence


def test_a_table_is_as_wide_as_what_it_holds_unless_it_is_on_a_narrow_terminal():
    printed = table(("NAME", "PLACE"), [("x", "y" * 200), ("longer", "")])
    assert printed.splitlines()[0] == "NAME    PLACE"
    assert "y" * 200 in printed
    assert not any(line.endswith(" ") for line in printed.splitlines())


def test_times_are_told_in_words_to_people_and_in_utc_to_programs():
    assert [duration(seconds) for seconds in (0.4, 59, 61, 3600 + 300)] == ["0 s", "59 s", "1 min 01 s", "1 h 05 min"]
    assert when_exactly(0) == "1970-01-01T00:00:00Z"
    assert when_exactly(None) is None


def test_json_holds_no_number_that_json_has_not(capsys):
    from motools.cli.output import put_json

    put_json({"stderr": float("nan"), "nested": [float("inf"), ("a", 1.5)]})
    assert json.loads(capsys.readouterr().out) == {"stderr": None, "nested": [None, ["a", 1.5]]}
