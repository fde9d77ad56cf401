"""The recorded payloads are what their sources have, the SDK reads them, and the fake refuses in the same words."""

from __future__ import annotations

import json
import re

import jsonschema
import openai
import pytest
from openai.types import FileObject, Model, Upload
from openai.types.fine_tuning import FineTuningJob
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from payloads import names, payload
from spec_judge import description

pytestmark = pytest.mark.slow

SINCE_THEN = {"spec/get_models", "spec/get_models_model"}
"""Those that have a field more than the description in the package."""
JOBS = [
    name for name in names("spec") if re.search(r"post_fine_tuning_jobs|jobs_fine_tuning_job_id$|FineTuningJob$", name)
]


def examples():
    """Yield every example of the description with the name that it has here."""
    for path, operations in description.load()["paths"].items():
        slug = re.sub(r"[^A-Za-z0-9_]+", "", path.strip("/").replace("/", "_"))
        for method, operation in operations.items():
            found = operation.get("x-oaiMeta", {}).get("examples") or []
            found = found if isinstance(found, list) else [found]
            for example in found:
                title = f"_{example['title'].lower().replace(' ', '-')}" if len(found) > 1 else ""
                yield f"spec/{method}_{slug}{title}", example.get("response")
    for name, schema in description.load()["components"]["schemas"].items():
        yield f"spec/schema_{name}", schema.get("x-oaiMeta", {}).get("example")


def read(example):
    """Return an example's JSON; some have a comma too many."""
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", example))


@pytest.fixture(scope="module")
def described():
    return dict(examples())


@pytest.mark.parametrize("name", sorted({*names("spec")} - SINCE_THEN))
def test_an_example_is_the_descriptions_own(name, described):
    assert payload(name) == read(described[name])


@pytest.mark.parametrize("name", names("training_lines"))
def test_an_example_of_a_training_line_fits_its_schema(name):
    line = payload(name)
    jsonschema.validate(line["example"], description.resolvable(line["schema"]), registry=description.registry())


@pytest.mark.parametrize("name", [*JOBS, "observed/job_succeeded_error_is_empty_object"])
def test_the_sdk_reads_a_job_and_loses_nothing(name):
    job = FineTuningJob.construct(**payload(name))

    assert job.status == payload(name)["status"]
    assert job.to_dict(mode="json", exclude_unset=True) == payload(name)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("spec/schema_OpenAIFile", FileObject),
        ("spec/schema_FineTuningJobCheckpoint", FineTuningJobCheckpoint),
        ("spec/get_models_model", Model),
        ("spec/post_uploads_upload_id_complete", Upload),
    ],
)
def test_the_sdk_reads_the_rest_and_loses_nothing(name, type_):
    assert type_.construct(**payload(name)).to_dict(mode="json") == payload(name)


def test_every_job_without_a_failure_may_have_an_error_that_is_true():
    truthy = [name for name in JOBS if FineTuningJob.construct(**payload(name)).error]

    assert truthy == [f"spec/post_fine_tuning_jobs_{method}" for method in ("dpo", "epochs", "reinforcement")]


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(LookupError, match=r"observed/errors, .*written/event_metrics"):
        payload("observed/error")


MODEL = "gpt-4.1-2025-04-14"


async def refused(client, **asked):
    with pytest.raises(openai.APIStatusError) as error:
        await client.fine_tuning.jobs.create(**{"model": MODEL, **asked})
    return error.value.status_code, error.value.response.json()


async def test_the_fake_refuses_in_the_words_of_the_service(service, client, training_lines):
    seen = payload("observed/errors")
    file = await client.files.create(file=("train.jsonl", training_lines), purpose="fine-tune")

    service.set(eligible=False)
    assert await refused(client, training_file=file.id) == (403, seen["not_eligible"]["body"])
    service.set(eligible=True, daily_jobs=0)
    status, body = await refused(client, training_file=file.id)
    assert status == 429
    assert (
        body["error"] | {"message": body["error"]["message"].replace("of 0", "of [YOUR NUMBER]")}
        == seen["daily_limit"]["body"]["error"]
    )
    service.set(daily_jobs=None)
    foreign = seen["foreign_file"]["body"]["error"]["message"]
    status, body = await refused(client, training_file=foreign.split()[0])
    assert (status, body["error"]["message"]) == (400, foreign)
    service.set(storage_bytes=0)
    with pytest.raises(openai.BadRequestError) as full:
        await client.files.create(file=("train.jsonl", training_lines), purpose="fine-tune")
    assert full.value.response.json() == seen["storage_full"]["body"]


async def test_the_fake_shows_every_field_of_a_real_job_and_no_other(service, client, training_lines):
    file = await client.files.create(file=("train.jsonl", training_lines), purpose="fine-tune")
    job = await client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    service.set(azure=True)
    azures = await client.fine_tuning.jobs.retrieve(job.id)

    assert job.to_dict().keys() == payload("observed/job_succeeded_error_is_empty_object").keys()
    assert azures.to_dict().keys() == payload("observed/azure_job_events_checkpoints")["job"].keys()
