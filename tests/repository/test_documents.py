"""Documents run: their Python, their command lines, and every file of examples/.

The blocks of one document run in order, in one empty directory, each as its own program. A comment before a block or
anywhere in the document says what cannot be told from the fence:

    <!-- test: slow -->         the document trains or evaluates: it is left out of `make check`
    <!-- file: NAME -->         the block below is not run but written to NAME
    <!-- test: environment -->  it installs: its commands have an environment of their own, with core and what plugins are
                                built and tested with; nothing is fetched
    <!-- test: after README.md -->  it goes on from another document, where that one has left the directory and the record
    <!-- service: openai -->    OPENAI_BASE_URL leads to a fake of OpenAI on this machine; nothing else is changed
    <!-- service: tinker -->    TINKER_BASE_URL leads to a Tinker server on this machine, whose Qwen/Qwen3-8B is a tiny model
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("motools-*/README.md")])
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
BLOCK = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a document."""

    language: str
    text: str
    file: str | None
    place: str


def blocks_of(document):
    text = document.read_text(encoding="utf-8")
    return [
        Block(
            language=found["language"],
            text=found["text"],
            file=found["file"],
            place=f"{document.name}:{text.count(chr(10), 0, found.start('text'))}",
        )
        for found in BLOCK.finditer(text)
    ]


def run(command, directory, place, **variables):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "PATH": path, **variables},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{place}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_console(block, directory, variables):
    """Run each `$ ` line; what stands below it must be printed, with `…` for anything."""
    for session in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = session.partition("\n")
        printed = run(["bash", "-c", command], directory, f"{block.place}: {command}", **variables)
        pattern = ".*".join(re.escape(part) for part in expected.strip().split("…"))
        assert not expected.strip() or re.fullmatch(pattern, printed.strip(), re.DOTALL), (
            f"{block.place}: {command}\n{printed}"
        )


def run_block(block, directory, variables=None):
    if block.file:
        target = directory / block.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        script = directory / "block.py"
        script.write_text(block.text, encoding="utf-8")
        run([sys.executable, script], directory, block.place)
    elif block.language == "console":
        run_console(block, directory, variables or {})
    elif block.language == "toml":
        tomllib.loads(block.text)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "yaml":
        yaml.safe_load(block.text)


def followers(document):
    """The documents that go on from this one."""
    marker = f"<!-- test: after {document.relative_to(ROOT).as_posix()} -->"
    return [other for other in DOCUMENTS if marker in other.read_text(encoding="utf-8")]


def as_parameters(documents):
    return [
        pytest.param(
            document,
            id=document.relative_to(ROOT).as_posix(),
            marks=[pytest.mark.slow, pytest.mark.timeout(600)]
            if "<!-- test: slow -->" in document.read_text(encoding="utf-8")
            else [],
        )
        for document in documents
    ]


@pytest.fixture
def services(monkeypatch, tmp_path_factory):
    """Return what starts the services that a document asks for, until the end of the test."""
    for name in ("openai", "tinker"):
        monkeypatch.syspath_prepend(ROOT / "tests" / name)
    with ExitStack() as running:

        def start(document):
            if "<!-- service: openai -->" in document.read_text(encoding="utf-8"):
                from fake_openai.process import FakeOpenAI

                fake = running.enter_context(FakeOpenAI.started())
                fake.set(speed=20)
                monkeypatch.setenv("OPENAI_BASE_URL", fake.base_url)
                monkeypatch.setenv("OPENAI_API_KEY", fake.key)
            if "<!-- service: tinker -->" in document.read_text(encoding="utf-8"):
                import tinker_server

                try:
                    server = running.enter_context(tinker_server.trial(tmp_path_factory, "Qwen/Qwen3-8B"))
                except tinker_server.NoServer as error:
                    pytest.skip(str(error))
                monkeypatch.setenv("TINKER_BASE_URL", server.url)
                monkeypatch.setenv("TINKER_API_KEY", tinker_server.KEY)

        yield start


