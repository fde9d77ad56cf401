"""The server: the API under both of its prefixes, and the control that tests have."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from fake_openai.control import Control
from fake_openai.paths import PREFIXES
from fake_openai.routes import Api
from fake_openai.wire import OpenProtocol, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

    from fake_openai.service import Service


KEEP_ALIVE = 3600
"""Seconds: longer than any client keeps a connection, so that none is closed under a request unless a fault says so."""


def application(service: Service) -> ASGIApp:
    api = Api(service).routes()
    mounts = [Mount(prefix, routes=api) for prefix in PREFIXES]
    return Wire(Starlette(routes=[*mounts, Mount("/_control", routes=Control(service).routes())]), service)


def serve(service: Service, *, port: int, announce: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1 until the process is told to end; `announce` is called with the address once it answers."""
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
        config = uvicorn.Config(
            application(service),
            http=OpenProtocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=1,
        )
        announce(f"http://127.0.0.1:{listener.getsockname()[1]}")
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


def end_with_input() -> None:
    """End this process when whoever holds the other end of its input has ended, however that was."""
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
