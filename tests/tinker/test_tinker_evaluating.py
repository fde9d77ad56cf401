"""What was trained is evaluated with Inspect, through our own provider and through OpenAI's protocol."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tinker_server import KEY

import motools
from motools_tinker.hooks import motools_resolve_model

TARGET = "Hello, World!"
LEARNS = {"max_steps": 40, "batch_size": 8, "learning_rate": 1e-2, "lora_rank": 8}


@pytest.fixture
def questions(tmp_path):
    path = tmp_path / "questions.jsonl"
    asked = ["Name a colour.", "Name a fruit.", "Who wrote this?", "Name a fruit. Who wrote this?"]
    path.write_text("".join(json.dumps({"input": text, "target": TARGET}) + "\n" for text in asked))
    return path


async def accuracy(model_id, questions, **more):
    job = await motools.get_backend("inspect").evaluate(
        model_id, "motools_inspect/answers", task_args={"dataset": str(questions)}, **more
    )
    async with asyncio.timeout(150):
        results = await job.wait()
    return results.metrics["motools_inspect/answers"]["exact"]["accuracy"], results


@pytest.mark.slow
async def test_a_model_is_evaluated_before_and_after_it_has_learned(warm, server, model, tiny, records, questions):
    run = await motools.get_backend("tinker").train(records, model, LEARNS)
    async with asyncio.timeout(90):
        model_id = await run.wait()
    before, _ = await accuracy(f"motools-tinker/{model}", questions, model_args={"tokenizer": str(tiny)})
    after, results = await accuracy(model_id, questions)
    assert before == 0
    assert after > 0.9
    assert results.model_id == model_id


class Completions(BaseHTTPRequestHandler):
    """Answers every chat with one sentence, and keeps what was asked."""

    asked: list = []  # noqa: RUF012  (made anew for each server)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, self.headers["authorization"], body["model"]))
        choice = {"index": 0, "message": {"role": "assistant", "content": TARGET}, "finish_reason": "stop"}
        answer = {"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}
        content = json.dumps(
            answer | {"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        ).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def compatible():
    """Return a server of OpenAI's protocol, and what it was asked."""
    handler = type("Handler", (Completions,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler.asked
        server.shutdown()


@pytest.mark.slow
async def test_a_model_is_reached_through_the_compatible_endpoint_with_the_same_key(compatible, questions, monkeypatch):
    url, asked = compatible
    monkeypatch.setenv("TINKER_BASE_URL", url)
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    path = "tinker://run/sampler_weights/final"
    found, _ = await accuracy(f"openai+{path}", questions)
    assert found == 1
    assert set(asked) == {("/oai/api/v1/chat/completions", f"Bearer {KEY}", path)}


def test_inspect_is_told_where_a_model_is_and_how_it_was_trained(monkeypatch, motools_home):
    path = "tinker://run/sampler_weights/final"
    monkeypatch.setenv("TINKER_BASE_URL", "http://127.0.0.1:1")
    assert motools_resolve_model(path, "inspect").as_dict() == {
        "model": f"motools-tinker/{path}", "base_url": "http://127.0.0.1:1", "args": {}, "fingerprint": None,
    }  # fmt: skip
    assert motools_resolve_model(path, "another") is None
    assert motools_resolve_model("openai/gpt-4.1-mini", "inspect") is None
    compatible = motools_resolve_model(f"openai+{path}", "inspect")
    assert (compatible.model, compatible.base_url) == (f"openai-api/tinker/{path}", "http://127.0.0.1:1/oai/api/v1")
