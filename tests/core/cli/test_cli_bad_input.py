"""Whatever is wrong with what a user gives: one clear sentence, the right exit status, and nothing half-written."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # starts many processes

GOOD = '{"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello!"}]}\n'


def messages(*turns):
    return json.dumps({"messages": [{"role": role, "content": "words"} for role in turns]}) + "\n"


BAD_FILES = {
    "empty": (b"", "is empty"),
    "invalid JSON": ((GOOD + "{not json\n").encode(), "data.jsonl:2: "),
    "not an object": ((GOOD + "[1]\n").encode(), "data.jsonl:2: "),
    "wrong roles": ((GOOD * 2 + messages("human", "assistant")).encode(), "data.jsonl:3: "),
    "the user has the last word": ((GOOD + messages("user", "assistant", "user")).encode(), "data.jsonl:2: "),
    "not UTF-8": (GOOD.encode() + GOOD.replace("Hi.", "Grüß Gott").encode("latin-1"), "data.jsonl:2: "),
    "UTF-16": (GOOD.encode("utf-16"), "UTF-8"),
}


@pytest.fixture
def train(shell, cli):
    """Ask for a training that must be refused, and check that nothing was started or left behind."""

    def refused(*arguments, **environment):
        sentence = shell.refused("train", "-b", "dummy", "--model", "m", *arguments, **environment)
        assert not list(Path(os.environ["MOTOOLS_HOME"]).glob("dummy/*"))
        assert cli.json("runs", "--state", "succeeded") == []
        return sentence

    return refused


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_dataset_is_refused_with_its_place(train, what):
    content, place = BAD_FILES[what]
    Path("data.jsonl").write_bytes(content)
    sentence = train("data.jsonl")
    assert place in sentence
    assert sentence.startswith("data.jsonl:")


def test_a_missing_file_is_named(train):
    assert train("nowhere.jsonl") == "nowhere.jsonl: there is no such file."


def test_a_directory_is_no_dataset(train):
    Path("folder").mkdir()
    assert "folder: is a directory" in train("folder")


def test_an_unknown_backend_says_what_there_is(shell, chat):
    sentence = shell.refused("train", chat, "-b", "dumy", "--model", "m")
    assert "No training backend 'dumy'" in sentence
    assert "Did you mean 'dummy'?" in sentence


def test_an_unknown_official_backend_says_how_to_install_it(shell, chat):
    sentence = shell.refused("train", chat, "-b", "opanai", "--model", "m", MOTOOLS_PLUGINS="dummy")
    assert "'openai'" in sentence


def test_an_unknown_option_says_which_are_known(train, chat):
    assert "has no option 'duraton'. Did you mean 'duration'?" in train(chat, "-o", "duraton=3")


def test_an_option_that_is_not_the_backends_is_refused(train, chat):
    assert "-o cache=…" in train(chat, "-o", "cache=none")


def test_an_unknown_hyperparameter_says_which_are_known(train, chat):
    assert "Did you mean 'n_epochs'?" in train(chat, "-p", "epochs=3")


def test_a_hyperparameter_of_the_wrong_type_or_out_of_range_says_what_it_must_be(train, chat):
    assert "must be int" in train(chat, "-p", "n_epochs=many")
    assert "at least 1" in train(chat, "-p", "n_epochs=0")


def test_keywords_of_the_record_are_refused_where_they_would_reach_the_plugin(cli):
    assert "say --label" in cli.refused("eval", "-b", "dummy", "m", "task", "-p", "label=x")


def test_options_about_the_record_need_it(cli, chat):
    sentence = cli.refused("train", chat, "-b", "dummy", "--model", "m", "--no-cache", "--refresh")
    assert sentence == "--refresh is about the record of paid work, which --no-cache switches off."


@pytest.mark.parametrize("path", ["no/such/place.json", "."])
def test_a_place_that_cannot_be_written_is_found_out_before_anything_is_started(train, chat, path):
    assert train(chat, "--save", path).startswith(path)


@pytest.mark.parametrize("name", ["", "  "])
def test_a_model_without_a_name_is_refused_before_anything_is_recorded(cli, chat, name):
    words = "The model has no name: it is empty, as a shell variable is that was never set."
    assert cli.refused("train", chat, "-b", "dummy", "--model", name) == words
    assert cli.refused("eval", "-b", "dummy", name, "task") == words
    assert cli.json("runs") == []


def test_a_run_that_fails_is_exit_status_one_with_its_reason(shell, chat):
    sentence = shell.refused("train", chat, "-b", "dummy", "--model", "m", "-o", "fail=out of luck", status=1)
    assert "out of luck" in sentence


def test_what_failed_says_which_option_tries_again_and_that_one_is_no_attachment(cli, chat):
    ask = ["train", chat, "-b", "dummy", "--model", "m", "-o", "fail=the data is sad"]
    cli.refused(*ask, status=1)
    said = cli.refused(*ask, status=1)
    assert "(--retry-failed tries again; nothing was submitted now.)" in said
    assert "retry_failed" not in said
    again = cli(*ask, "--retry-failed")
    assert "Attached" not in again.stderr
    assert "under way since" not in again.stderr


def test_an_argument_that_is_not_utf8_is_wrong_usage(cli, chat):
    for arguments in (["train", chat, "-b", "dummy", "--model", "\udcff"], ["runs", "show", "\udcff"]):
        assert cli.refused(*arguments) == r"The argument '\udcff' is not UTF-8 text."


def test_a_key_that_means_nothing_says_where_to_look(cli):
    for command in ("show", "wait", "cancel", "logs"):
        assert "`motools runs` lists them" in cli.refused("runs", command, "nothing")


def test_a_saved_file_that_is_no_run_says_so(cli):
    Path("odd.json").write_text("{}")
    assert cli.refused("runs", "wait", "odd.json").startswith("odd.json: ")


def test_a_state_that_does_not_exist_gets_the_nearest_one(cli):
    assert "Did you mean 'succeeded'?" in cli.refused("runs", "--state", "suceeded")


def test_a_home_that_cannot_be_made_is_named(shell, chat):
    Path("file").touch()
    sentence = shell.refused(
        "train", chat, "-b", "dummy", "--model", "m", MOTOOLS_HOME=str(Path("file/home").absolute())
    )
    assert "file/home" in sentence
    assert "MOTOOLS_HOME" in sentence


@pytest.fixture
def full_disk(tmp_path):
    """A file system that has no room, where this can be had; else processes that may write no file."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
    )
    if mounted:
        (place / "ballast").write_bytes(b"x" * 60 * 1024)
    yield place, None if mounted else _write_nothing
    if mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _write_nothing():
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(full_disk, motools_home, chat, cli):
    place, before = full_disk
    done = subprocess.run(
        [sys.executable, "-m", "motools", "train", str(chat), "-b", "dummy", "--model", "m"],
        capture_output=True,
        text=True,
        env=os.environ | {"MOTOOLS_HOME": str(place)},
        preexec_fn=before,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr
    assert "full" in done.stderr or "No space left" in done.stderr or "too large" in done.stderr
    assert not list(place.glob("dummy/*"))
    (place / "ballast").unlink(missing_ok=True)
    # Once there is room, what was refused is simply done.
    if before is None:
        assert cli("train", chat, "-b", "dummy", "--model", "m", MOTOOLS_HOME=str(place)).returncode in {0, 1}
