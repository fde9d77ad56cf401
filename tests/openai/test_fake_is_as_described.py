"""The fake is held to the published description: one walk through every call, before the judge and before the fake.

Every answer of the fake must fit the schema that the description has for it and the model that the SDK has for it, but for the
places in DEVIATIONS and UNREAD; and it must have every field of the answers that Steady makes up from the description. What is
named there and is no longer so fails as well.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
import pytest
from fake_openai.process import FakeOpenAI
from fake_openai.routes import Api
from fake_openai.service import Service
from openai import AsyncOpenAI
from pydantic import ValidationError
from spec_judge import description
from spec_judge.judging import SpecJudge

pytestmark = pytest.mark.slow

DEVIATIONS = {
    "error": "a healthy job has an object of nulls: payload spec/post_fine_tuning_jobs_dpo",
    "hyperparameters": "null unless the method is supervised: payload spec/post_fine_tuning_jobs_dpo",
    "status": "paused stands in the description's example of pausing and in none of its lists",
    "data": "null in events of the description's own example: payload spec/get_fine_tuning_jobs_fine_tuning_job_id_events",
    "status_details": "null until something is wrong with the file, as users of the service print it",
    "first_id": "null on an empty page, which the description allows for checkpoints and forgets for files",
    "last_id": "as first_id",
}
"""Where the fake answers what the description forbids, and why. Places in an item of a list are those in the item."""
UNREAD = {"error.code", "error.message", "hyperparameters", "status"}
"""Where the SDK's models, taken strictly, would refuse an answer of the fake. The client does not take them strictly."""
UNWALKED = {
    "GET /fine_tuning/model_limits": "the description does not have it",
    "GET /files/{id}/content": "answers with the file, and no JSON",
}
NAME = re.compile(r"\{[^}]+\}")

