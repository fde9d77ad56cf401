"""A job is paid for once, whatever the wire does, and what was paid for is found again."""

from __future__ import annotations

import asyncio
import time

import pytest

from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.errors import NeedsPerson, NoSlot, SettingError, SubmitRejected, SubmitUnavailable, SubmitUncertain
from motools.testing.tickets import RecordingTicket
from motools.training.backends.cached import CachedTrainingBackend

pytestmark = pytest.mark.slow

MODEL = "gpt-4.1-nano-2025-04-14"
JOBS = "/fine_tuning/jobs"


@pytest.fixture
def ledger(tmp_path):
    return SqliteLedger.open(tmp_path / "ledger.db")


@pytest.fixture
def cached(openai_backend, ledger):
    """Make cached backends that look for a lost job for as long as they are told."""

    def make(*, find_lag=0.0, **options):
        backend = openai_backend(**options)
        backend.find_lag = find_lag
        return CachedTrainingBackend(backend, ledger)

    return make


async def test_a_job_is_created_by_one_request_with_the_token_in_its_metadata(cached, ledger, service, data):
    run = await cached().train(data, MODEL, {"n_epochs": 2}, "mine", seed=4)
    (bill,) = service.bill()
    (record,) = await ledger.records()
    assert bill["id"] == run.job_id == record.job_id
    assert bill["body"]["metadata"] == {"motools": record.token}
    assert bill["body"]["method"] == {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    assert (bill["body"]["suffix"], bill["body"]["seed"]) == ("mine", 4)
    assert service.requests()["POST /fine_tuning/jobs"] == 1


@pytest.mark.parametrize(
    ("kind", "details", "accepted"),
    [
        ("close_before_reading", {}, 0),
        ("close_after_accepting", {}, 1),
        ("error_before_accepting", {}, 0),
        ("error_after_accepting", {}, 1),
        ("error_before_accepting", {"status": 503}, 0),
        ("error_after_accepting", {"status": 408}, 1),
        ("stall_before_accepting", {"seconds": 30}, 0),
        ("stall_after_accepting", {"seconds": 30}, 1),
        ("garble_after_accepting", {}, 1),
        ("garble_after_accepting", {"body": "<html>", "content_type": "text/html"}, 1),
        ("garble_after_accepting", {"body": "{}"}, 1),
        ("cut_after_accepting", {}, 1),
    ],
)
async def test_an_answer_that_is_lost_is_uncertain_and_the_next_request_finds_or_submits(
    cached, ledger, service, data, kind, details, accepted
):
    backend = cached(submit_timeout=0.5)
    service.fault("POST", JOBS, kind, **details)
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL)
    assert [record.state for record in await ledger.records()] == [State.UNCERTAIN]
    assert len(service.bill()) == accepted
    run = await backend.train(data, MODEL)
    assert [job["id"] for job in service.bill()] == [run.job_id]
    assert service.requests()["POST /fine_tuning/jobs"] == 2 - accepted


async def test_nothing_is_submitted_again_before_the_service_has_had_time_to_show_the_job(cached, service, data):
    service.set(list_lag=1.0)
    service.fault("POST", JOBS, "close_after_accepting")
    backend = cached(find_lag=6.0)
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL)
    run = await backend.train(data, MODEL)
    assert [job["id"] for job in service.bill()] == [run.job_id]


async def test_a_job_that_is_accepted_after_it_was_given_up_is_found(cached, service, data):
    service.fault("POST", JOBS, "accept_late", seconds=1.5)
    backend = cached(submit_timeout=0.3, find_lag=6.0)
    with pytest.raises(SubmitUncertain, match=r"did not answer the submission"):
        await backend.train(data, MODEL)
    run = await backend.train(data, MODEL)
    assert [job["id"] for job in service.bill()] == [run.job_id]


async def test_twenty_callers_and_a_lost_answer_are_one_job(cached, service, data):
    backend = cached()
    service.fault("POST", JOBS, "close_after_accepting")
    first = await asyncio.gather(*(backend.train(data, MODEL) for _ in range(20)), return_exceptions=True)
    assert {type(each) for each in first} == {SubmitUncertain}
    runs = await asyncio.gather(*(backend.train(data, MODEL) for _ in range(20)))
    assert {run.job_id for run in runs} == {job["id"] for job in service.bill()}
    assert len(service.bill()) == 1


async def test_a_server_that_ignores_the_filter_does_not_hand_over_somebody_elses_job(cached, service, data):
    service.set(filters_metadata=False)
    backend = cached()
    other = await backend.train(data, MODEL, seed=1)
    service.fault("POST", JOBS, "close_before_reading")
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL, seed=2)
    run = await backend.train(data, MODEL, seed=2)
    assert run.job_id != other.job_id
    assert len(service.bill()) == 2


