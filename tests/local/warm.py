"""Python with torch already imported, so that a test's worker starts in a tenth of a second instead of ten.

    python warm.py SOCKET MODEL

imports everything, makes a tiny model in the directory MODEL, and forks a child for each request. `write_stub` makes an
executable that stands in for Python and has `-P -m MODULE …` run in such a child. The server ends with its last lease.

What runs in the child is the real worker, as a process of its own with the descriptors and environment it was started
with; only the imports are already done.
"""

from __future__ import annotations

import json
import os
import runpy
import selectors
import signal
import socket
import sys
from pathlib import Path

STUB = """#!{python} -IS
import json, os, socket, sys
WARM = sys.argv[1:3] == ["-P", "-m"] and sys.argv[3] in {modules!r}
if not WARM:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
lock = os.environ.get("MOTOOLS_LOCK_FD")
descriptors = [0, 1, 2] + ([int(lock)] if lock else [])
request = dict(module=sys.argv[3], arguments=sys.argv[4:], environment=dict(os.environ), directory=os.getcwd())
with socket.socket(socket.AF_UNIX) as server:
    server.connect({socket!r})
    body = json.dumps(request).encode()
    socket.send_fds(server, [len(body).to_bytes(4, "big")], descriptors)
    server.sendall(body)
    status = server.recv(4) if "WARM_WAIT" in os.environ else b""
sys.exit(int.from_bytes(status, "big"))
"""
MODULES = ("motools_local.worker", "asking")


def write_stub(address: str, directory: Path) -> Path:
    stub = directory / "python"
    stub.write_text(STUB.format(python=sys.executable, socket=address, modules=MODULES))
    stub.chmod(0o700)
    return stub


def serve(address: str, model: str) -> None:
    import peft  # noqa: F401  (imported for the children)
    import tiny

    import motools_local.trainer  # noqa: F401

    # In a child: torch's threads, once there are any, are missing from later children, which would wait for them.
    if os.fork() == 0:
        tiny.save_tiny(Path(model))
        os._exit(0)
    os.wait()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address + ".new")
    listener.listen(64)
    Path(address + ".new").rename(address)
    leases = selectors.DefaultSelector()
    leases.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in leases.select():
            if key.fileobj is listener:
                accept(listener, leases)
            elif not key.fileobj.recv(1):
                leases.unregister(key.fileobj)
                key.fileobj.close()
                if len(leases.get_map()) == 1:
                    Path(address).unlink()
                    return


def accept(listener, leases) -> None:
    connection, _ = listener.accept()
    head, descriptors, _, _ = socket.recv_fds(connection, 4, 8)
    size = int.from_bytes(head, "big")
    if not size:
        leases.register(connection, selectors.EVENT_READ)
        return
    if os.fork() == 0:
        # Twice, so that the child's child belongs to nobody, as a detached worker does.
        if os.fork() == 0:
            listener.close()
            run(connection, size, descriptors)
        os._exit(0)
    os.wait()
    connection.close()
    for descriptor in descriptors:
        os.close(descriptor)


def run(connection, size: int, descriptors: list[int]) -> None:
    body = b""
    while len(body) < size:
        body += connection.recv(size - len(body))
    request = json.loads(body)
    os.setsid()
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if descriptors[3:]:
        os.environ["MOTOOLS_LOCK_FD"] = str(descriptors[3])
    sys.argv = [request["module"], *request["arguments"]]
    sys.path[:0] = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    status = 1
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    finally:
        sys.stdout.flush()
        if "WARM_WAIT" in os.environ:
            connection.sendall(status.to_bytes(4, "big"))
        os._exit(status)


if __name__ == "__main__":
    serve(*sys.argv[1:])
