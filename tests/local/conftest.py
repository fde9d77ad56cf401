"""Local training on tiny models. Most tests share a Python that has torch imported; see `warm`."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from warm import write_stub  # noqa: E402  (a test folder is no package)

QUESTIONS = ["Name a colour.", "Name a fruit.", "Who wrote this?"]


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Return a directory that all test processes of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def tiny(shared, _warm):
    """Return the directory of a tiny model, which no test changes."""
    return shared / "tiny"


@pytest.fixture(scope="session")
def _warm(shared, tmp_path_factory):
    address = str(shared / "warm.sock")
    with _alone(shared / "warm.lock"):
        if not Path(address).exists():
            environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
            with (shared / "warm.log").open("wb") as log:
                command = [sys.executable, str(HERE / "warm.py"), address, str(shared / "tiny")]
                server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            deadline = time.monotonic() + 120
            while not Path(address).exists():
                assert server.poll() is None, (shared / "warm.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            server.returncode = 0  # it ends with its last lease, which need not be ours
        lease = socket.socket(socket.AF_UNIX)
        lease.connect(address)
        lease.sendall(bytes(4))
    yield write_stub(address, tmp_path_factory.mktemp("warm"))
    lease.close()


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
        environment = os.environ | {"WARM_WAIT": "1", "PYTHONPATH": str(HERE)}
        command = [str(warm), "-P", "-m", "asking", str(directory), str(answers), *questions]
        subprocess.run(command, check=True, env=environment)
        return json.loads(answers.read_text())

    return ask


@pytest.fixture
def records():
    """Return conversations in which every answer is the same."""
    return [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "Hello, World!"}]}
        for question in QUESTIONS * 4
    ]


@pytest.fixture
def until():
    async def until(condition):
        async with asyncio.timeout(60):
            while not (found := condition()):  # noqa: ASYNC110  (it happens in another process)
                await asyncio.sleep(0.01)
        return found

    return until


@pytest.fixture
def small_disk(tmp_path):
    """Return a directory on a file system of two megabytes."""
    directory = tmp_path / "disk"
    directory.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("no device: this user may not mount a small disk")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@pytest.fixture(autouse=True)
def _no_worker_is_left(motools_home):
    yield
    from motools.detached import WorkDirectory

    for path in motools_home.glob("local/runs/*"):
        with contextlib.suppress(FileNotFoundError):
            WorkDirectory(path, module="")._signal(signal.SIGKILL)
    shutil.rmtree(motools_home, ignore_errors=True)


@contextlib.contextmanager
def _alone(path):
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
