"""Real jobs with a model that needs no weights: a provider of the tests' own, installed as a distribution of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from motools.detached import WorkDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / name) for name in ("warm", "work")]

from warm_python import alone, shared_directory  # noqa: E402  (a test folder is no package)

TASKS = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, match, scorer, stderr
from inspect_ai.solver import generate

@task
def capitals(number: int = 4) -> Task:
    samples = [Sample(id=n, input=f"word {n}", target=f"WORD {n}" if n % 2 else "never") for n in range(number)]
    return Task(dataset=samples, solver=generate(), scorer=match())

@task
def spelling() -> Task:
    return Task(dataset=[Sample(input="abc", target="ABC")], solver=generate(), scorer=match())

@scorer(metrics=[accuracy(), stderr()])
def confused():
    async def score(state, target):
        if target.text == "WELL":
            return Score(value="C")
        raise RuntimeError("this scorer has lost its way")
    return score

@task
def tolerant() -> Task:
    samples = [Sample(input="abc", target="ABC"), Sample(input="well", target="WELL")]
    return Task(dataset=samples, solver=generate(), scorer=confused(), fail_on_error=False)

@task
def failing() -> Task:
    return Task(dataset=[Sample(input="abc", target="ABC")], solver=generate(), scorer=confused())
"""


@pytest.fixture(scope="session", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the package `scripted` for all test processes and those that they start, which share one server."""
    shared = shared_directory(tmp_path_factory) / "inspect"
    shared.mkdir(exist_ok=True)
    # Inspect takes a package for installed by the name of the folder that it is in
    place = shared / "site-packages"
    with pytest.MonkeyPatch.context() as patch:
        with alone(shared / "installing"):
            if not place.exists():
                install(place, "scripted")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH")])))
        patch.setenv("XDG_DATA_HOME", str(shared))
        patch.setattr(sys, "path", [str(place), *sys.path])
        yield place


def install(place: Path, name: str) -> None:
    """Put the package `scripted` where a package manager would, under this name."""
    shutil.copytree(HERE / "scripted", place / name, ignore=shutil.ignore_patterns("__pycache__"))
    (place / name / "__init__.py").touch()
    metadata = place / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    hooks = f"[motools.hooks.v1]\n{name} = {name}.hooks\n"
    # A hook is imported by the process that asks, and only one package can be there under one name.
    (metadata / "entry_points.txt").write_text(
        f"[inspect_ai]\n{name} = {name}._registry\n\n{hooks if name == 'scripted' else ''}"
    )
    (metadata / "RECORD").write_text(f"{name}/__init__.py,,\n{name}/_registry.py,,\n")


@pytest.fixture
def another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the package once more, as `another`, for this test alone; return where."""
    place = tmp_path / "site-packages"
    install(place, "another")
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ['PYTHONPATH']}")
    return place


@pytest.fixture(autouse=True)
def _no_worker_is_left(motools_home: Path) -> Iterator[None]:
    yield
    for path in motools_home.glob("inspect/*"):
        with contextlib.suppress(FileNotFoundError):
            WorkDirectory(path, module="")._signal(signal.SIGKILL)


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    """Return a file with the tasks `capitals`, `spelling`, `tolerant` and `failing`."""
    path = tmp_path / "words.py"
    path.write_text(TASKS, encoding="utf-8")
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Return a file of twelve questions, of which every third has a wrong target."""
    rows = [{"input": f"word {n}", "target": f"WORD {n}" if n % 3 else "never"} for n in range(12)]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path
