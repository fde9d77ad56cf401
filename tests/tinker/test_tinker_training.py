# ruff: noqa: ASYNC220, ASYNC221  (a test has the loop to itself)
"""Training over the Tinker API with real drivers and a real server: what it learns, tells and keeps."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
from tinker_server import KEY

import motools
from motools.config import home
from motools.errors import MotoolsError, RunCancelled, RunFailed, RunLost, UsageError
from motools.status import RunStatus
from motools_tinker.states import States
from motools_tinker.training import TinkerTrainingBackend, TinkerTrainingRun

pytestmark = pytest.mark.slow

QUICK = {"max_steps": 3, "batch_size": 4, "learning_rate": 1e-2, "lora_rank": 8}
LEARNS = {"max_steps": 30, "batch_size": 8, "learning_rate": 1e-2, "lora_rank": 8, "save_every": 10}
ENDLESS = {"max_steps": 100_000, "batch_size": 2, "save_every": 50}


@pytest.fixture
def backend(warm, server):
    return TinkerTrainingBackend()


async def waited(run):
    async with asyncio.timeout(90):
        return await run.wait()


async def losses_of(run):
    rows = await run.metrics()
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["loss"] for row in rows]


async def test_it_learns_as_a_loop_with_the_bare_sdk_does(backend, server, model, tiny, records):
    run = await backend.train(records, model, LEARNS)
    model_id = await waited(run)
    assert model_id.startswith("tinker://")
    ours = await losses_of(run)

    from raw_loop import Conversations, losses as raw_losses

    datums = Conversations(tiny, records).datums
    theirs = await asyncio.to_thread(raw_losses, server.url, KEY, datums, model, LEARNS)
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert ours[0] > 5
    assert ours[-1] < 0.5
    rates = server.seen["rates"][run.metadata["training_runs"][0]]
    assert rates == pytest.approx([1e-2 * (1 - step / 30) for step in range(30)])


async def test_train_returns_at_once_with_a_live_handle(backend, model, records):
    started = asyncio.get_running_loop().time()
    run = await backend.train(records, model, ENDLESS)
    assert asyncio.get_running_loop().time() - started < 2
    assert run.status in {RunStatus.QUEUED, RunStatus.RUNNING}
    await run.cancel()


async def test_progress_metrics_and_log_tell_how_it_goes(backend, model, records):
    wanted = LEARNS | {"max_steps": 8, "eval_every": 3}
    run = await backend.train(records, model, wanted, validation=records[:6])
    async with asyncio.timeout(90):
        lines = [line async for line in run.logs(follow=True)]
    assert run.status == RunStatus.SUCCEEDED
    rows = await run.metrics()
    assert [row["step"] for row in rows if "validation_loss" in row] == [3, 6, 8]
    assert all(row["tokens_per_second"] > 0 and row["tokens"] > row["learned_tokens"] > 0 for row in rows)
    assert [row["epoch"] for row in rows] == [0.5 * step for step in range(1, 9)]
    assert rows[5]["validation_loss"] == pytest.approx(rows[6]["loss"], rel=0.2)  # the same answers, one step later
    assert any("step 3/8  loss" in line and "validation" in line and "tokens/s" in line for line in lines)
    assert (run.progress.step, run.progress.total, run.progress.loss) == (8, 8, rows[-1]["loss"])


async def test_a_live_run_tells_its_pace_and_the_time_left(backend, model, records, until):
    run = await backend.train(records, model, ENDLESS)
    await until(lambda: run.work.status().step >= 5)
    await run.refresh()
    assert run.progress.message.endswith(" tokens/s")
    assert run.progress.eta_seconds > 0
    await run.cancel()


async def test_a_cancelled_run_stops_at_once_with_a_state_behind_its_last_step(backend, server, model, records, until):
    closed = server.seen["counts"].get("finish", 0)
    run = await backend.train(records, model, ENDLESS)
    await until(lambda: run.work.status().step >= 3)
    async with asyncio.timeout(10):
        await run.cancel()
    assert run.status == RunStatus.CANCELLED
    states = States(run.work.path / "states.jsonl")
    assert states.resumable[0].step == run.progress.step == len(await run.metrics())
    assert states.orphans() == []
    assert server.seen["counts"]["finish"] == closed + 1
    with pytest.raises(RunCancelled, match=rf"was cancelled after step {run.progress.step}\."):
        await run.wait()


async def test_what_is_kept_at_the_service_is_the_last_states_while_training_and_the_end_after_it(
    backend, model, records, until
):
    run = await backend.train(records, model, ENDLESS | {"save_every": 3}, suffix="mine")
    await until(lambda: len(States(run.work.path / "states.jsonl").clients) and run.work.status().step >= 20)
    await run.cancel()
    listed = await run.checkpoints()
    assert len(listed) <= 4
    assert all(each.expires_at and each.model_id is None for each in listed)
    assert all("/weights/mine-" in each.id for each in listed)

    run = await backend.train(records, model, QUICK)
    model_id = await waited(run)
    state, trained = await run.checkpoints()
    assert (state.id, state.step, state.model_id, state.expires_at) == (run.metadata["state"], 3, None, None)
    assert (trained.id, trained.step, trained.model_id, trained.expires_at) == (model_id, 3, model_id, None)
    assert trained.metrics == {"loss": run.progress.loss}


async def test_a_checkpoint_is_deleted_and_a_model_that_is_gone_is_told(backend, model, records):
    run = await backend.train(records, model, QUICK)
    model_id = await waited(run)
    assert await backend.has_model(model_id)
    with pytest.raises(UsageError, match="has no checkpoint 'tinker://elsewhere/weights/x'"):
        await run.delete_checkpoint("tinker://elsewhere/weights/x")
    await run.delete_checkpoint(model_id)
    assert [each.id for each in await run.checkpoints()] == [run.metadata["state"]]
    assert not await backend.has_model(model_id)


async def test_a_model_that_the_service_does_not_have_is_told_with_those_that_it_has(backend, records):
    run = await backend.train(records, "no-such/model", QUICK)
    with pytest.raises(RunFailed, match=r"The service has no model 'no-such/model'\. It has: tiny/qwen3\."):
        await waited(run)


async def test_a_conversation_that_cannot_be_rendered_is_named_before_a_step_is_paid_for(
    backend, server, model, tiny, records, tmp_path
):
    for path in tiny.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    rules = "{% if messages[0].role != 'user' %}{{ raise_exception('the user begins') }}{% endif %}"
    (tmp_path / "chat_template.jinja").write_text(rules + (tiny / "chat_template.jinja").read_text())
    before = server.seen["counts"].get("optim_step", 0)
    bad = {"messages": [{"role": "system", "content": "Be kind."}, *records[0]["messages"]]}
    run = await backend.train([*records, bad], model, QUICK | {"tokenizer": str(tmp_path)})
    with pytest.raises(
        RunFailed, match=r"<records>:17: what comes before message 3|<records>:17: message 3, from .* begins"
    ):
        await waited(run)
    assert server.seen["counts"].get("optim_step", 0) == before


async def test_a_renderer_of_ones_own_makes_the_tokens(backend, model, records, tmp_path, monkeypatch):
    code = """