async def test_where_metadata_is_not_carried_a_job_is_told_by_file_suffix_seed_and_time(cached, service, data):
    service.set(echoes_metadata=False, filters_metadata=False)
    backend = cached()
    others = [
        await backend.train(data, MODEL, None, suffix, seed=seed) for suffix, seed in [("a", 1), ("b", 1), ("a", 2)]
    ]
    service.fault("POST", JOBS, "close_after_accepting")
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL, {"n_epochs": 2}, "b", seed=2)
    run = await backend.train(data, MODEL, {"n_epochs": 2}, "b", seed=2)
    assert run.job_id not in {other.job_id for other in others}
    assert len(service.bill()) == 4


async def test_where_metadata_is_not_carried_a_job_that_another_record_has_is_not_taken(cached, ledger, service, data):
    service.set(echoes_metadata=False, filters_metadata=False)
    backend = cached()
    first = await backend.train(data, MODEL)
    service.fault("POST", JOBS, "close_before_reading")
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL, replicate=1)
    second = await backend.train(data, MODEL, replicate=1)
    assert second.job_id != first.job_id
    assert len(service.bill()) == 2


async def test_where_metadata_is_not_carried_a_job_with_other_hyperparameters_is_somebody_elses(
    cached, openai_backend, service, data
):
    service.set(echoes_metadata=False, filters_metadata=False)
    other = await openai_backend().train(data, MODEL, {"n_epochs": 1, "learning_rate_multiplier": 2})
    service.fault("POST", JOBS, "close_before_reading")
    backend = cached()
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL, {"n_epochs": 3, "learning_rate_multiplier": 2})
    run = await backend.train(data, MODEL, {"n_epochs": 3, "learning_rate_multiplier": 2})
    assert run.job_id != other.job_id


@pytest.mark.parametrize("hours", [-1, 1])
async def test_where_metadata_is_not_carried_a_clock_that_is_wrong_costs_nothing(
    cached, service, data, monkeypatch, hours
):
    service.set(echoes_metadata=False, filters_metadata=False)
    monkeypatch.setattr("time.time", lambda now=time.time: now() + hours * 3600)
    service.fault("POST", JOBS, "close_after_accepting")
    backend = cached()
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL)
    run = await backend.train(data, MODEL)
    assert [job["id"] for job in service.bill()] == [run.job_id]


async def test_a_server_that_does_not_know_the_filter_is_looked_through(cached, service, data):
    backend = cached()
    service.fault("POST", JOBS, "close_after_accepting")
    with pytest.raises(SubmitUncertain):
        await backend.train(data, MODEL)
    service.fault("GET", JOBS, "error_before_accepting", status=400)
    run = await backend.train(data, MODEL)
    assert [job["id"] for job in service.bill()] == [run.job_id]


@pytest.mark.parametrize("echoes_metadata", [True, False])
async def test_where_there_are_more_jobs_than_are_looked_through_nothing_is_said_to_be_absent(
    openai_backend, service, data, monkeypatch, echoes_metadata
):
    monkeypatch.setattr("motools_openai.finding.LONGEST_LOOK", 1)
    service.set(echoes_metadata=echoes_metadata, filters_metadata=False)
    backend, ticket = openai_backend(), RecordingTicket()
    run = await backend.train(data, MODEL, seed=7, ticket=ticket)
    service.populate(
        150, {"model": MODEL, "training_file": run.metadata["training_file"], "metadata": {"whose": "another's"}}
    )
    with pytest.raises(NeedsPerson, match="has more jobs than are looked through"):
        await backend.find_noted(ticket.token, ticket.payments[0].notes)


async def test_where_metadata_is_not_carried_everything_that_was_noted_tells_a_job_from_others(
    openai_backend, service, data
):
    service.set(echoes_metadata=False, filters_metadata=False)
    backend, ticket = openai_backend(), RecordingTicket()
    run = await backend.train(data, MODEL, {"n_epochs": 2}, "mine", seed=4, validation=data, ticket=ticket)
    notes = ticket.payments[0].notes
    assert [found.job_id for found in await backend.find_noted("mo-lost", notes)] == [run.job_id]
    others = {
        "training_file": "file-other",
        "validation_file": None,
        "model": "gpt-4.1-mini-2025-04-14",
        "suffix": "another's",
        "seed": 5,
        "method": "dpo",
        "hyperparameters": {"n_epochs": 3},
        "at": notes["at"] + 400,
    }
    assert others.keys() == notes.keys()
    for name, value in others.items():
        assert await backend.find_noted("mo-lost", {**notes, name: value}) == [], name


async def test_at_openai_itself_a_job_without_our_token_is_never_taken(openai_backend, service, data):
    from httpx2 import URL, AsyncClient, AsyncHTTPTransport
    from openai import AsyncOpenAI

    class ToTheService(AsyncHTTPTransport):
        async def handle_async_request(self, request):
            here = URL(service.base_url)
            request.url = request.url.copy_with(scheme=here.scheme, host=here.host, port=here.port)
            return await super().handle_async_request(request)

    service.set(echoes_metadata=False)
    async with AsyncOpenAI(
        api_key=service.key, base_url="https://api.openai.com/v1", http_client=AsyncClient(transport=ToTheService())
    ) as client:
        backend, ticket = openai_backend(client=client), RecordingTicket()
        assert backend.account() == {}
        await backend.train(data, MODEL, ticket=ticket)
        assert await backend.find_noted("mo-lost", ticket.payments[0].notes) == []


