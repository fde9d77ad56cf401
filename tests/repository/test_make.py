"""The Makefile helps who has never seen it."""

from __future__ import annotations

import re
import subprocess


def make(root, *arguments):
    return subprocess.run(["make", *arguments], cwd=root, check=False, capture_output=True, text=True)


def test_without_a_fitting_python_it_says_how_to_name_one(root, tmp_path):
    done = make(root, "setup", "PYTHON=", f"VENV={tmp_path}")

    assert done.returncode != 0
    assert "make PYTHON=" in done.stdout


def test_help_is_the_default_and_lists_every_command(root):
    commands = re.search(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(), re.MULTILINE)[1].split()

    assert re.findall(r"^make (\w+)", make(root).stdout, re.MULTILINE) == commands


def test_ci_runs_the_same_tests_as_people_do(root, tmp_path):
    fake = tmp_path / "make"
    fake.write_text('#!/bin/sh\necho "CI=$CI make $*"\n')
    fake.chmod(0o755)
    done = subprocess.run(
        [root / ".ci" / "run"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, capture_output=True, text=True
    )

    assert done.stdout == "CI=true make test\n"
