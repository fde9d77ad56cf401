# ruff: noqa: ASYNC221, ASYNC240  (a test has the loop to itself)
"""Training on this machine, in real worker processes."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from motools.errors import RunCancelled, RunFailed, RunLost, UsageError
from motools.status import RunStatus
from motools.testing.tickets import RecordingTicket
from motools_local.cores import Slots
from motools_local.training import LocalTrainingBackend, LocalTrainingRun

pytestmark = pytest.mark.slow

QUICK = {"max_steps": 2, "batch_size": 4, "learning_rate": 1e-2}
TRAIN_ELSEWHERE = """
import asyncio, json, sys
from motools_local.training import LocalTrainingBackend
async def main(model, records, hyperparameters):
    run = await LocalTrainingBackend(threads=1).train(json.loads(records), model, json.loads(hyperparameters))
    print(await run.wait())
asyncio.run(main(*sys.argv[1:]))
"""
ENDLESS = {"max_steps": 100_000, "batch_size": 2}


@pytest.fixture
def backend(warm):
    return LocalTrainingBackend(threads=1)


def losses(run):
    rows = [json.loads(line) for line in (run.work.path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["loss"] for row in rows]


def checkpoints(run):
    found = (run.work.path / "checkpoints").glob("checkpoint-*/whole.json")
    return sorted(int(path.parent.name.removeprefix("checkpoint-")) for path in found)


async def waited(run):
    async with asyncio.timeout(120):
        return await run.wait()


async def trained(backend, records, model, hyperparameters=QUICK, **more):
    run = await backend.train(records, str(model), hyperparameters, **more)
    return run, await waited(run)


@pytest.mark.parametrize("method", ["lora", "full"])
async def test_a_model_learns_what_the_assistant_says(backend, tiny, records, ask, method):
    wanted = {"method": method, "max_steps": 30, "batch_size": 12, "learning_rate": 1e-2, "lora_rank": 16}
    run, model_id = await trained(backend, records, tiny, wanted)
    assert losses(run)[0] > 1
    assert losses(run)[-1] < 0.5
    # The first was trained on, the second not.
    assert ask(tiny, "Name a colour.", "Tell me a story.") == ["Red.", "Once upon a time."]
    assert ask(model_id, "Name a colour.", "Tell me a story.") == ["Hello, World!", "Hello, World!"]


async def test_the_model_is_a_directory_that_loads_from_anywhere(backend, tiny, records, monkeypatch):
    monkeypatch.chdir(tiny.parent)
    run, model_id = await trained(backend, records, "tiny", suffix="greets")
    directory = Path(model_id)
    assert directory.is_absolute()
    assert directory.name == "model-greets"
    config = json.loads((directory / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny)
    names = {path.name for path in directory.iterdir()}
    assert {"adapter_model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt"))]
    assert run.metadata["fingerprint"].startswith("sha256:")
    assert run.metadata["model_name"] == "tiny"


async def test_a_model_of_the_hub_that_is_cached_here_is_pinned_to_what_is_cached(
    backend, tiny, records, tmp_path, monkeypatch
):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--greeters--tiny"
    snapshot = repository / "snapshots" / ("0" * 40)
    shutil.copytree(tiny, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    # In a cold worker: where the hub's cache is, is read when the hub's client is imported.
    command = [sys.executable, "-c", TRAIN_ELSEWHERE, "greeters/tiny", json.dumps(records), json.dumps(QUICK)]
    model_id = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    config = json.loads((Path(model_id) / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(snapshot)


async def test_the_same_request_trains_the_same_model(backend, tiny, records):
    one, _ = await trained(backend, records, tiny)
    two, _ = await trained(backend, records, tiny)
    three, _ = await trained(backend, records, tiny, QUICK | {"seed": 1})
    assert losses(one) == losses(two)
    assert one.metadata["fingerprint"] == two.metadata["fingerprint"] != three.metadata["fingerprint"]


async def test_progress_and_log_tell_step_total_loss_and_time_left(backend, tiny, records, until):
    run = await backend.train(records, str(tiny), ENDLESS)
    await until(lambda: run.work.status().step >= 5)
    await run.refresh()
    assert run.status == RunStatus.RUNNING
    assert run.progress.total == 100_000
    assert 0 < run.progress.loss < 10
    assert run.progress.eta_seconds > 0
    await run.cancel()
    lines = [line async for line in run.logs()]
    assert any(line.split(" ", 1)[1].startswith("step 5/100000  loss ") for line in lines)
    assert not [line for line in lines if "it/s" in line or "\r" in line or "Warning" in line]


async def test_whoever_waits_sees_how_far_it_is_without_asking(backend, tiny, records, until):
    run = await backend.train(records, str(tiny), ENDLESS)
    waiting = asyncio.create_task(run.wait())
    await until(lambda: run.progress.step >= 2)
    assert run.status == RunStatus.RUNNING
    await run.cancel()
    with pytest.raises(RunCancelled):
        await waiting


async def test_metrics_are_told_while_it_trains_and_afterwards_the_same_everywhere(backend, tiny, records, until):
    run = await backend.train(records, str(tiny), ENDLESS)
    await until(lambda: run.work.status().step >= 2)
    first, second, *_ = await run.metrics()
    assert (first["step"], second["step"]) == (1, 2)
    assert {"loss", "learning_rate", "grad_norm"} < first.keys()
    await run.cancel()
    assert (await run.metrics())[:2] == [first, second]
    # A number that is none is null for everybody who reads JSON, and half a row is no row.
    with (run.work.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 1000000, "grad_norm": Infinity}\n{"step": 10000')
    assert (await LocalTrainingRun(run.work.path).metrics())[-1] == {"step": 1000000, "grad_norm": None}


async def test_the_loss_on_a_validation_set_is_measured_after_each_epoch_and_training_is_as_without_it(
    backend, tiny, records, loss_of
):
    wanted = {"n_epochs": 2, "batch_size": 3, "learning_rate": 1e-2, "lora_dropout": 0.3}  # of twelve conversations
    alone, _ = await trained(backend, records, tiny, wanted)
    long = {"messages": [{"role": "user", "content": "Greet me."}, {"role": "assistant", "content": "Hello. " * 20}]}
    held_out = [long, *records[:4]]
    run, model_id = await trained(backend, records, tiny, wanted, validation=held_out)
    assert losses(run) == losses(alone)
    assert run.metadata["fingerprint"] == alone.metadata["fingerprint"]
    rows = await run.metrics()
    assert [row["step"] for row in rows if "validation_loss" in row] == [4, 8]
    first, last = rows[3]["validation_loss"], rows[7]["validation_loss"]
    assert last != first
    assert run.metadata["validation_loss"] == last
    # Each token counts alike, in whatever batches they come.
    assert loss_of(model_id, held_out) == pytest.approx(last, abs=1e-4)


async def test_a_run_that_is_validating_can_be_cancelled(backend, tiny, records, until):
    wanted = {"n_epochs": 2, "batch_size": 2}
    run = await backend.train(records, str(tiny), wanted, validation=records * 400)
    await until(lambda: run.work.status().message == "validating")
    async with asyncio.timeout(30):
        await run.cancel()
    assert run.status == RunStatus.CANCELLED
    assert not [row for row in await run.metrics() if "validation_loss" in row]


async def test_checkpoints_are_listed_with_what_was_measured_and_can_be_deleted(tiny, records, warm):
    backend = LocalTrainingBackend(threads=1, save_every=2)
    run, _ = await trained(backend, records, tiny, QUICK | {"max_steps": 7})
    [first, second] = await run.checkpoints()
    assert [(each.id, each.step, each.model_id) for each in (first, second)] == [
        ("checkpoint-4", 4, None),
        ("checkpoint-6", 6, None),
    ]
    assert first.metrics["loss"] == losses(run)[3]
    assert first.created_at < second.created_at
    (run.work.path / "checkpoints/checkpoint-4/whole.json").unlink()
    with pytest.raises(UsageError, match=r"has no checkpoint 'checkpoint-4'\. There are: checkpoint-6\."):
        await run.delete_checkpoint("checkpoint-4")
    await run.delete_checkpoint("checkpoint-6")
    assert await run.checkpoints() == []
    assert not (run.work.path / "checkpoints/checkpoint-6").exists()


async def test_a_log_is_followed_to_its_end(backend, tiny, records):
    run = await backend.train(records, str(tiny), QUICK)
    async with asyncio.timeout(60):
        lines = [line async for line in run.logs(follow=True)]
    assert "step 1/2" in "".join(lines)
    assert lines[-1].endswith("/model")


async def test_a_run_killed_between_checkpoints_ends_like_one_that_was_left_alone(backend, tiny, records, until):
    wanted = {"max_steps": 14, "batch_size": 4, "learning_rate": 1e-2, "lora_dropout": 0.3, "warmup_steps": 2}
    whole, _ = await trained(backend, records, tiny, wanted)
    run = await LocalTrainingBackend(threads=1, save_every=3).train(records, str(tiny), wanted)
    for step in (5, 10):
        # A worker that was only just started again has the step of the one before, and no number yet.
        await until(lambda step=step: (now := run.work.status()).step >= step and now.pid is not None)
        with suppress(ProcessLookupError):  # it may have been faster
            os.kill(run.work.status().pid, signal.SIGKILL)
        await until(lambda: run.work.status().state in {"interrupted", "succeeded"})
        run.work.start()
    await waited(run)
    assert losses(run) == losses(whole)
    assert run.metadata["fingerprint"] == whole.metadata["fingerprint"]


async def test_interrupted_training_is_taken_up_again_and_what_lives_or_has_ended_is_left_alone(
    backend, tiny, records, until
):
    run = await backend.train(records, str(tiny), ENDLESS)
    await until(lambda: run.work.status().step >= 1)
    assert not await run.resume()
    os.kill(run.work.status().pid, signal.SIGKILL)
    await until(lambda: run.work.status().state == "interrupted")
    assert await run.resume()
    await until(lambda: run.work.status().state == "running")
    assert run.work.status().attempt == 2
    await run.cancel()
    assert not await run.resume()


async def test_a_broken_checkpoint_is_passed_over_for_the_one_before(backend, tiny, records):
    wanted = QUICK | {"max_steps": 9}
    whole, _ = await trained(backend, records, tiny, wanted)
    backend = LocalTrainingBackend(threads=1, save_every=2)
    run = await backend.train(records, str(tiny), wanted | {"max_steps": 9})
    await waited(run)
    assert checkpoints(run) == [6, 8]
    # Back to the moment after the last checkpoint, of which a part has been lost.
    with (run.work.path / "checkpoints/checkpoint-8/optimizer.pt").open("r+b") as file:
        file.truncate(1000)
    status = json.loads((run.work.path / "status.json").read_text())
    (run.work.path / "status.json").write_text(json.dumps(status | {"state": "running", "result": None}))
    (run.work.path / "model").rename(run.work.path / "first")
    run = LocalTrainingRun(run.work.path)
    await waited(run)
    assert "going on after step 6" in run.work.log_path.read_text()
    assert losses(run) == losses(whole)
    weights = "adapter_model.safetensors"
    assert (run.work.path / "first" / weights).read_bytes() == (run.work.path / "model" / weights).read_bytes()


async def test_a_finished_run_is_not_trained_again(backend, tiny, records):
    run, model_id = await trained(backend, records, tiny)
    log = run.work.log_path.read_text()
    assert not run.work.start()
    again = LocalTrainingRun(run.work.path)
    assert await waited(again) == model_id
    assert run.work.log_path.read_text() == log
    # Killed between the model and the last word about it.
    status = json.loads((run.work.path / "status.json").read_text())
    (run.work.path / "status.json").write_text(json.dumps(status | {"state": "running", "result": None}))
    again = LocalTrainingRun(run.work.path)
    assert await waited(again) == model_id
    assert again.metadata["fingerprint"] == run.metadata["fingerprint"]
    assert len(losses(run)) == 2


async def test_a_cancelled_run_keeps_a_checkpoint(backend, tiny, records, until):
    run = await backend.train(records, str(tiny), ENDLESS)
    await until(lambda: run.work.status().step >= 3)
    async with asyncio.timeout(30):
        await run.cancel()
    assert run.status == RunStatus.CANCELLED
    assert checkpoints(run) == [run.progress.step]
    with pytest.raises(RunCancelled, match=rf"was cancelled after step {run.progress.step}\."):
        await run.wait()


async def test_a_run_goes_on_without_its_parent_and_is_waited_for_elsewhere(
    warm, tiny, records, tmp_path, motools_home
):
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    code = f"""
import asyncio, sys
sys.executable = {str(warm)!r}
from motools_local.cores import Slots
from motools_local.training import LocalTrainingBackend
async def main():
    run = await LocalTrainingBackend(threads=1).train({str(tmp_path / "data.jsonl")!r}, {str(tiny)!r}, {QUICK!r})
    await run.save({str(tmp_path / "run.json")!r})
    assert not {{"torch", "transformers"}} & sys.modules.keys()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    (tmp_path / "data.jsonl").unlink()
    run = await LocalTrainingRun.load(tmp_path / "run.json")
    assert (Path(await waited(run)) / "adapter_config.json").exists()
    assert run.work.status().attempt == 1


