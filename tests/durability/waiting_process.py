"""Another process that waits for its turn: `python waiting_process.py DATABASE DATA URL MODEL WORK [POINT]`.

One run of a base model may be live at a time. At a point it ends there, as by kill -9. It prints a line when it is in line
({"queued": true}), when it has a run ({"job": …}), and when that has ended. A work that begins with "held" lasts until it is told to end.
"""

from __future__ import annotations

import asyncio
import json
import sys

from failpoints import PointedLedger, Points
from paid_backend import QuickBackend

from motools.cache.sqlite import SqliteLedger
from motools.middleware.limit import LimitedTrainingBackend, LimitOptions
from motools.training.backends.cached import CachedTrainingBackend


def tell(**fields):
    print(json.dumps(fields), flush=True)  # noqa: T201 (for the parent)


class Telling(Points):
    """Tells when the request is in line."""

    async def __call__(self, name):
        if name == "after queued":
            tell(queued=True)
        await super().__call__(name)


async def main(database, data, url, model, work, at=None):
    points = Telling(at)
    plugin = QuickBackend(url, point=points)
    limited = LimitedTrainingBackend(plugin, LimitOptions(max_live_runs=1))
    backend = CachedTrainingBackend(limited, PointedLedger(SqliteLedger(database), points))
    run = await backend.train(data, model, {"seconds": None} if work.startswith("held") else None, suffix=work)
    tell(job=run.job_id)
    tell(model=await run.wait())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
