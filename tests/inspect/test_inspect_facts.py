"""What a built task measures: each part of it changes the facts, and nothing random is among them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from motools.errors import SpecError

pytestmark = pytest.mark.slow


def build(**changes: Any):
    """Return a task, with changes to its only sample (`sample_…`) or to itself."""
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate, system_message

    of_sample = {name.removeprefix("sample_"): value for name, value in changes.items() if name.startswith("sample_")}
    of_task = {name: value for name, value in changes.items() if not name.startswith("sample_")}
    asked = [ChatMessageSystem(content="Be brief."), ChatMessageUser(content="Who are you?")]
    sample: dict[str, Any] = {"id": "one", "input": asked, "target": "me", "choices": ["me", "you"]}
    task: dict[str, Any] = {
        "dataset": [Sample(**sample | of_sample), Sample(id="two", input="And I?", target="you")],
        "solver": [system_message("Answer."), generate()],
        "scorer": match(),
        "config": GenerateConfig(temperature=0.5, max_connections=3),
        "version": 1,
    }
    return Task(**task | of_task)


def facts(task, solver=None, epochs=None, **settings):
    from motools_inspect.facts import facts_of

    return facts_of(task, settings, solver=solver, epochs=epochs)


def changes(tmp_path):
    from inspect_ai import Epochs
    from inspect_ai.approval import ApprovalPolicy, auto_approver
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageUser, ContentImage, GenerateConfig, get_model
    from inspect_ai.scorer import accuracy, includes, match, mean
    from inspect_ai.solver import generate, system_message

    file = tmp_path / "attached.txt"
    file.write_text("attached")
    return {
        "input": {"sample_input": "Who is there?"},
        "picture": {"sample_input": [ChatMessageUser(content=[ContentImage(image=str(file))])]},
        "target": {"sample_target": "you"},
        "choices": {"sample_choices": ["me", "them"]},
        "id": {"sample_id": "uno"},
        "metadata": {"sample_metadata": {"difficulty": 3}},
        "files": {"sample_files": {"a.txt": "inline"}},
        "a file": {"sample_files": {"a.txt": str(file)}},
        "setup": {"sample_setup": "touch a"},
        "fewer samples": {"dataset": [Sample(id="two", input="And I?", target="you")]},
        "solver": {"solver": generate()},
        "its parameter": {"solver": [system_message("Do not answer."), generate()]},
        "set-up solver": {"setup": system_message("Before all.")},
        "scorer": {"scorer": includes()},
        "its parameter too": {"scorer": match(location="begin")},
        "metrics": {"metrics": [mean()]},
        "other metrics": {"metrics": [accuracy()]},
        "two scorers": {"scorer": [match(), includes()]},
        "temperature": {"config": GenerateConfig(temperature=0.0)},
        "epochs": {"epochs": 2},
        "reducer": {"epochs": Epochs(2, "max")},
        "version": {"version": 2},
        "messages": {"message_limit": 3},
        "tokens": {"token_limit": 3},
        "time": {"time_limit": 3},
        "working time": {"working_limit": 3},
        "turns": {"turn_limit": 3},
        "cost": {"cost_limit": 0.5},
        "early stopping": {"early_stopping": Stopping()},
        "approval": {"approval": [ApprovalPolicy(auto_approver(), "*")]},
        "other tools approved": {"approval": [ApprovalPolicy(auto_approver(), "bash")]},
        "rejection": {"approval": [ApprovalPolicy(auto_approver("reject"), "*")]},
        "sandbox": {"sandbox": "docker"},
        "its configuration": {"sandbox": ("docker", str(file))},
        "model": {"model": get_model("scripted/other")},
        "grader": {"model_roles": {"grader": get_model("scripted/other")}},
        "its arguments": {"model_roles": {"grader": get_model("scripted/other", prefix="x", memoize=False)}},
        "one with key in it": {"model_roles": {"grader": get_model("scripted/other", keyboard="x", memoize=False)}},
    }


class Stopping:
    """Stops an evaluation early: only its name counts, for it has no parts that a key could be made of."""

    async def start_task(self, *_of_the_task: Any) -> str:
        return "stopping"


def test_whatever_is_changed_in_a_task_changes_its_facts(installed, tmp_path):
    found = {"nothing": facts(build())} | {name: facts(build(**each)) for name, each in changes(tmp_path).items()}
    for name, each in found.items():
        same = [other for other, there in found.items() if there == each]
        assert same == [name]


def test_the_same_task_has_the_same_facts_also_where_messages_have_ids_of_their_own(tmp_path):
    assert facts(build()) == facts(build())
    assert build().dataset[0].input[0].id != build().dataset[0].input[0].id


def test_files_count_by_their_content(tmp_path):
    file = tmp_path / "attached.txt"
    said = []
    for text in ("one", "two", "one"):
        file.write_text(text)
        said.append(facts(build(sample_files={"a.txt": str(file)}))["samples"])
    assert said[0] == said[2] != said[1]


def test_settings_count_as_what_they_come_to():
    assert facts(build(), temperature=0.5) == facts(build())
    assert facts(build(), temperature=0.7) != facts(build())
    assert facts(build(), limit=2) == facts(build())
    assert facts(build(), limit=1) == facts(build(), sample_id="one") != facts(build())
    assert facts(build(), max_connections=9, timeout=3) == facts(build())
    assert facts(build(message_limit=3)) == facts(build(), message_limit=3)


def test_a_shuffled_order_is_another_one():
    from inspect_ai.dataset import Sample

    def many():
        return build(dataset=[Sample(id=n, input=str(n), target="x") for n in range(20)])

    assert facts(many(), sample_shuffle=1) == facts(many(), sample_shuffle=1)
    assert len({str(facts(many(), **each)) for each in ({}, {"sample_shuffle": 1}, {"sample_shuffle": 2})}) == 3


def test_what_has_no_form_in_a_key_is_named():
    with pytest.raises(SpecError, match=r"sample one, metadata: a Lock cannot be part of a cache key"):
        facts(build(sample_metadata={"lock": asyncio.Lock()}))


def test_a_folder_of_a_sample_counts_by_the_content_of_its_files(tmp_path):
    inner = tmp_path / "files" / "inner"
    inner.mkdir(parents=True)
    said = []
    for text in ("one", "two", "one"):
        (inner / "note.txt").write_text(text)
        said.append(facts(build(sample_files={"files": str(tmp_path / "files")}))["samples"])
    assert said[0] == said[2] != said[1]


def templates(path):
    from inspect_ai.scorer import model_graded_qa
    from inspect_ai.solver import generate, prompt_template, system_message

    return {
        "a message": {"solver": [system_message(path), generate()]},
        "a prompt": {"solver": [prompt_template(path), generate()]},
        "a grader": {"scorer": model_graded_qa(template=path)},
    }


@pytest.mark.parametrize("where", ["a message", "a prompt", "a grader"])
def test_a_template_counts_by_its_content_and_not_by_its_place(tmp_path, where):
    said = []
    for folder, text in (("a", "one {prompt}"), ("b", "one {prompt}"), ("c", "two {prompt}")):
        path = tmp_path / folder / "template.txt"
        path.parent.mkdir()
        path.write_text(text)
        said.append(facts(build(**templates(str(path))[where])))
    assert said[0] == said[1] != said[2]


COMPOSE = """
services:
  default:
    build: .
    env_file: variables.env
    # notes.txt
  other:
    build:
      context: .
      dockerfile: other/Other.Dockerfile
    volumes: ["./mounted:/mounted"]