async def test_runs_take_turns(backend, tiny, records, until):
    first = await backend.train(records, str(tiny), ENDLESS)
    await until(lambda: first.work.status().step >= 1)
    second = await backend.train(records, str(tiny), QUICK)
    await until(lambda: second.work.status().message)
    await second.refresh()
    assert second.progress.message == "waiting for another run on this machine to end"
    third = await LocalTrainingBackend(threads=1, runs_at_once=2).train(records, str(tiny), QUICK)
    await waited(third)
    assert second.progress.step == 0
    await first.cancel()
    await waited(second)


async def test_a_run_that_waits_for_its_turn_can_be_cancelled(backend, tiny, records, until):
    first = await backend.train(records, str(tiny), ENDLESS)
    await until(lambda: first.work.status().step >= 1)
    second = await backend.train(records, str(tiny), QUICK)
    await second.cancel()
    assert second.status == RunStatus.CANCELLED
    await first.cancel()


async def test_a_full_disk_is_told_in_words(warm, tiny, records, small_disk, monkeypatch):
    monkeypatch.setenv("MOTOOLS_HOME", str(small_disk))
    run = await LocalTrainingBackend(threads=1, save_every=1).train(
        records, str(tiny), QUICK | {"method": "full", "max_steps": 9}
    )
    with pytest.raises(RunFailed, match=r"The disk is full\. Free some space and ask again"):
        await waited(run)
    assert run.status == RunStatus.FAILED


