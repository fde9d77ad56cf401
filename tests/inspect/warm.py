"""Python with Inspect already imported, so that a test's worker starts in a tenth of a second instead of five.

    python warm.py SOCKET

forks a child for each request that comes through the socket, until its standard input is closed. `write_stub` makes an
executable that stands in for Python and has `-P -m motools_inspect.worker …` run in such a child: the real worker, as a
process of its own with the descriptors and the environment that it was started with; only the imports are done already.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path

IMPORTED_LATE = ("inspect_ai.agent._acp.server", "inspect_ai.model._openai_responses")
"""What Inspect imports in mid-evaluation, and slowly."""
WORKER = "motools_inspect.worker"
STUB = """#!{python} -IS
import json, os, socket, sys
if sys.argv[1:4] != ["-P", "-m", {worker!r}]:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
descriptors = [1, int(os.environ["MOTOOLS_LOCK_FD"])]
body = json.dumps([sys.argv[4:], dict(os.environ), os.getcwd()]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(body).to_bytes(4, "big")], descriptors)
    server.sendall(body)
"""


def write_stub(address: Path, directory: Path) -> Path:
    stub = directory / "python"
    stub.write_text(STUB.format(python=sys.executable, worker=WORKER, address=str(address)))
    stub.chmod(0o700)
    return stub


def serve(address: str) -> None:
    for name in ("motools_inspect.running", *IMPORTED_LATE):
        importlib.import_module(name)

    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as waiting:
        listener.bind(f"{address}.new")
        listener.listen(64)
        Path(f"{address}.new").rename(address)
        waiting.register(listener, selectors.EVENT_READ)
        waiting.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in waiting.select()):
            connection, _ = listener.accept()
            head, (log, lock), _, _ = socket.recv_fds(connection, 4, 2)
            with connection, connection.makefile("rb") as stream:
                arguments, environment, directory = json.loads(stream.read(int.from_bytes(head, "big")))
            # Twice, so that the child's child belongs to nobody, as a detached worker does.
            if os.fork() == 0:
                if os.fork() == 0:
                    run(arguments, environment, directory, log, lock)
                os._exit(0)
            os.wait()
            os.close(log)
            os.close(lock)


def run(arguments: list[str], environment: dict[str, str], directory: str, log: int, lock: int) -> None:
    os.setsid()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment, MOTOOLS_LOCK_FD=str(lock))
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.argv = [WORKER, *arguments]
    try:
        runpy.run_module(WORKER, run_name="__main__", alter_sys=True)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
