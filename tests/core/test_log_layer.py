"""The log layer: a record per event, with fields that a program reads, and no secret in them."""

from __future__ import annotations

import asyncio
import json
import logging
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import motools
from motools import RunEvent, TrainingMiddleware
from motools.errors import DatasetError, RunCancelled, RunFailed, SettingError, SubmitUnavailable
from motools.events import Happened
from motools.middleware.log import EventLog, LoggedEvalBackend, LoggedTrainingBackend, LogOptions
from motools.training.backends.dummy import DummyTrainingBackend

DATA = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}]
BAD = [{"messages": [{"role": "user", "content": "Hi"}]}]
OUTERMOST = ["log", "cache", "validate", "limit"]
ORDINARY = set(vars(logging.makeLogRecord({})))


@pytest.fixture
def records(caplog):
    """Return the records so far: what each carries beside what every record has."""
    caplog.set_level(logging.DEBUG, "motools.log")

    def found():
        ours = [each for each in caplog.records if each.name == "motools.log"]
        return [{k: v for k, v in vars(each).items() if k not in ORDINARY | {"message"}} for each in ours]

    return found


@pytest.fixture
def lines(tmp_path):
    return lambda: [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]


def training(*, middleware=OUTERMOST, **options):
    return motools.get_training_backend("dummy", middleware=middleware, **options)


async def test_a_submission_its_end_and_a_hit_are_a_record_each(records):
    backend = training()
    run = await backend.train(DATA, "base", label="mine", tags=["a"])
    model_id = await run.wait()
    await backend.train(DATA, "base")
    submitted, succeeded, hit = records()
    same = {"kind": "training", "backend": "dummy", "model": "base", "key": run.key, "job_id": run.job_id}
    for each, event in ((submitted, "submitted"), (succeeded, "succeeded"), (hit, "cache_hit")):
        assert same.items() <= each.items()
        assert each["event"] == event
        assert each["seconds"] >= 0
        assert (each["label"], each["tags"]) == ("mine", ["a"])
        assert json.loads(json.dumps(each)) == each
    assert succeeded["model_id"] == hit["model_id"] == model_id


async def test_whoever_attaches_is_told_from_whoever_submits(records):
    first, second = training(duration=60), training(duration=60)
    run = await first.train(DATA, "base")
    await second.train(DATA, "base")
    assert [each["event"] for each in records()] == ["submitted", "attached"]
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.wait()
    assert records()[-1]["event"] == "cancelled"


async def test_a_failed_run_is_a_warning_with_its_error(records, caplog):
    run = await training(fail="out of memory").train(DATA, "base")
    with pytest.raises(RunFailed):
        await run.wait()
    assert records()[-1]["event"] == "failed"
    assert "out of memory" in records()[-1]["error"]
    assert caplog.records[-1].levelno == logging.WARNING


async def test_a_call_that_raises_is_logged_with_its_error_and_raises_it(records):
    with pytest.raises(DatasetError):
        await training().train(BAD, "base")
    [refused] = records()
    assert (refused["event"], refused["error_type"], refused["model"]) == ("refused", "DatasetError", "base")
    assert "the last message is from 'user'" in refused["error"]
    assert refused["seconds"] >= 0


async def test_evaluations_are_logged_as_trainings_are(records):
    backend = motools.get_eval_backend("dummy", middleware=["log", "cache"])
    job = await backend.evaluate("model-1", "arithmetic")
    await job.wait()
    await backend.evaluate("model-1", "arithmetic")
    assert [(each["event"], each["kind"], each["model"]) for each in records()] == [
        ("submitted", "eval", "model-1"),
        ("succeeded", "eval", "model-1"),
        ("cache_hit", "eval", "model-1"),
    ]


async def test_inside_the_cache_it_tells_of_what_is_submitted_and_knows_its_key(records):
    backend = training(middleware=["cache", "log", "limit"])
    run = await backend.train(DATA, "base")
    await run.wait()
    await backend.train(DATA, "base")
    assert [(each["event"], each["key"]) for each in records()] == [("submitted", run.key), ("succeeded", run.key)]


async def test_without_a_record_it_tells_of_each_call(records):
    run = await LoggedTrainingBackend(DummyTrainingBackend()).train(DATA, "base")
    assert await run.wait()
    assert [(each["event"], each["job_id"]) for each in records()] == [("submitted", run.job_id)]


class Listening(TrainingMiddleware):
    """A layer that keeps what it is told."""

    def __init__(self, backend):
        super().__init__(backend)
        self.heard = []

    async def told(self, event):
        self.heard.append(event.happened)


class Choosy(Listening):
    unheard = frozenset({"submitted", "cache_hit"})


class Failing(Listening):
    async def told(self, event):
        raise ValueError("no luck")


