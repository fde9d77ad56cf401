"""Local training on tiny models. Most tests share a Python that has torch imported; see `warm_python`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / name) for name in ("warm", "words", "work")]

from warm_python import alone, shared_directory, warm_python  # noqa: E402  (a test folder is no package)

QUESTIONS = ["Name a colour.", "Name a fruit.", "Who wrote this?"]


@pytest.fixture(scope="session")
def _warm(tmp_path_factory):
    place = shared_directory(tmp_path_factory) / "warm-local"
    imports = ["peft", "motools_local.trainer"]
    with warm_python(place, imports=imports, modules=["motools_local.worker", "asking", "scoring", "tiny"]) as python:
        yield python


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, _warm):
    """Return the directory of a tiny model, which no test changes."""
    place = shared_directory(tmp_path_factory)
    with alone(place / "tiny.lock"):
        if not (place / "tiny").exists():
            run_here(_warm, "tiny", place / "tiny")
    return place / "tiny"


@pytest.fixture
def warm(_warm, monkeypatch):
    """Let workers be started with torch already imported."""
    monkeypatch.setattr(sys, "executable", str(_warm))
    return _warm


@pytest.fixture
def ask(warm, tmp_path):
    """Return a function that has a model answer questions."""

    def ask(directory, *questions):
        answers = tmp_path / "answers.json"
        run_here(warm, "asking", directory, answers, *questions)
        return json.loads(answers.read_text())

    return ask


@pytest.fixture
def loss_of(warm, tmp_path):
    """Return a function that measures a model's mean loss on the answers of records."""

    def loss_of(directory, records):
        measured = tmp_path / "loss.json"
        run_here(warm, "scoring", directory, measured, json.dumps([record["messages"] for record in records]))
        return json.loads(measured.read_text())

    return loss_of


@pytest.fixture
def records():
    """Return conversations in which every answer is the same."""
    return [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "Hello, World!"}]}
        for question in QUESTIONS * 4
    ]


@pytest.fixture(autouse=True)
def _no_worker_is_left(motools_home):
    yield
    from motools.detached import WorkDirectory

    for path in motools_home.glob("local/runs/*"):
        with contextlib.suppress(FileNotFoundError):
            WorkDirectory(path, module="")._signal(signal.SIGKILL)
    shutil.rmtree(motools_home, ignore_errors=True)


def run_here(python, module, *arguments):
    """Run a module of this directory."""
    command = [str(python), "-P", "-m", module, *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(HERE)})