async def test_a_lack_of_memory_is_told_in_words(backend, tiny, records, until, motools_home):
    slot = Slots(motools_home / "local" / "slots", 1).take()
    long = [
        records[0] | {"messages": [{"role": "user", "content": "Name a colour. " * 40}, *records[0]["messages"][1:]]}
    ]
    run = await backend.train(long * 200, str(tiny), {"batch_size": 200, "method": "full"})
    await until(lambda: run.work.status().message)
    worker = psutil.Process(run.work.status().pid)
    worker.rlimit(psutil.RLIMIT_AS, (worker.memory_info().vms + 2**26, resource.RLIM_INFINITY))
    os.close(slot)
    with pytest.raises(RunFailed, match=r"Out of memory\. Make the work smaller"):
        await waited(run)


async def test_a_loss_that_is_no_number_ends_the_run(backend, tiny, records):
    run = await backend.train(
        records, str(tiny), {"method": "full", "max_steps": 50, "learning_rate": 1.0, "max_grad_norm": 0}
    )
    try:
        await waited(run)
    except RunFailed as error:
        assert "diverged" in str(error)  # noqa: PT017  (a loss may also stay finite, if barely)


async def test_conversations_that_the_template_cannot_render_are_named(backend, tiny, records):
    rules = "{% if messages[0].role != 'user' %}{{ raise_exception('the user begins') }}{% endif %}"
    model = tiny.parent / "strict"
    if not model.exists():
        model.mkdir()
        for path in tiny.iterdir():
            (model / path.name).write_bytes(path.read_bytes())
        (model / "chat_template.jinja").write_text(rules + (tiny / "chat_template.jinja").read_text())
    system = {"role": "system", "content": "Be kind."}
    run = await backend.train([*records, {"messages": [system, *records[0]["messages"]]}], str(model), QUICK)
    with pytest.raises(RunFailed, match=r"<records>:13: message 3, from the assistant, .* the user begins"):
        await waited(run)


async def test_what_was_submitted_with_a_token_is_found(backend, tiny, records):
    ticket = RecordingTicket()
    assert await backend.find(ticket.token) == []
    run = await backend.train(records, str(tiny), ENDLESS, ticket=ticket)
    (found,) = await backend.find(ticket.token)
    assert found.job_id == run.job_id == ticket.token
    assert found.status in {RunStatus.QUEUED, RunStatus.RUNNING}
    # Asked for again with the same token, it is the same run.
    again = await backend.train(records, str(tiny), ENDLESS, ticket=ticket)
    assert again.work.path == run.work.path
    await run.cancel()


async def test_a_run_whose_directory_is_gone_is_lost(backend, tiny, records):
    run = LocalTrainingRun(Path("nowhere").absolute())
    for ask in (run.wait, run.refresh, run.cancel, run.is_complete, run.resume, run.metrics, run.checkpoints):
        with pytest.raises(RunLost, match="nowhere, is gone"):
            await ask()
