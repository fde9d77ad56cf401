import asyncio
import json
import logging
import sqlite3

import pytest
from paid_world import BlindBackend, MinimalBackend, PaidBackend, PaidRun

from motools.cache.exchange import export, take_over
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import (
    DatasetError,
    NeedsPerson,
    RunCancelled,
    RunFailed,
    SettingError,
    SpecError,
    SubmitRejected,
    SubmitUnavailable,
    SubmitUncertain,
)
from motools.handles import run_of
from motools.training.backends.cached import CachedTrainingBackend
from motools.training.backends.dummy import DummyTrainingBackend


def raising(error):
    def how():
        raise error

    return how


async def test_the_first_request_is_submitted_and_the_second_is_answered_from_the_record(ledger, service, data, events):
    cached = CachedTrainingBackend(PaidBackend(service), ledger, notify=events.notify)
    first = await cached.train(data, "base")
    assert (first.is_hit, first.recorded_at) == (False, None)
    model_id = await first.wait()
    second = await cached.train(data, "base")
    assert second.is_hit
    assert second.recorded_at is not None
    assert (second.status, second.model_id, second.job_id) == ("succeeded", model_id, first.job_id)
    assert second.metadata == {"service": str(service.path)}
    assert await second.wait() == model_id
    assert len(service.jobs()) == 1
    assert events == ["submitted", "succeeded", "cache_hit"]


async def test_nothing_is_written_on_the_way_of_a_hit(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    await (await cached.train(data, "base")).wait()
    before = ledger._database.reader.execute("PRAGMA data_version").fetchone()
    changes = ledger._database._writer.total_changes
    await (await cached.train(data, "base", label="later")).wait()
    assert ledger._database.reader.execute("PRAGMA data_version").fetchone() == before
    assert ledger._database._writer.total_changes == changes


async def test_twenty_callers_at_once_are_one_submission_and_one_wait(ledger, service, data, events):
    cached = CachedTrainingBackend(PaidBackend(service, ended=False), ledger, notify=events.notify)
    runs = await asyncio.gather(*(cached.train(data, "base") for _ in range(20)))
    waits = asyncio.gather(*(run.wait() for run in runs))
    await asyncio.sleep(0)
    [job] = service.jobs()
    service.end(job["id"])
    assert set(await waits) == {f"model-of-{job['id']}"}
    assert {id(run._inner) for run in runs} == {id(runs[0]._inner)}
    assert runs[0]._inner.waits == 1
    assert sorted(events) == ["attached"] * 19 + ["submitted", "succeeded"]


async def test_two_backends_on_one_ledger_share_the_run(ledger, service, data):
    one, other = (CachedTrainingBackend(PaidBackend(service), ledger) for _ in range(2))
    runs = await asyncio.gather(one.train(data, "base"), other.train(data, "base"))
    assert len({run.job_id for run in runs}) == 1
    assert len(service.jobs()) == 1


async def test_a_live_run_is_attached_to_with_its_progress(ledger, service, data, events):
    cached = CachedTrainingBackend(PaidBackend(service, ended=False), ledger, notify=events.notify)
    job_id = (await cached.train(data, "base")).job_id
    again = await cached.train(data, "base")
    assert (again.job_id, again.is_hit) == (job_id, False)
    await again.refresh()
    assert (again.status, again.progress.step) == ("running", 1)
    assert (await ledger.read(again.key)).state is State.RUNNING
    assert events == ["submitted", "attached", "progress"]


async def test_a_cancelled_caller_does_not_cancel_the_submission_for_the_others(ledger, service, data):
    backend = PaidBackend(service)
    cached = CachedTrainingBackend(backend, ledger)
    first = asyncio.create_task(cached.train(data, "base"))
    second = asyncio.create_task(cached.train(data, "base"))
    await backend.called.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await (await second).wait()).startswith("model-of-")
    assert len(service.jobs()) == 1


async def test_a_cancelled_wait_cancels_neither_the_run_nor_the_other_waits(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service, ended=False), ledger)
    run = await cached.train(data, "base")
    one, other = asyncio.create_task(run.wait()), asyncio.create_task(run.wait())
    await asyncio.sleep(0.02)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    service.end(run.job_id)
    assert await other == f"model-of-{run.job_id}"


