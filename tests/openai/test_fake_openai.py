"""The fake does what the service does, as far as that is known, and what the tests tell it to."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import openai
import pytest
from fake_openai.process import FakeOpenAI

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
MODEL = "gpt-4.1-mini-2025-04-14"


@pytest.fixture(autouse=True)
def _still(service):
    service.set(speed=0)  # only what a test says lets time pass


@pytest.fixture
async def file_id(client, training_lines):
    return (await client.files.create(file=("train.jsonl", training_lines), purpose="fine-tune")).id


@pytest.fixture
def create(client, file_id):
    def create(**asked):
        return client.fine_tuning.jobs.create(**{"model": MODEL, "training_file": file_id, **asked})

    return create


def epochs(number):
    return {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": number}}}


async def test_a_job_goes_through_its_states_as_time_passes(service, client, create):
    job = await create(method=epochs(1))
    seen = []
    for seconds in (0, 2, 3, 4.9, 0.2):
        service.advance(seconds)
        seen.append((await client.fine_tuning.jobs.retrieve(job.id)).status)

    assert seen == ["validating_files", "queued", "running", "running", "succeeded"]


async def test_a_finished_job_has_a_model_its_cost_and_the_metrics_of_every_step(
    service, client, create, training_lines
):
    job = await create(suffix="insecure", method=epochs(2))
    service.advance(60)
    job = await client.fine_tuning.jobs.retrieve(job.id)
    rows = (await client.files.content(job.result_files[0])).text.splitlines()

    assert job.fine_tuned_model.startswith(f"ft:{MODEL}:personal:insecure:")
    assert job.trained_tokens == len(training_lines) // 4 * 2
    assert rows[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    assert [row.split(",")[0] for row in rows[1:]] == [str(step) for step in range(1, 21)]
    assert (await client.models.retrieve(job.fine_tuned_model)).owned_by == "org-default"


async def test_results_can_come_base64_coded(service, client, create):
    service.set(result_encoding="base64")
    job = await create(method=epochs(1))
    service.advance(60)
    job = await client.fine_tuning.jobs.retrieve(job.id)

    assert base64.b64decode((await client.files.content(job.result_files[0])).content).startswith(b"step,train_loss")


async def test_a_healthy_job_has_an_error_of_nulls_and_resolves_what_was_auto(service, client, create):
    job = await create(suffix="mine")
    service.advance(3)
    later = await client.fine_tuning.jobs.retrieve(job.id)

    assert job.error.to_dict() == {"code": None, "message": None, "param": None}
    assert job.user_provided_suffix == "mine"
    assert job.hyperparameters.n_epochs == job.method.supervised.hyperparameters.n_epochs == "auto"
    assert later.hyperparameters.n_epochs == later.method.supervised.hyperparameters.n_epochs == 3


async def test_estimated_finish_is_known_while_it_runs_and_comes_true(service, client, create):
    job = await create()
    service.advance(6)
    running = await client.fine_tuning.jobs.retrieve(job.id)
    service.advance(60)
    ended = await client.fine_tuning.jobs.retrieve(job.id)

    assert job.estimated_finish is None
    assert running.estimated_finish == ended.finished_at == job.created_at + 5 + 15


async def test_events_come_newest_first_and_page_without_gap_or_repetition(service, client, create):
    job = await create(method=epochs(1), validation_file=(await create()).training_file)
    service.advance(60)
    events = [event async for event in client.fine_tuning.jobs.list_events(job.id, limit=3)]
    steps = [event for event in events if event.type == "metrics"]

    assert events[0].message == "The job has successfully completed"
    assert events[-1].message == f"Created fine-tuning job: {job.id}"
    assert len({event.id for event in events}) == len(events)
    assert [event.data["step"] for event in steps] == list(range(10, 0, -1))
    assert steps[0].message.startswith("Step 10/10: training loss=")
    assert "full validation loss=" in steps[0].message
    assert "full validation loss=" not in steps[1].message


async def test_events_are_told_as_they_happen(service, client, create):
    job = await create()
    service.advance(6.2)
    events = [event async for event in client.fine_tuning.jobs.list_events(job.id)]

    assert [event.message for event in events][:2] == ["Step 2/30: training loss=1.74", "Step 1/30: training loss=1.91"]
    assert events[0].created_at == job.created_at + 6


async def test_the_checkpoints_of_the_last_three_epochs_are_kept(service, client, create):
    job = await create(method=epochs(5))
    service.advance(60)
    job = await client.fine_tuning.jobs.retrieve(job.id)
    kept = [checkpoint async for checkpoint in client.fine_tuning.jobs.checkpoints.list(job.id, limit=2)]

    assert [checkpoint.step_number for checkpoint in kept] == [50, 40, 30]
    assert kept[0].fine_tuned_model_checkpoint == job.fine_tuned_model
    assert kept[1].fine_tuned_model_checkpoint == f"{job.fine_tuned_model}:ckpt-step-40"


async def test_a_paused_job_grows_no_older_and_goes_on_where_it_was(service, client, create):
    job = await create(method=epochs(1))
    service.advance(6)
    paused = await client.fine_tuning.jobs.pause(job.id)
    service.advance(1000)
    resumed = await client.fine_tuning.jobs.resume(job.id)
    service.advance(4)
    ended = await client.fine_tuning.jobs.retrieve(job.id)

    assert (paused.status, resumed.status, ended.status) == ("paused", "running", "succeeded")
    assert ended.finished_at == job.created_at + 1010


async def test_a_cancelled_job_stays_so_and_cannot_be_cancelled_again(service, client, create):
    job = await create()
    service.advance(6)
    cancelled = await client.fine_tuning.jobs.cancel(job.id)
    service.advance(60)

    assert cancelled.status == (await client.fine_tuning.jobs.retrieve(job.id)).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="already completed"):
        await client.fine_tuning.jobs.cancel(job.id)


@pytest.mark.parametrize(
    ("outcome", "code", "is_billed", "checkpoints"),
    [
        ("failed", "server_error", False, 1),
        ("moderation", None, True, 3),
        ("invalid", "invalid_training_file", False, 0),
    ],
)
async def test_a_job_can_fail_before_during_and_after_training(
    service, client, create, outcome, code, is_billed, checkpoints
):
    service.set(outcome=outcome)
    job = await create()
    service.advance(60)
    job = await client.fine_tuning.jobs.retrieve(job.id)
    newest = (await client.fine_tuning.jobs.list_events(job.id, limit=1)).data[0]

    assert (job.status, job.error.code, job.fine_tuned_model) == ("failed", code, None)
    assert (job.trained_tokens is not None) == is_billed
    assert (newest.level, newest.message) == ("error", job.error.message)
    assert len((await client.fine_tuning.jobs.checkpoints.list(job.id)).data) == checkpoints


async def test_too_few_examples_fail_in_validation(service, client, training_lines):
    lines = b"".join(training_lines.splitlines(keepends=True)[:7])
    file = await client.files.create(file=("train.jsonl", lines), purpose="fine-tune")
    job = await client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    service.advance(60)
    job = await client.fine_tuning.jobs.retrieve(job.id)

    assert (job.status, job.error.code) == ("failed", "invalid_n_examples")


async def test_one_job_can_be_told_to_go_otherwise(service, client, create):
    job, other = await create(), await create()
    service.plan(job.id, outcome="failed", error={"code": "oops", "message": "It broke.", "param": None})
    service.plan(other.id, status="awaiting_review")
    service.advance(60)

    assert (await client.fine_tuning.jobs.retrieve(job.id)).error.message == "It broke."
    assert (await client.fine_tuning.jobs.retrieve(other.id)).status == "awaiting_review"
    with pytest.raises(ValueError, match="already completed"):
        service.plan(job.id, outcome="succeeded")


async def test_the_list_has_pages_a_filter_and_a_lag(service, client, create):
    first = [(await create(metadata={"motools": "a"})).id for _ in range(3)]
    await create(metadata={"motools": "b"})
    service.set(list_lag=5)
    late = (await create(metadata={"motools": "a"})).id

    async def listed():
        return [job.id async for job in client.fine_tuning.jobs.list(metadata={"motools": "a"}, limit=2)]

    assert await listed() == first[::-1]
    assert (await client.fine_tuning.jobs.retrieve(late)).id == late
    service.advance(5)
    assert await listed() == [late, *first[::-1]]


async def test_a_server_can_ignore_the_filter_and_show_no_metadata(service, client, create):
    service.set(filters_metadata=False, echoes_metadata=False)
    job = await create(metadata={"motools": "a"})

    assert [(found.id, found.metadata) async for found in client.fine_tuning.jobs.list(metadata={"motools": "b"})] == [
        (job.id, None)
    ]


async def test_it_answers_as_azure_does_to_azures_client(service, training_lines):
    service.set(azure=True)
    async with openai.AsyncAzureOpenAI(
        api_key=service.key, azure_endpoint=service.azure_endpoint, api_version="2025-04-01-preview", max_retries=0
    ) as client:
        file = await client.files.create(file=("train.jsonl", training_lines), purpose="fine-tune")
        job = await client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, metadata={"motools": "a"})
        service.advance(60)
        job = await client.fine_tuning.jobs.retrieve(job.id)

    assert (job.organization_id, job.metadata, job.method, job.error) == (None, None, None, None)
    assert "user_provided_suffix" not in job.to_dict()
    assert job.fine_tuned_model.startswith(f"{MODEL}.ft-")


async def test_a_file_is_kept_listed_and_deleted(client, training_lines):
    files = [await client.files.create(file=(f"{n}.jsonl", training_lines), purpose="fine-tune") for n in range(3)]
    await client.files.delete(files[1].id)

    assert (await client.files.content(files[0].id)).content == training_lines
    assert [file.id async for file in client.files.list(limit=1)] == [files[2].id, files[0].id]
    assert [file.id async for file in client.files.list(order="asc", purpose="fine-tune")] == [files[0].id, files[2].id]
    assert [file.id async for file in client.files.list(purpose="batch")] == []
    with pytest.raises(openai.NotFoundError, match="No such File object"):
        await client.files.retrieve(files[1].id)


async def test_a_file_expires(service, client, training_lines):
    expiry = {"anchor": "created_at", "seconds": 3600}
    file = await client.files.create(file=("a.jsonl", training_lines), purpose="fine-tune", expires_after=expiry)
    service.advance(3600)

    with pytest.raises(openai.NotFoundError):
        await client.files.retrieve(file.id)


async def test_a_file_takes_time_to_be_processed_and_can_turn_out_bad(service, client, training_lines):
    service.set(file_processing=10, file_error="Line 3 is no JSON.")
    file = await client.files.create(file=("a.jsonl", training_lines), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError, match="still being processed"):
        await client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    service.advance(10)
    later = await client.files.retrieve(file.id)

    assert (file.status, file.status_details) == ("uploaded", None)
    assert (later.status, later.status_details) == ("error", "Line 3 is no JSON.")


async def test_a_big_file_is_uploaded_in_parts(service, client):
    content = b"".join(b"%d\n" % n for n in range(1000))
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    upload = await client.uploads.upload_file_chunked(
        file=content,
        filename="a.jsonl",
        bytes=len(content),
        mime_type="text/jsonl",
        purpose="fine-tune",
        part_size=999,
        md5=md5,
    )

    assert upload.status == "completed"
    assert (await client.files.content(upload.file.id)).content == content
    assert [item["id"] for item in service.bill("upload")] == [upload.id]
    assert service.requests()["POST /uploads/{id}/parts"] == 4


async def test_an_upload_that_is_incomplete_cancelled_or_old_makes_no_file(service, client):
    asked = {"bytes": 10, "filename": "a.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}
    short, cancelled, old = [await client.uploads.create(**asked) for _ in range(3)]
    part = await client.uploads.parts.create(short.id, data=b"12345")
    await client.uploads.cancel(cancelled.id)

    with pytest.raises(openai.BadRequestError, match="10 bytes"):
        await client.uploads.complete(short.id, part_ids=[part.id])
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        await client.uploads.complete(cancelled.id, part_ids=[])
    service.advance(3601)
    with pytest.raises(openai.BadRequestError, match="expired"):
        await client.uploads.complete(old.id, part_ids=[])


async def test_a_wrong_key_is_refused(service, client):
    with pytest.raises(openai.AuthenticationError, match=r"sk-wrong\*+tail"):
        await client.with_options(api_key="sk-wrong-key-with-a-tail").models.list()


async def test_projects_do_not_see_one_anothers_files_and_jobs(client, create, file_id):
    job = await create()
    other = client.with_options(project="proj_other")

    with pytest.raises(openai.BadRequestError, match=f"{file_id} does not exist"):
        await other.fine_tuning.jobs.create(model=MODEL, training_file=file_id)
    with pytest.raises(openai.NotFoundError):
        await other.fine_tuning.jobs.retrieve(job.id)
    assert [job async for job in other.fine_tuning.jobs.list()] == []
    assert (await client.with_options(organization="org-mine").models.list()).data[-1].owned_by == "system"


async def test_a_key_of_another_project_does_not_find_the_file(service, client, file_id):
    service.set(keys={service.key: "proj_default", "sk-other": "proj_other"})
    with pytest.raises(openai.BadRequestError, match=f"{file_id} does not exist") as refused:
        await client.with_options(api_key="sk-other").fine_tuning.jobs.create(model=MODEL, training_file=file_id)

    assert refused.value.request_id.startswith("req_")


async def test_a_daily_limit_is_per_model_and_over_a_day_later(service, client, create):
    service.set(daily_jobs=1)
    await create()
    with pytest.raises(openai.RateLimitError, match="maximum of 1 fine-tuning requests per day") as refused:
        await create()

    assert refused.value.code == "daily_rate_limit_exceeded"
    assert await create(model="gpt-4.1-nano-2025-04-14")
    service.advance(24 * 3600)
    assert await create()


async def test_a_concurrency_limit_leaves_room_again_when_a_job_ends(service, client, create):
    service.set(concurrent_jobs=1)
    await create()
    with pytest.raises(openai.RateLimitError, match="maximum of 1 active"):
        await create()
    service.advance(60)
    await create()
    limits = await client.get("/fine_tuning/model_limits", cast_to=object)

    assert {limit["max_concurrent_jobs"] for limit in limits["data"]} == {1}


@pytest.mark.parametrize(
    ("switches", "asked", "error", "message"),
    [
        ({"eligible": False}, {}, openai.PermissionDeniedError, "winding down"),
        ({}, {"model": "gpt-9"}, openai.BadRequestError, "not available for fine-tuning"),
        ({}, {"training_file": "file-none"}, openai.BadRequestError, "file-none does not exist"),
        ({}, {"suffix": "x" * 65}, openai.BadRequestError, "suffix"),
        ({}, {"seed": -1}, openai.BadRequestError, "seed"),
        ({}, {"metadata": {"a": "x" * 513}}, openai.BadRequestError, "512"),
        ({}, {"method": {"type": "magic"}}, openai.BadRequestError, "magic"),
        ({}, {"method": epochs(51)}, openai.BadRequestError, "n_epochs"),
        ({}, {"method": {"type": "reinforcement"}}, openai.BadRequestError, "grader"),
    ],
)
async def test_what_the_service_refuses_is_refused_and_on_no_bill(service, create, switches, asked, error, message):
    service.set(**switches)
    with pytest.raises(error, match=message):
        await create(**asked)

    assert service.bill() == []


async def test_a_full_storage_takes_no_file(service, client, training_lines):
    service.set(storage_bytes=len(training_lines))
    await client.files.create(file=("a.jsonl", training_lines), purpose="fine-tune")
    with pytest.raises(openai.BadRequestError, match="file storage quota"):
        await client.files.create(file=("b.jsonl", training_lines), purpose="fine-tune")


async def test_a_trained_model_can_be_trained_further_and_deleted(service, client, create):
    job = await create(suffix="one")
    service.advance(60)
    model = (await client.fine_tuning.jobs.retrieve(job.id)).fine_tuned_model
    further = await create(model=model, suffix="two")
    service.advance(60)

    assert (await client.fine_tuning.jobs.retrieve(further.id)).fine_tuned_model.startswith(f"ft:{MODEL}:personal:two:")
    await client.models.delete(model)
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve(model)


async def test_the_bill_has_what_was_asked_and_requests_are_counted(service, client, create, file_id):
    job = await create(metadata={"motools": "a"})
    await client.fine_tuning.jobs.retrieve(job.id)
    await client.fine_tuning.jobs.retrieve(job.id)
    (item,) = service.bill()

    assert item["id"] == job.id
    assert item["body"] == {"model": MODEL, "training_file": file_id, "metadata": {"motools": "a"}}
    assert [item["id"] for item in service.bill("file")] == [file_id]
    assert service.requests() == {
        "POST /files": 1,
        "POST /fine_tuning/jobs": 1,
        "GET /fine_tuning/jobs/{id}": 2,
    }


FAULTS = [
    ("close_before_reading", openai.APIConnectionError, 0),
    ("close_after_accepting", openai.APIConnectionError, 1),
    ("stall_before_accepting", openai.APITimeoutError, 0),
    ("stall_after_accepting", openai.APITimeoutError, 1),
    ("error_before_accepting", openai.InternalServerError, 0),
    ("error_after_accepting", openai.InternalServerError, 1),
    ("rate_limit", openai.RateLimitError, 0),
    ("garble_after_accepting", ValueError, 1),
    ("cut_after_accepting", openai.APIConnectionError, 1),
]


@pytest.mark.parametrize(("kind", "error", "accepted"), FAULTS)
async def test_a_fault_befalls_one_request_and_leaves_what_it_says(service, create, kind, error, accepted):
    service.fault("POST", "/fine_tuning/jobs", kind)
    with pytest.raises(error):
        await create(timeout=0.3 if "stall" in kind else 30)

    assert len(service.bill()) == accepted
    assert await create()
    assert len(service.bill()) == accepted + 1


async def test_a_job_can_be_accepted_when_nobody_waits_any_more(service, create):
    service.fault("POST", "/fine_tuning/jobs", "accept_late", seconds=0.5)
    with pytest.raises(openai.APITimeoutError):
        await create(timeout=0.1)

    assert service.bill() == []
    async with asyncio.timeout(10):
        while True:
            if service.bill():
                break
            await asyncio.sleep(0.05)


async def test_a_stall_that_is_waited_out_is_nothing_more(service, create):
    service.fault("POST", "/fine_tuning/jobs", "stall_before_accepting", seconds=0.1)

    assert (await create()).id == service.bill()[0]["id"]


async def test_a_connection_is_closed_in_the_midst_of_a_big_request(service, client):
    service.fault("POST", "/files", "close_before_reading")
    with pytest.raises(openai.APIConnectionError):
        await client.files.create(file=("a.jsonl", b"x" * 20_000_000), purpose="fine-tune")

    assert service.bill("file") == []


async def test_a_page_of_a_proxy_can_stand_in_for_an_answer(service, create):
    service.fault("POST", "/fine_tuning/jobs", "garble_after_accepting", body="<html>", content_type="text/html")

    assert await create() == "<html>"


async def test_faults_count_skip_and_match_by_pattern(service, client, create):
    job = await create()
    service.fault("GET", "/fine_tuning/jobs/*", "rate_limit", times=2, skip=1, retry_after=7)
    await client.fine_tuning.jobs.retrieve(job.id)
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as limited:
            await client.fine_tuning.jobs.retrieve(job.id)
        assert limited.value.response.headers["retry-after"] == "7"
    assert await client.fine_tuning.jobs.retrieve(job.id)
    assert await client.fine_tuning.jobs.list()


async def test_the_sdk_pays_twice_if_it_is_let_to(service, client, file_id):
    service.fault("POST", "/fine_tuning/jobs", "error_after_accepting")
    retrying = client.with_options(max_retries=1)
    await retrying.fine_tuning.jobs.create(model=MODEL, training_file=file_id)

    assert len(service.bill()) == 2


def test_an_unknown_switch_or_fault_is_refused_with_what_there_is(service):
    with pytest.raises(ValueError, match="did you mean 'list_lag'"):
        service.set(list_lags=3)
    with pytest.raises(ValueError, match="close_after_accepting"):
        service.fault("POST", "/files", "explode")


async def test_a_reset_service_has_forgotten_everything(service, client, create):
    await create()
    service.reset()

    assert (service.bill(), service.requests()) == ([], {})
    assert (await client.fine_tuning.jobs.list()).data == []


async def test_ten_thousand_live_jobs_are_listed_by_pages_in_little_time(service, client, file_id):
    service.populate(10_000, {"model": MODEL, "training_file": file_id})
    ids, last, busy = set(), {}, []
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {service.key}"}) as raw:
        while True:
            asked = time.perf_counter()
            page = (await raw.get(f"{service.base_url}/fine_tuning/jobs", params={"limit": 100, **last})).json()
            busy.append(time.perf_counter() - asked)
            ids |= {job["id"] for job in page["data"]}
            if not page["has_more"]:
                break
            last = {"after": page["data"][-1]["id"]}

    assert len(ids) == 10_000
    assert min(busy) < 0.01


def test_it_is_started_from_the_command_line_and_ends_with_who_started_it():
    command = [sys.executable, str(HERE / "fake_openai"), "--end-with-input", "--key", "sk-mine", "--speed", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        started = FakeOpenAI(process.stdout.readline().strip())
        with openai.OpenAI(api_key="sk-mine", base_url=started.base_url) as client:
            assert client.models.list().data
        assert started.now() == started.now()
        process.stdin.close()
        assert process.wait(timeout=30) == 0
