"""What is edited while an evaluation waits, runs or lies still never counts as what was asked for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import os
import py_compile
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

import motools
from motools.detached import WorkDirectory
from motools.errors import MotoolsError, SpecError
from motools_inspect import InspectEvalBackend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    # Inspect runs in this process for objects, and what it warns of, or leaves open, would be errors.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SPELLING = """
from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import match

@task
def spelling(path="data.jsonl"):
    return Task(dataset=json_dataset(path), scorer=match())
"""
READING = """'A task of a file.'
import importlib, sys
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

HERE = Path(__file__).parent

@solver
def prompted(kind):
    async def solve(state, generate):
        said = "".join(path.read_text() for path in sorted((HERE / "prompts").iterdir()))
        try:
            said += (HERE / f"{kind}.more").read_text()
        except FileNotFoundError:
            pass
        if "of a file" in __doc__ and (HERE / f"{kind}.over").exists():
            said += (HERE / f"{kind}.over").read_text()
        if (HERE / "names").is_dir():
            said += "".join(path.name for path in (HERE / "names").glob("*.name"))
        sys.path.append(str(HERE))
        said += importlib.import_module(f"words_{kind}").WORD
        (HERE / f"{kind}.seen").write_text(said)
        state.user_prompt.text += (HERE / f"{kind}.seen").read_text()
        return state
    return solve

def reading_object(kind="kind"):
    return Task(dataset=[Sample(id=each, input=each, target="A") for each in "ab"], solver=[prompted(kind), generate()], scorer=match())

@task
def reading(kind="kind"):
    return reading_object(kind)
"""


@pytest.fixture(autouse=True)
def _what_is_left_open_is_closed_here():
    yield
    gc.collect()


async def until(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (another process makes it true)
            await asyncio.sleep(0.02)


class Asked:
    """Evaluations whose questions are counted."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.calls, self.suite = folder / "calls" / "calls", suite
        self.calls.parent.mkdir(parents=True)

    @property
    def questions(self) -> list[str]:
        return self.calls.read_text().split() if self.calls.exists() else []

    async def start(self, model: str = "scripted/upper", backend=None, **keywords):
        backend = backend or motools.get_backend("inspect")
        return await backend.evaluate(model, self.suite, model_args={"calls": str(self.calls)}, **keywords)

    async def answers(self, *arguments, **keywords) -> tuple[bool, int, list[str]]:
        """Return whether it was a hit, how many questions it took, and the answers."""
        before = len(self.questions)
        job = await self.start(*arguments, **keywords)
        results = await job.wait()
        return job.is_hit, len(self.questions) - before, [sample["output"] for sample in results.samples]


@pytest.fixture
def spelling(tmp_path) -> Asked:
    (tmp_path / "task.py").write_text(SPELLING)
    rows = [{"id": each, "input": each, "target": each.upper()} for each in "abcd"]
    (tmp_path / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return Asked(tmp_path, f"{tmp_path}/task.py@spelling")


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def kill_workers(home: Path) -> None:
    for path in (home / "inspect").glob("*"):
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, TypeError):
            psutil.Process(WorkDirectory(path, module="").status().pid).send_signal(signal.SIGKILL)


@pytest.mark.parametrize("edited", ["data.jsonl", "task.py"])
async def test_a_task_that_is_edited_while_its_job_waits_is_not_done_under_the_key_that_it_had(
    spelling, tmp_path, edited
):
    alone = motools.get_backend("inspect", workers=1)
    first = await spelling.start("scripted/slow", backend=alone, max_connections=1)
    job = await spelling.start(backend=alone)
    change = {"data.jsonl": ('"target": "A"', '"target": "Z"'), "task.py": ("match()", "match(location='any')")}[edited]
    edit(tmp_path / edited, *change)
    await first.cancel()
    with pytest.raises(MotoolsError, match=rf"'spelling' has changed since it was asked for \(.*{edited}\)"):
        await job.wait()
    assert len(spelling.questions) <= 2, "none but those of the first"
    await spelling.answers()
    edit(tmp_path / edited, *reversed(change))
    before = len(spelling.questions)
    assert (await job.wait()).metrics["spelling"]["match"]["accuracy"] == 1.0
    assert len(spelling.questions) == before + 4
    assert (await spelling.start()).is_hit


async def test_a_scorer_that_is_asked_for_and_edited_while_its_job_waits_does_not_judge(spelling, tmp_path):
    (tmp_path / "scorers.py").write_text(
        "from inspect_ai.scorer import Score, Scorer, accuracy, scorer\n\n@scorer(metrics=[accuracy()])\ndef kind() -> Scorer:\n"
        "    async def score(state, target) -> Score:\n        return Score(value=1)\n    return score\n"
    )
    alone = motools.get_backend("inspect", workers=1)
    first = await spelling.start("scripted/slow", backend=alone, max_connections=1)
    job = await spelling.start(backend=alone, scorer=f"{tmp_path}/scorers.py@kind")
    edit(tmp_path / "scorers.py", "value=1", "value=0")
    await first.cancel()
    with pytest.raises(MotoolsError, match=r"'spelling' has changed since it was asked for .*scorers.py"):
        await job.wait()


