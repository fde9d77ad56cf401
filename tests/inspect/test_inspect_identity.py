"""What is measured, by content: whatever changes a result changes the identity, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from motools_inspect import InspectEvalBackend, packages
from motools_inspect.identity import model_identity
from motools_inspect.placed import fingerprints
from motools_inspect.settings import parameters_of
from motools_inspect.sources import inputs_of, named_in, source_of
from motools_inspect.tasks import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MODEL = "scripted/upper"


async def identity(suite, model: str = MODEL, **keywords) -> str:
    return json.dumps(await InspectEvalBackend().identify(model, str(suite), **keywords), sort_keys=True)


def of_models(model: str = MODEL, **keywords) -> str:
    """Return the part of an identity that is about models: each other environment would cost a server for the rest."""
    return json.dumps(model_identity(model, parameters_of(keywords)), sort_keys=True)


@pytest.fixture
def suite(tmp_path):
    """Return a task that reads a dataset and a prompt, and imports a module beside it."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "task.py").write_text(
        "from pathlib import Path\nfrom inspect_ai import Task, task\nfrom inspect_ai.dataset import json_dataset\n"
        "from inspect_ai.scorer import match\nimport helper\n"
        "@task\ndef reading(dataset='', n: int = 1):\n"
        "    prompt = Path(__file__).with_name(f'prompt{n}.txt').read_text()\n"
        "    prompt += Path(dataset).read_text() if n == 1 and dataset else ''\n"
        "    return Task(dataset=json_dataset('data.jsonl'), scorer=match(), metadata={'prompt': prompt})\n"
    )
    (folder / "helper.py").write_text("from deeper.inner import thing\n")
    (folder / "deeper").mkdir()
    (folder / "deeper" / "inner.py").write_text("thing = 1\n")
    rows = [{"id": each, "input": each, "target": each.upper()} for each in "abcd"]
    (folder / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    for number in (1, 2):
        (folder / f"prompt{number}.txt").write_text("Say it.\n")
    (folder / "argument.jsonl").write_text("{}\n")
    return folder


@pytest.mark.parametrize("changed", ["task.py", "helper.py", "deeper/inner.py", "data.jsonl"])
async def test_an_edited_file_is_another_identity(suite, changed):
    before = await identity(f"{suite}/task.py@reading")
    with (suite / changed).open("a") as file:
        file.write('{"input": "e", "target": "E"}\n' if changed.endswith("jsonl") else "\n")
    assert await identity(f"{suite}/task.py@reading") != before


async def test_an_edited_target_is_another_digest_of_the_samples(suite):
    backend = InspectEvalBackend()
    said = []
    for target in ("A", "Z"):
        data = suite / "data.jsonl"
        data.write_text(data.read_text().replace('"target": "A"', f'"target": "{target}"'))
        said.append((await backend.identify(MODEL, f"{suite}/task.py@reading"))["tasks"]["reading"])
    assert said[0]["samples"]["number"] == said[1]["samples"]["number"] == 4
    assert said[0]["samples"]["sha256"] != said[1]["samples"]["sha256"]
    assert said[0]["solver"] == said[1]["solver"]


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
def test_another_server_is_another_identity_wherever_it_is_named(monkeypatch, model, variable):
    identities = {of_models(model)}
    for url in ("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"):
        monkeypatch.setenv(variable, url)
        identities.add(of_models(model))
    assert len(identities) == 3
    elsewhere = of_models(model, model_base_url="http://127.0.0.1:3/v1")
    assert elsewhere not in identities
    # A grader is asked there as well.
    with_grader = of_models(model_roles={"grader": model})
    monkeypatch.delenv(variable)
    assert of_models(model_roles={"grader": model}) != with_grader
    assert of_models(model, model_base_url="http://127.0.0.1:3/v1") == elsewhere


async def test_the_whole_identity_has_that_of_the_models(suite, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("OPENAI_BASE_URL=https://somebody:hunter2@127.0.0.1:1/v1\n")
    asked = {"model": "openai/gpt-4.1-mini", "model_roles": {"grader": "openai/gpt-4.1"}}
    whole, part = json.loads(await identity(f"{suite}/task.py@reading", **asked)), json.loads(of_models(**asked))
    assert whole == whole | part
    assert part["model"]["servers"] == {"OPENAI_BASE_URL": "https://127.0.0.1:1/v1"} == whole["model"]["servers"]


def test_who_asks_a_server_is_no_part_of_it_and_is_not_kept(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://somebody:hunter2@127.0.0.1:1/v1")
    named = of_models("openai/gpt-4.1-mini")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://127.0.0.1:1/v1")
    assert named == of_models("openai/gpt-4.1-mini")
    assert "hunter2" not in named
    for query in ("api-key=hunter2", "sig=hunter2", "access_token=hunter2"):
        monkeypatch.setenv("OPENAI_BASE_URL", f"https://127.0.0.1:1/v1?{query}")
        assert named == of_models("openai/gpt-4.1-mini")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://127.0.0.1:1/v1?deployment=other")
    assert named != of_models("openai/gpt-4.1-mini")


OTHER_REQUESTS = [
    {"limit": 2},
    {"limit": [1, 3]},
    {"epochs": 2, "epochs_reducer": "max"},
    {"scorer": "scripted/outline"},
    {"scorer": {"scripted/outline": {}, "scripted/shape": {}}},
    {"solver": "scripted/twice"},
    {"solver": "scripted/twice", "solver_args": {"times": 3}},
    {"token_limit": 50},
    {"time_limit": 50},
    {"working_limit": 50},
    {"turn_limit": 2},
    {"cost_limit": 0.5},
    {"stop_seqs": ["x"]},
    {"sandbox": "local"},
    {"generate_config": {"logit_bias": {"5": 1.0}}},
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
]


@pytest.mark.parametrize("keywords", OTHER_REQUESTS)
async def test_another_request_is_another_identity(suite, keywords):
    assert await identity(f"{suite}/task.py@reading", **keywords) != await identity(f"{suite}/task.py@reading")


async def test_another_request_about_a_task_that_is_an_object_is_another_identity_and_leaves_it_as_it_is(installed):
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.scorer import match

    task = Task(name="mine", dataset=[Sample(id=each, input=each, target="A") for each in "abc"], scorer=match())

    async def told(model: str = MODEL, **keywords) -> str:
        return json.dumps(await InspectEvalBackend().identify(model, task, **keywords), sort_keys=True)

    before = await told()
    others = [await told(**keywords) for keywords in OTHER_REQUESTS if "task_args" not in keywords]
    assert len({before, *others}) == len(others) + 1
    assert await told() == before
    assert [sample.id for sample in task.dataset] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "keywords",
    [
        {"max_connections": 5},
        {"max_samples": 1},
        {"max_retries": 0},
        {"timeout": 9},
        {"retry_on_error": 2},
        {"limit": None},
        {"limit": 10},
        {"task_args": {"n": 1}},
        {"max_connections": 7, "attempt_timeout": 3, "fail_on_error": False, "log_buffer": 3},
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


async def test_an_argument_that_is_a_file_counts_by_its_content_where_building_the_task_has_read_it(suite):
    before = [
        await identity(f"{suite}/task.py@reading", task_args={"dataset": "argument.jsonl", "n": n}) for n in (1, 2)
    ]
    (suite / "argument.jsonl").write_text('{"input": "other"}\n')
    after = [
        await identity(f"{suite}/task.py@reading", task_args={"dataset": "argument.jsonl", "n": n}) for n in (1, 2)
    ]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]
    assert await identity(f"{suite}/task.py@reading", task_args={"dataset": "data.jsonl", "n": 2}) != after[1]


async def test_a_registered_task_is_what_its_distribution_says(another):
    before = await identity("another/shouting")
    assert '"distribution": "another", ' in before
    assert '"version": "1.0"' in before
    metadata = another / "another-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", "1.1"))
    newer = await identity("another/shouting")
    assert newer == before.replace('"version": "1.0"', '"version": "1.1"')


def test_a_registered_task_that_is_edited_in_place_is_what_its_source_says(another):
    (another / "another-1.0.dist-info" / "direct_url.json").write_text(
        '{"url": "file:///x", "dir_info": {"editable": true}}'
    )
    (task,) = resolve("another/shouting")
    before = source_of(task)
    assert before["sha256"]
    assert source_of(task) == before
    source = another / "another" / "_registry.py"
    assert source in inputs_of(task)  # so what was recalled is asked again
    source.write_text(f"{source.read_text()}\n")
    assert source_of(task) != before


async def test_another_minor_version_of_inspect_is_another_identity(suite, tmp_path, monkeypatch):
    before = await identity(f"{suite}/task.py@reading")
    newer = tmp_path / "newer" / "inspect_ai-0.4.1.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: inspect-ai\nVersion: 0.4.1\n")
    monkeypatch.syspath_prepend(str(newer.parent))
    assert await identity(f"{suite}/task.py@reading") == before.replace('"inspect_ai": "0.3"', '"inspect_ai": "0.4"')


