from __future__ import annotations

import motools
from motools import get_backend, list_backends, load_run

MINIMAL = """
import json
from pathlib import Path

from motools import TrainingBackend, TrainingRun

class Run(TrainingRun):
    def __init__(self, job_id):
        self.job_id = job_id

    async def wait(self):
        self.status = "succeeded"
        return "model-of-" + self.job_id

    async def is_complete(self):
        return self.status == "succeeded"

    async def refresh(self):
        self.status = "succeeded"
        self.model_id = "model-of-" + self.job_id

    async def cancel(self):
        self.status = "cancelled"

    async def save(self, path):
        Path(path).write_text(json.dumps({"mine": self.job_id}))

    @classmethod
    async def load(cls, path):
        return cls(json.loads(Path(path).read_text())["mine"])

class Backend(TrainingBackend):
    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        with open("bill.txt", "a") as bill:
            bill.write("paid\\n")
        return Run("job-7")
"""

DATA = [{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}]

ELSEWHERE = """
import asyncio, motools

async def main():
    run = await motools.load_run("run.json")
    print(await run.wait())

asyncio.run(main())
"""


async def test_the_abstract_methods_are_enough_to_be_listed_cached_and_loaded_elsewhere(world):
    world.install("acme", "0.3", training={"acme": "acme_minimal:Backend"}, modules={"acme_minimal": MINIMAL})
    assert "acme" in [row.name for row in list_backends()]
    backend = get_backend("acme")
    run = await backend.train(DATA, model="base")
    assert await run.wait() == "model-of-job-7"
    again = await get_backend("acme").train(DATA, model="base")
    assert await again.wait() == "model-of-job-7"
    assert (world.project / "bill.txt").read_text() == "paid\n"
    await run.save("run.json")
    assert await (await load_run("run.json")).wait() == "model-of-job-7"
    assert world.run(ELSEWHERE).stdout == "model-of-job-7\n"
    assert isinstance(run, motools.TrainingRun)