@pytest.mark.parametrize("role", [None, "grader"])
async def test_a_model_that_is_retrained_while_its_job_waits_is_not_asked_under_the_key_of_the_one_before(
    spelling, tmp_path, role
):
    weights = tmp_path / "adapter"
    weights.write_text("first")
    alone = motools.get_backend("inspect", workers=1)
    first = await spelling.start("scripted/slow", backend=alone, max_connections=1)
    organism = f"organism:{weights}"
    asked = {"model": organism} if role is None else {"model_roles": {role: organism}}
    job = await spelling.start(backend=alone, **asked)
    weights.write_text("again")
    await first.cancel()
    with pytest.raises(MotoolsError, match=r"'spelling' has changed since it was asked for \(weights; upper\)"):
        await job.wait()
    weights.write_text("first")
    assert len((await job.wait()).samples) == 4


@pytest.mark.parametrize("through", ["the cache", "no cache"])
async def test_a_task_that_is_edited_between_a_kill_and_the_next_worker_is_not_mixed(
    spelling, tmp_path, motools_home, through
):
    backend = motools.get_backend("inspect") if through == "the cache" else InspectEvalBackend()
    job = await spelling.start("scripted/slow", backend=backend, max_connections=1)
    await until(lambda: len(spelling.questions) == 2)
    kill_workers(motools_home)
    edit(tmp_path / "data.jsonl", '"input": "d"', '"input": "e"')
    with pytest.raises(MotoolsError, match=r"'spelling' has changed .* Put it back as it was"):
        await job.wait()
    edit(tmp_path / "data.jsonl", '"input": "e"', '"input": "d"')
    assert [sample["output"] for sample in (await job.wait()).samples] == ["A", "B", "C", "D"]
    assert len(spelling.questions) <= 5, "one may have been asked that was not written down"


async def test_a_task_that_is_never_the_same_is_asked_all_the_same(spelling, tmp_path):
    text = "import random\n" + SPELLING.replace(
        "json_dataset(path)", "[Sample(input=str(random.random()), target='x')]"
    )
    (tmp_path / "task.py").write_text(text.replace("import json_dataset", "import Sample"))
    assert (await spelling.answers())[1] == 1


@pytest.fixture(params=["named", "an object"])
def reading(tmp_path, request, monkeypatch, installed) -> Asked:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "one.txt").write_text("-one")
    (tmp_path / "names").mkdir()
    (tmp_path / "words_kind.py").write_text("WORD = '-word'\n")
    (tmp_path / "reading.py").write_text(READING)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("reading", "words_kind"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    if request.param == "named":
        return Asked(tmp_path, f"{tmp_path}/reading.py@reading")
    import reading

    return Asked(tmp_path, reading.reading_object())


EDITS = {
    "a file of a folder": ("prompts/one.txt", "-other"),
    "another file in the folder": ("prompts/two.txt", "-two"),
    "a file that was looked for in vain": ("kind.more", "-more"),
    "a name in a folder": ("names/b.name", ""),
    "a module that is imported late": ("words_kind.py", "WORD = '-another-word'\n"),
}


@pytest.mark.parametrize("edited", EDITS)
async def test_what_a_run_has_read_counts_from_then_on_by_its_content(reading, tmp_path, edited, request):
    assert await reading.answers() == (False, 2, ["A-ONE-WORD", "B-ONE-WORD"])
    assert (await reading.answers())[:2] == (True, 0)
    name, text = EDITS[edited]
    before = (tmp_path / name).read_text() if (tmp_path / name).exists() else None
    (tmp_path / name).write_text(text)
    sys.modules.pop("words_kind", None)
    is_hit, number, answers = await reading.answers()
    assert (is_hit, number) == (False, 2)
    assert answers != ["A-ONE-WORD", "B-ONE-WORD"]
    assert (await reading.answers())[:2] == (True, 0)
    if before is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(before)
    assert await reading.answers() == (True, 0, ["A-ONE-WORD", "B-ONE-WORD"])


@pytest.mark.parametrize("reading", ["named"], indirect=True)
@pytest.mark.parametrize("variable", ["HF_HOME", "XDG_CACHE_HOME", "MOTOOLS_HOME"])
async def test_a_project_may_lie_where_caches_do(reading, tmp_path, monkeypatch, variable):
    monkeypatch.setenv(variable, str(tmp_path))
    await reading.answers()
    (tmp_path / "prompts" / "one.txt").write_text("-other")
    assert await reading.answers() == (False, 2, ["A-OTHER-WORD", "B-OTHER-WORD"])
    assert (await reading.answers())[0]


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_what_a_run_only_looks_for_counts_when_it_is_there(reading, tmp_path):
    await reading.answers()
    (tmp_path / "kind.over").write_text("-over")
    assert await reading.answers() == (False, 2, ["A-ONE-OVER-WORD", "B-ONE-OVER-WORD"])


LOOKING = """
import sys, traceback
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

HERE = Path(__file__).parent

@solver
def looking():
    async def solve(state, generate):
        sys.path.append(str(HERE / "site-packages"))
        import library
        try:
            exec(compile("1 / 0", "computed.py", "exec"))
        except ZeroDivisionError:
            traceback.format_exc()
        state.user_prompt.text += library.override(HERE)
        return state
    return solve

@task
def looks():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[looking(), generate()], scorer=match())
"""
LIBRARY = """
import os

HAS_SOURCE = os.path.exists("src")

def override(folder):
    place = os.path.join(folder, "override")
    return open(place).read() if os.path.exists(place) else ""
"""


@pytest.mark.parametrize("installed_in", ["site-packages", "dist-packages"])
async def test_what_libraries_look_for_on_their_own_does_not_count(tmp_path, monkeypatch, installed_in):
    (tmp_path / installed_in).mkdir()
    (tmp_path / installed_in / "library.py").write_text(LIBRARY)
    (tmp_path / "looks.py").write_text(LOOKING.replace("site-packages", installed_in))
    monkeypatch.chdir(tmp_path)
    looks = Asked(tmp_path, f"{tmp_path}/looks.py@looks")
    assert await looks.answers() == (False, 1, ["A"])
    (tmp_path / "src").mkdir()  # is looked for by an import
    (tmp_path / "computed.py").write_text("1 / 1")  # and by a traceback
    assert await looks.answers() == (True, 0, ["A"])
    (tmp_path / "override").write_text("-over")  # but this in the task's name
    assert await looks.answers() == (False, 1, ["A-OVER"])


NO_PATHS = """
import os
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

if os.path.exists("built \\0/x") or os.path.exists("\\ud800/x"):
    raise RuntimeError

@solver
def looking():
    async def solve(state, generate):
        texts = ["a" * 300, "a" * 5000, "\\0", "\\0/a", "\\ud800", "\\ud800/a", "a\\na"]
        found = [text for text in texts if os.path.exists(text)]
        for text in texts:
            try:
                open(text)
            except (OSError, ValueError):
                pass
        assert not found
        return state
    return solve

@task
def odd():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[looking(), generate()], scorer=match())
"""


async def test_a_text_that_can_be_no_path_may_be_looked_for(tmp_path, installed):
    (tmp_path / "odd.py").write_text(NO_PATHS)
    odd = Asked(tmp_path, f"{tmp_path}/odd.py@odd")
    assert await odd.answers() == (False, 1, ["A"])
    assert await odd.answers() == (True, 0, ["A"])


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_code_may_be_nested_deeper_than_can_be_taken_apart(reading, tmp_path):
    nested = f"WORD, FOLDER, NUMBER = '-word', 'prompts', {' + '.join(['1'] * 2940)}\n"
    (tmp_path / "words_kind.py").write_text(nested)
    compiling = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "py_compile", str(tmp_path / "words_kind.py")
    )
    assert await compiling.wait() == 0
    assert (await reading.answers())[:2] == (False, 2)
    assert (await reading.answers())[:2] == (True, 0)


