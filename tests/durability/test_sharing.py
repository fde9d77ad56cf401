"""Who asks for what is under way joins it: in the same process, in another one, and on another machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

from naive import Remembering
from paid_backend import PaidBackend

from motools.training.backends.cached import CachedTrainingBackend

SCRIPT = Path(__file__).with_name("another_process.py")
CALLERS = 100


class Other:
    """Another process that asks."""

    def __init__(self, process):
        self.process = process

    async def told(self):
        return json.loads(await self.process.stdout.readline())

    async def look(self):
        self.process.stdin.write(b"look\n")
        return await self.told()

    async def end(self):
        self.process.stdin.close()
        assert await self.process.wait() == 0


@asynccontextmanager
async def another(*arguments, **environment):
    """Start a process; see `another_process.py`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), *map(str, arguments)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield Other(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_hundred_callers_of_one_process_make_one_submission(service, ledger, data):
    backend = CachedTrainingBackend(PaidBackend(service.url), ledger)

    async def ask():
        run = await backend.train(data, "base", {"seconds": None}, suffix="crowd")
        return run.job_id, time.monotonic()

    answers = await asyncio.gather(*(ask() for _ in range(CALLERS)))
    [job] = await service.paid("crowd")
    assert {job_id for job_id, _ in answers} == {job["id"]}
    assert max(at for _, at in answers) - min(at for _, at in answers) < 0.5


async def test_a_hundred_callers_of_a_naive_cache_pay_again_and_again(service, place):
    naive = Remembering(place, service.url, seconds=30)
    await asyncio.gather(*(naive.run("naive crowd") for _ in range(CALLERS)))
    assert len(await service.paid("naive crowd")) > 1


async def test_two_processes_at_once_make_one_submission(service, place, data):
    request = ("ask", place / "motools.db", data, service.url, "pair")
    async with another(*request) as one, another(*request) as two:
        jobs = [await each.told() for each in (one, two)]
        models = [await each.told() for each in (one, two)]
        await one.end()
        await two.end()
    [job] = await service.paid("pair")
    assert jobs == [{"job": job["id"]}] * 2
    assert models == [{"model": f"model:pair:{job['id']}", "status": "succeeded"}] * 2


async def test_the_second_process_sees_the_progress_and_the_end_of_the_first_ones_run(service, place, data):
    request = ("ask", place / "motools.db", data, service.url, "held pair")
    async with another(*request) as one:
        job = (await one.told())["job"]
        async with another(*request) as two:
            assert await two.told() == {"job": job}
            for step in (1, 7):
                await service.ask("POST", f"/jobs/{job}", {"step": step})
                assert await two.look() == {"step": step, "status": "running"}
            one.process.kill()
            await service.ask("POST", f"/jobs/{job}", {"status": "succeeded"})
            assert await two.told() == {"model": f"model:held pair:{job}", "status": "succeeded"}
            await two.end()
    assert len(await service.paid("held pair")) == 1


async def test_a_saved_handle_of_a_live_run_goes_on_waiting_on_another_machine(service, ledger, data, tmp_path):
    backend = CachedTrainingBackend(PaidBackend(service.url), ledger)
    run = await backend.train(data, "base", {"seconds": None}, suffix="moved")
    await run.save(tmp_path / "run.json")
    home = tmp_path / "another machine"
    async with another("follow", tmp_path / "run.json", MOTOOLS_HOME=str(home)) as other:
        assert await other.told() == {"job": run.job_id}
        await service.ask("POST", f"/jobs/{run.job_id}", {"step": 4})
        assert await other.look() == {"step": 4, "status": "running"}
        await service.ask("POST", f"/jobs/{run.job_id}", {"status": "succeeded"})
        assert await other.told() == {"model": f"model:moved:{run.job_id}", "status": "succeeded"}
        await other.end()
    assert await run.wait() == f"model:moved:{run.job_id}"
    assert len(await service.paid("moved")) == 1
