"""The process that has Inspect loaded and forks the workers: `python -m motools_inspect.server SOCKET DESCRIPTOR SECONDS`.

It runs nothing itself. Each worker is a fork with the environment, directory, log and lock of the request, and a process
of its own from then on: what happens to the server, or to another worker, does not touch it. Of many requests so many are
started at once as they say (`workers`), and the others wait in order.

Before each fork it looks whether a file that it has imported has changed since, or a package was installed. Then it
begins again as a new process, with the requests that wait: a worker never runs other code than a cold one would.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from motools.detached import LOCK_VARIABLE
from motools_inspect.imported import Imported

LOADED = ("motools_inspect.running", "motools_inspect.resolving", "motools_inspect.facts", "motools_inspect.worker")
LOADED_LATE = (
    "anyio._backends._asyncio",
    "encodings.cp437",
    "fsspec.implementations.chained",
    "inspect_ai._control.config_record",
    "inspect_ai._control.scoring",
    "inspect_ai.agent._acp.server",
    "inspect_ai.agent._acp.transport_live",
    "inspect_ai.hooks._startup",
    "inspect_ai.model._openai_responses",
    "inspect_ai.model._providers.none",
    "inspect_ai.model._providers.openai_compatible",
    "inspect_ai.solver._transcript",
    "markdown_it",
    "numpy",
    "rich._emoji_codes",
    "rich.markdown",
)
"""What Inspect imports in mid-evaluation, and slowly. Where another version has no such module, nothing is lost but time."""
LOOK = 0.2
"""Seconds between two looks at requests that wait, and that may be cancelled meanwhile."""
PATIENCE = 5.0
"""Seconds that a request may take to arrive."""
AWAITED = "MOTOOLS_INSPECT_AWAITED"
"""Names the requests that a server hands to the one it begins again as."""


@dataclass(kw_only=True)
class Request:
    """A worker to be started, and what it inherits."""

    connection: int
    """Closed when the worker has ended: that is how the caller hears of it."""
    log: int
    lock: int | None
    body: dict[str, Any]

    @property
    def descriptors(self) -> list[int]:
        """All that it holds open."""
        return [self.connection, self.log, *([] if self.lock is None else [self.lock])]

    @property
    def is_cancelled(self) -> bool:
        """Whether it need only be told to the directory that it is over."""
        return "work" in self.body and Path(self.body["work"], "cancel").exists()

    def close(self) -> None:
        """Let go of all that it holds open."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Server:
    """Takes requests, and forks."""

    def __init__(self, name: Path, listener: socket.socket, keep_warm: float) -> None:
        self._name = name
        self._listener = listener
        self._keep_warm = keep_warm
        self._inode = name.stat().st_ino
        self._waiting: list[Request] = []
        self._workers: set[int] = set()
        self._is_again = AWAITED in os.environ
        if self._is_again:
            awaited = json.loads(os.environ.pop(AWAITED))
            self._waiting = [Request(**fields) for fields in awaited["waiting"]]
            self._workers = set(awaited["workers"])
        began = time.time_ns()
        _load()
        self._imported = Imported(since=began)

    def serve(self) -> None:
        """Serve until nothing has been asked for so long as the requests say."""
        selector = selectors.DefaultSelector()
        selector.register(self._listener, selectors.EVENT_READ)
        self._listener.settimeout(0.0)
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector.register(reader, selectors.EVENT_READ)
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < self._keep_warm or self._waiting or self._workers:
            for key, _ in selector.select(LOOK if self._waiting else min(self._keep_warm, 5.0)):
                if key.fileobj is self._listener:
                    self._accept()
                    quiet_since = time.monotonic()
                else:
                    with suppress(BlockingIOError):
                        os.read(reader, 4096)
            if self._bury():
                quiet_since = time.monotonic()
            self._start()
            if not self._is_at_its_place():
                self._keep_warm = 0.0
        self._leave()

    def _is_at_its_place(self) -> bool:
        """Whether callers still find this server; the directory of sockets may have been removed."""
        try:
            return self._name.stat().st_ino == self._inode
        except OSError:
            return False

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # too many open files: the caller waits in the backlog
                return
            with suppress(OSError, ValueError, EOFError):  # who did not finish asking has let go of the lock
                self._waiting.append(_receive(connection))

    def _bury(self) -> bool:
        """Note which workers have ended."""
        before = len(self._workers)
        while self._workers:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            self._workers.discard(pid)
        return len(self._workers) < before

    def _start(self) -> None:
        """Fork for those requests whose turn it is: at once for a question, or to end what was cancelled."""
        ready = [each for each in self._waiting if "ask" in each.body or each.is_cancelled]
        ordinary = [each for each in self._waiting if each not in ready]
        room = [each for number, each in enumerate(ordinary) if len(self._workers) + number < each.body["workers"]]
        for request in [*ready, *room]:
            if self._imported.has_changed(may_be_late=self._is_again):
                self._begin_again()
            self._waiting.remove(request)
            self._fork(request)

    def _fork(self, request: Request) -> None:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                self._listener.close()
                for other in self._waiting:
                    other.close()
                status = _work(request)
            finally:
                os._exit(status)
        self._workers.add(pid)
        request.close()

    def _begin_again(self) -> None:
        """Become a new process, which imports everything anew. Workers that run stay its children."""
        listener = self._listener.fileno()
        for descriptor in [listener, *(each for request in self._waiting for each in request.descriptors)]:
            os.set_inheritable(descriptor, True)  # noqa: FBT003  (the function takes it by position only)
        awaited = {"waiting": [vars(request) for request in self._waiting], "workers": [*self._workers]}
        arguments = [str(self._name), str(listener), str(self._keep_warm)]
        os.execve(  # noqa: S606 (this very program)
            sys.executable,
            [sys.executable, "-P", "-m", "motools_inspect.server", *arguments],
            os.environ | {AWAITED: json.dumps(awaited)},
        )

    def _leave(self) -> None:
        """Give up the name, and begin to serve again where somebody has come in at the last moment."""
        if self._is_at_its_place():
            self._name.unlink(missing_ok=True)
        self._accept()
        while self._waiting:
            self._start()
            time.sleep(LOOK)
            self._bury()


