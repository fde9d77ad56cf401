"""A process that is stopped for longer than its lease, and goes on as if nothing had happened: it must not pay again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from naive import CheckingFirst
from paid_backend import PaidBackend
from short_lease import ShortLease

from motools.training.backends.cached import CachedTrainingBackend

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("another_process.py")
POINTS = [
    *("after claim", "before upload", "before submitting", "after submitting"),
    *("before submit", "after submit", "before submitted", "after submitted", "before note the handle"),
]


@contextmanager
def stopping(*arguments):
    """Start a process that stops itself; it goes on at the end."""
    command = [sys.executable, str(SCRIPT), "ask", *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)


def wait_until_stopped(process):
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), status


@pytest.mark.parametrize("point", POINTS)
async def test_who_was_stopped_for_longer_than_the_lease_does_not_pay_again(service, ledger, data, point):
    work = f"stopped {point}"
    with stopping(ledger.path, data, service.url, work, point) as first:
        await asyncio.to_thread(wait_until_stopped, first)
        second = CachedTrainingBackend(PaidBackend(service.url), ShortLease(ledger))
        model = await (await second.train(data, "base", suffix=work)).wait()
        first.send_signal(signal.SIGCONT)
        out, err = await asyncio.to_thread(first.communicate)
    [job] = await service.paid(work)
    assert model == f"model:{work}:{job['id']}"
    assert first.returncode == 0, err.decode()
    assert json.loads(out.splitlines()[-1]) == {"model": model, "status": "succeeded"}


async def test_a_lease_without_a_fence_lets_the_stopped_one_pay_again(service, place):
    submitting, go_on = asyncio.Event(), asyncio.Event()

    async def stop(name):
        if name == "before submit":
            submitting.set()
            await go_on.wait()

    first = asyncio.create_task(CheckingFirst(place, service.url, point=stop).run("stopped"))
    await submitting.wait()
    await CheckingFirst(place, service.url).run("stopped")
    go_on.set()
    await first
    assert len(await service.paid("stopped")) == 2