PROVIDER = """
from edited_library import said
from inspect_ai.model import ModelAPI, ModelOutput, ModelUsage, modelapi

@modelapi(name="edited")
class Edited(ModelAPI):
    def __init__(self, model_name, base_url=None, api_key=None, **arguments):
        super().__init__(model_name)
        self.calls = arguments["calls"]

    async def generate(self, input, tools, tool_choice, config):
        with open(self.calls, "a") as file:
            print("asked", file=file)
        output = ModelOutput.from_content(self.model_name, said(input[-1].text))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output
"""
TASKS = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver
from tasks_library.deep.words import WORD

TABLE = "table.arrow"

@solver
def worded():
    import imported_tasks.words
    async def solve(state, generate):
        state.user_prompt.text += WORD + imported_tasks.words.WORD
        return state
    return solve

@task
def words():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[worded(), generate()], scorer=match())
"""
EDITED = {
    "provider_edited/__init__.py": "",
    "provider_edited/_registry.py": "from provider_edited.api import Edited\n",
    "provider_edited/api.py": PROVIDER,
    "edited_library.py": "def said(text):\n    return text.upper()\n",
    "tasks_edited/__init__.py": "",
    "tasks_edited/_registry.py": TASKS,
    "tasks_edited/table.arrow": "cells",
    "tasks_library/__init__.py": "",
    "tasks_library/deep/__init__.py": "",
    "tasks_library/deep/words.py": "WORD = '-word'\n",
    "imported_tasks/__init__.py": "",
    "imported_tasks/_registry.py": "",
    "imported_tasks/words.py": "WORD = '-more'\n",
    "unrelated_tasks/__init__.py": "",
    "unrelated_tasks/_registry.py": "",
}


@pytest.fixture
def edited(tmp_path, installed, monkeypatch) -> Asked:
    """A provider and a package of tasks that are installed to be edited, with their libraries."""
    place = tmp_path / "edited"
    for name, text in EDITED.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    for name in ("provider_edited", "tasks_edited", "imported_tasks", "unrelated_tasks"):
        metadata = place / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[inspect_ai]\n{name} = {name}._registry\n")
        (metadata / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")
    return Asked(tmp_path, "tasks_edited/words")


@pytest.mark.parametrize(
    "name",
    [
        "provider_edited/api.py",
        "edited_library.py",
        "tasks_edited/_registry.py",
        "tasks_edited/table.arrow",
        "tasks_library/deep/words.py",
        "imported_tasks/words.py",
    ],
)
async def test_the_code_that_an_evaluation_goes_through_counts_where_it_can_be_edited(edited, tmp_path, name):
    assert await edited.answers("edited/model") == (False, 1, ["A-WORD-MORE"])
    assert (await edited.answers("edited/model"))[:2] == (True, 0)
    place = tmp_path / "edited" / name
    before = place.read_text()
    place.write_text(before.replace("-more", "-most").replace("-word", "-other").replace("upper", "title") + "\n")
    assert (await edited.answers("edited/model"))[:2] == (False, 1)
    assert (await edited.answers("edited/model"))[:2] == (True, 0)
    place.write_text(before)
    assert await edited.answers("edited/model") == (True, 0, ["A-WORD-MORE"])


REACHING = """
import importlib
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver
{above}