async def test_other_weights_under_the_same_name_are_another_identity_also_of_a_grader(suite, tmp_path):
    weights = tmp_path / "adapter"
    weights.write_text("first")
    task, organism = f"{suite}/task.py@reading", f"organism:{weights}"
    before = await identity(task, model=organism), await identity(task, model_roles={"grader": organism})
    assert before == (await identity(task, model=organism), await identity(task, model_roles={"grader": organism}))
    weights.write_text("again")
    after = await identity(task, model=organism), await identity(task, model_roles={"grader": organism})
    assert before[0] != after[0]
    assert before[1] != after[1]


def weights_in(directory, **config):
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"model_type": "llama"} | config))
    (directory / "model.safetensors").write_text("first")
    return directory


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        ("hf/local", {"model_path": "{place}"}),
        ("hf/local", {"model_path": "{folder}/other", "tokenizer_path": "{place}"}),
        ("hf/{place}", {}),
        ("hf/organism", {}),
        ("vllm/some/base:{place}", {}),
        ("vllm/some/base:{place}@2", {}),
        ("scripted/upper", {"model_kwargs": {"weights": ["{place}/model.safetensors"]}}),
    ],
)
async def test_weights_that_a_request_names_by_their_place_count_by_content(
    suite, tmp_path, monkeypatch, model, arguments
):
    weights = weights_in(tmp_path / "organism")
    weights_in(tmp_path / "other")
    monkeypatch.chdir(tmp_path)  # where the worker runs too: a model may be named from there
    model = model.format(place=weights)
    given = json.loads(json.dumps(arguments).replace("{place}", str(weights)).replace("{folder}", str(tmp_path)))
    before = await identity(f"{suite}/task.py@reading", model=model, model_args=given)
    assert await identity(f"{suite}/task.py@reading", model=model, model_args=given) == before
    (weights / "notes.txt.part").write_text("no part of a model")
    assert await identity(f"{suite}/task.py@reading", model=model, model_args=given) == before
    (weights / "model.safetensors").write_text("again")
    assert await identity(f"{suite}/task.py@reading", model=model, model_args=given) != before


