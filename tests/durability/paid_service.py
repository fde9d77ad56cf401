"""A service that costs money, on 127.0.0.1: it misbehaves as told, and keeps the bill.

    POST /files             bytes                      -> {"id": …}
    POST /jobs              {"token", "work", …}       -> the job; every accepted one is paid for
    GET  /jobs?token=TOKEN                             -> the jobs older than the lag of the list
    GET  /jobs/ID                                      -> the job: its status, step and model
    POST /jobs/ID           {"step" | "status": …}     -> what a test wants to become of it; "cancelled" is what users send
    POST /faults            {"work", "faults": […]}    -> what befalls the next jobs of this work
    GET  /bill                                         -> every accepted job, at once

Like the real thing it knows no idempotency key. `python paid_service.py '{"faulty": 0.3}'` serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, field

FAULTS = {
    "busy": "not accepted: 429",
    "invalid": "not accepted: 400",
    "vanish": "not accepted: the connection ends without a word",
    "drop": "accepted: the connection ends without a word",
    "error": "accepted: 500",
    "stall": "accepted: the answer comes long after everybody has given up",
    "late": "accepted, but only when everybody has given up",
}
OFTEN = ("busy", "vanish", "drop", "error", "stall", "late")
"""What a faulty service does by chance."""


@dataclass
class PaidService:
    """The jobs, what they cost, and what goes wrong."""

    seed: int = 0
    faulty: float = 0.0
    """The share of submissions that something befalls by chance."""
    lag: float = 0.05
    """Seconds for which a new job is missing in the list."""
    training: float = 0.05
    """Seconds that a job takes which does not say so itself; a job of `null` seconds waits to be told."""
    late: float = 0.3
    stall: float = 2.0
    jobs: dict = field(default_factory=dict)
    scripted: dict = field(default_factory=dict)
    files: int = 0

    def __post_init__(self):
        self.chance = random.Random(self.seed)  # noqa: S311 (a repeatable choice of faults)

    async def answer(self, method, path, body):
        """Return the status and the JSON of an answer, or None to end the connection without a word."""
        path, _, query = path.partition("?")
        match method, *path.strip("/").split("/"):
            case "POST", "jobs":
                return await self.submit(json.loads(body))
            case "GET", "jobs":
                token, oldest = query.removeprefix("token="), time.monotonic() - self.lag
                found = [job for job in self.jobs.values() if job["token"] == token and job["accepted"] <= oldest]
                return 200, [self.seen(job) for job in found]
            case _, "jobs", job_id if job_id in self.jobs:
                return 200, self.seen(self.told(self.jobs[job_id], json.loads(body or "{}")))
            case "POST", "files":
                self.files += 1
                return 200, {"id": f"file-{self.files}"}
            case "POST", "faults":
                asked = json.loads(body)
                self.scripted[asked["work"]] = list(asked["faults"])
                return 200, {}
            case "GET", "bill":
                return 200, [self.seen(job) for job in self.jobs.values()]
        return 404, {}

    async def submit(self, asked):
        fault = self.fault(asked["work"])
        if fault == "busy":
            return 429, {"error": "too many requests"}
        if fault == "invalid":
            return 400, {"error": "no such model"}
        if fault == "vanish":
            return None
        if fault == "late":
            await asyncio.sleep(self.late)
        job = {"seconds": self.training, **asked, "id": f"job-{len(self.jobs) + 1}", "accepted": time.monotonic()}
        self.jobs[job["id"]] = job
        if fault in {"drop", "late"}:
            return None
        if fault == "error":
            return 500, {"error": "internal error"}
        if fault == "stall":
            await asyncio.sleep(self.stall)
        return 200, self.seen(job)

    def fault(self, work):
        if self.scripted.get(work):
            return self.scripted[work].pop(0)
        return self.chance.choice(OFTEN) if self.chance.random() < self.faulty else None

    def told(self, job, asked):
        if self.status(job) == "running":
            job.update(asked)
        return job

    def status(self, job):
        seconds = job["seconds"]
        is_over = seconds is not None and time.monotonic() - job["accepted"] >= seconds
        return job.get("status") or ("succeeded" if is_over else "running")

    def seen(self, job):
        status = self.status(job)
        model = f"model:{job['work']}:{job['id']}" if status == "succeeded" else None
        return {**job, "status": status, "model": model, "step": job.get("step", 0)}


async def serve(service, announce):
    """Serve for ever; `announce` is called with the address."""

    async def serve_one(reader, writer):
        try:
            method, path, _ = (await reader.readline()).decode().split()
            size = 0
            while (line := await reader.readline()).strip():
                name, _, value = line.decode().partition(":")
                size = int(value) if name.lower() == "content-length" else size
            answer = await service.answer(method, path, await reader.readexactly(size))
            if answer is not None:
                status, fields = answer
                body = json.dumps(fields).encode()
                writer.write(b"HTTP/1.1 %d -\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body))
                await writer.drain()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass  # the client has died
        finally:
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0, backlog=512)
    announce(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


def end_with_input():
    """End this process when whoever holds the other end of its input has ended, however that was."""
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()


if __name__ == "__main__":
    end_with_input()
    told = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    asyncio.run(serve(PaidService(**told), lambda url: print(url, flush=True)))  # noqa: T201 (for the parent)
