"""What the service is known to have answered is read for what it says."""

from __future__ import annotations

import httpx2
import openai
import pytest
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from payloads import names, payload

from motools.errors import NoSlot, SubmitRejected, SubmitUnavailable
from motools_openai import jobs
from motools_openai.events import measured
from motools_openai.metrics import named, progress_numbers
from motools_openai.problems import FileGone, failure_of, retry_after, submission_error, unpaid
from motools_openai.run import OpenAITrainingRun
from motools_openai.server import Connection, Server

EXPECTED = {
    "observed/job_succeeded_error_is_empty_object": ("succeeded", "ft:gpt-4.1-nano-2025-04-14:openai::BTz2REMH"),
    "written/job_validating_error_fields_null": ("queued", None),
    "spec/post_fine_tuning_jobs_dpo": ("queued", None),
    "spec/post_fine_tuning_jobs_reinforcement": ("queued", None),
    "spec/post_fine_tuning_jobs_default": ("queued", None),
    "spec/post_fine_tuning_jobs_epochs": ("queued", None),
    "spec/post_fine_tuning_jobs_validation-file": ("queued", None),
    "spec/post_fine_tuning_jobs_fine_tuning_job_id_cancel": ("cancelled", None),
    "spec/post_fine_tuning_jobs_fine_tuning_job_id_pause": ("running", None),
    "spec/post_fine_tuning_jobs_fine_tuning_job_id_resume": ("queued", None),
    "spec/get_fine_tuning_jobs_fine_tuning_job_id": ("succeeded", "ft:gpt-4o-mini-2024-07-18:my-org::custom_suffix"),
    "spec/schema_FineTuningJob": ("succeeded", None),
}


def run_of(fields):
    run = OpenAITrainingRun(Connection(Server()), fields["id"])
    run.take(FineTuningJob.construct(**fields))
    return run


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_job_says_how_it_stands_and_a_healthy_one_has_no_error(name):
    run = run_of(payload(name))
    status, model_id = EXPECTED[name]
    assert run.status == status
    assert model_id is None or run.model_id is not None
    assert "error" not in run.metadata
    assert run.metadata["service_status"] == payload(name)["status"]


def test_every_recorded_job_is_expected_to_be_something():
    recorded = {
        name for name in names() if isinstance(payload(name), dict) and payload(name).get("object") == "fine_tuning.job"
    }
    assert recorded <= EXPECTED.keys()


def test_azure_says_less_and_it_is_enough():
    azure = payload("observed/azure_job_events_checkpoints")
    run = run_of(azure["job"])
    assert (run.status, run.metadata["trained_tokens"], run.metadata["method"]) == ("succeeded", 6720, "supervised")
    assert run.model_id == azure["job"]["fine_tuned_model"]
    assert run.metadata["hyperparameters"] == {"batch_size": 1, "learning_rate_multiplier": 1.0, "n_epochs": 10}
    found = [measured(FineTuningJobEvent.construct(**event)) for event in azure["events"]]
    assert [piece and named(piece)["step"] for piece in found] == [None, None, 100]
    assert named(found[-1])["validation_loss"] == pytest.approx(1.53027, abs=1e-4)


def test_a_metrics_event_is_progress():
    piece = measured(FineTuningJobEvent.construct(**payload("written/event_metrics")))
    assert progress_numbers(piece) == (240, 240, 3.5e-06)
    assert named(piece)["full_valid_loss"] == 0.0044


def refused(entry):
    request = httpx2.Request("POST", "https://api.openai.com/v1/fine_tuning/jobs")
    response = httpx2.Response(entry["http"], request=request, json=entry["body"])
    kind = {429: openai.RateLimitError, 400: openai.BadRequestError, 403: openai.PermissionDeniedError}[entry["http"]]
    return kind("refused", response=response, body=entry["body"]["error"])


def test_the_refusals_that_users_met_say_what_to_do():
    met = payload("observed/errors")
    error = submission_error(refused(met["daily_limit"]), model="gpt-4.1-2025-04-14", server="OpenAI")
    assert isinstance(error, NoSlot)
    assert "can be started today" in str(error)
    error = unpaid(refused(met["storage_full"]), "OpenAI", "take the file", submitting=True)
    assert isinstance(error, SubmitRejected)
    assert "Delete files that no job needs" in str(error)
    error = submission_error(refused(met["foreign_file"]), model="m", server="OpenAI")
    assert isinstance(error, FileGone)
    assert isinstance(error, SubmitUnavailable)
    error = submission_error(refused(met["not_eligible"]), model="m", server="OpenAI")
    assert isinstance(error, SubmitRejected)
    assert "closing self-serve fine-tuning" in str(error)
    said = failure_of("ftjob-1", met["moderation"]["error"]["message"], None)
    assert "after the training was paid for" in said


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("-1", 0.0), ("inf", None), ("nan", None), ("soon", None), ("", None)]
)
def test_a_pause_that_the_service_asks_for_is_a_number_of_seconds_or_none(said, seconds):
    request = httpx2.Request("POST", "https://api.openai.com/v1/fine_tuning/jobs")
    response = httpx2.Response(429, request=request, headers={"retry-after": said}, json={})
    assert retry_after(openai.RateLimitError("refused", response=response, body=None)) == seconds


def test_a_job_of_a_server_that_does_not_say_when_it_was_made_is_of_long_ago():
    assert jobs.made_at(FineTuningJob.construct(id="ftjob-1", created_at=None)) == 0.0
