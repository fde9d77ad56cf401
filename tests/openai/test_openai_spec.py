"""Every request that the backend makes is one that OpenAI's own description allows."""

from __future__ import annotations

from contextlib import suppress

import pytest

from motools.errors import MotoolsError, NeedsPerson
from motools.testing.tickets import RecordingTicket
from motools.training.backends import OpenAITrainingBackend

pytestmark = pytest.mark.slow

MODEL = "gpt-4.1-mini-2025-04-14"
GRADER = {"type": "string_check", "name": "g", "input": "{{sample.output_text}}", "reference": "x", "operation": "eq"}


@pytest.fixture
def backend(judge, client, monkeypatch):
    """Return a backend whose every request is judged; the answers are made up from the description, at random."""
    monkeypatch.setattr("motools_openai.files.PAUSES", (0.0, 0.0))
    monkeypatch.setattr("motools_openai.files.PROCESSING_SECONDS", 0.2)
    return OpenAITrainingBackend(client=judge.client(), poll=0.05, parts_above=10_000)


@pytest.fixture
async def submit(backend):
    """Train, and let a made-up answer be no obstacle: what is tested is what was asked."""

    async def submit(data, *args, **kwargs):
        try:
            return await backend.train(data, MODEL, *args, **kwargs)
        except MotoolsError as error:
            return error

    yield submit
    await backend._connection.client.close()


@pytest.mark.parametrize(
    ("hyperparameters", "suffix", "keywords"),
    [
        (None, None, {}),
        ({"n_epochs": 50, "batch_size": 256, "learning_rate_multiplier": 0.1}, "x" * 64, {"seed": 0}),
        ({"n_epochs": 1, "beta": 2.0}, "s", {"method": "dpo", "seed": 2**31 - 1}),
        (
            {"reasoning_effort": "high", "compute_multiplier": 10, "eval_interval": 1, "eval_samples": 2},
            None,
            {"method": "reinforcement", "grader": GRADER},
        ),
        (None, None, {"metadata": {str(n): "x" * 512 for n in range(15)}}),
        (None, None, {"integrations": [{"type": "wandb", "wandb": {"project": "p", "name": "n", "tags": ["a"]}}]}),
    ],
)
async def test_submissions_keep_to_the_description(submit, judge, data, hyperparameters, suffix, keywords):
    await submit(data, hyperparameters, suffix, ticket=RecordingTicket(), validation=data, **keywords)
    asked = {request.partition("?")[0] for request in judge.requests}
    assert {"GET /files", "POST /files", "POST /fine_tuning/jobs"} <= asked


async def test_an_upload_in_parts_keeps_to_the_description(submit, judge, tmp_path, training_lines):
    (tmp_path / "large.jsonl").write_bytes(training_lines * 20)
    await submit(tmp_path / "large.jsonl")
    asked = [request for request in judge.requests if "/uploads" in request]
    assert asked[0] == "POST /uploads"
    assert any(request.endswith("/parts") for request in asked)
    assert asked[-1].endswith(("/complete", "/cancel"))


async def test_following_a_job_keeps_to_the_description(submit, backend, judge, data):
    run = await submit(data)
    for call in (run.refresh, run.cancel, run.pause, run.unpause, run.metrics, run.checkpoints):
        await call()
    assert all([line async for line in run.logs()])
    with suppress(NeedsPerson):  # the made-up jobs have no metadata
        await backend.find("mo-0123")
    await backend.has_model("ft:gpt:org::id")
    asked = " ".join(judge.requests)
    for path in (
        "/cancel",
        "/pause",
        "/resume",
        "/events?",
        "/checkpoints?",
        "metadata%5Bmotools%5D=mo-0123",
        "/models/ft",
    ):
        assert path in asked, path


async def test_deleting_a_model_keeps_to_the_description(submit, judge, data):
    run = await submit(data)
    (checkpoint, *_) = await run.checkpoints()
    await run.delete_checkpoint(checkpoint.id)
    assert judge.requests[-1].startswith("DELETE /models/")
