"""Train at the service of the first argument, as a process that somebody may kill."""

from __future__ import annotations

import asyncio
import sys

from motools.cache.sqlite import SqliteLedger
from motools.training.backends import OpenAITrainingBackend
from motools.training.backends.cached import CachedTrainingBackend

FIND_LAG = 3.0


def cached_at(base_url: str, ledger: str) -> CachedTrainingBackend:
    backend = OpenAITrainingBackend(base_url=base_url, poll=0.05, submit_timeout=20.0)
    backend.find_lag = FIND_LAG
    return CachedTrainingBackend(backend, SqliteLedger.open(ledger))


async def main(base_url: str, ledger: str, data: str, model: str) -> None:
    run = await cached_at(base_url, ledger).train(data, model)
    await run.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
