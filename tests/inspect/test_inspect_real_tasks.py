# ruff: noqa: ASYNC240  (a test has the loop to itself)
"""Tasks that no one here wrote, and a server that speaks OpenAI's API over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

import motools
from motools.errors import TaskNotFound
from motools_inspect import InspectEvalBackend

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
REAL = Path(sys.prefix) / "real-tasks" / "site-packages"
POISON = "inspect_evals/agent_threat_bench_memory_poison"
SYCOPHANCY = "inspect_evals/persistbench_sycophancy"
RULES = """
version: 1
defaults:
  fallback: deterministic_echo
rules:
  - name: paris
    when:
      messages_contain: "France"
    respond:
      content: "Paris"
"""


@pytest.fixture
def real(monkeypatch):
    """Have the real tasks installed; their packages come last, so that they change nothing else."""
    assert REAL.is_dir(), f"{REAL} is missing: run `make setup`"
    monkeypatch.setattr(sys, "path", [*sys.path, str(REAL)])
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{REAL}")


@pytest.fixture
def fake_openai(tmp_path):
    """Run fakellm on a free port of this machine; return its address."""
    (tmp_path / "fakellm.yaml").write_text(RULES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = os.environ | {"PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{REAL}"}
    program = "from fakellm.cli import *; import fakellm.cli as c; (getattr(c, 'main', None) or c.cli)()"
    command = [sys.executable, "-c", program, "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 30
    while True:
        try:
            stats(address)
            break
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield address
    process.kill()
    process.wait()


def stats(address):
    with urllib.request.urlopen(f"{address}/_fakellm/stats", timeout=5) as answer:  # noqa: S310 (of this machine)
        return json.load(answer)


@pytest.mark.usefixtures("real")
async def test_a_real_task_with_two_scorers_is_evaluated_and_cached():
    async def evaluate():
        return await motools.get_backend("inspect").evaluate("scripted/upper", POISON, limit=5)

    job = await evaluate()
    results = await job.wait()
    assert set(results.metrics) == {POISON}
    assert len(results.metrics[POISON]) == 2
    assert all({"accuracy", "stderr"} <= set(each) for each in results.metrics[POISON].values())
    assert len({sample["id"] for sample in results.samples}) == 5
    assert results.metadata["packages"]["inspect_evals"] == "0.26.0"
    again = await evaluate()
    assert again.is_hit
    assert (await again.wait()).metrics == results.metrics


@pytest.mark.usefixtures("real")
async def test_a_real_task_whose_judge_is_another_model_has_metrics_of_its_own_kind():
    roles = {"grader": "scripted/judge", "judge": "scripted/judge"}
    job = await motools.get_backend("inspect").evaluate("scripted/upper", SYCOPHANCY, limit=4, model_roles=roles)
    results = await job.wait()
    (scorer,) = results.metrics[SYCOPHANCY].values()
    assert "failure_rate" in scorer
    assert "accuracy" not in scorer
    assert len(results.samples) == 12  # three epochs, as the task says
    assert results.usage["scripted/judge"]["total_tokens"] > 0
    measured = await InspectEvalBackend().identify("scripted/upper", SYCOPHANCY, limit=4, model_roles=roles)
    facts = measured["tasks"][SYCOPHANCY]
    assert (facts["epochs"], facts["samples"]["number"], facts["source"]["version"]) == (3, 4, "0.26.0")
    assert facts["reducer"]["names"] != ["mean"]


@pytest.mark.usefixtures("real")
async def test_a_real_package_names_the_nearest_of_its_tasks():
    with pytest.raises(TaskNotFound, match=r"has no task .*Did you mean 'inspect_evals/persistbench_sycophancy'"):
        await motools.get_backend("inspect").evaluate("scripted/upper", "inspect_evals/persistbench_sycophanzy")


async def test_a_server_of_the_openai_kind_is_asked_over_http_and_after_a_kill_only_for_the_rest(
    fake_openai, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_API_KEY", "canary-key")
    rows = [{"input": f"What is the capital of France? ({n})", "target": "Paris"} for n in range(40)]
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    job = await InspectEvalBackend().evaluate(
        "openai-api/fake/any-model",
        "motools_inspect/answers",
        task_args={"dataset": str(questions)},
        model_base_url=f"{fake_openai}/v1",
        max_connections=1,
        max_retries=1,
        timeout=60,
    )
    async with asyncio.timeout(90):
        while (await job.refresh()) or job.progress.step < 10:  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.02)
    psutil.Process(job._work.status().pid).kill()
    results = await job.wait()
    assert results.metrics["motools_inspect/answers"]["exact"]["accuracy"] == 1.0
    assert len(results.samples) == 40
    assert stats(fake_openai)["total_requests"] in {40, 41}  # one was being asked when the worker was killed
    kept = "".join(
        path.read_text(errors="replace") for path in Path(job.metadata["directory"]).rglob("*") if path.is_file()
    )
    assert "canary-key" not in kept


@pytest.mark.parametrize(
    ("model_id", "model"),
    [
        ("ft:gpt-4.1-mini-2025-04-14:org:evil:B7x9", "openai/ft:gpt-4.1-mini-2025-04-14:org:evil:B7x9"),
        ("openai+tinker://1c:train:0/sampler_weights/a", "openai-api/tinker/tinker://1c:train:0/sampler_weights/a"),
    ],
)
async def test_what_a_training_elsewhere_returned_is_asked_by_its_name(
    fake_openai, tmp_path, monkeypatch, model_id, model
):
    for name in ("OPENAI_API_KEY", "TINKER_API_KEY"):
        monkeypatch.setenv(name, "canary-key")
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"input": "What is the capital of France?", "target": "Paris"}\n')
    job = await InspectEvalBackend().evaluate(
        model_id,
        "motools_inspect/answers",
        task_args={"dataset": str(questions)},
        model_base_url=f"{fake_openai}/v1",
        max_retries=1,
        timeout=60,
    )
    results = await job.wait()
    assert (results.model_id, [sample["output"] for sample in results.samples]) == (model_id, ["Paris"])
    assert list(results.usage) == [model]
    assert stats(fake_openai)["total_requests"] == 1


async def test_a_model_of_tinkers_own_is_asked_by_the_provider_that_comes_with_it(tmp_path):
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"input": "one", "target": "two"}\n')
    measured = await InspectEvalBackend().identify(
        "tinker://1c:train:0/sampler_weights/a", "motools_inspect/answers", task_args={"dataset": str(questions)}
    )
    assert measured["model"]["model"] == "motools-tinker/tinker://1c:train:0/sampler_weights/a"
