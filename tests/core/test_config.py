"""The configuration: where it is found, what it says, where each value comes from, and what is wrong with a bad one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from motools import config
from motools.errors import ConfigError


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch) -> Path:
    """An empty working directory, and none of our variables."""
    for name in config.VARIABLES[:3]:
        monkeypatch.delenv(name, raising=False)
    directory = tmp_path / "lab" / "project" / "work"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


def origin_of(name: str) -> str:
    return next(origin for each, _, origin in config.current().rows() if each == name)


def refusal() -> str:
    with pytest.raises(ConfigError) as caught:
        config.current()
    return str(caught.value)


class TestFinding:
    def test_without_a_file_everything_has_its_default(self, work) -> None:
        current = config.current()
        assert (current.path, current.cache, current.backends, current.plugins) == (None, "sqlite", {}, None)
        assert (current.plugins_block, current.plugins_pin, current.plugins_required, current.plugins_backends) == (
            [],
            {},
            [],
            {},
        )
        assert {origin for _, _, origin in current.rows()} == {"default"}

    def test_the_nearest_file_upwards_counts_alone(self, work) -> None:
        (work.parents[1] / "motools.toml").write_text('cache = "far"\n[plugins]\nblock = ["x"]\n')
        assert config.current().cache == "far"
        (work.parent / "motools.toml").write_text('cache = "near"\n')
        assert config.current().cache == "near"
        assert config.current().plugins_block == []
        assert config.current().path == str(work.parent / "motools.toml")

    def test_motools_toml_comes_before_pyproject_in_one_directory(self, work) -> None:
        (work / "pyproject.toml").write_text('[tool.motools]\ncache = "project"\n')
        assert config.current().cache == "project"
        (work / "motools.toml").write_text('cache = "own"\n')
        assert config.current().cache == "own"

    @pytest.mark.parametrize(
        "text",
        [
            '[tool.motools]\ncache = "found"\n',
            '[ tool . motools ]\ncache = "found"\n',
            '["tool".\'motools\']\ncache = "found"\n',
            '[tool]\nmotools = { cache = "found" }\n',
            '[tool]\nmotools.cache = "found"\n',
            'tool.motools.cache = "found"\n',
            'tool = { motools = { cache = "found" } }\n',
            '[tool.motools.backends]\n[tool.motools]\ncache = "found"\n',
        ],
    )
    def test_the_table_in_pyproject_is_found_however_it_is_spelled(self, work, text) -> None:
        (work / "pyproject.toml").write_text('[project]\nname = "x"\n' if text.startswith("[") else "")
        with (work / "pyproject.toml").open("a") as file:
            file.write(text)
        assert config.current().cache == "found"
        assert origin_of("cache") == f"{work / 'pyproject.toml'} [tool.motools]"

    @pytest.mark.parametrize(
        "text",
        ["[project]\n", '[project]\ndependencies = ["motools-core"]\n', "[tool]\n# motools\n", "is = not [ toml"],
    )
    def test_a_pyproject_that_does_not_concern_us_is_passed_over(self, work, text) -> None:
        (work / "pyproject.toml").write_text(text)
        (work.parent / "motools.toml").write_text('cache = "above"\n')
        assert config.current().cache == "above"

    def test_a_pyproject_that_cannot_be_read_is_passed_over(self, work) -> None:
        (work / "pyproject.toml").mkdir()
        assert config.current().path is None

    def test_a_motools_toml_that_cannot_be_read_is_named(self, work) -> None:
        (work / "motools.toml").mkdir()
        assert refusal() == f"{work / 'motools.toml'}: cannot be read: it is not a file."

    def test_a_pipe_is_refused_and_nobody_waits_for_what_comes_through_it(self, work) -> None:
        os.mkfifo(work / "motools.toml")
        assert refusal() == f"{work / 'motools.toml'}: cannot be read: it is not a file."
        (work / "motools.toml").unlink()
        os.mkfifo(work / "pyproject.toml")
        assert config.current().path is None

    def test_a_working_directory_that_is_gone_has_no_configuration(self, work) -> None:
        work.rmdir()
        assert config.current().path is None

    def test_an_empty_file_ends_the_search(self, work) -> None:
        (work.parent / "motools.toml").write_text('cache = "above"\n')
        (work / "motools.toml").write_text("")
        assert config.current().cache == "sqlite"


class TestWhoseItIs:
    @pytest.mark.parametrize(
        ("name", "text"), [("motools.toml", 'cache = "a"'), ("pyproject.toml", '[tool.motools]\ncache = "a"')]
    )
    def test_a_file_that_everybody_can_change_is_refused(self, work, name, text) -> None:
        (work.parent / name).write_text(text)
        (work.parent / name).chmod(0o666)
        assert refusal() == (
            f"{work.parent / name}: everybody on this machine can change it, and with it what is run and paid for here. "
            f"If what it says is right: chmod o-w {work.parent / name}"
        )
        (work.parent / name).chmod(0o664)
        assert config.current().cache == "a"

    @pytest.mark.skipif(os.geteuid() != 0, reason="no device: only the superuser can give a file away")
    @pytest.mark.parametrize(
        ("name", "text"), [("motools.toml", 'cache = "a"'), ("pyproject.toml", '[tool.motools]\ncache = "a"')]
    )
    def test_a_file_of_another_user_is_refused_until_it_is_ours(self, work, monkeypatch, name, text) -> None:
        monkeypatch.delenv("SUDO_UID", raising=False)
        path = work.parent / name
        path.write_text(text)
        os.chown(path, 12345, -1)
        assert refusal() == (
            f"{path}: belongs to another user (uid 12345), who could change what is run and paid for here. If you trust "
            f"it: chown {os.geteuid()} {path}; if not, put a motools.toml of your own, which may be empty, nearer."
        )
        (work / "motools.toml").write_text("")
        assert config.current().cache == "sqlite"
        (work / "motools.toml").unlink()
        os.chown(path, os.geteuid(), -1)
        assert config.current().cache == "a"

    @pytest.mark.skipif(os.geteuid() != 0, reason="no device: only the superuser can give a file away")
    def test_a_file_of_whom_sudo_works_for_is_taken(self, work, monkeypatch) -> None:
        (work / "motools.toml").write_text('cache = "a"')
        os.chown(work / "motools.toml", 12345, -1)
        monkeypatch.setenv("SUDO_UID", "12345")
        assert config.current().cache == "a"

    def test_a_pyproject_that_does_not_configure_us_may_be_anybodys(self, work) -> None:
        (work / "pyproject.toml").write_text('[project]\ndependencies = ["motools"]\n[tool]\nx = 1\n')
        (work / "pyproject.toml").chmod(0o666)
        assert config.current().path is None


class TestRemembering:
    def test_the_answer_is_one_object_while_nothing_changes(self, work, monkeypatch) -> None:
        (work / "motools.toml").write_text('cache = "a"\n')
        first = config.current()
        assert config.current() is first
        monkeypatch.setenv("MOTOOLS_PLUGINS", "")
        assert config.current() is not first

    def test_a_change_of_the_same_length_is_seen_at_once(self, work) -> None:
        for cache in ("a", "b", "c"):
            (work / "motools.toml").write_text(f'cache = "{cache}"\n')
            assert config.current().cache == cache

    def test_a_relative_home_stays_where_it_was_when_it_was_first_asked_for(self, work, monkeypatch) -> None:
        relative = f"here-{work.stat().st_ino}"
        monkeypatch.setenv("MOTOOLS_HOME", relative)
        assert config.current().home == str(work / relative)
        monkeypatch.chdir(work.parent)
        assert config.current().home == str(work / relative)

    def test_a_home_of_white_space_is_refused(self, work, monkeypatch) -> None:
        monkeypatch.setenv("MOTOOLS_HOME", " ")
        assert (
            refusal() == "MOTOOLS_HOME: is white space, and must be the path of a directory. Unset it for the default."
        )


class TestValues:
    FULL = """
