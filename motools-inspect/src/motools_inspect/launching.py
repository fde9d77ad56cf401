"""Starting workers from a process that has Inspect loaded already: a fork takes milliseconds, an import seconds.

    a caller ── request, lock, log ──> server ── fork ──> worker, which is a process of its own from then on
             <── end of file when the worker has ended ──

The server (`motools_inspect.server`) is started by whoever needs one and finds none, serves all processes of this user
with the same Python, environment, processors and limits, and ends some minutes after its last worker. A request is complete when
it has been sent: who dies after that, caller or server, lets go of the lock, and the work is found interrupted.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.detached import spawn
from motools_inspect.environment import fingerprint, variables
from motools_inspect.memory import launch_here, tasks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from motools.detached import WorkDirectory

SERVER = "motools_inspect.server"
SHARE = 4
"""One in so many of the descriptors that a process may open are used to hear at once of the end of its workers."""
BACKLOG = 4096
PAUSE = 0.05
"""Seconds between two tries to hand over descriptors, where too many are on the way."""
LONGEST = 60
"""Bytes of the path below which sockets are: the whole may have 104."""


def launch(
    work: WorkDirectory, lock: int, environment: Mapping[str, str], *, objects: Mapping[str, Any] | None = None
) -> int | None:
    """Start the worker of a job's directory: by a server, as a new process where there is to be none, or here for `objects`.

    Returns a descriptor that comes to its end with the worker; None where that is not at hand.
    """
    spec = work.spec
    if spec["in_memory"]:
        launch_here(work, lock, objects or tasks_of(spec))
        return None
    if not spec["keep_warm"] or not can_fork():
        spawn(work, lock, environment)
        return None
    with work.log_path.open("ab") as log:
        work.log_path.chmod(0o600)
        request = {
            "work": str(work.path),
            "environment": {**os.environ, **environment},
            "directory": spec["cwd"],
            "keep_warm": spec["keep_warm"],
            "workers": spec["workers"],
        }
        return _keep(ask(request, [log.fileno(), lock], log=log.fileno()))


def can_fork() -> bool:
    """Whether a process that has loaded much can be forked here; the frameworks of macOS do not survive it."""
    return sys.platform.startswith("linux")


def _keep(connection: socket.socket) -> int | None:
    """Return the descriptor of a connection, unless many are open already: they are numbered from the lowest."""
    if connection.fileno() * SHARE < resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
        return connection.detach()
    connection.close()
    return None


def ask(request: Mapping[str, Any], descriptors: Sequence[int], *, log: int) -> socket.socket:
    """Send a request to the server, which is started if need be, and return the connection.

    What a server says that is started now goes to `log`. Raises OSError where none can be.
    """
    body = json.dumps({**request, "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0]}).encode()
    try:
        return _asked(request, body, descriptors, log)
    except ConnectionError:  # that server was about to end, and has taken nothing
        return _asked(request, body, descriptors, log)


def _asked(request: Mapping[str, Any], body: bytes, descriptors: Sequence[int], log: int) -> socket.socket:
    connection = _connect(_directory(), variables(request["directory"]), log, float(request["keep_warm"]))
    try:
        _hand_over(connection, len(body).to_bytes(8, "big"), descriptors)
        connection.sendall(body)
    except BaseException:
        connection.close()
        raise
    return connection


def _hand_over(connection: socket.socket, head: bytes, descriptors: Sequence[int]) -> None:
    """Send descriptors: as many as a process may open can be on the way to servers, and then there is room when one is read."""
    while True:
        try:
            socket.send_fds(connection, [head], descriptors)
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS:
                raise
            time.sleep(PAUSE)  # the system tells nobody when there is room
        else:
            return


def announce() -> None:
    """Let a server that is there look at once whether its code has changed: what is asked of it next then need not wait."""
    if not can_fork():
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_place(_directory(), variables())))


def _directory() -> Path:
    """Return the directory of sockets, which nobody else can enter."""
    bases = [os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir(), tempfile.gettempdir(), "/tmp"]  # noqa: S108 (checked below)
    # That of a session is not always at hand: `su` and containers leave the variable as it was.
    of_use = (each for each in bases if len(os.fsencode(each)) <= LONGEST and os.access(each, os.W_OK | os.X_OK))
    base = next((each for each in of_use if Path(each).is_dir()), bases[-1])
    place = Path(base) / f"motools-{os.geteuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "is open to other users, so no worker is started through it", str(place))
    return place


def _connect(directory: Path, environment: Mapping[str, str], log: int, keep_warm: float) -> socket.socket:
    name = _place(directory, environment)
    connection = socket.socket(socket.AF_UNIX)
    try:
        if not _is_served(connection, name):
            with _alone(name.with_suffix(".lock")):
                if not _is_served(connection, name):
                    _serve(name, environment, log, keep_warm)
                    connection.connect(str(name))
    except BaseException:
        connection.close()
        raise
    return connection


def _place(directory: Path, environment: Mapping[str, str]) -> Path:
    told = f"{sys.executable} {sys.prefix} {fingerprint(environment)} {_inherited()}"
    return directory / f"inspect-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _inherited() -> list[Any]:
    """Return what else a process has of the one that starts it: what it sees of the system, and how much of it it may use."""
    names = {value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
    limits = [resource.getrlimit(name) for name in sorted(names - {resource.RLIMIT_NOFILE})]
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # how many it may open for now is part of a request
    spaces = [os.readlink(path) for name in ("mnt", "net", "pid") if os.path.islink(path := f"/proc/self/ns/{name}")]  # noqa: PTH114, PTH115  (on the way of each request)
    return [limits, most_files, sorted(os.sched_getaffinity(0)), os.getpriority(os.PRIO_PROCESS, 0), spaces]


def _is_served(connection: socket.socket, name: Path) -> bool:
    try:
        connection.connect(str(name))
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    return True


def _serve(name: Path, environment: Mapping[str, str], log: int, keep_warm: float) -> None:
    """Start a server. Requests can be sent to it at once: they wait until it has loaded what it needs."""
    name.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(name))
        listener.listen(BACKLOG)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", SERVER, str(name), str(listener.fileno()), str(keep_warm)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[listener.fileno()],
        )
    # Reaped if it ends while this process lives.
    threading.Thread(target=process.wait, daemon=True, name=f"reap {process.pid}").start()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


__all__ = ["announce", "ask", "can_fork", "launch"]
