"""A plugin for the paid service, as a careful author writes one, with points at which a test can interrupt it."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

from motools.datasets import Dataset
from motools.errors import RunCancelled, RunFailed, SubmitRejected, SubmitUnavailable, SubmitUncertain
from motools.handles import read_handle, write_handle
from motools.status import Capability, Progress, RunStatus
from motools.training.base import TrainingBackend, TrainingRun

REQUEST_SECONDS = 0.25
"""How long a paid call may take."""
READ_SECONDS = 30.0
POLL_SECONDS = 0.02


class NotSent(Exception):
    """There was no connection: not a byte of the request was sent."""


class NoAnswer(Exception):
    """The request was sent, or a part of it, and what came back is no answer."""


async def call(url, method, path, body=None, *, seconds=READ_SECONDS):
    """Make one HTTP request and return the status and the JSON of the answer."""
    address, sent = urlsplit(url), False
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                sent = True
                writer.write(
                    b"%s %s HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % (method.encode(), path.encode(), len(data))
                )
                writer.write(data)
                head = await reader.readuntil(b"\r\n\r\n")
                answer = json.loads(await reader.read())
            finally:
                writer.close()
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        raise (NoAnswer if sent else NotSent)(f"{method} {path}: {error!r}") from error
    return int(head.split()[1]), answer


async def ask(url, method, path, body=None):
    """Make a request that costs nothing, again and again until it is answered."""
    while True:
        try:
            status, answer = await call(url, method, path, body)
        except (NoAnswer, NotSent):
            await asyncio.sleep(POLL_SECONDS)
            continue
        if status != 200:
            raise RunFailed(f"{method} {path}: {status}")
        return answer


async def no_point(name):
    """Pass a point where nothing is to happen."""


class PaidRun(TrainingRun):
    """A job of the paid service."""

    def __init__(self, url, job_id, *, point=no_point):
        self.url, self.job_id, self.point = url, job_id, point

    async def wait(self):
        while not await self.is_complete():  # noqa: ASYNC110 (the service ends the job)
            await asyncio.sleep(POLL_SECONDS)
        if self.status is RunStatus.SUCCEEDED:
            return self.model_id
        raise (RunCancelled if self.status is RunStatus.CANCELLED else RunFailed)(f"{self.job_id} {self.status}")

    async def is_complete(self):
        await self.refresh()
        return self.status.is_terminal

    async def refresh(self):
        await self.point("before poll")
        job = await ask(self.url, "GET", f"/jobs/{self.job_id}")
        await self.point("after poll")
        self.status, self.model_id = RunStatus(job["status"]), job["model"]
        self.progress = Progress(step=job["step"], total=10)

    async def cancel(self):
        await ask(self.url, "POST", f"/jobs/{self.job_id}", {"status": "cancelled"})

    async def save(self, path):
        await write_handle(path, self, backend="paid_backend:PaidBackend", url=self.url)

    @classmethod
    async def load(cls, path):
        fields = await read_handle(path, kind="training")
        return cls(fields["url"], fields["job_id"])


class PaidBackend(TrainingBackend):
    """Upload, then pay in the window of the ticket; the suffix says what work it is."""

    run_type = PaidRun
    capabilities = frozenset({Capability.FIND})
    find_lag = 0.8

    def __init__(self, url, *, seconds=REQUEST_SECONDS, point=no_point):
        self.url, self.seconds, self.point = url, seconds, point

    def account(self):
        return {"url": self.url}

    async def train(self, dataset, model, hyperparameters=None, suffix=None, *, ticket):
        await self.point("before upload")
        with Dataset.of(dataset).open() as file:
            uploaded = await ask(self.url, "POST", "/files", file.read())
        await self.point("after upload")
        asked = {"token": ticket.token, "work": suffix, "file": uploaded["id"], **(hyperparameters or {})}
        async with ticket.paying() as payment:
            job = await self.submit(asked)
            await self.point("after submit")
            payment.job_id = job["id"]
        await self.point("after paying")
        return PaidRun(self.url, job["id"], point=self.point)

    async def submit(self, asked):
        """Make the one call that costs money, and say what came of it by what the wire said."""
        try:
            async with asyncio.timeout(self.seconds):
                await self.point("before submit")
                status, answer = await call(self.url, "POST", "/jobs", asked)
        except NotSent as error:
            raise SubmitUnavailable(f"The service cannot be reached: {error}") from error
        except (NoAnswer, TimeoutError) as error:
            raise SubmitUncertain(f"There was no answer: {error}") from error
        if status == 429:
            raise SubmitUnavailable("The service is busy.")
        if 400 <= status < 500:
            raise SubmitRejected(f"The service refuses: {answer['error']}.")
        if status != 200:
            raise SubmitUncertain(f"The service answered {status}.")
        return answer

    async def find(self, token):
        await self.point("before find")
        found = await ask(self.url, "GET", f"/jobs?token={token}")
        await self.point("after find")
        return [PaidRun(self.url, job["id"], point=self.point) for job in found]


class QuickBackend(PaidBackend):
    """The same, at a service whose list has a short lag and that never accepts late."""

    find_lag = 0.15


class BlindBackend(PaidBackend):
    """Cannot look for what it submitted, so that nothing but a person can settle an interrupted submission."""

    capabilities = frozenset()
    find_lag = None

    async def train(self, dataset, model, hyperparameters=None, suffix=None):
        job = await self.submit({"token": "", "work": suffix, **(hyperparameters or {})})
        return PaidRun(self.url, job["id"], point=self.point)
