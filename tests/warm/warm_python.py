"""A Python with slow modules already imported, so that a test's worker starts in a tenth of a second instead of ten.

    with warm_python(directory, imports=["torch"], modules=["motools_local.worker"]) as python:
        subprocess.run([python, "-P", "-m", "motools_local.worker", …])

`python` stands in for Python: `-P -m MODULE …`, for the named modules, is run in a fork of a server that has done the
imports; anything else is run by Python itself. In the fork runs the real module, as a process of its own with the
session, descriptors, directory and environment that a cold one would have.

All processes that use one directory share one server. Each holds a lock meanwhile, which the kernel releases however
the process ends; the server ends within a second after the last.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import traceback
from pathlib import Path

STUB = """#!{python} -IS
import json, os, socket, sys
if sys.argv[1:3] != ["-P", "-m"] or sys.argv[3] not in {modules!r}:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
lock = os.environ.get("MOTOOLS_LOCK_FD")
locks = [int(lock)] if lock else []
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2, *locks])
    server.sendall(json.dumps([sys.argv[3:], dict(os.environ), os.getcwd()]).encode())
    server.shutdown(socket.SHUT_WR)
    for lock in locks:
        os.close(lock)  # it tells whether the worker lives
    status = server.recv(1)
sys.exit(status[0] if status else 1)
"""


def shared_directory(tmp_path_factory):
    """Return a directory that all test processes of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextlib.contextmanager
def warm_python(directory, *, imports, modules):
    directory.mkdir(exist_ok=True)
    with (directory / "lease").open("a") as lease:
        with alone(directory / "starting"):
            fcntl.flock(lease, fcntl.LOCK_SH)
            if not (directory / "socket").exists():
                start(directory, imports, modules)
        yield directory / "python"


@contextlib.contextmanager
def alone(path):
    """Let no other process that asks for this be inside at the same time."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start(directory, imports, modules):
    # Each child puts the PYTHONPATH that it was started with in front.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", __file__, str(directory), *imports]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    with server.stdout:
        if server.stdout.readline() != b"ready\n":
            server.kill()
            server.wait()
            raise RuntimeError(f"The warm Python did not start: {(directory / 'log').read_text()}")
    server.returncode = 0  # it ends with the last that uses it, which need not be this process
    stub = directory / "python"
    stub.write_text(STUB.format(python=sys.executable, modules=tuple(modules), address=str(directory / "socket")))
    stub.chmod(0o700)


def serve(directory, imports):
    for name in imports:
        importlib.import_module(name)
    # Nobody waits for the children, as nobody does for a detached worker.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
        listener.listen(64)
        listener.settimeout(1)
        with contextlib.suppress(BrokenPipeError):  # who waited may be dead; others may still come
            os.write(1, b"ready\n")
        while not is_left(directory):
            with contextlib.suppress(TimeoutError):
                attend(listener)


def is_left(directory):
    with (directory / "lease").open("a") as lease:
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # While the lock is held: whoever comes now waits for it, and then starts another server.
        (directory / "socket").unlink()
        return True


def attend(listener):
    connection, _ = listener.accept()
    with connection:
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 4)
        if os.fork() == 0:
            listener.close()
            status = run(connection, descriptors)
            connection.sendall(bytes([status]))
            os._exit(status)
    for descriptor in descriptors:
        os.close(descriptor)


def run(connection, descriptors):
    """Run the module that was asked for as the process that was asked for, and return its exit status."""
    with connection.makefile("rb") as stream:
        arguments, environment, directory = json.load(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    for descriptor in descriptors[3:]:
        os.environ["MOTOOLS_LOCK_FD"] = str(descriptor)
    sys.argv = arguments
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    status = 0
    try:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  (as Python does with whatever ends a program)
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
