"""The `.env` file that Inspect reads is seen wherever it counts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import motools
from motools_inspect import InspectEvalBackend
from motools_inspect.environment import variables
from motools_inspect.identity import model_identity
from motools_inspect.settings import parameters_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
MODEL = "openai/gpt-4.1-mini"


@pytest.fixture
def dotenv(tmp_path, monkeypatch):
    """Return a `.env` file of the folder above the working directory."""
    folder = tmp_path / "project" / "inner"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path / "project" / ".env"


def of_models(**keywords) -> dict[str, Any]:
    """Return the part of an identity that is about models, for which no server has to be started."""
    return model_identity(MODEL, parameters_of(keywords))


@pytest.mark.parametrize("shell", [{}, {"VSCODE_PID": "1"}, {"TERM_PROGRAM": "vscode"}, {"VSCODE_CWD": "/"}])
@pytest.mark.parametrize("is_disabled", ["", "1"])
def test_the_variables_are_those_that_inspect_comes_to(dotenv, monkeypatch, shell, is_disabled):
    from inspect_ai._util.dotenv import init_dotenv

    dotenv.write_text("MOTOOLS_ONE=file\nexport MOTOOLS_TWO='file'\nMOTOOLS_THREE=${MOTOOLS_ONE}/x\nMOTOOLS_FOUR\n")
    monkeypatch.setenv("PYTHON_DOTENV_DISABLED", is_disabled)
    for name in ("TERM_PROGRAM", "VSCODE_IPYTHON_KERNEL", "VSCODE_CLI_REQUIRE_TOKEN", "VSCODE_PID", "VSCODE_CWD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"MOTOOLS_ONE": "process", **shell}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    found = dict(variables())
    try:
        init_dotenv()
        assert dict(os.environ) == found
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_a_server_that_the_file_names_is_part_of_the_key_and_its_keys_are_not(dotenv, monkeypatch):
    found = [of_models()]
    for port in (1, 2):
        dotenv.write_text(f"OPENAI_API_KEY=sk-hidden{port}\nOPENAI_BASE_URL=http://127.0.0.1:{port}/v1\n")
        found.append(of_models())
    assert len({json.dumps(each, sort_keys=True) for each in found}) == 3
    dotenv.write_text("OPENAI_API_KEY=sk-another\nOPENAI_BASE_URL=http://127.0.0.1:2/v1\n")
    assert of_models() == found[-1]
    assert "sk-" not in str(found)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert of_models()["model"] == found[1]["model"]


def test_arguments_that_the_environment_has_for_the_model_are_part_of_the_key(dotenv, monkeypatch):
    before, given = of_models(), of_models(model_args={"a": 1})
    monkeypatch.setenv("INSPECT_EVAL_MODEL_ARGS", "api_key=sk-hidden")
    assert of_models() != before
    assert "sk-" not in str(of_models())
    assert of_models(model_args={"a": 1}) == given


TASK = """
import os
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match

@task
def named():
    return Task(dataset=[Sample(input=os.environ["MOTOOLS_SAID"], target="x")], scorer=match())
"""


async def test_a_task_reads_the_variables_of_the_file_while_it_is_built_and_while_it_runs(dotenv, tmp_path):
    (tmp_path / "named.py").write_text(TASK)
    dotenv.write_text("MOTOOLS_SAID=hello\n")
    job = await motools.get_backend("inspect").evaluate("scripted/NAME_MOTOOLS_SAID", f"{tmp_path}/named.py@named")
    (sample,) = (await job.wait()).samples
    assert (sample["input"], sample["output"]) == ("hello", "hello")


async def test_a_task_that_is_built_otherwise_with_another_variable_is_another(dotenv, tmp_path, monkeypatch):
    (tmp_path / "named.py").write_text(TASK.replace("MOTOOLS_SAID", "A_TASK_SAID"))
    asked = []
    for said in ("one", "two", "two"):
        monkeypatch.setenv("A_TASK_SAID", said)
        job = await motools.get_backend("inspect").evaluate("scripted/upper", f"{tmp_path}/named.py@named")
        asked.append((job.is_hit, [sample["input"] for sample in (await job.wait()).samples]))
    assert asked == [(False, ["one"]), (False, ["two"]), (True, ["two"])]


async def test_logs_go_where_the_environment_says_unless_the_backend_is_told_otherwise(dotenv, tmp_path, monkeypatch):
    dotenv.write_text("INSPECT_LOG_DIR=of-the-file\n")
    job = await InspectEvalBackend().evaluate("scripted/upper", "scripted/shouting")
    await job.wait()
    (log,) = job.get_log_paths()
    assert (Path(log).parent, Path(log).suffix) == (dotenv.parent / "of-the-file" / job.job_id, ".eval")
    monkeypatch.setenv("INSPECT_LOG_DIR", "of-the-process")
    assert InspectEvalBackend()._log_dir("id") == str(dotenv.parent / "inner" / "of-the-process" / "id")
    assert InspectEvalBackend(log_dir=tmp_path / "given")._log_dir("id") == str(tmp_path / "given" / "id")
    monkeypatch.setenv("INSPECT_LOG_DIR", "s3://of-the/process")
    assert InspectEvalBackend()._log_dir("id") == "s3://of-the/process/id"


GRADED = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import match, model_graded_qa

@task
def by_name():
    return Task(dataset=[Sample(input="a", target="x")], scorer=model_graded_qa(model="openai/grader"))

@task
def by_model():
    grader = get_model("openai/grader", memoize=False)
    return Task(dataset=[Sample(input="a", target="x")], scorer=model_graded_qa(model=grader))

@task
def by_role():
    grader = get_model("openai/grader", base_url="http://me:hunter2@127.0.0.1:PORT/v1", memoize=False)
    return Task(dataset=[Sample(input="a", target="x")], scorer=match(), model_roles={"grader": grader})
"""


@pytest.mark.parametrize("task", ["by_name", "by_model", "by_role"])
async def test_the_server_of_a_grader_that_a_task_names_itself_is_part_of_the_key(dotenv, tmp_path, task):
    said = []
    for port in (1, 2):
        if port == 1 or task == "by_role":  # otherwise what was recalled of the file must not be taken
            (tmp_path / "graded.py").write_text(GRADED.replace("PORT", str(port)))
        name = {"by_name": "OPENAI", "by_model": "OPENAI", "by_role": "OTHER"}[task]
        dotenv.write_text(f"OPENAI_API_KEY=sk-hidden\n{name}_BASE_URL=http://me:hunter2@127.0.0.1:{port}/v1\n")
        found = await InspectEvalBackend().identify("scripted/upper", f"{tmp_path}/graded.py@{task}")
        assert not any(secret in json.dumps(found) for secret in ("hunter2", "sk-"))
        said.append({name: value for name, value in found["tasks"][task].items() if name != "source"})
    assert said[0] != said[1]