@pytest.mark.parametrize(("model", "arguments"), [("hf/local", {"model_path": "{folder}"}), ("hf/{folder}", {})])
async def test_weights_in_a_sub_directory_that_is_named_count_by_content(suite, tmp_path, model, arguments):
    (tmp_path / "models").mkdir()
    weights = weights_in(tmp_path / "models" / "organism")
    model, asked = model.format(folder=weights.parent), f"{suite}/task.py@reading"
    given = {"subfolder": "organism"} | {name: value.format(folder=weights.parent) for name, value in arguments.items()}
    before = await identity(asked, model=model, model_args=given)
    weights_in(tmp_path / "models" / "another")
    assert await identity(asked, model=model, model_args=given) == before
    (weights / "model.safetensors").write_text("again")
    assert await identity(asked, model=model, model_args=given) != before


async def test_weights_of_a_role_that_are_named_by_their_place_count_by_content(suite, tmp_path):
    weights = weights_in(tmp_path / "organism")
    roles = {"model_roles": {"grader": f"vllm/some/base:{weights}"}}
    before = await identity(f"{suite}/task.py@reading", **roles)
    (weights / "model.safetensors").write_text("again")
    assert await identity(f"{suite}/task.py@reading", **roles) != before


def test_a_directory_that_has_only_weights_counts_by_content(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "q4.gguf").write_text("AAAA")
    before = fingerprints("vllm/any", {"model_path": str(tmp_path / "m")})
    (tmp_path / "m" / "q4.gguf").write_text("BBBB")
    assert fingerprints("vllm/any", {"model_path": str(tmp_path / "m")}) != before != {}


async def test_what_a_model_writes_is_no_part_of_it(suite, tmp_path):
    written = tmp_path / "calls.json"
    given = {"model_args": {"calls": str(written), "folder": str(tmp_path)}}
    before = await identity(f"{suite}/task.py@reading", **given)
    written.write_text("{}")
    assert await identity(f"{suite}/task.py@reading", **given) == before


