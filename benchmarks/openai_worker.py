"""One contender of benchmarks/openai.py, in a process of its own: prints what it measured as the last line."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != HERE]  # openai.py there is not the SDK

MODEL = "gpt-4.1-nano-2025-04-14"
AT_ONCE = 100
RECORDS = [
    {"messages": [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": "Hello, World!"}]}
    for n in range(10)
]


def memory_mb() -> float:
    """Return the most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def client_at(base_url: str) -> Any:
    """Return the SDK's client."""
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=base_url)


def read_ids(path: str) -> list[str]:
    """Return the ids of the jobs to follow."""
    ids: list[str] = json.loads(Path(path).read_text(encoding="utf-8"))
    return ids


async def upload(base_url: str) -> dict[str, Any]:
    """Upload a training file."""
    from motools import Dataset

    async with client_at(base_url) as client:
        content = Dataset.from_records(RECORDS).open().read()
        file = await client.files.create(file=("t.jsonl", content), purpose="fine-tune")
    return {"file": file.id}


async def naive(base_url: str, ids: str, looks: str) -> dict[str, Any]:
    """Look at jobs one by one, so many at a time."""
    async with client_at(base_url) as client:
        wanted = read_ids(ids)
        await client.fine_tuning.jobs.retrieve(wanted[0])
        before, began = memory_mb(), time.process_time()
        for _ in range(int(looks)):
            for first in range(0, len(wanted), AT_ONCE):
                await asyncio.gather(*map(client.fine_tuning.jobs.retrieve, wanted[first : first + AT_ONCE]))
        used = time.process_time() - began
    return {"cpu": used, "memory_mb": memory_mb() - before, "looks": int(looks)}


async def together(base_url: str, ids: str, looks: str) -> dict[str, Any]:
    """Wait on jobs as `wait()` does."""
    from motools_openai.poller import Poller
    from motools_openai.run import OpenAITrainingRun
    from motools_openai.server import Connection, Server

    connection = Connection.to(Server.of(base_url=base_url))
    wanted = read_ids(ids)
    await OpenAITrainingRun(connection, wanted[0]).refresh()
    seen, done = 0, asyncio.Event()

    class Counted(Poller):
        async def _look(self) -> tuple[bool, float | None]:
            nonlocal seen
            outcome = await super()._look()
            seen += 1
            if seen >= int(looks):
                done.set()
            return outcome

    connection._pollers[asyncio.get_running_loop()] = Counted(connection)
    before, began = memory_mb(), time.process_time()
    waiting = [asyncio.create_task(OpenAITrainingRun(connection, each, poll=0.05).wait()) for each in wanted]
    await done.wait()
    used, memory = time.process_time() - began, memory_mb() - before
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await connection.aclose()
    return {"cpu": used, "memory_mb": memory, "looks": seen}


async def submit(base_url: str, way: str, count: str, work: str) -> dict[str, Any]:
    """Submit jobs one after the other; the first of them, which imports and connects, is not counted."""
    train = await (_raw(base_url) if way == "raw" else _cached(base_url, way, Path(work)))
    await train(0)
    began = time.process_time()
    for number in range(1, int(count)):
        await train(number)
    return {"cpu": (time.process_time() - began) * int(count) / (int(count) - 1)}


def written(work: Path) -> Path:
    """Return a file of the records, in a new directory."""
    work.mkdir()
    data = work / "data.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")
    return data


async def _raw(base_url: str) -> Any:
    client = client_at(base_url)
    content = json.dumps(RECORDS).encode()
    file = await client.files.create(file=("t.jsonl", content), purpose="fine-tune")
    once = client.with_options(max_retries=0)

    async def train(number: int) -> None:
        await client.models.retrieve(MODEL)
        await client.files.retrieve(file.id)
        method: Any = {"type": "supervised", "supervised": {}}
        await once.fine_tuning.jobs.create(model=MODEL, training_file=file.id, seed=number, method=method)

    return train


async def _cached(base_url: str, way: str, work: Path) -> Any:
    from motools.cache.memory import MemoryLedger
    from motools.cache.sqlite import SqliteLedger
    from motools.training.backends import CachedTrainingBackend, OpenAITrainingBackend

    data = written(work)
    ledger: Any = MemoryLedger() if way == "memory" else SqliteLedger.open(work / "ledger.db")
    backend = CachedTrainingBackend(OpenAITrainingBackend(base_url=base_url), ledger)

    async def train(number: int) -> None:
        await backend.train(data, MODEL, seed=number)

    return train


async def imports() -> dict[str, Any]:
    """Say whether the SDK comes with the plugin."""
    import motools_openai

    assert motools_openai.OpenAITrainingBackend()
    return {"openai": "openai" in sys.modules}


if __name__ == "__main__":
    ways = {way.__name__: way for way in (upload, naive, together, submit, imports)}
    print(json.dumps(asyncio.run(ways[sys.argv[1]](*sys.argv[2:]))))
