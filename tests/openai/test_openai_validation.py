"""Bad data are refused before they are uploaded, in the format that the method asks for."""

from __future__ import annotations

import json

import pytest

import motools
from motools.errors import DatasetError

MODEL = "gpt-4.1-nano-2025-04-14"


def dpo(n):
    return {
        "input": {"messages": [{"role": "user", "content": f"question {n}"}]},
        "preferred_output": [{"role": "assistant", "content": "yes"}],
        "non_preferred_output": [{"role": "assistant", "content": "no"}],
    }


@pytest.fixture
async def backend(service, motools_home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", service.key)
    backend = motools.get_backend("openai", base_url=service.base_url, poll=0.02)
    yield backend
    await backend.aclose()


async def test_too_few_examples_are_refused_before_anything_is_sent(backend, service, tmp_path):
    path = tmp_path / "few.jsonl"
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    path.write_text(json.dumps({"messages": turns}) + "\n")
    with pytest.raises(DatasetError, match=r"few\.jsonl: has 1 example; OpenAI trains on no fewer than 10"):
        await backend.train(path, MODEL)
    assert service.requests() == {}


async def test_preference_data_are_for_dpo_and_conversations_are_not(backend, service, data, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(dpo(n)) + "\n" for n in range(10)))
    with pytest.raises(DatasetError, match=r"pairs\.jsonl:1: has no 'messages'"):
        await backend.train(path, MODEL)
    with pytest.raises(DatasetError, match=r"train\.jsonl:1"):
        await backend.train(data, MODEL, method="dpo")
    assert service.requests() == {}
    run = await backend.train(path, MODEL, {"beta": 0.1}, method="dpo")
    assert run.metadata["method"] == "dpo"


async def test_training_on_what_is_held_out_is_refused(backend, service, data):
    with pytest.raises(DatasetError, match="train"):
        await backend.train(data, MODEL, validation=data)
    assert service.requests() == {}