def _load() -> None:
    """Import what every evaluation needs, and what installed packages register with Inspect."""
    for name in LOADED:
        import_module(name)
    for name in LOADED_LATE:
        with suppress(ImportError):
            import_module(name)
    from inspect_ai._util.entrypoints import ensure_entry_points
    from inspect_ai.model import get_model_info

    ensure_entry_points()
    get_model_info("none/none")  # reads what is known of all models, once
    # What is here now is never freed, so a collection in a worker need not touch (and so copy) it.
    gc.collect()
    gc.freeze()


def _receive(connection: socket.socket) -> Request:
    """Read a request. Raises OSError, ValueError or EOFError where it does not arrive whole."""
    with connection:
        connection.settimeout(PATIENCE)
        head, descriptors, _, _ = socket.recv_fds(connection, 8, 2)
        try:
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)  # noqa: FBT003  (the function takes it by position only)
            body = _exactly(connection, int.from_bytes(head, "big"))
            log, *locks = descriptors
            connection.settimeout(None)
            return Request(connection=connection.detach(), log=log, lock=locks[0] if locks else None, body=body)
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise


def _exactly(connection: socket.socket, length: int) -> dict[str, Any]:
    """Read a JSON object of so many bytes."""
    with connection.makefile("rb") as stream:
        text = stream.read(length)
    body: dict[str, Any] = json.loads(text)  # of half a text it raises
    return body


def _work(request: Request) -> int:
    """Be the worker, and return the exit status."""
    _become(request)
    status = 0
    try:
        if "work" in request.body:
            from motools_inspect.worker import main

            main(request.body["work"])
        else:
            from motools_inspect.resolving import tell

            tell(request.body["ask"], request.connection)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  (as Python does with whatever ends a program)
        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()  # a fork ends without them
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def _become(request: Request) -> None:
    """Take over what a process that the caller had started would have."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    with suppress(OSError):  # it may have been removed; the worker goes where its spec says
        os.chdir(request.body["directory"])
    os.environ.clear()
    os.environ.update(request.body["environment"])
    time.tzset()
    for number in (1, 2):
        os.dup2(request.log, number)
    os.environ.pop(LOCK_VARIABLE, None)
    if request.lock is not None:
        os.environ[LOCK_VARIABLE] = str(request.lock)
    resource.setrlimit(resource.RLIMIT_NOFILE, _descriptors)
    random.seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


_descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)


def main(name: str, listener: str, keep_warm: str) -> None:
    """Serve at a socket that is open already."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (_descriptors[1], _descriptors[1]))
    os.environ.setdefault("INSPECT_DISPLAY", "log")  # as for its workers
    server = Server(Path(name), socket.socket(fileno=int(listener)), float(keep_warm))
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