"""
NAMED = {
    "compose.yaml": COMPOSE,
    "Dockerfile": "FROM scratch\nCOPY copied.txt /\nCOPY . /all\n",
    "copied.txt": "copied",
    "variables.env": "A=1",
    "other/Other.Dockerfile": "FROM scratch\nADD added /added\n",
    "other/added/one.txt": "added",
    "mounted/one.txt": "mounted",
}


@pytest.mark.parametrize("how", ["found beside the task", "named by the task", "asked for"])
@pytest.mark.parametrize("changed", [*NAMED, "notes.txt"])
def test_what_the_configuration_of_a_sandbox_names_counts_by_its_content(tmp_path, monkeypatch, changed, how):
    from motools_inspect.facts import facts_of

    for name, text in {**NAMED, "notes.txt": "notes"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)  # where a task that is no file's is run

    def said():
        task = build(
            sandbox={"found beside the task": "docker", "named by the task": ("docker", "compose.yaml")}.get(how)
        )
        asked = "docker:compose.yaml" if how == "asked for" else None
        return facts_of(task, {}, solver=None, epochs=None, sandbox=asked)

    before = said()
    assert said() == before
    (tmp_path / changed).write_text(f"# {changed}\n{(tmp_path / changed).read_text()}")
    assert (said() == before) == (changed == "notes.txt")


def test_a_sandbox_of_a_sample_counts_as_that_of_a_task_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    for text in ("one", "two", "one"):
        (tmp_path / "compose.yaml").write_text(f"services: {{default: {{image: {text}}}}}")
        said.append(facts(build(sample_sandbox="docker"))["samples"])
    assert said[0] == said[2] != said[1]


def test_a_token_of_a_tokenizer_is_no_secret_and_counts(installed):
    from inspect_ai.model import get_model

    def grader(**arguments):
        return facts(build(model_roles={"grader": get_model("scripted/other", memoize=False, **arguments)}))

    assert grader(eos_token="a") != grader(eos_token="b")
    assert grader(hf_token="a") == grader(hf_token="b")