def test_interrupting_the_program_lets_the_paid_call_finish(ledger, service, data):
    class Slow(PaidBackend):
        async def train(self, *args, ticket, **kwargs):
            async with ticket.paying() as payment:
                self.main.cancel()  # as Ctrl-C does: once the main task is over, the loop ends and cancels the rest
                await asyncio.sleep(0.05)
                payment.job_id = service.accept(ticket.token)
            return PaidRun(service, payment.job_id)

    async def program():
        backend = Slow(service)
        backend.main = asyncio.current_task()
        await CachedTrainingBackend(backend, ledger).train(data, "base")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(program())
    record = asyncio.run(only(ledger))
    assert record.state is State.SUBMITTED
    assert [job["id"] for job in service.jobs()] == [record.job_id]


async def test_a_run_is_no_longer_asked_about_when_nobody_waits(ledger, service, data):
    run = await CachedTrainingBackend(PaidBackend(service, ended=False), ledger).train(data, "base")
    waiting = asyncio.create_task(run.wait())
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.gather(waiting, run._following._waiting._task, return_exceptions=True)
    assert run._following._waiting._task.cancelled()
    service.end(run.job_id)
    assert await run.wait() == f"model-of-{run.job_id}"


async def lose_lease(ledger):
    """Let somebody else take the only request over, and leave it."""
    with sqlite3.connect(ledger.path) as other:
        other.execute("UPDATE runs SET leased_until = 0, holder = ''")
    other.close()
    await ledger.release(await ledger.claim(await only(ledger), seconds=60))


class LatePaidBackend(PaidBackend):
    async def train(self, *args, ticket, **kwargs):
        async with ticket.paying() as payment:
            payment.job_id = self.service.accept(ticket.token)
            await lose_lease(self.ledger)
        return PaidRun(self.service, payment.job_id)


class LateBlindBackend(BlindBackend):
    async def train(self, *args, **kwargs):
        run = await super().train(*args, **kwargs)
        await lose_lease(self.ledger)
        return run


@pytest.mark.parametrize("made", [LatePaidBackend, LateBlindBackend])
async def test_an_answer_that_comes_after_the_lease_was_lost_is_not_forgotten(ledger, service, data, made):
    backend = made(service)
    backend.ledger = ledger
    run = await CachedTrainingBackend(backend, ledger).train(data, "base")
    [job] = service.jobs()
    service.end(job["id"])
    record = await ledger.read(run.key)
    assert (record.job_id, record.state, record.epoch) == (job["id"], State.FOUND, 3)
    assert await run.wait() == f"model-of-{job['id']}"


async def test_a_word_that_is_not_known_is_no_end(ledger, service, data):
    run = await CachedTrainingBackend(PaidBackend(service, ended=False), ledger).train(data, "base")
    service.end(run.job_id, "paused")
    await run.refresh()
    assert run.status == "running"
    service.end(run.job_id, "failed")
    await run.refresh()
    assert run.status == "failed"
    assert "ran out of memory" in (await only(ledger)).error


async def test_a_failed_run_is_shown_and_repeated_only_when_asked(ledger, service, data):
    backend = PaidBackend(service, ended=False)
    cached = CachedTrainingBackend(backend, ledger)
    run = await cached.train(data, "base")
    service.end(run.job_id, "failed")
    with pytest.raises(RunFailed, match="ran out of memory"):
        await run.wait()
    with pytest.raises(RunFailed, match=r"ran out of memory.*retry_failed=True"):
        await cached.train(data, "base")
    assert len(service.jobs()) == 1
    backend.ended = True
    retried = await cached.train(data, "base", retry_failed=True)
    assert await retried.wait() == retried.model_id != run.model_id
    assert len(service.jobs()) == 2


async def test_a_cancelled_run_is_simply_run_again(ledger, service, data, events):
    cached = CachedTrainingBackend(PaidBackend(service, ended=False), ledger, notify=events.notify)
    run = await cached.train(data, "base")
    await run.cancel()
    assert run.status == "cancelled"
    with pytest.raises(RunCancelled):
        await run.wait()
    again = await cached.train(data, "base")
    assert again.job_id != run.job_id
    assert events == ["submitted", "cancelled", "submitted"]


