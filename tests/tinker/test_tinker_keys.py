"""The key of the service: read where it is needed, stored nowhere, and missed in words."""

from __future__ import annotations

import asyncio
import os

import pytest
from tinker_server import KEY

import motools
from motools.errors import MotoolsError
from motools.status import RunStatus
from motools_tinker.training import TinkerTrainingBackend

pytestmark = pytest.mark.slow

QUICK = {"max_steps": 3, "batch_size": 4, "learning_rate": 1e-2, "lora_rank": 8}


@pytest.fixture
def backend(warm, server):
    return TinkerTrainingBackend()


async def waited(run):
    async with asyncio.timeout(90):
        return await run.wait()


async def test_the_key_is_stored_nowhere(warm, server, model, records, tmp_path, monkeypatch, motools_home):
    monkeypatch.delenv("TINKER_API_KEY")
    secret = "tml-secret-of-this-test"
    run = await motools.get_backend("tinker", api_key=secret).train(records, model, QUICK, suffix="mine")
    await waited(run)
    await run.save(tmp_path / "run.json")
    kept = [path for place in (motools_home, tmp_path) for path in place.rglob("*") if path.is_file()]
    assert len(kept) > 5
    assert [path for path in kept if secret.encode() in path.read_bytes()] == []
    assert secret not in f"{run!r} {run.metadata}"


async def test_a_key_that_is_refused_holds_the_run_until_there_is_a_better_one(
    backend, model, records, monkeypatch, tmp_path
):
    monkeypatch.setenv("TINKER_API_KEY", "tml-refused")
    run = await backend.train(records, model, QUICK)
    with pytest.raises(
        MotoolsError, match=r"cannot go on after step 0\. The service did not let this key in: .* Set TINK"
    ):
        await waited(run)
    assert not await run.is_complete()
    await run.refresh()
    assert run.status == RunStatus.QUEUED
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    assert await waited(run)


async def test_a_process_without_a_key_says_so_and_leaves_the_run_as_it_is(
    backend, model, records, monkeypatch, tmp_path, until, kill
):
    run = await backend.train(records, model, {"max_steps": 40, "batch_size": 2, "save_every": 5})
    await until(lambda: run.work.status().step >= 6)
    await kill(run)
    key = os.environ["TINKER_API_KEY"]
    monkeypatch.delenv("TINKER_API_KEY")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("HOME", str(tmp_path))
        for ask in (run.wait, run.resume):
            with pytest.raises(MotoolsError, match=r"was interrupted at step \d+, and this process has no key"):
                await ask()
    monkeypatch.setenv("TINKER_API_KEY", key)
    await waited(run)
    assert [row["step"] for row in await run.metrics()] == list(range(1, 41))