LOOKING = """
import os
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample

@task
def looking():
    here = Path(__file__).parent
    try:
        found = (here / "missed").read_text()
    except OSError:
        found = "nothing"
    found = [found, Path(here, "wanted").exists(), os.path.isdir(here / "folder"), os.path.getsize(here / "measured")]
    found += [(here / "latest").read_text(), (here / "now" / "text").read_text()]
    found += [os.access(here / "wanted by access", os.R_OK), (here / "dangling").is_symlink()]
    with os.scandir(here / "several") as entries:
        found += [entry.stat().st_size for entry in entries]
    return Task(dataset=[Sample(input=str(each)) for each in found])
"""


@pytest.mark.parametrize(
    "changed",
    [
        "missed",
        "wanted",
        "folder",
        "measured",
        "latest",
        "now",
        "wanted by access",
        "dangling",
        "several/one",
    ],
)
async def test_what_a_task_looks_at_or_misses_counts_and_a_link_is_what_it_leads_to(tmp_path, changed):
    (tmp_path / "looking.py").write_text(LOOKING)
    (tmp_path / "measured").write_text("short")
    for number in ("one", "two"):
        (tmp_path / number).mkdir()
        (tmp_path / number / "text").write_text(number)
    (tmp_path / "several").mkdir()
    (tmp_path / "several" / "one").write_text("short")
    (tmp_path / "latest").symlink_to("one/text")
    (tmp_path / "now").symlink_to("one")
    before = await identity(f"{tmp_path}/looking.py@looking")
    assert await identity(f"{tmp_path}/looking.py@looking") == before
    if changed in {"latest", "now"}:
        place = (tmp_path / changed).readlink()
        (tmp_path / changed).unlink()
        (tmp_path / changed).symlink_to(Path("two") / place.relative_to("one"))
    elif changed == "folder":
        (tmp_path / changed).mkdir()
    elif changed == "dangling":
        (tmp_path / changed).symlink_to("nowhere")
    else:
        (tmp_path / changed).write_text("something")
    assert await identity(f"{tmp_path}/looking.py@looking") != before


@pytest.fixture
def refused() -> Iterator[str]:
    """Yield a directory for sockets through which nothing can be asked, for others can enter it."""
    with tempfile.TemporaryDirectory(prefix="motools") as place:  # a short path, as sockets have
        sockets = Path(place, f"motools-{os.geteuid()}")
        sockets.mkdir()
        sockets.chmod(0o755)
        yield place


async def test_what_was_recalled_is_asked_again_only_when_a_file_is_another(suite, refused, monkeypatch):
    task = f"{suite}/task.py@reading"
    before = await identity(task)
    monkeypatch.setenv("XDG_RUNTIME_DIR", refused)  # from here on the answer is remembered, or this fails
    assert await identity(task) == before
    (suite / "helper.py").touch()
    assert await identity(task) == before
    assert await identity(task, model="scripted/other") != before
    (suite / "prompt1.txt").write_text("Say nothing.\n")
    with pytest.raises(PermissionError, match="open to other users"):
        await identity(task)


def test_the_version_of_inspect_is_known_without_it():
    assert packages.inspect_version().count(".") == 2


NAMING = """
# it isn't "say.sh" alone that is named
SAYS, TABLE = "say.sh", 'tables/' "words.parquet"
ABOVE = ["../above.sql", "./other.sh", f"{SAYS}.lua"]
READ, ELSEWHERE, PLAIN = "read.txt", "/", "say.sh is a program"
"""


def test_the_programs_and_tables_that_a_file_names_are_found(tmp_path):
    named = {"say.sh", "tables/words.parquet", "../above.sql", "other.sh"}
    for name in (*named, "read.txt", "unnamed.sh"):
        place = tmp_path / "code" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    (tmp_path / "code" / "naming.py").write_text(NAMING)
    found = {os.path.relpath(each, tmp_path / "code") for each in named_in(tmp_path / "code" / "naming.py")}
    assert found == named
    assert named_in(tmp_path / "code" / "gone.py") == set()


def test_a_file_that_names_no_other_is_not_taken_apart(tmp_path, monkeypatch):
    (tmp_path / "code.py").write_text("# what isn't there: 'say.sh'\nPARTS, VERSION = 'a/b'.split('/'), '1.0'\n")
    monkeypatch.setattr("ast.parse", None)
    assert named_in(tmp_path / "code.py") == set()