async def test_where_nothing_tells_a_job_a_person_is_asked(openai_backend, service, data):
    service.set(echoes_metadata=False, filters_metadata=False)
    backend = openai_backend()
    await backend.train(data, MODEL)
    with pytest.raises(NeedsPerson, match="carries no metadata"):
        await backend.find("mo-unknown")


async def test_what_was_paid_for_without_a_record_is_found_by_its_token(openai_backend, service, data):
    backend, ticket = openai_backend(), RecordingTicket()
    run = await backend.train(data, MODEL, ticket=ticket)
    assert ticket.payments[0].notes.keys() == {
        "training_file",
        "validation_file",
        "model",
        "suffix",
        "seed",
        "method",
        "hyperparameters",
        "at",
    }
    (found,) = await backend.find(ticket.token)
    assert (found.job_id, found.metadata["model"]) == (run.job_id, MODEL)


@pytest.mark.parametrize(
    ("switches", "error", "words"),
    [
        ({"eligible": False}, SubmitRejected, "OpenAI is closing self-serve fine-tuning"),
        ({"daily_jobs": 0}, NoSlot, "can be started today"),
        ({"concurrent_jobs": 0}, NoSlot, "as the account may have"),
        ({"storage_bytes": 10}, SubmitRejected, "Delete files that no job needs"),
    ],
)
async def test_what_the_service_refuses_is_told_with_what_to_do(openai_backend, service, data, switches, error, words):
    service.set(**switches)
    with pytest.raises(error, match=words) as caught:
        await openai_backend().train(data, MODEL)
    assert caught.value.__cause__ is not None
    assert service.bill() == []
    assert service.requests()["POST /fine_tuning/jobs"] <= 1


async def test_a_wrong_key_is_told_without_showing_it(openai_backend, service, data, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-of-this-test")
    with pytest.raises(SettingError, match=r"refuses the key \(401\)") as caught:
        await openai_backend().train(data, MODEL)
    assert "canary" not in str(caught.value)


async def test_too_many_requests_are_no_full_account(openai_backend, service, data):
    service.fault("POST", JOBS, "rate_limit", retry_after=7)
    with pytest.raises(SubmitUnavailable, match=r"It asks for a pause of 7 s") as caught:
        await openai_backend().train(data, MODEL)
    assert not isinstance(caught.value, NoSlot)
    assert service.requests()["POST /fine_tuning/jobs"] == 1


async def test_a_daily_limit_says_when_the_oldest_job_of_the_day_leaves_it(openai_backend, service, data):
    service.set(daily_jobs=1)
    backend = openai_backend()
    first = await backend.train(data, MODEL)
    with pytest.raises(NoSlot) as caught:
        await backend.train(data, MODEL, seed=1)
    assert caught.value.until == pytest.approx(first.metadata["created_at"] + 24 * 3600, abs=5)


async def test_a_job_that_is_live_for_longer_than_a_day_does_not_count_against_the_daily_limit(
    openai_backend, service, data, monkeypatch
):
    service.set(speed=0, daily_jobs=1)
    backend = openai_backend()
    old = await backend.train(data, MODEL)
    await old.pause()
    day = 24 * 3600
    service.advance(day + 60)
    monkeypatch.setattr("time.time", lambda now=time.time: now() + day + 60)
    young = await backend.train(data, MODEL, seed=1)
    limits = await backend.limits(MODEL)
    assert (limits.live, limits.started_today) == (2, 1)
    with pytest.raises(NoSlot) as caught:
        await backend.train(data, MODEL, seed=2)
    assert caught.value.until == pytest.approx(young.metadata["created_at"] + day, abs=5)


async def test_a_connection_that_cannot_be_made_is_no_submission(openai_backend, service, data, monkeypatch):
    monkeypatch.setattr("motools_openai.server.RETRIES", 0)
    backend = openai_backend(base_url="http://127.0.0.1:9/v1")
    with pytest.raises(SubmitUnavailable, match="cannot be reached"):
        await backend.train(data, MODEL)


async def test_a_model_that_a_server_does_not_train_is_not_blamed_on_openai(openai_backend, service, data):
    with pytest.raises(SubmitRejected, match="Ask for a model that it fine-tunes") as caught:
        await openai_backend().train(data, "gpt-9")
    assert "closing" not in str(caught.value)


async def test_a_backend_that_is_closed_does_not_cut_off_the_submission_of_another(openai_backend, service, data):
    paying, closing = openai_backend(), openai_backend()
    service.fault("POST", JOBS, "stall_before_accepting", seconds=0.5)
    submission = asyncio.create_task(paying.train(data, MODEL))
    while not service.requests()["POST /fine_tuning/jobs"]:  # noqa: ASYNC110 (it is another process's count)
        await asyncio.sleep(0.02)
    await closing.aclose()
    run = await submission
    assert [job["id"] for job in service.bill()] == [run.job_id]
