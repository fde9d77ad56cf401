"""The warm Python does what a cold one does, and is gone when nobody uses it any more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from warm_python import warm_python  # noqa: E402  (a test folder is no package)

PROGRAM = """
import json, os, sys
lock = int(os.environ.pop("MOTOOLS_LOCK_FD"))
print(json.dumps([os.getsid(0) == os.getpid(), os.getcwd(), dict(os.environ), sys.argv, __spec__.name, os.read(lock, 4).decode()]))
print("wave" in sys.modules, file=sys.stderr)
sys.exit(7)
"""
HOLDING = """
import sys
from pathlib import Path
from warm_python import warm_python
with warm_python(Path(sys.argv[1]), imports=["wave"], modules=[]):
    print("started", flush=True)
    sys.stdin.read()
"""


def said(python, tmp_path):
    """Return what a worker says of itself, its exit status and whether it was warm."""
    (tmp_path / "lock").write_text("lock")
    descriptor = os.open(tmp_path / "lock", os.O_RDONLY)
    environment = {"PYTHONPATH": str(tmp_path), "ONE": "two", "MOTOOLS_LOCK_FD": str(descriptor)}
    command = [str(python), "-P", "-m", "program", "an argument"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        pass_fds=[descriptor],
        capture_output=True,
        start_new_session=True,
        check=False,
    )
    os.close(descriptor)
    return json.loads(done.stdout), done.returncode, done.stderr.strip()


def test_a_warm_worker_is_the_process_that_a_cold_one_is(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    cold, cold_status, cold_imported = said(sys.executable, tmp_path)
    with warm_python(tmp_path / "warm", imports=["wave"], modules=["program"]) as python:
        warm, warm_status, warm_imported = said(python, tmp_path)
        version = subprocess.run([python, "-c", "print(40 + 2)"], capture_output=True, check=True)
    cold[2].pop("LC_CTYPE", None)  # set by Python itself when it starts
    warm[2].pop("LC_CTYPE", None)
    assert warm == cold
    assert warm[0] is True
    assert (cold_status, warm_status) == (7, 7)
    assert (cold_imported, warm_imported) == (b"False", b"True")
    assert version.stdout == b"42\n"


def test_an_error_is_told_and_is_the_exit_status(tmp_path):
    (tmp_path / "wrong.py").write_text("raise ValueError('it is wrong')")
    with warm_python(tmp_path / "warm", imports=[], modules=["wrong"]) as python:
        command = [python, "-P", "-m", "wrong"]
        environment = {"PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, env=environment, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: it is wrong\n")


def test_a_server_that_cannot_import_is_an_error(tmp_path):
    with (
        pytest.raises(RuntimeError, match="No module named 'nothing_like_that'"),
        warm_python(tmp_path / "warm", imports=["nothing_like_that"], modules=[]),
    ):
        pass


def test_the_server_is_shared_and_ends_with_the_last_that_uses_it_even_if_that_is_killed(tmp_path):
    place = tmp_path / "warm"
    command = [sys.executable, "-c", HOLDING, str(place)]
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    users = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) for _ in range(2)
    ]
    for user in users:
        assert user.stdout.readline() == b"started\n"
    (server,) = [child for user in users for child in psutil.Process(user.pid).children()]
    for user in users:
        assert server.is_running()
        user.send_signal(signal.SIGKILL)
        user.communicate()
    server.wait(timeout=30)
    assert not (place / "socket").exists()