async def test_cancelling_a_finished_run_keeps_its_model(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    run = await cached.train(data, "base")
    await run.cancel()
    assert await run.wait() == f"model-of-{run.job_id}"


async def test_refresh_pays_again_and_keeps_what_was_paid_before(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    old = await (await cached.train(data, "base")).wait()
    new = await (await cached.train(data, "base", refresh=True)).wait()
    assert new != old
    assert await (await cached.train(data, "base")).wait() == new
    kept = ledger._database.reader.execute("SELECT state, model_id FROM attempts").fetchall()
    assert kept == [("succeeded", old)]


async def test_replicates_are_draws_of_their_own(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    runs = [await cached.train(data, "base", replicate=number) for number in (0, 1, 1)]
    assert runs[0].job_id != runs[1].job_id == runs[2].job_id
    with pytest.raises(SettingError, match="replicate"):
        await cached.train(data, "base", replicate=-1)


async def test_the_keywords_of_the_cache_never_reach_the_backend(ledger, service, data):
    backend = PaidBackend(service)
    cached = CachedTrainingBackend(backend, ledger)
    asked = {"replicate": 3, "refresh": True, "retry_failed": True, "label": "first", "tags": ["a", "b"]}
    run = await cached.train(data, "base", {"n": 1}, "word", seed=7, **asked)
    assert backend.calls == [{"hyperparameters": {"n": 1}, "suffix": "word", "seed": 7}]
    record = await ledger.read(run.key)
    assert (record.label, record.tags) == ("first", ("a", "b"))
    assert "first" not in json.dumps(record.spec)


async def test_the_bytes_of_the_dataset_count_and_not_its_place(ledger, service, data, tmp_path):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    records = [json.loads(line) for line in data.read_text().splitlines()]
    (tmp_path / "copy.jsonl").write_bytes(data.read_bytes())
    keys = [(await cached.train(source, "base")).key for source in (data, str(data), tmp_path / "copy.jsonl", records)]
    assert len(set(keys)) == 1
    data.write_text(data.read_text() * 2)
    assert (await cached.train(data, "base")).key != keys[0]


async def test_an_iterator_of_records_reaches_the_backend_whole(ledger, service, data):
    seen = []

    class Reading(PaidBackend):
        async def train(self, dataset, *args, **kwargs):
            seen.extend(dataset)
            return await super().train(dataset, *args, **kwargs)

    records = [json.loads(data.read_text())] * 3
    await CachedTrainingBackend(Reading(service), ledger).train(iter(records), "base")
    assert seen == records


async def test_a_file_that_changes_before_it_is_paid_for_is_an_error(ledger, service, data):
    backend = PaidBackend(service, die="before", how=lambda: data.write_text(data.read_text() * 2))
    with pytest.raises(DatasetError, match="changed while it was being used"):
        await CachedTrainingBackend(backend, ledger).train(data, "base")
    assert service.jobs() == []


async def test_a_listener_that_leaves_the_directory_costs_no_run_on_a_file_given_by_a_relative_path(
    ledger, service, data, monkeypatch, tmp_path
):
    monkeypatch.chdir(data.parent)

    async def leave(event):
        monkeypatch.chdir(tmp_path.parent)

    run = await CachedTrainingBackend(PaidBackend(service), ledger, notify=leave).train(data.name, "base")
    assert await run.wait() == f"model-of-{run.job_id}"


@pytest.mark.parametrize("made", [PaidBackend, BlindBackend])
async def test_a_file_that_changes_while_it_is_read_answers_nothing(ledger, service, data, made, events):
    before = data.read_text()
    backend = made(service, die="accepted", how=lambda: data.write_text(before * 2))
    cached = CachedTrainingBackend(backend, ledger, notify=events.notify)
    with pytest.raises(DatasetError, match=r"changed while it was.*'job-.*goes on at the service") as raised:
        await asyncio.gather(*(cached.train(data, "base") for _ in range(3)))
    [job] = service.jobs()
    record = await only(ledger)
    assert (record.state, record.job_id, job["id"] in str(raised.value)) == (State.FAILED, job["id"], True)
    assert events == ["submitted", "failed"]
    data.write_text(before)
    with pytest.raises(RunFailed, match=r"changed while it was.*retry_failed=True"):
        await cached.train(data, "base")
    backend.die = None
    run = await cached.train(data, "base", retry_failed=True)
    assert (run.is_hit, len(service.jobs())) == (False, 2)
    assert await run.wait() == f"model-of-{run.job_id}"


async def test_a_file_that_gets_another_name_while_it_is_read_is_the_same(ledger, service, data, tmp_path):
    backend = PaidBackend(service, die="accepted", how=lambda: (tmp_path / "link").hardlink_to(data))
    run = await CachedTrainingBackend(backend, ledger).train(data, "base")
    assert await run.wait() == f"model-of-{run.job_id}"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SubmitRejected("no such model"), State.ABSENT),
        (SubmitUnavailable("busy"), State.INTENT),
        (SettingError("no such thing"), State.ABSENT),
        (SubmitUncertain("no answer"), State.UNCERTAIN),
        (ConnectionResetError("reset"), State.UNCERTAIN),
    ],
)
async def test_what_an_error_in_the_window_means(ledger, service, data, error, state):
    cached = CachedTrainingBackend(PaidBackend(service, die="window", how=raising(error)), ledger)
    with pytest.raises(type(error)):
        await cached.train(data, "base")
    record = await only(ledger)
    assert record.state is state
    assert str(error) in record.error
    assert record.leased_until == 0.0


