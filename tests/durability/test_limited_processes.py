"""Several processes in one line: who is served when, and what becomes of the line when one of them dies."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from failpoints import DIED

from motools.cache.states import State

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("waiting_process.py")
SECONDS = 60


class Waiting:
    """A process that waits for its turn."""

    def __init__(self, process):
        self.process = process

    async def told(self):
        """Return the next line that it prints."""
        async with asyncio.timeout(SECONDS):
            line = await self.process.stdout.readline()
        assert line, await self.process.wait()
        return json.loads(line)

    async def served(self):
        """Return its job, once it has one."""
        while "job" not in (told := await self.told()):
            pass
        return told["job"]

    async def killed(self):
        self.process.kill()
        await self.process.wait()


@pytest.fixture
def another(ledger, data, service):
    """Return what starts a process of one line."""
    model = f"model of {time.time()}"

    @asynccontextmanager
    async def another(work, *point):
        arguments = (ledger.path, data, service.url, model, work, *point)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(SCRIPT), *map(str, arguments)), stdout=asyncio.subprocess.PIPE
        )
        try:
            yield Waiting(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return another


async def end(service, job):
    await service.ask("POST", f"/jobs/{job}", {"status": "succeeded"})


async def in_line(stack, process):
    """Start a process and return it once it is in line."""
    waiting = await stack.enter_async_context(process)
    assert await waiting.told() == {"queued": True}
    return waiting


async def test_first_come_first_served_whichever_process_asks(another, service):
    async with AsyncExitStack() as stack:
        job = await (await in_line(stack, another("held 0"))).served()
        works = ("held z", "held m", "held a")
        waiting = [(await in_line(stack, another(work)), work) for work in works]
        for process, work in waiting:
            assert await service.paid(work) == []
            await end(service, job)
            job = await process.served()
            assert [each["id"] for each in await service.paid(work)] == [job]


async def test_a_waiter_that_is_killed_is_in_nobodys_way_and_has_its_place_when_it_comes_back(another, service, ledger):
    async with AsyncExitStack() as stack:
        job = await (await in_line(stack, another("held 0"))).served()
        first, second = [await in_line(stack, another(work)) for work in ("first", "held second")]
        await first.killed()
        await end(service, job)
        job = await second.served()
        third = await in_line(stack, another("held third"))
        again = await stack.enter_async_context(another("first"))
        while not any(record.leased_until for record in await _queued(ledger, "first")):  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.05)
        await end(service, job)
        await again.served()
        assert await service.paid("held third") == []
        assert "model" in await again.told()
        await third.served()
    assert [len(await service.paid(work)) for work in ("first", "held second", "held third")] == [1, 1, 1]


async def _queued(ledger, work):
    return [record for record in await ledger.records(state=State.QUEUED) if record.spec["suffix"] == work]


@pytest.mark.parametrize(
    ("point", "paid"),
    [
        ("after queued", 0),
        ("before upload", 0),
        ("before submitting", 0),
        ("after submitting", 0),
        ("before submit", 0),
        ("after submit", 1),
        ("after submitted", 1),
        ("before note the handle", 1),
        ("after note the handle", 1),
    ],
)
async def test_whoever_dies_at_the_head_of_the_line_holds_nobody_up(another, service, point, paid):
    work = f"dies {point} {time.time()}"
    async with another(work, point) as dying, another("next") as waiting:
        assert await dying.process.wait() == DIED
        assert len(await service.paid(work)) == paid
        await waiting.served()
    async with another(work) as again:
        await again.served()
        assert "model" in await again.told()
    assert len(await service.paid(work)) == 1
