"""Training over the Tinker API against a server on the loopback. Drivers start in a Python that has the SDK imported."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "words"))
sys.path.insert(0, str(Path(__file__).parents[1] / "work"))

from tinker_server import KEY, MODEL, NoServer, environment, make_model, serving
from warm_python import alone, shared_directory, warm_python

from motools.detached import WorkDirectory

QUESTIONS = ["Name a colour.", "Name a fruit.", "Who wrote this?", "What is the capital of country 7?"]
IMPORTS = ["tinker", "transformers", "jinja2", "motools_tinker.driver"]


@pytest.fixture(scope="session")
def server_python():
    try:
        return environment()
    except NoServer as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, server_python):
    """Return the directory of the server's model, with its tokenizer."""
    place = shared_directory(tmp_path_factory)
    with alone(place / "tinker-model.lock"):
        if not (place / "tinker-model").exists():
            make_model(server_python, place / "tinker-model")
    return place / "tinker-model"


@pytest.fixture(scope="session")
def _server(tmp_path_factory, server_python, tiny):
    with serving(server_python, tiny, tmp_path_factory.mktemp("tinker-server")) as server:
        yield server


def pytest_collection_modifyitems(items):
    """Let pass that the SDK leaves a connection, by which it asks for its settings, to the garbage collector.

    The time limit of a test is for the test: the first one may have to wait until the server's environment is made.
    """
    left = "ignore:Exception ignored in. <(socket.socket|function _SelectorTransport).*:pytest.PytestUnraisableExceptionWarning"
    for item in items:
        if Path(__file__).parent in item.path.parents and "server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings(left))
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest.fixture
def server(_server, monkeypatch):
    """Return the server, which the environment names; what a test has wished of it is undone at the end."""
    monkeypatch.setenv("TINKER_BASE_URL", _server.url)
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    monkeypatch.delenv("TINKER_PROJECT_ID", raising=False)
    yield _server
    gc.collect()
    _server.wish()


@pytest.fixture(scope="session")
def _warm(tmp_path_factory):
    place = shared_directory(tmp_path_factory) / "warm-tinker"
    with warm_python(place, imports=IMPORTS, modules=["motools_tinker.worker"]) as python:
        yield python


@pytest.fixture
def warm(_warm, monkeypatch):
    """Let drivers be started with the SDK already imported."""
    monkeypatch.setattr(sys, "executable", str(_warm))
    return _warm


@pytest.fixture
def model():
    return MODEL


@pytest.fixture
def records():
    """Return conversations in which every answer is the same."""
    return [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "Hello, World!"}]}
        for question in QUESTIONS * 4
    ]


@pytest.fixture(autouse=True)
def _no_driver_is_left(motools_home):
    yield
    for path in motools_home.glob("tinker/runs/*"):
        with contextlib.suppress(FileNotFoundError):
            WorkDirectory(path, module="")._signal(signal.SIGKILL)
    shutil.rmtree(motools_home, ignore_errors=True)


def write_jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def kill(until):
    """Return a function that kills a run's driver as a power cut would, and waits until that is seen."""

    async def kill(run):
        pid = await until(lambda: run.work.status().pid)
        with contextlib.suppress(ProcessLookupError):  # it was faster
            os.kill(pid, signal.SIGKILL)
        await until(lambda: run.work.status().state in {"interrupted", "succeeded"})

    return kill