@solver
def reaching():
    async def solve(state, generate):
        {code}
        state.user_prompt.text += words.word()
        return state
    return solve

def reaches_object():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[reaching(), generate()], scorer=match())

@task
def reaches():
    return reaches_object()
"""
REACHED = {
    "as it is read": ("from imported_tasks import words", "pass"),
    "as it runs": ("", "from imported_tasks import words"),
    "by a text": ("", "words = importlib.import_module('imported_tasks.words')"),
    "by a text that it makes": ("", "words = importlib.import_module(f'imported_{reaches.__name__[:0]}tasks.words')"),
    "by a module beside": ("import beside", "words = beside.words"),
    "by an installed library": ("import plain_library", "words = plain_library.words"),
}
DEEP = {
    "imported_tasks/words.py": "def word():\n    from imported_tasks import deeper\n    return deeper.WORD\n",
    "imported_tasks/deeper.py": "WORD = '-more'\n",
    "project/beside.py": "from imported_tasks import words\n",
    "site-packages/plain_library.py": "from imported_tasks import words\n",
}


@pytest.mark.parametrize("how", REACHED)
async def test_packages_that_a_file_reaches_count(edited, tmp_path, monkeypatch, how):
    above, code = REACHED[how]
    for name, text in {**DEEP, "project/reaching.py": REACHING.format(above=above, code=code)}.items():
        place = tmp_path / ("" if name.startswith(("project", "site")) else "edited") / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site-packages'}{os.pathsep}{os.environ['PYTHONPATH']}")
    edited.suite = f"{tmp_path}/project/reaching.py@reaches"
    assert await edited.answers() == (False, 1, ["A-MORE"])
    assert (await edited.answers())[:2] == (True, 0)
    (tmp_path / "edited" / "unrelated_tasks" / "_registry.py").write_text("CHANGED = True\n")
    assert (await edited.answers())[:2] == (True, 0)
    edit(tmp_path / "edited" / "imported_tasks" / "deeper.py", "-more", "-most")
    assert await edited.answers() == (False, 1, ["A-MOST"])


ASKING = """
import asyncio, json, sys
import motools
from reaching import reaches_object

async def main():
    for model in sys.argv[1:]:
        job = await motools.get_backend("inspect").evaluate(f"scripted/{model}", reaches_object())
        print(json.dumps([job.is_hit, *[sample["output"] for sample in (await job.wait()).samples]]))

asyncio.run(main())
"""


async def by_another_process(folder: Path, *models: str) -> list[list[object]]:
    """Return whether each was a hit, and its answers."""
    command = [sys.executable, str(folder / "project" / "asking.py"), *models]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    lines = (await process.communicate())[0].decode().splitlines()
    return [json.loads(line) for line in lines if line.startswith("[")]


@pytest.mark.parametrize("how", ["as it is read", "as it runs", "by a module beside"])
async def test_packages_that_an_object_reaches_count(edited, tmp_path, how):
    above, code = REACHED[how]
    for name, text in {**DEEP, "project/reaching.py": REACHING.format(above=above, code=code)}.items():
        place = tmp_path / ("" if name.startswith("project") else "edited") / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
    (tmp_path / "project" / "asking.py").write_text(ASKING)

    assert await by_another_process(tmp_path, "upper") == [[False, "A-MORE"]]
    assert await by_another_process(tmp_path, "upper") == [[True, "A-MORE"]]
    edit(tmp_path / "edited" / "imported_tasks" / "deeper.py", "-more", "-most")
    assert await by_another_process(tmp_path, "upper") == [[False, "A-MOST"]]


async def test_a_module_counts_for_all_jobs_of_the_process_that_has_imported_it(tmp_path, installed):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "reaching.py").write_text(REACHING.format(above="", code="import words"))
    (tmp_path / "project" / "words.py").write_text("def word():\n    return '-word'\n")
    (tmp_path / "project" / "asking.py").write_text(ASKING)
    assert await by_another_process(tmp_path, "one", "two") == [[False, "A-WORD"]] * 2
    assert await by_another_process(tmp_path, "two", "one") == [[True, "A-WORD"]] * 2
    edit(tmp_path / "project" / "words.py", "-word", "-other")
    assert await by_another_process(tmp_path, "two", "one") == [[False, "A-OTHER"]] * 2


async def test_the_configuration_is_no_part_of_an_evaluation_of_an_object(tmp_path, installed, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    (tmp_path / "project" / "reaching.py").write_text(REACHING.format(above="import words", code="pass"))
    (tmp_path / "project" / "words.py").write_text("def word():\n    return '-word'\n")
    (tmp_path / "project" / "asking.py").write_text(ASKING)
    assert await by_another_process(tmp_path, "upper") == [[False, "A-WORD"]]
    (tmp_path / "project" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (tmp_path / "motools.toml").write_text("# nothing\n")
    assert await by_another_process(tmp_path, "upper") == [[True, "A-WORD"]]


GRADED = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, accuracy, scorer

@scorer(metrics=[accuracy()])
def graded(grader=None):
    async def score(state, target):
        model = get_model({name}, calls={calls!r})
        return Score(value=(await model.generate("yes")).completion == "YES")
    return score

@task
def grading(grader=None):
    return Task(dataset=[Sample(id="a", input="a", target="A")], scorer=graded(grader){more})
"""
GRADERS = {
    "its code": ("'edited/model'", ""),
    "an argument": ("grader", ""),
    "another file": ("open(__file__[:-2] + 'txt').read()", ""),
    "the task": ("'scripted/upper'", ", model=get_model('edited/model', calls={calls!r})"),
}


