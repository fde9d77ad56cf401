"""Two processes ask for one training, and whoever submits it is killed in the middle of the paid call.

    python examples/never_pay_twice.py

Everything is here: a service that takes money (on loopback, in this process), a backend for it, and two scripts of a
user who is in a hurry. At the end stands the service's bill. It takes a few seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import motools
from motools.errors import SubmitUncertain

TRAINING_SECONDS = 1.5
CONVERSATION = {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello, World!"}]}


class Service(BaseHTTPRequestHandler):
    """Takes jobs, takes its time to answer, and writes a bill."""

    bill: list[dict] = []  # noqa: RUF012  (there is one service)
    accepted = threading.Event()

    def do_POST(self):
        job = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.bill.append(job | {"id": f"job-{len(self.bill) + 1}", "since": time.time()})
        self.accepted.set()
        time.sleep(1.0)  # long enough to be killed while waiting for the answer
        self.answer(self.bill[-1])

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.answer([job for job in self.bill if name in (job["id"], job["token"])])

    def answer(self, content):
        body = json.dumps(content).encode()
        try:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            print("  service: whoever asked is gone; the job goes on all the same", flush=True)

    def log_message(self, *_):
        """Say nothing of each request."""


def call(path, content=None):
    body = None if content is None else json.dumps(content).encode()
    with urlopen(Request(os.environ["SERVICE"] + path, data=body), timeout=5) as response:  # noqa: S310  (loopback)
        return json.load(response)


class PaidRun(motools.TrainingRun):
    """A job at the service."""

    def __init__(self, job_id):
        self.job_id = job_id

    async def refresh(self):
        (job,) = await asyncio.to_thread(call, f"/jobs/{self.job_id}")
        is_over = time.time() - job["since"] > TRAINING_SECONDS
        self.status = motools.RunStatus.SUCCEEDED if is_over else motools.RunStatus.RUNNING

    async def is_complete(self):
        await self.refresh()
        return self.status.is_terminal

    async def wait(self):
        while not await self.is_complete():  # noqa: ASYNC110  (the service has nothing to listen to)
            await asyncio.sleep(0.1)
        return f"model-of-{self.job_id}"

    async def cancel(self):
        """Do nothing: this service does not let go of a job."""

    async def save(self, path):
        await motools.write_handle(path, self, backend="paid")

    @classmethod
    async def load(cls, path):
        return cls((await motools.read_handle(path))["job_id"])


class PaidBackend(motools.TrainingBackend):
    """Plants the ticket's token in the job, and can look for it."""

    name = "paid"
    run_type = PaidRun
    capabilities = frozenset({motools.Capability.FIND})
    find_lag = 0.5  # seconds until the service's list is complete

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket, **kwargs):
        async with ticket.paying() as payment:
            try:
                job = await asyncio.to_thread(
                    call, "/jobs", {"token": ticket.token, "model": model, "pid": os.getpid()}
                )
            except OSError as error:
                raise SubmitUncertain(f"The service did not answer: {error}") from error
            payment.job_id = job["id"]
        return PaidRun(job["id"])

    async def find(self, token):
        return [PaidRun(job["id"]) for job in await asyncio.to_thread(call, f"/jobs/{token}")]


def ask(name):
    """Ask for the training, as a user's script does."""

    async def train():
        backend = motools.get_backend(PaidBackend)
        run = await backend.train([CONVERSATION], "small-model")
        print(f"  {name}: got {await run.wait()}", flush=True)

    asyncio.run(train())


def start(name, environment):
    program = f"import never_pay_twice; never_pay_twice.ask({name!r})"
    return subprocess.Popen([sys.executable, "-c", program], env=environment)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "SERVICE": f"http://127.0.0.1:{server.server_port}",
            "MOTOOLS_HOME": home,
            "PYTHONPATH": str(Path(__file__).parent),
        }
        print("Two scripts ask for the same training at once.")
        scripts = {name: start(name, environment) for name in ("first script", "second script")}
        Service.accepted.wait(timeout=60)
        victim = next(name for name, process in scripts.items() if process.pid == Service.bill[0]["pid"])
        print(f"The service has accepted a job of the {victim}, and has not answered yet: kill -9.")
        scripts[victim].send_signal(signal.SIGKILL)
        scripts[victim].wait()
        print(f"The {victim} is started again.")
        scripts[victim] = start(victim, environment)
        assert all(process.wait(timeout=60) == 0 for process in scripts.values())
    server.shutdown()
    server.server_close()
    print(f"The service's bill: {len(Service.bill)} job.")
    assert len(Service.bill) == 1


if __name__ == "__main__":
    main()