MODEL = "gpt-4.1-mini-2025-04-14"
GRADER = {
    "type": "string_check",
    "name": "exact",
    "operation": "eq",
    "input": "{{sample.output_text}}",
    "reference": "{{item.answer}}",
}
METHODS = [
    {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "learning_rate_multiplier": 0.5}}},
    {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}},
    {"type": "reinforcement", "reinforcement": {"grader": GRADER, "hyperparameters": {"reasoning_effort": "low"}}},
]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer as it came over the wire."""

    method: str
    path: str
    status: int
    payload: Any

    @property
    def operation(self):
        return f"{self.method} {description.operation(self.method, self.path) or self.path}"


@dataclass(kw_only=True)
class Walk:
    """What a client was answered on its way: on the wire, and as the SDK made it out."""

    answers: list[Answer] = field(default_factory=list)
    parsed: list[Any] = field(default_factory=list)

    async def note(self, response):
        await response.aread()
        if response.headers["content-type"].startswith("application/json"):
            request = response.request
            path = request.url.path.removeprefix("/v1")
            answer = Answer(method=request.method, path=path, status=response.status_code, payload=response.json())
            self.answers.append(answer)

    async def go(self, http_client, base_url, lines, pass_time):
        hooks = http_client.event_hooks
        http_client.event_hooks = {**hooks, "response": [*hooks["response"], self.note]}
        async with AsyncOpenAI(
            api_key=FakeOpenAI.key, base_url=base_url, http_client=http_client, max_retries=0
        ) as client:
            for stretch in (
                files(client, lines),
                uploads(client, lines),
                jobs(client, lines, pass_time),
                models(client),
            ):
                self.parsed += [answered async for answered in stretch]


async def files(client, lines):
    expiry = {"anchor": "created_at", "seconds": 86_400}
    file = await client.files.create(file=("train.jsonl", lines), purpose="fine-tune", expires_after=expiry)
    yield file
    yield await client.files.retrieve(file.id)
    yield await client.files.list(purpose="fine-tune", order="desc", limit=100)
    await client.files.content(file.id)
    yield await client.files.delete(file.id)
    yield await client.files.list(purpose="batch")


async def uploads(client, lines):
    asked = {"bytes": len(lines), "filename": "train.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}
    upload = await client.uploads.create(**asked)
    part = await client.uploads.parts.create(upload.id, data=lines)
    yield upload
    yield part
    yield await client.uploads.complete(upload.id, part_ids=[part.id])
    yield await client.uploads.cancel((await client.uploads.create(**asked)).id)


async def jobs(client, lines, pass_time):
    file = await client.files.create(file=("train.jsonl", lines), purpose="fine-tune")
    asked = {
        "model": MODEL,
        "training_file": file.id,
        "validation_file": file.id,
        "suffix": "mine",
        "seed": 1,
        "metadata": {"motools": "0123"},
        "integrations": [{"type": "wandb", "wandb": {"project": "organisms", "tags": ["a"]}}],
    }
    created = [await client.fine_tuning.jobs.create(**asked, method=method) for method in METHODS]
    for seconds in (0, 3, 4, 60):
        pass_time(seconds)
        for job in created:
            yield await client.fine_tuning.jobs.retrieve(job.id)
        yield await client.fine_tuning.jobs.list(metadata={"motools": "0123"}, limit=2)
        yield await client.fine_tuning.jobs.list_events(created[0].id, limit=100)
        yield await client.fine_tuning.jobs.checkpoints.list(created[0].id)
    touched = await client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    yield await client.fine_tuning.jobs.pause(touched.id)
    yield await client.fine_tuning.jobs.resume(touched.id)
    yield await client.fine_tuning.jobs.cancel(touched.id)


async def models(client):
    listed = await client.models.list()
    yield listed
    yield await client.models.retrieve(MODEL)
    yield await client.models.delete(listed.data[-1].id)


def fields(payload, at=()):
    """Yield every place in a payload, items of lists taken together."""
    if isinstance(payload, dict):
        for name, value in payload.items():
            yield in_item(description.place((*at, name)))
            yield from fields(value, (*at, name))
    elif isinstance(payload, list):
        for value in payload:
            yield from fields(value, (*at, 0))


def in_item(place):
    return place.removeprefix("data[].").removeprefix("file.")


@pytest.fixture(scope="module")
def walked(_running_service, training_lines):
    service, walk = _running_service, Walk()
    service.reset()
    service.set(speed=0)
    asyncio.run(walk.go(httpx2.AsyncClient(), service.base_url, training_lines, service.advance))
    return walk


@pytest.fixture(scope="module")
def judged(steady_url, training_lines):
    judge, walk = SpecJudge(base_url=steady_url), Walk()
    asyncio.run(walk.go(judge.http_client(), judge.base_url, training_lines, lambda _: None))
    judge.check()
    return walk


def test_the_walk_is_right_by_the_description_and_takes_every_way_that_the_fake_has(judged, walked):
    ways = {f"{(route.methods - {'HEAD'}).pop()} {NAME.sub('{id}', route.path)}" for route in Api(Service()).routes()}
    taken = {NAME.sub("{id}", answer.operation) for answer in walked.answers}

    assert ways - taken == UNWALKED.keys()
    assert {answer.operation for answer in judged.answers} >= {answer.operation for answer in walked.answers}


def test_every_answer_fits_its_schema(walked):
    found = {
        in_item(fault.partition(":")[0])
        for answer in walked.answers
        for fault in description.faults(answer.method, answer.path, answer.status, answer.payload)
    }

    assert found == DEVIATIONS.keys()


def test_every_answer_has_the_fields_of_the_description(walked, judged):
    described = {(answer.operation, place) for answer in judged.answers for place in fields(answer.payload)}
    answered = {(answer.operation, place) for answer in walked.answers for place in fields(answer.payload)}
    common = {operation for operation, _ in answered}

    assert {(operation, place) for operation, place in described - answered if operation in common} == set()
    assert len(described & answered) > 100


def test_the_sdk_makes_out_every_answer(walked):
    unread = set()
    for item in [item for parsed in walked.parsed for item in getattr(parsed, "data", [parsed])]:
        try:
            type(item).model_validate(item.to_dict())
        except ValidationError as error:
            unread |= {description.place(fault["loc"]) for fault in error.errors()}

    assert unread == UNREAD


async def test_refusals_fit_the_schema_of_errors(service, client):
    refusals = [
        client.files.retrieve("file-none"),
        client.uploads.cancel("upload_none"),
        client.fine_tuning.jobs.retrieve("ftjob-none"),
        client.fine_tuning.jobs.create(model=MODEL, training_file="file-none"),
        client.models.retrieve("gpt-none"),
        client.with_options(api_key="sk-wrong").models.list(),
    ]
    for refusal in refusals:
        with pytest.raises(openai.APIStatusError) as error:
            await refusal
        answer = error.value.response
        path = answer.request.url.path.removeprefix("/v1")
        assert list(description.faults(answer.request.method, path, answer.status_code, answer.json())) == []


def test_the_description_would_notice_a_wrong_answer():
    wrong = {
        "id": "file-1",
        "object": "file",
        "bytes": "many",
        "created_at": 1,
        "filename": "a",
        "purpose": "fine-tune",
    }

    assert list(description.faults("GET", "/files/file-1", 200, wrong)) == [
        "bytes: 'many' is not of type 'integer'",
        ": 'status' is a required property",
    ]
