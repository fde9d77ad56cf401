"""A handle's directory is worked in only where it is this user's own."""

from __future__ import annotations

import os
import re

import pytest

from motools.detached import own_directory
from motools.errors import HandleError

BELOW = ("local", "runs")


@pytest.fixture
def runs(motools_home):
    directory = motools_home.joinpath(*BELOW)
    directory.mkdir(parents=True)
    return directory


def refusal(directory, below=BELOW):
    with pytest.raises(HandleError) as caught:
        own_directory(directory, below=below, handle="run.json")
    assert str(caught.value).startswith("run.json: ")
    return str(caught.value)


def test_a_directory_of_this_home_is_taken_whether_it_is_there_or_gone(runs):
    (runs / "there").mkdir()
    for name in ("there", "gone"):
        assert own_directory(str(runs / name), below=BELOW, handle="run.json") == runs / name


def test_a_home_that_is_reached_by_a_link_is_the_same_home(runs, motools_home, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(motools_home)
    monkeypatch.setenv("MOTOOLS_HOME", str(tmp_path / "link"))
    assert own_directory(str(runs / "run"), below=BELOW, handle="run.json") == runs / "run"


def test_a_directory_of_another_home_says_which_home_that_is(runs, tmp_path):
    said = refusal(str(tmp_path / "other/local/runs/run"))
    assert str(runs) in said
    assert said.endswith(f"It belongs to another one: if that is yours, set MOTOOLS_HOME={tmp_path / 'other'}.")


@pytest.mark.parametrize("place", ["{tmp}/work", "{runs}/../run", "{runs}/a/b", "{runs}", "work", "/"])
def test_a_directory_of_anybody_is_refused(runs, tmp_path, place):
    assert "Loading it would run what it says" in refusal(place.format(tmp=tmp_path, runs=runs))


def test_a_link_out_of_the_home_is_refused(runs, tmp_path):
    (runs / "run").symlink_to(tmp_path)
    assert f"is not in {runs}" in refusal(str(runs / "run"))


@pytest.mark.parametrize("directory", [None, 5, "", "\0", ["x"]])
def test_what_is_no_path_is_refused(directory):
    assert f"must be the path of a directory, not {directory!r}" in refusal(directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="no device: only the superuser can give a directory away")
def test_a_directory_of_another_user_is_refused(runs):
    (runs / "run").mkdir()
    os.chown(runs / "run", 12345, -1)
    assert re.search(r"belongs to another user \(uid 12345\)", refusal(str(runs / "run")))