def render(tokenizer, messages):
    tokens = tokenizer(messages[-1]["content"], add_special_tokens=False)["input_ids"]
    return tokens, [1.0] * len(tokens)
"""
    (tmp_path / "my_rendering.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    run = await backend.train(records, model, QUICK | {"renderer": "my_rendering:render"})
    await waited(run)
    rows = await run.metrics()
    assert all(row["learned_tokens"] == row["tokens"] - 4 for row in rows)  # of each four the first token is only read


async def test_the_automatic_learning_rate_goes_by_family_and_hidden_size(backend, server, model, records):
    run = await backend.train(records, model, QUICK | {"learning_rate": "auto", "schedule": "constant"})
    await waited(run)
    assert (await run.metrics())[0]["learning_rate"] == pytest.approx(5e-4 * (2000 / 64) ** 0.0775)


async def test_a_run_goes_on_without_its_parent_and_is_waited_for_elsewhere(server, warm, model, records, tmp_path):
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code = f"""
import asyncio, sys
sys.executable = {str(warm)!r}
from motools_tinker.training import TinkerTrainingBackend
async def main():
    run = await TinkerTrainingBackend().train({str(tmp_path / "data.jsonl")!r}, {model!r}, {LEARNS!r})
    await run.save({str(tmp_path / "run.json")!r})
    assert not {{"tinker", "transformers"}} & sys.modules.keys()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    (tmp_path / "data.jsonl").unlink()
    run = await TinkerTrainingRun.load(tmp_path / "run.json")
    await waited(run)
    assert run.work.status().attempt == 1


