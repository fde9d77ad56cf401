"""Task names and settings are checked before anything is started, and without Inspect."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from motools.errors import ModelNotFound, SettingError, TaskNotFound
from motools_inspect import InspectEvalBackend, packages
from motools_inspect.tasks import resolve

BROKEN = "from inspect_ai import task\n\n@task\ndef broken(:\n"


def test_a_files_task_is_found_from_anywhere(task_file, monkeypatch):
    monkeypatch.chdir(task_file.parent)
    (task,) = resolve("words.py@capitals")
    assert task.spec == f"{task_file}@capitals"
    assert (task.label, task.file, task.parameters) == ("capitals", str(task_file), ["number"])


def test_a_file_alone_means_all_of_its_tasks(task_file):
    assert [task.label for task in resolve(str(task_file))] == ["capitals", "spelling", "tolerant", "failing"]


def test_tasks_are_known_however_they_are_declared(tmp_path):
    path = tmp_path / "tasks.py"
    path.write_text(
        "import inspect_ai\nfrom inspect_ai import task\nfrom elsewhere import third\n"
        "@task(name='other name')\ndef first(**anything): ...\n"
        "@inspect_ai.task\ndef second(): ...\n"
        "def not_one(): ...\n"
    )
    tasks = resolve([f"{path}@other name", f"{path}@second", f"{path}@third"])
    assert [task.parameters for task in tasks] == [None, [], None]
    with pytest.raises(TaskNotFound, match="defines no task 'not_one'"):
        resolve(f"{path}@not_one")


def test_two_files_tasks_of_one_name_are_told_apart(task_file, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(task_file.read_text())
    labels = [task.label for task in resolve([f"{task_file}@capitals", f"{other}@capitals", f"{other}@spelling"])]
    assert labels == [f"{task_file}@capitals", f"{other}@capitals", "spelling"]


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        (
            "words.py@capitols",
            r"defines no task 'capitols'\. It defines: capitals, spelling, tolerant, failing\. Did you mean 'cap",
        ),
        ("none.py@task", r"There is no task 'none\.py@task': the file .*none\.py does not exist"),
        ("folder.py", "is a directory"),
        ("broken.py@broken", r"broken\.py:4: is not valid Python"),
        ("empty.py", "defines no task"),
        ("capitals", r"does not name a task\. Write \"package/task\", \"file\.py@task\", \"module:function\""),
        (
            "skripted/shouting",
            r"no installed package 'skripted'.*Installed: .*scripted.*Did you mean 'scripted/shouting'",
        ),
        ([], "names no task"),
        (None, "names no task"),
        ([1], "1 is not the name of a task"),
        (["words.py@capitals", "words.py@capitals"], "named twice"),
    ],
)
async def test_a_task_that_there_is_not_is_named_before_anything_is_started(
    suite, message, task_file, motools_home, monkeypatch
):
    monkeypatch.chdir(task_file.parent)
    (task_file.parent / "folder.py").mkdir()
    (task_file.parent / "broken.py").write_text(BROKEN)
    (task_file.parent / "empty.py").write_text("")
    with pytest.raises(TaskNotFound, match=message) as caught:
        await InspectEvalBackend().evaluate("scripted/upper", suite)
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)
    assert not (motools_home / "inspect").exists()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"temprature": 1}, "no keyword 'temprature'. Did you mean 'temperature'.*Known: .*epochs"),
        ({"temperature": -1}, "must be at least 0"),
        ({"limit": 0}, "must be at least 1"),
        ({"epochs": "3"}, "must be int"),
        ({"task_args": {"numbers": 3}}, "takes the argument 'numbers'. Did you mean 'number'. Known: number"),
        ({"model_args": {"api_key": "sk-canary"}}, "does not take 'api_key' in model_args"),
        ({"model_roles": {"grader": 3}}, "the role 'grader' must be given a model's name"),
    ],
)
async def test_a_setting_that_is_wrong_is_named_before_anything_is_started(keywords, message, task_file, motools_home):
    with pytest.raises(SettingError, match=message) as caught:
        await InspectEvalBackend().evaluate("scripted/upper", f"{task_file}@capitals", **keywords)
    assert "canary" not in str(caught.value)
    assert not (motools_home / "inspect").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("gpt-4.1-mini", "Nothing answers to the model"),
        ("", "Nothing answers to the model"),
        ("./no/such/adapter", "There is no model at './no/such/adapter': the directory /.+ was deleted or moved"),
        ("/no/such/adapter", "There is no model at '/no/such/adapter'"),
    ],
)
async def test_a_model_that_nothing_answers_to_is_named(model, message, task_file):
    with pytest.raises(ModelNotFound, match=message):
        await InspectEvalBackend().evaluate(model, f"{task_file}@capitals")


async def test_a_job_that_nobody_started_is_not_found(motools_home):
    assert await InspectEvalBackend().find("no-such-token") == []


def test_packages_are_those_that_inspect_itself_finds():
    assert {"motools_inspect", "scripted"} <= set(packages.names())


@pytest.mark.slow
async def test_nothing_imports_inspect_before_there_is_a_worker(task_file, questions, tmp_path):
    program = f"""
import asyncio, sys
class Deny:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("inspect_ai", "torch", "transformers", "openai", "pydantic"):
            raise AssertionError(name)
sys.meta_path.insert(0, Deny())
from motools_inspect import InspectEvalBackend, InspectEvalJob, InspectEvalResults
async def main():
    backend = InspectEvalBackend(threads=1)
    for suite, arguments in [({str(task_file)!r} + "@capitals", {{}}),
                             ("motools_inspect/answers", {{"dataset": {str(questions)!r}}})]:
        assert await backend.identify("scripted/upper", suite, task_args=arguments, temperature=0)
    assert await backend.find("nothing") == []
asyncio.run(main())
assert "inspect_ai" not in sys.modules
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=os.environ)
    assert await process.wait() == 0