async def test_an_error_before_the_window_is_simply_repeated(ledger, service, data):
    backend = PaidBackend(service, die="before", how=raising(ConnectionResetError("reset")))
    cached = CachedTrainingBackend(backend, ledger)
    with pytest.raises(ConnectionResetError):
        await cached.train(data, "base")
    assert (await only(ledger)).state is State.INTENT
    backend.die = None
    assert (await (await cached.train(data, "base")).wait()).startswith("model-of-")
    assert len(service.jobs()) == 1


async def test_a_lost_answer_is_found_again_and_not_paid_again(ledger, service, data, events):
    backend = PaidBackend(service, die="accepted", how=raising(SubmitUncertain("no answer")))
    cached = CachedTrainingBackend(backend, ledger, notify=events.notify)
    with pytest.raises(SubmitUncertain) as caught:
        await cached.train(data, "base")
    assert "Ask again" in caught.value.__notes__[0]
    run = await cached.train(data, "base")
    assert (await ledger.read(run.key)).state is State.FOUND
    assert [job["id"] for job in service.jobs()] == [run.job_id]
    assert events == ["recovered"]


async def test_what_is_proved_absent_is_submitted_again(ledger, service, data):
    backend = PaidBackend(service, die="window", how=raising(SubmitUncertain("no answer")))
    cached = CachedTrainingBackend(backend, ledger)
    with pytest.raises(SubmitUncertain):
        await cached.train(data, "base")
    backend.die = None
    assert [job["id"] for job in service.jobs()] == []
    run = await cached.train(data, "base")
    assert [job["id"] for job in service.jobs()] == [run.job_id]


async def test_of_two_found_the_oldest_is_used_and_the_other_reported(ledger, service, data, caplog):
    backend = PaidBackend(service, die="accepted", how=raising(SubmitUncertain("no answer")))
    cached = CachedTrainingBackend(backend, ledger)
    with pytest.raises(SubmitUncertain):
        await cached.train(data, "base")
    [first] = service.jobs()
    second = service.accept(first["token"])
    run = await cached.train(data, "base")
    assert run.job_id == first["id"]
    assert repr(second) in caplog.text


@pytest.mark.parametrize("made", [BlindBackend, PaidBackend], ids=["cannot look", "never certain"])
async def test_what_cannot_be_found_out_is_put_to_a_person(ledger, service, data, made, monkeypatch):
    monkeypatch.setattr(made, "find_lag", None)
    die = "before" if made is BlindBackend else "window"
    backend = made(service, die=die, how=raising(ConnectionResetError("reset")))
    cached = CachedTrainingBackend(backend, ledger)
    with pytest.raises(ConnectionResetError) as lost:
        await cached.train(data, "base")
    backend.die = None
    record = await only(ledger)
    by_token = f"Look at the service for {record.token!r}, then say so"
    by_hand = (
        f"Look at the service for what `motools runs show {record.key[:16]}` shows (the plugin plants no token there)"
    )
    how = by_hand if made is BlindBackend else by_token
    if made is BlindBackend:
        assert how in lost.value.__notes__[-1]
    for _ in range(2):
        with pytest.raises(NeedsPerson, match=f"motools runs resolve {record.key[:16]}") as caught:
            await cached.train(data, "base")
    assert f"is not known: ConnectionResetError: reset. {how}" in str(caught.value)
    assert (await only(ledger)).state is State.NEEDS_HUMAN
    assert service.jobs() == []