async def test_two_processes_that_ask_for_the_same_share_one_driver(server, warm, model, records, tmp_path):
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code = f"""
import asyncio, sys
sys.executable = {str(warm)!r}
import motools
async def main():
    run = await motools.get_backend("tinker").train({str(tmp_path / "data.jsonl")!r}, {model!r}, {LEARNS!r})
    print(await run.wait())
asyncio.run(main())
"""
    made = server.seen["counts"].get("create_model", 0)
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=100) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert server.seen["counts"]["create_model"] == made + 1


async def test_a_model_that_was_trained_by_other_means_is_adopted(backend, server, model, tiny, records, motools_home):
    def train_by_hand():
        import tinker
        from raw_loop import Conversations

        datums = Conversations(tiny, records).datums
        with tinker.ServiceClient(base_url=server.url) as service:
            client = service.create_lora_training_client(base_model=model, rank=4).result(60)
            client.forward_backward(datums, "cross_entropy").result(60)
            client.optim_step(tinker.AdamParams(learning_rate=1e-3)).result(60)
            return client.save_weights_for_sampler("by-hand").result(60).path

    path = await asyncio.to_thread(train_by_hand)
    command = [sys.executable, "-m", "motools", "adopt", path, "-b", "tinker", "--json"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = await backend.adopt(path)
    assert (run.job_id, run.model_id, run.status) == (path, path, RunStatus.SUCCEEDED)
    assert run.metadata["model"] == model
    assert await waited(run) == path
    with pytest.raises(UsageError, match="can only be trained on"):
        await backend.adopt(path.replace("sampler_weights", "weights"))
    with pytest.raises(RunLost, match="has no model"):
        await backend.adopt(path + "-not")


async def test_an_interrupted_run_is_gone_on_with_by_motools_recover(warm, server, model, records, until, kill):
    cached = await motools.get_backend("tinker").train(records, model, LEARNS | {"max_steps": 60, "save_every": 5})
    (found,) = (home() / "tinker" / "runs").iterdir()
    run = TinkerTrainingRun(found)
    await until(lambda: run.work.status().step >= 6)
    await kill(run)
    command = [sys.executable, "-m", "motools", "recover"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert run.work.status().attempt == 2
    assert await waited(cached) == await waited(run)
    assert len(await losses_of(run)) == 60


async def test_a_service_that_gives_out_no_files_says_so_and_nothing_is_left(backend, model, records, tmp_path):
    run = await backend.train(records, model, QUICK)
    with pytest.raises(UsageError, match="has no final state"):
        await run.download(tmp_path / "weights")
    await waited(run)
    with pytest.raises(UsageError, match="is there already"):
        await run.download(tmp_path)
    with pytest.raises(MotoolsError, match=r"cannot be downloaded from this service: .*404"):
        await run.download(tmp_path / "weights")
    assert list(tmp_path.iterdir()) == []