cache = "redis://localhost"
home = "data"
[backends.openai]
middleware = ["cache", "validate", "limit"]
max_live_runs = 3
[backends.cheap]
use = "openai"
base_url = "http://localhost:8000/v1"
api_key = "sk-canary"
[plugins]
block = ["foo"]
pin = { openai = "motools-openai" }
required = ["tracker"]
[plugins.backends]
mine = "my_module:MyBackend"
"""

    def test_every_key_is_read(self, work) -> None:
        (work / "motools.toml").write_text(self.FULL)
        current = config.current()
        assert current.cache == "redis://localhost"
        assert current.home == str(work / "data")
        assert current.backends["openai"] == {"middleware": ["cache", "validate", "limit"], "max_live_runs": 3}
        assert current.backends["cheap"]["use"] == "openai"
        assert current.plugins_block == ["foo"]
        assert current.plugins_pin == {"openai": "motools-openai"}
        assert current.plugins_required == ["tracker"]
        assert current.plugins_backends == {"mine": "my_module:MyBackend"}

    def test_every_value_has_its_origin(self, work, monkeypatch) -> None:
        (work / "motools.toml").write_text(self.FULL)
        monkeypatch.setenv("MOTOOLS_CACHE", "other")
        monkeypatch.setenv("MOTOOLS_PLUGINS", "-bar")
        rows = {name: (value, origin) for name, value, origin in config.current().rows()}
        file = str(work / "motools.toml")
        assert rows["cache"] == ("other", "MOTOOLS_CACHE")
        assert rows["home"] == (str(work / "data"), file)
        assert rows["backends.openai.max_live_runs"] == (3, f"{file} [backends.openai]")
        assert rows["plugins.block"] == (["foo"], f"{file} [plugins]")
        assert rows["plugins"] == ("-bar", "MOTOOLS_PLUGINS")

    def test_what_looks_secret_is_not_shown(self, work) -> None:
        (work / "motools.toml").write_text(self.FULL)
        assert "sk-canary" not in repr(config.current().rows())
        assert config.current().backends["cheap"]["api_key"] == "sk-canary"

    def test_none_is_no_cache(self, work, monkeypatch) -> None:
        (work / "motools.toml").write_text('cache = "none"\n')
        assert config.current().cache is None
        monkeypatch.setenv("MOTOOLS_CACHE", "sqlite")
        assert config.current().cache == "sqlite"

    @pytest.mark.parametrize("name", ["MOTOOLS_CACHE", "MOTOOLS_HOME"])
    def test_an_empty_variable_is_as_good_as_none(self, work, monkeypatch, name) -> None:
        (work / "motools.toml").write_text('cache = "a"\nhome = "b"\n')
        monkeypatch.setenv(name, "")
        assert (config.current().cache, config.current().home) == ("a", str(work / "b"))

    def test_an_empty_list_of_plugins_is_said_to_be_empty(self, monkeypatch) -> None:
        monkeypatch.setenv("MOTOOLS_PLUGINS", "")
        assert config.current().plugins == ""


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            (
                "cahce = 'x'",
                ": there is no setting 'cahce'. Did you mean 'cache'? Known: cache, home, backends, plugins.",
            ),
            (
                "[plugins]\nblok = []",
                " [plugins]: there is no setting 'blok'. Did you mean 'block'? Known: block, pin, ",
            ),
            (
                "[tool.motools]",
                ": there is no setting 'tool'. In a motools.toml the settings stand by themselves, outside of",
            ),
            ("[zzz]", ": there is no setting 'zzz'. Known: cache"),
            ("cache = 3", ": 'cache' must be a string that is not empty, not 3."),
            ("cache = ''", ": 'cache' must be a string that is not empty, not ''."),
            ("home = true", ": 'home' must be a string that is not empty, not True."),
            ("backends = []", ": 'backends' must be a table, not []."),
            ("[backends]\nopenai = 'x'", " [backends]: 'openai' must be a table, not 'x'."),
            ("[backends.a]\nuse = 1", " [backends.a]: 'use' must be a string that is not empty, not 1."),
            (
                "[backends.a]\nmiddleware = 'cache'",
                " [backends.a]: 'middleware' must be a list of strings, not 'cache'.",
            ),
            ("[plugins]\nblock = [1]", " [plugins]: 'block' must be a list of strings, not [1]."),
            ("[plugins]\nrequired = 'x'", " [plugins]: 'required' must be a list of strings, not 'x'."),
            ("[plugins]\npin = 'x'", " [plugins]: 'pin' must be a table, not 'x'."),
            ("[plugins.pin]\nopenai = []", " [plugins.pin]: 'openai' must be a string that is not empty, not []."),
            ("[plugins.backends]\nmine = 3", " [plugins.backends]: 'mine' must be a string that is not empty, not 3."),
            ("cache = 'a'\ncache = 'b'", ":2: is not valid TOML: Cannot overwrite a value."),
            ("\n\ncache = nonsense\n", ":3: is not valid TOML: Invalid value."),
            ("cache = [", ":1: is not valid TOML: Invalid value."),
        ],
    )
    def test_a_bad_file_is_named_with_what_is_wrong_and_what_there_is(self, work, text, complaint) -> None:
        (work / "motools.toml").write_text(text)
        assert refusal().startswith(f"{work / 'motools.toml'}{complaint}")

    def test_the_table_of_a_pyproject_is_named(self, work) -> None:
        (work / "pyproject.toml").write_text("[tool.motools.plugins]\nblock = 1\n")
        assert refusal().startswith(f"{work / 'pyproject.toml'} [tool.motools.plugins]: 'block' must be")

    def test_a_value_in_the_place_of_our_table_is_refused(self, work) -> None:
        (work / "pyproject.toml").write_text("[tool]\nmotools = 3\n")
        assert refusal() == f"{work / 'pyproject.toml'} [tool]: 'motools' must be a table, not 3."

    def test_bytes_that_are_not_utf8_are_refused_with_their_line(self, work) -> None:
        (work / "motools.toml").write_bytes(b"# fine\ncache = '\xe9'\n")
        assert refusal() == f"{work / 'motools.toml'}:2: is not UTF-8 text."

    def test_nesting_beyond_all_reason_is_refused(self, work) -> None:
        (work / "motools.toml").write_text("cache = " + "[" * 5000)
        assert "is not valid TOML" in refusal()


class TestHome:
    def test_the_variable_comes_first_and_the_directory_is_made_for_its_owner_alone(self, work, monkeypatch) -> None:
        (work / "motools.toml").write_text('home = "other"\n')
        monkeypatch.setenv("MOTOOLS_HOME", str(work / "a" / "b"))
        assert config.home() == work / "a" / "b"
        assert (work / "a" / "b").stat().st_mode & 0o777 == 0o700
        assert not (work / "other").exists()

    def test_the_file_comes_next_relative_to_itself(self, work, monkeypatch) -> None:
        (work / "motools.toml").write_text('home = "here"\n')
        below = work / "below"
        below.mkdir()
        monkeypatch.chdir(below)
        assert config.home() == work / "here"

    def test_a_tilde_is_the_user(self, work, monkeypatch) -> None:
        monkeypatch.setenv("HOME", str(work))
        (work / "motools.toml").write_text('home = "~/organisms"\n')
        assert config.home() == work / "organisms"

    @pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="no device: another system's data directory")
    @pytest.mark.parametrize(("data", "expected"), [("/x/data", "/x/data/motools"), ("relative", None), ("", None)])
    def test_the_default_is_the_user_s_data_directory(self, work, monkeypatch, data, expected) -> None:
        monkeypatch.setenv("HOME", str(work))
        monkeypatch.setenv("XDG_DATA_HOME", data)
        assert config.current().home == (expected or str(work / ".local/share/motools"))

    def test_an_existing_directory_is_taken_as_it_is(self, work, monkeypatch) -> None:
        work.chmod(0o755)
        monkeypatch.setenv("MOTOOLS_HOME", str(work))
        assert config.home() == work
        assert work.stat().st_mode & 0o777 == 0o755

    @pytest.mark.parametrize("below", ["file", "file/below"])
    def test_a_home_that_cannot_be_made_is_named_with_its_origin(self, work, monkeypatch, below) -> None:
        (work / "file").write_text("")
        monkeypatch.setenv("MOTOOLS_HOME", str(work / below))
        with pytest.raises(ConfigError, match=re.escape(f"{work / below} (MOTOOLS_HOME), cannot be used: ")):
            config.home()

    def test_two_at_once_both_get_the_home(self, work, monkeypatch) -> None:
        monkeypatch.setenv("MOTOOLS_HOME", str(work / "home"))
        assert config.home() == config.home() == Path(os.environ["MOTOOLS_HOME"])
