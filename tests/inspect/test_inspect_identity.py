"""What is measured, by content: whatever changes a result changes the identity, and nothing else does."""

from __future__ import annotations

import json
import shutil

import pytest

from motools_inspect import InspectEvalBackend, packages

MODEL = "scripted/upper"


async def identity(suite, model: str = MODEL, **keywords) -> str:
    return json.dumps(await InspectEvalBackend().identify(model, str(suite), **keywords), sort_keys=True)


@pytest.fixture
def suite(tmp_path):
    """Return a task that reads a dataset and imports a module beside it."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "task.py").write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import json_dataset\nimport helper\n"
        "@task\ndef reading(dataset='', n: int = 1):\n    return Task(dataset=json_dataset('data.jsonl'))\n"
    )
    (folder / "helper.py").write_text("from deeper.inner import thing\n")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "inner.py").write_text("thing = 1\n")
    (folder / "data.jsonl").write_text('{"input": "a", "target": "b"}\n')
    (folder / "argument.jsonl").write_text("{}\n")
    return folder


@pytest.mark.parametrize("changed", ["task.py", "helper.py", "deeper/inner.py", "data.jsonl"])
async def test_an_edited_file_is_another_identity(suite, changed):
    before = await identity(f"{suite}/task.py@reading")
    with (suite / changed).open("a") as file:
        file.write("\n")
    assert await identity(f"{suite}/task.py@reading") != before


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai/gpt-4.1-mini", "OPENAI_BASE_URL"),
        ("openai/azure/gpt", "AZUREAI_OPENAI_BASE_URL"),
        ("anthropic/claude", "ANTHROPIC_BASE_URL"),
        ("google/gemini", "GOOGLE_BASE_URL"),
        ("openai-api/my-lab/model", "MY_LAB_BASE_URL"),
        ("vllm/model", "VLLM_BASE_URL"),
    ],
)
async def test_another_server_is_another_identity_wherever_it_is_named(suite, monkeypatch, model, variable):
    task = f"{suite}/task.py@reading"
    identities = {await identity(task, model=model)}
    for url in ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"):
        monkeypatch.setenv(variable, url)
        identities.add(await identity(task, model=model))
    assert len(identities) == 3
    elsewhere = await identity(task, model=model, model_base_url="http://127.0.0.1:3/v1")
    assert elsewhere not in identities
    # A grader is asked there as well.
    with_grader = await identity(task, model_roles={"grader": model})
    monkeypatch.delenv(variable)
    assert await identity(task, model_roles={"grader": model}) != with_grader
    assert await identity(task, model=model, model_base_url="http://127.0.0.1:3/v1") == elsewhere


async def test_who_asks_a_server_is_no_part_of_it_and_is_not_kept(suite, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://somebody:hunter2@127.0.0.1:1/v1")
    named = await identity(f"{suite}/task.py@reading", model="openai/gpt-4.1-mini")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://127.0.0.1:1/v1")
    assert named == await identity(f"{suite}/task.py@reading", model="openai/gpt-4.1-mini")
    assert "hunter2" not in named


@pytest.mark.parametrize(
    "keywords",
    [
        {"limit": 2},
        {"epochs": 2},
        {"sample_id": "a"},
        {"sample_shuffle": 1},
        {"temperature": 0.5},
        {"max_tokens": 5},
        {"seed": 1},
        {"system_message": "Be brief."},
        {"message_limit": 3},
        {"task_args": {"n": 2}},
        {"model_args": {"a": 1}},
        {"model_base_url": "http://127.0.0.1:1"},
        {"model_roles": {"grader": "scripted/other"}},
        {"model": "scripted/other"},
    ],
)
async def test_another_request_is_another_identity(suite, keywords):
    assert await identity(f"{suite}/task.py@reading", **keywords) != await identity(f"{suite}/task.py@reading")


@pytest.mark.parametrize(
    "keywords",
    [
        {"max_connections": 5},
        {"max_samples": 1},
        {"max_retries": 0},
        {"timeout": 9},
        {"retry_on_error": 2},
        {"limit": None},
    ],
)
async def test_how_fast_it_is_done_does_not_matter(suite, keywords):
    assert await identity(f"{suite}/task.py@reading", **keywords) == await identity(f"{suite}/task.py@reading")


async def test_where_the_files_are_does_not_matter(suite, tmp_path):
    before = await identity(f"{suite}/task.py@reading", task_args={"dataset": "argument.jsonl"})
    shutil.copytree(suite, tmp_path / "elsewhere")
    elsewhere = tmp_path / "elsewhere"
    assert before == await identity(
        f"{elsewhere}/task.py@reading", task_args={"dataset": f"{elsewhere}/argument.jsonl"}
    )


async def test_an_argument_that_is_a_file_counts_by_its_content(suite):
    arguments = {"task_args": {"dataset": "argument.jsonl"}}
    before = await identity(f"{suite}/task.py@reading", **arguments)
    (suite / "argument.jsonl").write_text('{"input": "other"}\n')
    assert await identity(f"{suite}/task.py@reading", **arguments) != before


async def test_a_registered_task_is_what_its_distribution_says(installed):
    before = await identity("scripted/shouting")
    assert '"distribution": "scripted", ' in before
    assert '"version": "1.0"' in before
    source = installed / "scripted" / "_registry.py"
    text = source.read_text()
    try:
        source.write_text(f"{text}\n")
        assert await identity("scripted/shouting") == before
        origin = installed / "scripted-1.0.dist-info" / "direct_url.json"
        origin.write_text('{"url": "file:///somewhere", "dir_info": {"editable": true}}')
        editable = await identity("scripted/shouting")
        assert editable != before
        source.write_text(f"{text}\n\n")
        assert await identity("scripted/shouting") != editable
    finally:
        origin.unlink()
        source.write_text(text)


def test_the_version_of_inspect_is_known_without_it():
    assert packages.inspect_version().count(".") == 2
