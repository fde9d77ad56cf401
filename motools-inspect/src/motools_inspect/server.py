"""The process that has Inspect loaded and forks the workers: `python -m motools_inspect.server SOCKET DESCRIPTOR SECONDS`.

It runs nothing itself. Each worker is a fork with the environment, directory, log and lock of the request, and a process
of its own from then on: what happens to the server, or to another worker, does not touch it. Of many requests so many are
started at once as they say (`workers`), and the others wait in order.

Before each fork it looks whether a file that it has imported has changed since, or a package was installed. Then it
begins again as a new process, with the requests that wait: a worker never runs other code than a cold one would.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from motools_inspect.forks import Request, receive, work
from motools_inspect.imported import Imported
from motools_inspect.loaded import load

LOOK = 0.2
"""Seconds between two looks at requests that wait, and that may be cancelled meanwhile."""
SHARE = 2
"""One in so many of the descriptors that it may have open are those of requests that wait; others wait to be accepted."""
AWAITED = "MOTOOLS_INSPECT_AWAITED"
"""Names the open file in which a server hands its requests to the one it begins again as."""


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
            with os.fdopen(int(os.environ.pop(AWAITED)), "rb") as told:
                told.seek(0)
                awaited = json.load(told)
            self._waiting = [Request(**fields) for fields in awaited["waiting"]]
            self._workers = set(awaited["workers"])
        began = time.time_ns()
        load()
        self._imported = Imported(since=began)

    def serve(self) -> None:
        """Serve until nothing has been asked for so long as the requests say."""
        selector = selectors.DefaultSelector()
        self._listener.settimeout(0.0)
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector.register(reader, selectors.EVENT_READ)
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < self._keep_warm or self._waiting or self._workers:
            self._listen(selector)
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

    def _listen(self, selector: selectors.BaseSelector) -> None:
        """Be woken by those who come to ask, while there is room for them."""
        is_listening = self._listener in selector.get_map()
        if self._has_room() and not is_listening:
            selector.register(self._listener, selectors.EVENT_READ)
        elif is_listening and not self._has_room():
            selector.unregister(self._listener)

    def _has_room(self) -> bool:
        """Whether another request can be held open."""
        held = sum(len(request.descriptors) for request in self._waiting)
        return held * SHARE < resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def _is_at_its_place(self) -> bool:
        """Whether callers still find this server; the directory of sockets may have been removed."""
        try:
            return self._name.stat().st_ino == self._inode
        except OSError:
            return False

    def _accept(self) -> None:
        while self._has_room():
            try:
                connection, _ = self._listener.accept()
            except OSError:  # nobody asks any more, or the system has no descriptors left for now
                return
            with suppress(OSError, ValueError, EOFError):  # who did not finish asking has let go of the lock
                if (request := receive(connection)) is not None:
                    self._waiting.append(request)
                elif self._is_at_its_place():
                    self._look()

    def _look(self) -> None:
        """Make sure that what is forked from here on is as it is on the disk."""
        if self._imported.has_changed(may_be_late=self._is_again):
            self._begin_again()

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
            self._look()
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
                status = work(request)
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
        told = os.memfd_create("awaited", 0)  # of any length, and no other process can read the environments in it
        with os.fdopen(told, "wb", closefd=False) as file:
            file.write(json.dumps(awaited).encode())
        arguments = [str(self._name), str(listener), str(self._keep_warm)]
        os.execve(  # noqa: S606 (this very program)
            sys.executable,
            [sys.executable, "-P", "-m", "motools_inspect.server", *arguments],
            os.environ | {AWAITED: str(told)},
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
            self._accept()


def main(name: str, listener: str, keep_warm: str) -> None:
    """Serve at a socket that is open already."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.environ.setdefault("INSPECT_DISPLAY", "log")  # as for its workers
    server = Server(Path(name), socket.socket(fileno=int(listener)), float(keep_warm))
    server.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