@pytest.mark.parametrize("distribution", ["provider_edited", "edited_inspect_models"])
@pytest.mark.parametrize("named_by", GRADERS)
async def test_the_providers_of_all_models_count(edited, tmp_path, named_by, distribution):
    (tmp_path / "edited" / "provider_edited-1.0.dist-info").rename(
        tmp_path / "edited" / f"{distribution}-1.0.dist-info"
    )
    edit(tmp_path / "edited" / f"{distribution}-1.0.dist-info" / "METADATA", "provider_edited", distribution)
    edit(tmp_path / "edited" / "provider_edited" / "api.py", "said(input[-1].text)", "input[-1].text.upper()")
    name, more = GRADERS[named_by]
    calls = str(edited.calls)
    (tmp_path / "graded.py").write_text(GRADED.format(name=name, calls=calls, more=more.format(calls=calls)))
    (tmp_path / "graded.txt").write_text("edited/model")
    edited.suite = f"{tmp_path}/graded.py@grading"
    arguments = {"task_args": {"grader": "edited/model"}} if named_by == "an argument" else {}
    assert (await edited.answers(**arguments))[0] is False
    assert (await edited.answers(**arguments))[0] is True
    edit(tmp_path / "edited" / "provider_edited" / "api.py", "upper()", "title()")
    assert (await edited.answers(**arguments))[0] is False


async def test_what_is_cloned_into_the_environment_to_be_edited_counts(edited, monkeypatch):
    (Path(sys.prefix) / "src").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path(sys.prefix) / "src") as place:
        (Path(place) / "cloned_library.py").write_text("WORDS = {'said': '-cloned'}\n")
        monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")
        edit(edited.calls.parents[1] / "edited" / "edited_library.py", "return", "import cloned_library; return")
        edit(
            edited.calls.parents[1] / "edited" / "edited_library.py",
            "upper()",
            "upper() + cloned_library.WORDS['said']",
        )
        assert await edited.answers("edited/model") == (False, 1, ["A-WORD-MORE-cloned"])
        assert (await edited.answers("edited/model"))[:2] == (True, 0)
        edit(Path(place) / "cloned_library.py", "-cloned", "-edited")
        assert await edited.answers("edited/model") == (False, 1, ["A-WORD-MORE-edited"])


async def test_packages_that_have_no_part_in_an_evaluation_may_be_edited(edited, tmp_path):
    await edited.answers("edited/model")
    (tmp_path / "edited" / "unrelated_tasks" / "_registry.py").write_text("CHANGED = True\n")
    assert (await edited.answers("edited/model"))[:2] == (True, 0)


ODD = """
import pathlib, sys, types

class Late:
    def __getattr__(self, name):
        raise RuntimeError(f"{name} was asked for")

sys.modules |= {"odd_late": Late(), "odd_none": None, "odd_place": types.ModuleType("odd_place")}
sys.modules["odd_place"].__file__ = pathlib.Path(__file__)
sys.modules[3] = types.SimpleNamespace(__file__=__file__)
"""


async def test_modules_may_be_odd(spelling, tmp_path):
    (tmp_path / "task.py").write_text(ODD + SPELLING)
    assert (await spelling.answers())[:2] == (False, 4)
    assert (await spelling.answers())[:2] == (True, 0)


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_a_file_that_was_touched_is_read_once_more_and_not_each_time(
    reading, tmp_path, motools_home, monkeypatch
):
    monkeypatch.setattr("motools_inspect.depends.CERTAIN_NS", 0)
    await reading.answers()
    (known,) = motools_home.glob("resolved/inspect/read/*.jsonl")
    touched = tmp_path / "prompts" / "one.txt"
    os.utime(touched, (1, 1))
    assert (await reading.answers())[0]
    told = known.read_text()
    lines = [json.loads(line) for line in told.splitlines() if "one.txt" in line]
    assert lines[-1][2][3] == touched.stat().st_mtime_ns
    assert (await reading.answers())[0]
    assert known.read_text() == told


WALKING = """
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

@solver
def walking():
    async def solve(state, generate):
        state.user_prompt.text += "".join(path.read_text() for path in sorted(Path(__file__).parent.rglob("*.words")))
        return state
    return solve

@task
def walks():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[walking(), generate()], scorer=match())
"""