async def test_a_wrong_argument_of_a_plugin_without_tickets_is_no_submission(ledger, service, data):
    cached = CachedTrainingBackend(BlindBackend(service), ledger)
    with pytest.raises(SettingError, match="takes no argument 'seed'"):
        await cached.train(data, "base", seed=1)
    assert (await only(ledger)).state is State.ABSENT


async def test_a_backend_that_cannot_be_called_is_told_so_before_anything_is_submitted(ledger, service, data):
    class Short(BlindBackend):
        async def train(self, dataset, model):
            raise AssertionError("nothing must be started")

    with pytest.raises(
        SpecError, match=r"its train\(\) takes 2 of the arguments dataset, model, .* a fault of the plugin"
    ):
        await CachedTrainingBackend(Short(service), ledger).train(data, "base")
    assert (await only(ledger)).state is State.ABSENT


async def test_a_run_whose_wait_breaks_on_the_way_goes_on(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service, ended=False), ledger)
    run = await cached.train(data, "base")
    breaks = [ConnectionResetError("reset")]
    real = PaidRun.refresh

    async def refresh(self):
        if breaks:
            raise breaks.pop()
        await real(self)

    run._handle.refresh = refresh.__get__(run._handle)
    with pytest.raises(ConnectionResetError):
        await run.wait()
    assert (await ledger.read(run.key)).state.is_live
    service.end(run.job_id)
    assert await run.wait() == f"model-of-{run.job_id}"


async def test_a_secret_in_an_error_or_an_argument_is_not_stored(ledger, service, data, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "canary-0123456789")
    error = SubmitRejected("Incorrect key canary-0123456789 or sk-canary0123456789abcdef")
    cached = CachedTrainingBackend(PaidBackend(service, die="window", how=raising(error)), ledger)
    with pytest.raises(SubmitRejected):
        await cached.train(data, "base", integration={"api_key": "canary-of-an-argument"})
    ledger.close()
    stored = b"".join(file.read_bytes() for file in ledger.path.parent.glob("motools.db*"))
    assert b"[ACME_API_KEY]" in stored
    assert b"canary" not in stored


async def test_backends_of_one_name_from_two_packages_are_two(ledger, service, data, monkeypatch):
    class Acme(PaidBackend):
        pass

    class Rival(PaidBackend):
        pass

    monkeypatch.setattr(Acme, "__module__", "acme_paid.training")
    monkeypatch.setattr(Rival, "__module__", "rival")
    mine = await CachedTrainingBackend(Acme(service), ledger).train(data, "base")
    theirs = await CachedTrainingBackend(Rival(service), ledger).train(data, "base")
    assert (theirs.is_hit, theirs.job_id == mine.job_id, len(service.jobs())) == (False, False, 2)
    assert (mine.record.spec["package"], theirs.record.spec["package"]) == ("acme_paid", "rival")


async def test_requests_with_two_passwords_are_two_runs_and_survive_an_export(ledger, service, data, tmp_path):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    runs = [await cached.train(data, "base", {"password": word}) for word in ("tulip", "rose", "tulip")]
    assert [run.is_hit for run in runs] == [False] * 3
    assert len({run.job_id for run in runs}) == len(service.jobs()) == 2
    assert await export(ledger, tmp_path / "records.jsonl") == 2
    assert "tulip" not in (tmp_path / "records.jsonl").read_text()
    colleague = SqliteLedger(tmp_path / "colleague.db")
    assert [done.action for done in await take_over(colleague, tmp_path / "records.jsonl")] == ["added"] * 2
    colleague.close()


async def test_a_listener_that_fails_breaks_no_run(ledger, service, data, caplog):
    async def notify(event):
        raise RuntimeError("tracker is down")

    with caplog.at_level(logging.ERROR):
        run = await CachedTrainingBackend(PaidBackend(service), ledger, notify=notify).train(data, "base")
    assert await run.wait() == f"model-of-{run.job_id}"
    assert "tracker is down" in caplog.text


