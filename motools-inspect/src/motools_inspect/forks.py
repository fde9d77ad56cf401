"""A worker to be started: what a caller asks a server for, and what the fork does that becomes it."""

from __future__ import annotations

import atexit
import json
import os
import random
import resource
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools.detached import LOCK_VARIABLE

BEGUN = b" "
"""Precedes an answer: who hears nothing at all, not even that, may ask again. To JSON it means nothing."""
PATIENCE = 5.0
"""Seconds that a request may take to arrive."""


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

    def end(self) -> None:
        """Let the caller hear of the end now: so large a process takes long to be taken down, and a fork may outlive it."""
        with suppress(OSError), socket.socket(fileno=self.connection) as connection:  # the caller may be gone
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of all that it holds open."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def receive(connection: socket.socket) -> Request | None:
    """Read a request; None of who only announces one. Raises OSError, ValueError or EOFError where it does not arrive whole."""
    with connection:
        connection.settimeout(PATIENCE)
        head, descriptors, _, _ = socket.recv_fds(connection, 8, 2)
        if not head:
            return None
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


def work(request: Request) -> int:
    """Be the worker, and return the exit status."""
    _become(request)
    status = 0
    try:
        if "work" in request.body:
            from motools_inspect.worker import main

            main(request.body["work"])
        else:
            from motools_inspect.resolving import tell

            os.write(request.connection, BEGUN)
            tell(request.body["ask"], request.connection)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  (as Python does with whatever ends a program)
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    request.end()
    atexit._run_exitfuncs()  # a fork ends without them
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
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # the server itself may open as many as the system lets it
    resource.setrlimit(resource.RLIMIT_NOFILE, (request.body["files"], most))
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


__all__ = ["Request", "receive", "work"]