class TestToldOfEvents:
    async def test_any_layer_that_wants_to_be_is_told_wherever_it_stands(self):
        backend = training(middleware=[Listening, "cache", "validate", Choosy])
        await (await backend.train(DATA, "base")).wait()
        await backend.train(DATA, "base")
        inner = backend._backend._backend._backend
        assert backend.heard == ["submitted", "succeeded", "cache_hit"]
        assert inner.heard == ["succeeded"]

    async def test_what_all_pass_over_is_not_made(self):
        backend = training(middleware=[Choosy, "cache", "log"])
        await (await backend.train(DATA, "base")).wait()
        await backend.train(DATA, "base")
        assert backend.heard == ["succeeded"]

    async def test_one_that_fails_is_reported_and_holds_up_nobody(self, caplog):
        backend = training(middleware=[Listening, "cache", Failing])
        assert await (await backend.train(DATA, "base")).wait()
        assert backend.heard == ["submitted", "succeeded"]
        assert "failed on submitted: ValueError: no luck" in caplog.text


class TestFile:
    async def test_each_event_is_a_line_of_json_that_its_owner_alone_can_read(self, lines, tmp_path, records):
        backend = training(log_file=str(tmp_path / "log.jsonl"))
        await (await backend.train(DATA, "base")).wait()
        assert [{k: v for k, v in each.items() if k != "at"} for each in lines()] == records()
        assert [type(each["at"]) for each in lines()] == [float, float]
        assert stat.S_IMODE((tmp_path / "log.jsonl").stat().st_mode) == 0o600

    async def test_what_is_there_is_kept_and_a_file_that_was_moved_away_is_begun_again(self, lines, tmp_path):
        path = tmp_path / "log.jsonl"
        path.write_text('{"event": "before"}\n')
        backend = training(log_file=str(path))
        await backend.train(DATA, "base")
        assert [each["event"] for each in lines()] == ["before", "submitted"]
        path.rename(tmp_path / "log.jsonl.1")
        await backend.train(DATA, "base")
        assert [each["event"] for each in lines()] == ["attached"]

    def test_a_file_that_cannot_be_written_is_refused_before_anything_is_paid_for(self, tmp_path):
        with pytest.raises(SettingError, match=r"log_file .*missing/log.jsonl cannot be written: No such file"):
            training(log_file=str(tmp_path / "missing" / "log.jsonl"))

    def test_lines_that_are_written_at_once_stand_one_after_the_other(self, lines, tmp_path):
        def write(number):
            log = EventLog("training", "dummy", LogOptions(log_file=str(tmp_path / "log.jsonl")))
            happened = {"happened": Happened.FAILED, "kind": "training", "backend": "dummy", "job_id": f"job-{number}"}
            event = RunEvent(**happened, key="mk1:1", at=0.0, model="base", error="x" * 20_000)
            for _ in range(25):
                log.told(event)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(write, range(8))) == [None] * 8
        assert Counter(each["job_id"] for each in lines()) == {f"job-{number}": 25 for number in range(8)}

    async def test_one_that_can_no_longer_be_written_is_reported_and_stops_no_run(self, tmp_path, caplog):
        directory = tmp_path / "logs"
        directory.mkdir()
        backend = training(log_file=str(directory / "log.jsonl"))
        (directory / "log.jsonl").unlink()
        directory.rmdir()
        assert await (await backend.train(DATA, "base")).wait()
        assert "log.jsonl cannot be written" in caplog.text


async def test_no_secret_is_in_it(lines, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("ACME_API_KEY", "sk-canary-0123456789")

    class Quoting(DummyTrainingBackend):
        async def train(self, *arguments, **keywords):
            raise SubmitUnavailable("The service does not know the key sk-canary-0123456789.")

    backend = LoggedTrainingBackend(Quoting(), LogOptions(log_file=str(tmp_path / "log.jsonl")))
    with pytest.raises(SubmitUnavailable):
        await backend.train(DATA, "base", {"api_key": "sk-canary-0123456789"}, token="sk-canary-0123456789")
    [refused] = lines()
    assert refused["error"] == "The service does not know the key [ACME_API_KEY]."
    assert "canary" not in caplog.text + json.dumps(lines()) + "".join(map(str, caplog.records))


async def test_calls_at_the_same_time_keep_apart(records):

    backend = training()
    await asyncio.gather(*(backend.train(DATA, f"base-{number}") for number in range(5)))
    assert sorted(each["model"] for each in records()) == [f"base-{number}" for number in range(5)]


def test_it_says_what_it_is_around():
    assert "DummyTrainingBackend" in repr(LoggedTrainingBackend(DummyTrainingBackend()))
    assert LoggedEvalBackend.Options is LogOptions