async def test_a_saved_run_goes_on_without_the_ledger(ledger, service, data, tmp_path):
    run = await CachedTrainingBackend(PaidBackend(service, ended=False), ledger).train(data, "base")
    await run.save(tmp_path / "run.json")
    fields = json.loads((tmp_path / "run.json").read_text())
    assert fields["run_class"] == "paid_world:PaidRun"
    assert (fields["backend"], fields["key"], fields["job_id"]) == ("paid", run.key, run.job_id)
    assert fields["handle"]["service"] == str(service.path)


async def test_a_record_gives_its_run_back(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    model_id = await (await cached.train(data, "base", label="mine")).wait()
    [record] = await ledger.find("mine")
    run = run_of(record, ledger)
    assert await run.wait() == model_id
    assert run.is_hit


async def test_declared_floats_are_one_key_and_other_numbers_are_two(ledger, data):
    cached = CachedTrainingBackend(DummyTrainingBackend(), ledger)
    keys = [(await cached.train(data, "m", {"learning_rate": rate})).key for rate in (1, 1.0)]
    assert len(set(keys)) == 1
    defaults = [(await cached.train(data, "m", given)).key for given in (None, {}, {"n_epochs": 1})]
    assert len(set(defaults)) == 1
    with pytest.raises(SettingError, match="n_epoch"):
        await cached.train(data, "m", {"n_epoch": 1})


async def test_a_plain_store_remembers_and_says_what_it_cannot_do(service, data, caplog):
    class Plain(dict):  # which is not hashable
        def __init__(self):
            self.models = {}

        async def get_model_id(self, key):
            return self.models.get(key)

        async def set_model_id(self, key, model_id):
            self.models[key] = model_id

        async def get_eval_results(self, key):
            return None

        async def set_eval_results(self, key, results):
            raise AssertionError(key)

        async def get_file_id(self, digest, account):
            return None

        async def set_file_id(self, digest, account, file_id):
            pass

    store = Plain()
    for _ in range(2):
        cached = CachedTrainingBackend(PaidBackend(service), store)
        runs = await asyncio.gather(*(cached.train(data, "base") for _ in range(5)))
        assert [await run.wait() for run in runs] == [f"model-of-{service.jobs()[0]['id']}"] * 5
    assert runs[0].is_hit
    assert list(store.models.values()) == [runs[0].model_id]
    assert caplog.text.count("only remembers results") == 1
    assert len(service.jobs()) == 1


async def test_a_minimal_plugin_is_cached_single_flighted_and_listed(ledger, service, data):
    cached = CachedTrainingBackend(MinimalBackend(service), ledger)
    runs = await asyncio.gather(*(cached.train(data, "base") for _ in range(5)))
    [job] = service.jobs()
    service.end(job["id"])
    assert {await run.wait() for run in runs} == {f"model-of-{job['id']}"}
    hit = await CachedTrainingBackend(MinimalBackend(service), ledger).train(data, "base")
    assert (hit.is_hit, hit.status, hit.model_id) == (True, "succeeded", f"model-of-{job['id']}")
    record = await only(ledger)
    assert (record.backend, record.handle_class) == ("paid_world:MinimalBackend", "paid_world:MinimalRun")
    assert record.handle == {"mine": job["id"], "where": str(service.path)}


async def test_a_minimal_run_is_cancelled(ledger, service, data):
    run = await CachedTrainingBackend(MinimalBackend(service), ledger).train(data, "base")
    await run.cancel()
    assert (run.status, (await only(ledger)).state) == ("cancelled", "cancelled")


async def test_a_backend_that_returns_no_run_is_named(ledger, service, data):
    cached = CachedTrainingBackend(MinimalBackend(service, returned=lambda *_: None), ledger)
    with pytest.raises(RunFailed, match=r"paid_world:MinimalBackend.*NoneType from train\(\), not a TrainingRun"):
        await cached.train(data, "base")
    with pytest.raises(RunFailed, match="retry_failed"):
        await cached.train(data, "base")
    assert len(service.jobs()) == 1


async def test_a_wait_that_returns_no_model_is_a_failure_with_a_name(ledger, service, data):
    cached = CachedTrainingBackend(PaidBackend(service), ledger)
    run = await cached.train(data, "base")

    async def wait():
        return None

    run._handle.wait = wait
    with pytest.raises(RunFailed, match=r"'paid' ended without a model: its wait\(\) returned None"):
        await run.wait()
    assert (await only(ledger)).state is State.FAILED


async def only(ledger):
    [record] = await ledger.records()
    return record