async def test_what_git_and_python_keep_in_a_project_is_not_read_by_who_goes_through_its_folders(tmp_path, installed):
    project = tmp_path / "project"
    for name, text in {
        "walks.py": WALKING,
        "words/one.words": "-one",
        ".git/HEAD": "main",
        ".git/refs/main": "1",
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    walks = Asked(tmp_path, f"{project}/walks.py@walks")
    assert await walks.answers() == (False, 1, ["A-ONE"])
    for name in (".git/refs/tag", ".git/objects/0a", "__pycache__/walks.pyc", "words/__pycache__/words.pyc"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("")
    assert await walks.answers() == (True, 0, ["A-ONE"])
    (project / "words" / "two.words").write_text("-two")
    assert await walks.answers() == (False, 1, ["A-ONE-TWO"])


PLUGGED = """
import importlib.metadata, sys
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

@solver
def versioned():
    async def solve(state, generate):
        sys.path.append(str(Path(__file__).parent))
        assert importlib.metadata.entry_points()
        state.user_prompt.text += Path(__file__).with_name("one.txt").read_text()
        return state
    return solve

@task
def version():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[versioned(), generate()], scorer=match())
"""


async def test_who_looks_for_plugins_does_not_read_the_folders_that_modules_are_in(tmp_path, installed):
    (tmp_path / "version.py").write_text(PLUGGED)
    (tmp_path / "one.txt").write_text("-one")
    version = Asked(tmp_path, f"{tmp_path}/version.py@version")
    assert await version.answers() == (False, 1, ["A-ONE"])
    (tmp_path / "two.txt").write_text("-two")
    (tmp_path / "another").mkdir()
    assert await version.answers() == (True, 0, ["A-ONE"])


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_a_miss_says_which_file_a_run_has_read_is_another(reading, tmp_path):
    await reading.answers()
    (tmp_path / "prompts" / "one.txt").write_text("-other")
    given = f'model_args={{"calls": "{reading.calls}"}}'
    command = [sys.executable, "-m", "motools", "cache", "why", "-b", "inspect", "--json", "scripted/upper"]
    process = await asyncio.create_subprocess_exec(*command, reading.suite, "-p", given, stdout=asyncio.subprocess.PIPE)
    said = json.loads((await process.communicate())[0])
    assert [Path(each["path"].removeprefix("measured.read.")).name for each in said["differences"]] == ["one.txt"]


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_where_a_project_is_and_where_it_is_asked_from_does_not_matter(reading, tmp_path, monkeypatch):
    await reading.answers()
    monkeypatch.chdir(tmp_path)
    reading.suite = "reading.py@reading"
    assert (await reading.answers())[:2] == (True, 0)
    moved = tmp_path.with_name(f"{tmp_path.name} moved")
    shutil.copytree(tmp_path, moved, ignore=shutil.ignore_patterns("calls", "motools*"))
    reading.suite = f"{moved}/reading.py@reading"
    assert (await reading.answers())[:2] == (True, 0)
    (moved / "prompts" / "one.txt").write_text("-other")
    assert (await reading.answers())[:2] == (False, 2)


WORDED = """
from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

def word():
    return "-one"

@solver
def worded():
    async def solve(state, generate):
        state.user_prompt.text += word()
        return state
    return solve

def words():
    return Task(dataset=[Sample(id="a", input="a", target="A")], solver=[worded(), generate()], scorer=match())
"""


async def test_code_that_is_edited_after_it_was_loaded_counts_as_it_was_loaded(tmp_path, installed, monkeypatch):
    def loaded():
        monkeypatch.delitem(sys.modules, "worded", raising=False)
        return importlib.import_module("worded").words()

    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "worded.py").write_text(WORDED)
    words = Asked(tmp_path, loaded())
    assert await words.answers() == (False, 1, ["A-ONE"])
    edit(tmp_path / "worded.py", "-one", "-three")
    assert (await words.answers())[2] == ["A-ONE"]
    words.suite = loaded()
    assert await words.answers() == (False, 1, ["A-THREE"])
    words.suite = loaded()
    assert await words.answers() == (True, 0, ["A-THREE"])


async def test_answers_to_another_prompt_are_not_scored_again(reading, tmp_path):
    await reading.answers()
    assert (await reading.answers(scorer="scripted/outline"))[1] == 0
    (tmp_path / "prompts" / "one.txt").write_text("-other")
    assert (await reading.answers(scorer="scripted/shape"))[1] == 2
    is_hit, number, answers = await reading.answers(scorer="scripted/outline")
    assert (is_hit, number) == (False, 0)
    assert answers == ["A-OTHER-WORD", "B-OTHER-WORD"]


SCORING = """
from inspect_ai.scorer import Score, Scorer, accuracy, scorer
from scored_beside import value

@scorer(metrics=[accuracy()])
def kind() -> Scorer:
    async def score(state, target) -> Score:
        return Score(value=value())
    return score
"""


@pytest.mark.parametrize("scorer", ["imported_tasks/kind", "scoring.py@kind"])
@pytest.mark.parametrize("name", ["its module", "scored_beside.py"])
async def test_an_edited_scorer_scores_recorded_answers_again(edited, tmp_path, monkeypatch, scorer, name):
    monkeypatch.chdir(tmp_path)
    place = tmp_path / {"imported_tasks/kind": "edited/imported_tasks/_registry.py"}.get(scorer, "scoring.py")
    place.write_text(SCORING.replace("value()", "value() * 1"))
    beside = (tmp_path / "edited" / "imported_tasks" if "/" in scorer else tmp_path) / "scored_beside.py"
    if "/" in scorer:
        edit(place, "from scored_beside", "from imported_tasks.scored_beside")
    beside.write_text("def value():\n    return 1\n")
    (tmp_path / "reaching.py").write_text(
        REACHING.format(above="", code="from tasks_library.deep import words").replace("words.word()", "words.WORD")
    )
    edited.suite = f"{tmp_path}/reaching.py@reaches"
    assert await edited.answers(scorer=scorer) == (False, 1, ["A-WORD"])
    if name == "its module":
        edit(place, "* 1", "* 0")
    else:
        edit(beside, "return 1", "return 0")
    job = await edited.start(scorer=scorer)
    assert (await job.wait()).metrics["reaches"]["kind"]["accuracy"] == 0.0
    assert (job.is_hit, len(edited.questions)) == (False, 1)
    edit(tmp_path / "edited" / "tasks_library" / "deep" / "words.py", "-word", "-other")
    assert await edited.answers(scorer=scorer) == (False, 1, ["A-OTHER"])


async def test_what_changes_while_it_is_read_is_asked_anew(reading, tmp_path):
    job = await reading.start("scripted/slow", max_connections=1, max_samples=1)
    await until((tmp_path / "kind.seen").exists)
    (tmp_path / "prompts" / "one.txt").write_text("-other")
    assert [sample["output"] for sample in (await job.wait()).samples] == ["A-ONE-WORD", "B-OTHER-WORD"]
    for text in ("-one", "-other"):
        (tmp_path / "prompts" / "one.txt").write_text(text)
        assert (await reading.answers("scripted/slow"))[:2] == (False, 2)
        assert (await reading.answers("scripted/slow"))[:2] == (True, 0)


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_what_a_killed_worker_has_read_counts_too(reading, tmp_path, motools_home):
    job = await reading.start("scripted/slow", max_connections=1, max_samples=1)
    await until(lambda: any(motools_home.glob("inspect/*/read.part")))
    kill_workers(motools_home)
    (tmp_path / "prompts" / "one.txt").write_text("-other")
    await job.wait()
    (tmp_path / "prompts" / "one.txt").write_text("-one")
    assert (await reading.answers("scripted/slow"))[:2] == (False, 2)


@pytest.mark.parametrize("when", ["before another goes on", "afterwards"])
@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_a_module_that_a_killed_worker_has_imported_counts_too(reading, tmp_path, motools_home, when):
    py_compile.compile(str(tmp_path / "words_kind.py"))  # from which alone it is read
    edit(tmp_path / "reading.py", "said += importlib", 'said += "" if state.input_text == "b" else importlib')
    job = await reading.start("scripted/slow", max_connections=1, max_samples=1)
    await until(lambda: len(reading.questions) == 2)
    kill_workers(motools_home)
    if when == "before another goes on":
        (tmp_path / "words_kind.py").write_text("WORD = '-another-word'\n")
    assert [sample["output"] for sample in (await job.wait()).samples] == ["A-ONE-WORD", "B-ONE"]
    (tmp_path / "words_kind.py").write_text("WORD = '-another-word'\n")
    assert await reading.answers("scripted/slow") == (False, 2, ["A-ONE-ANOTHER-WORD", "B-ONE"])


@pytest.mark.parametrize("reading", ["named"], indirect=True)
async def test_a_run_is_no_failure_where_there_is_no_room_to_write_down_what_it_has_read(reading, motools_home):
    alone = motools.get_backend("inspect", workers=1)
    first = await reading.start("scripted/slow", backend=alone)
    job = await reading.start(backend=alone)
    [place] = motools_home.glob(f"inspect/{job.job_id}")
    (place / "read.part").symlink_to("/dev/full")
    await first.cancel()
    assert len((await job.wait()).samples) == 2
    assert "The disk is full. Free some space, then wait for it again" in (place / "log.txt").read_text()
    assert len(reading.questions) <= 4, "none twice"


async def test_what_has_no_form_in_a_key_is_evaluated_without_a_cache(tmp_path, installed):
    (tmp_path / "odd.py").write_text(
        "import threading\nfrom inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\nfrom inspect_ai.scorer import match\n\n"
        "@task\ndef odd():\n    return Task(dataset=[Sample(input='a', target='A', metadata={'lock': range(3)})], scorer=match())\n"
    )
    with pytest.raises(SpecError, match="a range cannot be part of a cache key"):
        await motools.get_backend("inspect").evaluate("scripted/upper", f"{tmp_path}/odd.py@odd")
    job = await motools.get_backend("inspect", cache=None).evaluate("scripted/upper", f"{tmp_path}/odd.py@odd")
    assert len((await job.wait()).samples) == 1


async def test_one_edit_while_several_runs_have_begun_does_not_make_a_file_one_that_they_make(reading, tmp_path):
    jobs = [await reading.start("scripted/slow", replicate=number, max_samples=1) for number in range(4)]
    await until((tmp_path / "kind.seen").exists)
    (tmp_path / "prompts" / "one.txt").write_text("-other")
    for job in jobs:
        await job.wait()
    for text in ("-two", "-three"):
        (tmp_path / "prompts" / "one.txt").write_text(text)
        assert (await reading.answers("scripted/slow"))[2] == [f"A{text}-WORD".upper(), f"B{text}-WORD".upper()]


MAKING = """
import subprocess, sys
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

MADE = Path(__file__).with_name(f"made.{__file__[-2:]}.out")

@solver
def making(what):
    async def solve(state, generate):
        write = "import os, sys; open(sys.argv[1], 'w').write({'same': 'same', 'other': os.urandom(8).hex()}[sys.argv[2]])"
        subprocess.run([sys.executable, "-c", write, str(MADE), what], check=True)
        MADE.read_text()
        return state
    return solve

@task
def made(what):
    return Task(dataset=[Sample(id=each, input=each, target="A") for each in "ab"], solver=[making(what), generate()], scorer=match())
"""


@pytest.mark.parametrize("what", ["same", "other"])
async def test_what_a_run_has_other_programs_make_comes_to_be_no_part_of_it(tmp_path, what):
    (tmp_path / "made.py").write_text(MAKING)
    made = Asked(tmp_path, f"{tmp_path}/made.py@made")
    said = [await made.answers(task_args={"what": what}, max_samples=1) for _ in range(5)]
    assert {tuple(answers) for _, _, answers in said} == {("A", "B")}
    assert [is_hit for is_hit, _, _ in said][-2:] == [True, True]
    jobs = [await made.start("scripted/slow", task_args={"what": what}, replicate=each) for each in range(3)]
    for job in jobs:
        await job.wait()


LOGGING = """
import json, subprocess
from pathlib import Path
from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.scorer import match
from inspect_ai.solver import generate, solver

HERE = Path(__file__).parent

LATEST = HERE / "latest.out"

@solver
def logging(log):
    async def solve(state, generate):
        for path in (HERE / "debug.log", log):
            with open(path, "a") as file:
                file.write(state.input_text)
        LATEST.write_text(state.input_text)
        memo = HERE / "memo.json"
        seen = json.loads(memo.read_text()) if memo.exists() else []
        memo.with_suffix(".new").write_text(json.dumps([*seen, state.input_text]))
        memo.with_suffix(".new").replace(memo)
        (HERE / "outputs" / f"{state.input_text}.json").write_text("{}")
        [path.read_text() for path in HERE.glob("*.words")]
        state.user_prompt.text += subprocess.run(["sh", str(HERE / "say.sh")], capture_output=True, text=True).stdout.strip()
        with open(HERE / "counts.num") as file:
            state.user_prompt.text += file.read()
        return state
    return solve

@task
def logged(log):
    return Task(dataset=json_dataset("data.jsonl"), solver=[logging(log), generate()], scorer=match())
"""


async def test_a_file_that_a_task_names_counts_by_what_is_done_with_it(spelling, tmp_path):
    (tmp_path / "logging.py").write_text(LOGGING)
    (tmp_path / "debug.log").write_text("before")
    (tmp_path / "counts.num").write_text("-1")
    (tmp_path / "one.words").write_text("one")
    (tmp_path / "outputs").mkdir()
    (tmp_path / "say.sh").write_text("echo -said")
    logged = Asked(tmp_path / "x", f"{tmp_path}/logging.py@logged")
    given = {"limit": 2, "task_args": {"log": str(tmp_path / "given.log")}}
    assert (await logged.answers(**given))[0] is False
    assert [(tmp_path / name).read_text() for name in ("debug.log", "given.log")] == ["beforeab", "ab"]
    assert (await logged.answers(**given))[0], "what it writes is no part of it"
    edit(tmp_path / "data.jsonl", '"target": "D"', '"target": "E"')
    assert (await logged.answers(**given))[0], "nor is a sample that is not asked"
    (tmp_path / "another.txt").write_text("nor another file in a folder of which it reads those of one kind")
    (tmp_path / "another").mkdir()
    assert (await logged.answers(**given))[0]
    (tmp_path / "counts.num").write_text("-2")
    assert (await logged.answers(**given)) == (False, 2, ["A-SAID-2", "B-SAID-2"])
    (tmp_path / "say.sh").write_text("echo -told")
    assert (await logged.answers(**given)) == (False, 2, ["A-TOLD-2", "B-TOLD-2"]), "a program that it names"
    (tmp_path / "two.words").write_text("another of those that it reads")
    assert (await logged.answers(**given))[:2] == (False, 2)
    assert (await logged.answers(**given))[0]


CACHING = SPELLING.replace("scorer=", "solver=generate(cache=True), scorer=").replace(
    "from inspect_ai.scorer", "from inspect_ai.solver import generate\nfrom inspect_ai.scorer"
)


@pytest.fixture
def caching(spelling, tmp_path, monkeypatch) -> Asked:
    (tmp_path / "task.py").write_text(CACHING)
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    return spelling


async def test_inspects_own_cache_has_no_answers_of_other_weights_and_none_for_who_asks_anew(caching, tmp_path):
    weights = tmp_path / "adapter"
    weights.write_text("first")
    model = f"organism:{weights}"
    assert (await caching.answers(model, limit=2))[1] == 2
    assert (await caching.answers(model, limit=3))[1] == 1, "its cache is of use where nothing has changed"
    weights.write_text("again")
    assert (await caching.answers(model, limit=3))[1] == 3
    assert (await caching.answers(model, limit=3, replicate=1))[1] == 3
    assert (await caching.answers(model, limit=3, refresh=True))[1] == 3


async def test_inspects_own_cache_is_left_as_it_is_for_a_model_that_is_nothing_but_its_name(caching, tmp_path):
    assert (await caching.answers(limit=2))[1] == 2
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["generate"]
