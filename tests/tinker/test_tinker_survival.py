"""Training that is killed, cut off, refused and forgotten ends as one that was left alone."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter

import pytest
from tinker_server import KEY, serving

from motools.detached import read_rows
from motools.errors import MotoolsError, RunFailed
from motools_tinker.states import States
from motools_tinker.training import TinkerTrainingBackend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WANTED = {"max_steps": 40, "batch_size": 4, "learning_rate": 5e-3, "lora_rank": 4, "save_every": 5}
KILLS = 20
STEPS = 90


@pytest.fixture
def backend(warm, server):
    return TinkerTrainingBackend()


@pytest.fixture(scope="module")
def undisturbed(_server, tiny):
    """Return the losses of `WANTED` when nothing happens, by the bare SDK."""
    from raw_loop import Conversations, losses as raw_losses

    records = [
        {
            "messages": [
                {"role": "user", "content": f"Item {n}?"},
                {"role": "assistant", "content": f"It is {n * 7 % 10}."},
            ]
        }
        for n in range(24)
    ]
    datums = Conversations(tiny, records).datums
    return records, lambda wanted: raw_losses(_server.url, KEY, datums, "tiny/qwen3", wanted)


@pytest.fixture
def start(undisturbed, model):
    async def start(backend, **more):
        return await backend.train(undisturbed[0], model, WANTED | more)

    return start


@pytest.fixture
def check(undisturbed, server):
    """Return a function that waits for a run and holds it against one that was not disturbed."""

    async def check(run, **more):
        async with asyncio.timeout(120):
            await run.wait()
        rows = await run.metrics()
        expected = await asyncio.to_thread(undisturbed[1], WANTED | more)
        assert [row["step"] for row in rows] == list(range(1, len(expected) + 1))
        assert [row["loss"] for row in rows] == pytest.approx(expected, abs=1e-5)
        assert lineage(run, server) == pytest.approx([row["learning_rate"] for row in rows])

    return check


def states_of(run):
    return States(run.work.path / "states.jsonl")


def lineage(run, server):
    """Return the learning rates of the steps that are in the trained model, in order, as the server has seen them."""
    rows, rates = read_rows(run.work.path / "states.jsonl"), server.seen["rates"]
    opened = {row["client"]: row for row in rows if "client" in row}
    saved = {row["saved"]: row["step"] for row in rows if "saved" in row}
    path, steps = states_of(run).model.path, []
    while path is not None:
        client = path.removeprefix("tinker://").split("/")[0]
        first, end = opened[client]["step"], saved[path]
        steps = rates.get(client, [])[: end - first] + steps
        path = opened[client]["from"]
    return steps


async def test_a_driver_killed_twenty_times_trains_what_one_does_that_was_left_alone(
    backend, server, start, check, until, kill
):
    chance = random.Random(5)  # noqa: S311  (moments of a test)
    wanted = {"max_steps": STEPS}
    run = await start(backend, **wanted)
    furthest = resumed = 0
    for number in range(KILLS):
        if number % 5 == 0:  # while it starts, or makes its client
            attempt = run.work.status().attempt
            await until(lambda attempt=attempt: run.work.status().attempt == attempt and run.work.status().pid)
        else:
            goal = furthest + chance.randint(1, 3)
            await until(lambda goal=goal: run.work.status().step >= goal or run.work.status().state == "succeeded")
        await asyncio.sleep(chance.random() * 0.1)
        await kill(run)
        furthest = max(furthest, run.work.status().step)
        resumed += await run.resume()
    assert run.work.status().attempt == resumed + 1
    assert resumed > KILLS - 5  # on a slow machine the last blows come after the end
    await check(run, **wanted)
    listed = await run.checkpoints()
    assert [each.step for each in listed] == [STEPS, STEPS]
    assert states_of(run).orphans() == []
    names = Counter(row["saving"] for row in read_rows(run.work.path / "states.jsonl") if "saving" in row)
    assert set(names.values()) == {1}
    paid = sum(len(server.seen["rates"].get(client, [])) for client in states_of(run).clients)
    assert STEPS <= paid <= STEPS + KILLS * (WANTED["save_every"] + 3)  # what was not saved is done again, and no more


async def test_what_a_dead_driver_had_asked_for_and_came_late_is_not_left_at_the_service(
    backend, start, check, until, kill
):
    run = await start(backend)
    await until(lambda: run.work.status().step >= 12)
    await kill(run)
    place = run.work.path / "states.jsonl"
    rows = read_rows(place)
    late = [row["saved"] for row in rows if "saved" in row][-1]
    # As of a request that the service got to after the next driver had looked for what it asks for.
    rows = [row for row in rows if row.get("saved") != late] + [{"gone": late}]
    place.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    await run.resume()
    await check(run)
    assert [each.step for each in await run.checkpoints()] == [WANTED["max_steps"]] * 2


async def test_a_driver_that_is_told_to_stop_loses_no_step(backend, server, start, check, until):
    run = await start(backend)
    await until(lambda: run.work.status().step >= 12)
    os.kill(run.work.status().pid, signal.SIGTERM)
    await until(lambda: run.work.status().state == "interrupted")
    stopped = states_of(run).resumable[0].step
    assert stopped == len(await run.metrics()) > 10
    await check(run)
    paid = [server.seen["rates"][client] for client in states_of(run).clients]
    assert [len(rates) for rates in paid] == [stopped, 40 - stopped]


async def test_a_run_that_is_cancelled_while_it_waits_for_an_answer_keeps_what_it_paid_for(
    backend, server, start, until
):
    server.wish(latency=0.5)
    closed = server.seen["counts"].get("finish", 0)
    run = await start(backend, save_every=100)
    await until(lambda: run.work.status().step >= 2)
    await run.cancel()
    assert states_of(run).resumable[0].step == run.progress.step == len(await run.metrics()) > 0
    assert server.seen["counts"]["finish"] == closed + 1
    assert "lost" not in run.work.log_path.read_text()


async def test_a_state_is_recorded_after_the_steps_that_are_in_it(warm, server, start):
    run = await start(TinkerTrainingBackend(submit_ahead=8), save_every=1, max_steps=12)
    async with asyncio.timeout(90):
        await run.wait()
    written = {row["step"]: row["time"] for row in await run.metrics()}
    saved = [row for row in read_rows(run.work.path / "states.jsonl") if "saved" in row and row["step"]]
    assert [row["step"] for row in saved] == [*range(1, 13), 12]
    assert [row["step"] for row in saved if row["time"] < written[row["step"]]] == []


async def test_a_service_that_trains_for_longer_than_the_patience_between_states_may_fail_again(
    warm, server, start, check
):
    wanted = {"save_every": 100}
    stall = {"path": "optim_step", "stall": True, "times": 1}
    server.wish(faults=[stall | {"after": 2}, stall | {"after": 5}])
    run = await start(TinkerTrainingBackend(patience=3), **wanted)
    await check(run, **wanted)
    assert run.work.status().attempt == 1
    assert len(states_of(run).clients) == 3


async def test_a_server_that_is_started_again_in_between(
    warm, server, server_python, tiny, start, undisturbed, tmp_path, until
):
    with serving(server_python, tiny, tmp_path / "server") as another:
        run = await start(TinkerTrainingBackend(base_url=another.url, patience=20))
        await until(lambda: run.work.status().step >= 12)
        await asyncio.to_thread(another.stop)
        await asyncio.to_thread(another.start)
        async with asyncio.timeout(150):
            await run.wait()
        expected = await asyncio.to_thread(undisturbed[1], WANTED)
        assert [row["loss"] for row in await run.metrics()] == pytest.approx(expected, abs=1e-5)
        assert run.work.status().attempt == 1


@pytest.mark.parametrize("path", ["forward_backward", "optim_step", "retrieve_future", "save_weights"])
async def test_errors_of_the_server_are_passed_over(backend, server, start, check, path):
    server.wish(faults=[{"path": path, "status": 500, "after": 3, "times": 2}])
    run = await start(backend)
    await check(run)


@pytest.mark.parametrize("path", ["optim_step", "save_weights"])
async def test_a_request_that_is_never_answered_is_given_up_and_the_last_state_gone_on_from(
    warm, server, start, check, until, path
):
    server.wish(faults=[{"path": path, "stall": True, "after": 2, "times": 1}])
    run = await start(TinkerTrainingBackend(patience=3))
    await check(run)
    assert len(states_of(run).clients) == 2
    assert "has not answered for 3 s" in run.work.log_path.read_text()


async def test_a_run_is_gone_on_with_where_it_began_whatever_the_environment_then_says(
    backend, server, start, check, until, kill, monkeypatch
):
    monkeypatch.setattr("motools_tinker.training.DEFAULT_URL", server.url)
    monkeypatch.delenv("TINKER_BASE_URL")
    run = await start(backend)
    await until(lambda: run.work.status().step >= 6)
    await kill(run)
    monkeypatch.setenv("TINKER_BASE_URL", "http://127.0.0.1:1")
    await check(run)


async def test_a_refused_name_of_a_state_does_not_hang_the_run(warm, server, start, check, until):
    server.wish(faults=[{"path": "save_weights", "status": 409, "after": 3, "times": 20}])
    run = await start(TinkerTrainingBackend(patience=3))
    await until(lambda: len(states_of(run).clients) > 1)
    server.wish()
    await check(run)


async def test_a_wait_that_lasts_is_told(warm, server, start, until):
    server.wish(faults=[{"path": "optim_step", "stall": True, "after": 2, "times": 1}])
    run = await start(TinkerTrainingBackend())
    message = await until(lambda: (now := run.work.status().message) and now.startswith("waiting for capacity") and now)
    assert message.startswith("waiting for capacity, step 3 for 1")
    await run.cancel()


async def test_a_bill_that_is_due_is_told_and_the_run_goes_on_once_it_is_paid(backend, server, start, check, until):
    server.wish(faults=[{"path": "forward_backward", "status": 402, "after": 2, "times": 1000}])
    run = await start(backend)
    await until(lambda: "paused due to billing" in (run.work.status().message or ""))
    server.wish()
    await check(run)
    assert len(states_of(run).clients) == 1


async def test_a_state_that_has_expired_is_passed_over_for_the_one_before(
    backend, server, start, check, until, kill, monkeypatch
):
    run = await start(backend)
    await until(lambda: run.work.status().step >= 17)
    await kill(run)
    newest, before = (each.path for each in states_of(run).resumable[:2])
    await run.delete_checkpoint(newest)
    await check(run)
    assert before in [row.get("from") for row in read_rows(run.work.path / "states.jsonl")]


async def test_a_run_whose_states_have_all_expired_says_so_and_begins_nothing_anew(backend, server, start, until, kill):
    run = await start(backend)
    await until(lambda: run.work.status().step >= 12)
    await kill(run)
    for each in await run.checkpoints():
        await run.delete_checkpoint(each.id)
    paid = server.seen["counts"]["optim_step"]
    with pytest.raises(
        RunFailed, match=r"No state of this run is left at the service: they are deleted after 7 days .* retry"
    ):
        await run.wait()
    assert server.seen["counts"]["optim_step"] == paid


async def test_a_service_that_cannot_be_reached_leaves_the_run_to_be_gone_on_with(warm, server, model, start, check):
    nowhere = TinkerTrainingBackend(base_url="http://127.0.0.1:1", patience=2)
    run = await start(nowhere)
    with pytest.raises(MotoolsError, match=r"cannot go on after step 0\. .* Wait for the run again"):
        async with asyncio.timeout(100):
            await run.wait()
    assert not await run.is_complete()
