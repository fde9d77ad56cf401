"""Another process that wants the same: `python another_process.py ask DATABASE DATA URL WORK [POINT]`, or `… follow HANDLE`.

With a point it stops there, as by SIGSTOP.

It prints a line when it has a run ({"job": …}), one for each word on standard input ("look": the run's progress), and a
last one with the model.
"""

from __future__ import annotations

import asyncio
import json
import sys

from failpoints import PointedLedger, Points
from paid_backend import PaidBackend
from short_lease import ShortLease

from motools.cache.sqlite import SqliteLedger
from motools.handles import load_run
from motools.training.backends.cached import CachedTrainingBackend


def tell(**fields):
    print(json.dumps(fields), flush=True)  # noqa: T201 (for the parent)


async def looks(run):
    """Look at the run whenever that is asked for."""
    while (word := await asyncio.to_thread(sys.stdin.readline)).strip() == "look":
        await run.refresh()
        tell(step=run.progress.step, status=run.status)
    assert not word.strip(), word


async def ask(database, data, url, work, at=None):
    points = Points(at, "stop")
    ledger = ShortLease(PointedLedger(SqliteLedger(database), points))
    backend = CachedTrainingBackend(PaidBackend(url, point=points), ledger)
    return await backend.train(data, "base", {"seconds": None} if work.startswith("held") else None, suffix=work)


async def main(what, *arguments):
    run = await (ask(*arguments) if what == "ask" else load_run(*arguments))
    tell(job=run.job_id)
    looking = asyncio.create_task(looks(run))
    tell(model=await run.wait(), status=run.status)
    looking.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
