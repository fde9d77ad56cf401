"""Steady: installed once into the environment that the tests run in, and started for each of their sessions."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from spec_judge import description

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE, VERSION = "@stdy/cli", "0.22.2"
LEASH = Path(__file__).with_name("leash.py")
AS_THE_SDK_WRITES = [
    f"--validator-{part}-{kind}-format=brackets" for part in ("query", "form") for kind in ("array", "object")
]
"""The client of OpenAI writes nested fields as metadata[key]=value."""
PATIENCE = 60.0


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Start a server on a free port of 127.0.0.1 and yield its address, which has no /v1."""
    command = [sys.executable, str(LEASH), str(program()), "--host", "127.0.0.1", "--quiet", "--no-color"]
    port = _free_port()
    command += [*AS_THE_SDK_WRITES, "--port", str(port), str(description.path())]
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            if not _becomes_healthy(process, port):
                log.seek(0)
                raise RuntimeError(f"Steady did not start on port {port}: {log.read().decode(errors='replace')}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def program() -> Path:
    """Return the installed program; the first time that takes npm, a network and some seconds."""
    place = Path(sys.prefix) / f"steady-{VERSION}"
    program = place / "node_modules" / ".bin" / "steady"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _install(place)
    return program


def _install(place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError(
            f"No npm was found. What is sent to OpenAI is checked by {PACKAGE} {VERSION}, which is installed with it: install node."
        )
    with tempfile.TemporaryDirectory(dir=place) as fresh:
        quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
        command = [npm, "install", *quiet, "--prefix", fresh, f"{PACKAGE}@{VERSION}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"npm could not install {PACKAGE} {VERSION}: {done.stdout}{done.stderr}")
        (Path(fresh) / "node_modules").rename(place / "node_modules")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _becomes_healthy(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.request("GET", "/_x-steady/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
        time.sleep(0.1)
    return False
