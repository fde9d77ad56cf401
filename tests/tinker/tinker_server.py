"""A Tinker server on the loopback: its environment, made once, and its process.

The server is TuFT, on a CPU (see server/launch.py). It wants an older tinker than the plugin does, so it has an environment
of its own: `.venv/tinker-server`, or what TINKER_TEST_SERVER names. Making it takes a minute and a gigabyte.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
sys.path[:0] = [str(ROOT / "tools"), str(HERE.parent / "warm")]

import install  # noqa: E402  (a tool is no package)
from warm_python import alone  # noqa: E402  (as above)

REQUIREMENTS = (
    "torch==2.13.0",
    "transformers==5.23.0",
    "accelerate==1.15.0",
    "tinker==0.25.0",
    "fastapi==0.136.3",
    "httpx==0.28.1",
    "numpy==2.4.6",
    "nvidia-ml-py==13.615.71",
    "omegaconf==2.4.0",
    "opentelemetry-api==1.45.2",
    "opentelemetry-exporter-otlp==1.45.2",
    "opentelemetry-instrumentation-fastapi==0.66b2",
    "opentelemetry-instrumentation-logging==0.66b2",
    "opentelemetry-sdk==1.45.2",
    "protobuf==7.36.2",
    "psutil==7.2.2",
    "typer==0.29.2",
    "uvicorn[standard]==0.54.0",
)
WITHOUT_DEPENDENCIES = ("tuft==0.2.2", "peft==0.20.0")
"""These ask for vLLM, Ray and another torch, none of which is used on a CPU."""
KEY = "tml-of-the-tests"
MODEL = "tiny/qwen3"
MAKING = 900
"""Seconds that each command may take by which the environment is made."""
START = 120
"""Seconds within which a server starts."""


class NoServer(Exception):
    """The environment cannot be made; the message says why."""


def environment():
    """Return the Python of the server's environment, which is made if it is not there."""
    place = Path(os.environ.get("TINKER_TEST_SERVER") or ROOT / ".venv" / "tinker-server")
    place.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256(repr((REQUIREMENTS, WITHOUT_DEPENDENCIES, sys.version_info[:2])).encode()).hexdigest()
    made = place / "made"
    with alone(place / "lock"):
        if not made.exists() or made.read_text() != wanted:
            make(place / "environment")
            made.write_text(wanted)
    return install.python_in(place / "environment")


def make(directory):
    """Make the environment. The build of torch for CPUs is tried first: the plain package may bring gigabytes for GPUs."""
    shutil.rmtree(directory, ignore_errors=True)
    uv = install.find_uv(ROOT / ".venv")
    settings = install.uv_settings(ROOT / ".venv")
    into = ["pip", "install", "--quiet", "--python", str(install.python_in(directory))]
    needed = [uv, *into, *REQUIREMENTS]
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(directory)], settings)
    is_at_hand = any(install.offers_torch(link) for link in settings.get("UV_FIND_LINKS", "").split(",") if link)
    if is_at_hand or _failure([*needed, "--torch-backend=cpu"], settings):
        _run(needed, settings)
    _run([uv, *into, "--no-deps", *WITHOUT_DEPENDENCIES], settings)


def _run(command, settings):
    if failure := _failure(command, settings):
        raise NoServer(f"the environment of the Tinker server cannot be made: {failure}")


def _failure(command, settings):
    """Run a command and return why it failed, or None."""
    try:
        done = subprocess.run(command, env=settings, check=False, capture_output=True, text=True, timeout=MAKING)
    except subprocess.TimeoutExpired as error:
        return str(error)
    return (done.stderr.strip()[-300:] or f"status {done.returncode}") if done.returncode else None


def make_model(python, directory):
    subprocess.run([python, HERE / "server" / "make_model.py", directory], check=True, capture_output=True)


class Server:
    """A server process, which ends with the process that started it."""

    def __init__(self, python, model, data, name=MODEL):
        self._python, self._model, self._data = python, f"{name}={model}", data
        self._process = None
        self.port = 0
        self.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Start it, on the port that it had, with what it kept."""
        command = [self._python, HERE / "server" / "launch.py", "--model", self._model, "--persist"]
        command += ["--data", self._data, "--port", str(self.port)]
        self._data.mkdir(exist_ok=True)
        with (self._data / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            )
        line = self._process.stdout.readline().split()
        if not line or line[0] != b"ready":
            raise NoServer(f"the Tinker server did not start: {(self._data / 'log').read_text()[-500:]}")
        self.port = int(line[1])

    def stop(self):
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def wish(self, *, latency=0.0, faults=()):
        """Say how long each request is to take longer, and which are to fail; return what was seen so far."""
        return self._ask({"latency": latency, "faults": list(faults)})

    @property
    def seen(self):
        """What was asked for so far: `counts` of requests by route, `rates` of each training client's steps."""
        return self._ask(None)

    def _ask(self, content):
        body = None if content is None else json.dumps(content).encode()
        with urllib.request.urlopen(f"{self.url}/_test", data=body, timeout=30) as answer:  # noqa: S310  (our own)
            return json.load(answer)


@contextlib.contextmanager
def trial(tmp_path_factory, name):
    """Serve a tiny model under a name, with everything made that this takes."""
    python, place = environment(), tmp_path_factory.mktemp("tinker-trial")
    make_model(python, place / "model")
    with serving(python, place / "model", place / "data", name) as server:
        yield server


@contextlib.contextmanager
def serving(python, model, data, name=MODEL):
    server = Server(python, model, data, name)
    try:
        yield server
    finally:
        server.stop()