@pytest.fixture
def surroundings(request):
    """Return what makes the environment that a document asks for, and gives the variables by which its commands are in it."""

    def make(document):
        if "<!-- test: environment -->" not in document.read_text(encoding="utf-8"):
            return {}
        core = request.getfixturevalue("wheels")["motools-core"]
        tools = ["editables", "hatchling", "mypy", "pip", "ruff"]
        environment = request.getfixturevalue("install")(f"motools-core[testing] @ {core.as_uri()}", *tools)
        path = f"{environment.python.parent}{os.pathsep}{os.environ['PATH']}"
        # pip reads 0 as the value of what the option turns off: nothing is fetched to build with
        return {"PATH": path, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PYTHONPATH": ""}

    return make


FIRST = [document for document in DOCUMENTS if not any(document in followers(other) for other in DOCUMENTS)]


@pytest.mark.parametrize("document", as_parameters(FIRST))
def test_every_block_of_a_document_runs(document, tmp_path, services, surroundings):
    services(document)
    variables = surroundings(document)
    directory = tmp_path / "document"
    directory.mkdir()
    for each in (document, *followers(document)):
        for block in blocks_of(each):
            run_block(block, directory, variables)


def test_a_plugin_is_made_and_proven_in_ten_commands_or_fewer():
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    story = text.partition("## From nothing to a proven plugin")[2].partition("```console")[2].partition("```")[0]
    assert 1 < len(re.findall(r"^\$ ", story, flags=re.MULTILINE)) <= 10


def test_the_rules_for_every_plugin_are_told_as_they_are():
    from motools.plugins.rules import RULES

    told = re.findall(
        r"^\| `(\w+)` \| (.*) \|$", (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [(name, rule.asked) for name, rule in RULES.items()] == [row for row in told if row[0] in RULES]
    assert all(rule.remedy.endswith((".", ":")) for rule in RULES.values())


def is_python(text):
    """Whether a block without a fence is a program: it imports or defines something. A call alone may stand as it is."""
    try:
        tree = compile(text, "block", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef) for node in ast.walk(tree))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())
def test_python_stands_in_a_fence_so_that_it_is_run(document):
    tokens = MarkdownIt().parse(document.read_text(encoding="utf-8"))
    unfenced = [token for token in tokens if token.type == "code_block"]
    assert [token.content for token in unfenced if is_python(token.content)] == []


@pytest.mark.parametrize("document", as_parameters(DOCUMENTS))
def test_every_file_that_a_document_links_to_exists(document):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", sorted(ROOT.glob("motools-*/README.md")), ids=lambda path: path.parent.name)
def test_what_is_shown_of_a_distribution_where_it_is_published_links_to_nothing_beside_it(document):
    assert [
        link for link in re.findall(r"\]\(([^)]+)\)", document.read_text()) if not link.startswith("https://")
    ] == []


def test_the_distribution_in_the_page_on_hooks_is_the_example():
    shown = {block.file: block.text for block in blocks_of(ROOT / "docs" / "hooks.md") if block.file}
    example = ROOT / "examples" / "motools-history"
    files = [path for path in example.rglob("*") if path.is_file() and path.suffix in {".py", ".toml"}]
    for path in files:
        assert shown.pop(path.relative_to(ROOT / "examples").as_posix()) == path.read_text(encoding="utf-8")
    assert list(shown) == ["data.jsonl"]


@pytest.mark.slow
def test_every_example_runs(tmp_path):
    for example in EXAMPLES:
        directory = tmp_path / example.stem
        directory.mkdir()
        run([sys.executable, example], directory, example.name)


USE_IT = """
import asyncio, motools

CONVERSATION = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}

async def main():
    run = await motools.get_backend("acme").train([CONVERSATION], "any-model")
    print(run.job_id, await run.wait())

asyncio.run(main())
"""


@pytest.mark.slow
def test_the_plugin_in_the_readme_is_whole(tmp_path):
    plugin, target, elsewhere = (tmp_path / name for name in ("plugin", "target", "elsewhere"))
    for directory in (plugin, target, elsewhere):
        directory.mkdir()
    for block in blocks_of(ROOT / "README.md"):
        if block.file:
            run_block(block, plugin)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run([*pip, "--target", target, plugin], elsewhere, "pip install")

    rows = json.loads(run(["motools", "backends", "--json"], elsewhere, "backends", PYTHONPATH=str(target)))
    assert ("acme", "training", "acme-motools") in {(row["name"], row["kind"], row["distribution"]) for row in rows}
    first = run([sys.executable, "-c", USE_IT], elsewhere, "first use", PYTHONPATH=str(target))
    again = run([sys.executable, "-c", USE_IT], elsewhere, "second use", PYTHONPATH=str(target))
    assert first.split() == ["job-1", "acme:job-1"]
    assert again == first
    runs = json.loads(run(["motools", "runs", "--json"], elsewhere, "runs", PYTHONPATH=str(target)))
    assert len(runs) == 1


def test_every_promise_of_what_happens_when_is_a_test():
    text = (ROOT / "docs" / "happens.md").read_text(encoding="utf-8")
    promised = re.findall(r"^\|.*\| ([a-z][^|]*?) \|$", text, re.MULTILINE)
    promised = ["test_" + words.replace(" ", "_") for words in promised if words != "held to by"]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(promised) > 30
    assert [name for name in promised if not re.search(rf"^ *(async )?def {name}\(", tests, re.MULTILINE)] == []


def table_of(page, heading):
    """The rows of the first table below a heading, without its head: lists of cells."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    rows = re.findall(r"^\| (`.*) \|$", text.partition("\n#")[0], re.MULTILINE)
    return [[cell.strip(" `") for cell in row.split("|")] for row in rows]


def test_every_power_is_documented_with_what_it_buys():
    from motools import Capability

    rows = table_of("powers.md", "# What a backend can do beyond the minimum")
    assert [row[0] for row in rows] == list(Capability)
    assert all(all(row) for row in rows)


def test_who_has_which_power_is_documented():
    from motools.plugins.registry import find_class

    columns = ["local", "tinker", "openai", "inspect", ("dummy", "training"), ("dummy", "eval")]
    powers = [find_class(*((one,) if isinstance(one, str) else one)).capabilities for one in columns]
    rows = table_of("powers.md", "## Who has which")
    assert len(rows) > 1
    assert {row[0]: row[1:] for row in rows} == {
        row[0]: ["yes" if row[0] in power else "" for power in powers] for row in rows
    }


def test_every_exit_status_is_documented():
    from motools import errors
    from motools.cli.app import INTERRUPTED

    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    statuses = {getattr(errors, name).exit_status for name in errors.__all__} | {0, INTERRUPTED}
    assert {int(status) for status in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == statuses


def test_releases_are_built_by_the_commands_that_there_are():
    (workflow,) = (yaml.safe_load(block.text) for block in blocks_of(ROOT / "docs" / "releasing.md"))
    steps = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert steps
    assert {step.removeprefix("make ") for step in steps} <= set(targets)
