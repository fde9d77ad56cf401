"""An environment of its own for each test: core, a few of its dependencies, and the distributions that a test writes."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import pytest

from motools.plugins import registry

TRAINING = """
from motools import TrainingBackend, TrainingRun

class {name}TrainingRun(TrainingRun):
    job_id = "job-1"
    async def wait(self): return "model-1"
    async def is_complete(self): return True
    async def refresh(self): pass
    async def cancel(self): pass
    async def save(self, path): pass
    @classmethod
    async def load(cls, path): return cls()

class {name}TrainingBackend(TrainingBackend):
    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        return {name}TrainingRun()
"""

EVALS = """
from motools import EvalBackend, EvalJob, EvalResults

class {name}EvalResults(EvalResults):
    pass

class {name}EvalJob(EvalJob):
    async def wait(self): return await self.get_results()
    async def is_complete(self): return True
    async def refresh(self): pass
    async def cancel(self): pass
    async def get_results(self): return {name}EvalResults(model_id="m", metrics={{}})
    async def save(self, path): pass
    @classmethod
    async def load(cls, path): return cls()

class {name}EvalBackend(EvalBackend):
    async def evaluate(self, model_id, eval_suite, **kwargs):
        return {name}EvalJob()
"""

DENIED = """
import sys
denied = "asyncio pluggy importlib.metadata importlib_metadata sqlite3 click rich aiofiles dataclasses typing tomllib json re inspect"
print(sorted(set(denied.split()) & set(sys.modules)), file=sys.stderr)
"""


class World:
    """A directory of distributions, and a project directory with its motools.toml."""

    def __init__(self, root: Path) -> None:
        self.site = root / "site"
        self.core = root / "core"
        self.project = root / "project"
        for directory in (self.site, self.core, self.project):
            directory.mkdir()
        for package in ("motools", "pluggy", "aiofiles"):
            (self.core / package).symlink_to(Path(find_spec(package).origin).parent)
        metadata = importlib.metadata.distribution("motools-core")._path
        (self.core / metadata.name).symlink_to(metadata)

    @property
    def path(self):
        return [str(self.site), str(self.core)]

    def install(self, distribution, version="1.0", *, modules=None, **groups):
        """Write a distribution; `training={"acme": "acme:Backend"}` is the group motools.training.v1, `evals_v9` the ninth."""
        info = self.site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        sections = []
        for group, entries in groups.items():
            word, _, major = group.partition("_v")
            sections.append(f"[motools.{word}.v{major or 1}]")
            sections += [f"{name} = {value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(sections) + "\n")
        for name, source in (modules or {}).items():
            self.write(self.site / f"{name}.py", source)
        return info

    def configure(self, text, **modules):
        """Write the project's motools.toml, and modules beside it."""
        (self.project / "motools.toml").write_text(dedent(text))
        for name, source in modules.items():
            self.write(self.project / f"{name}.py", source)

    @staticmethod
    def write(path, source):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source))

    def run(self, code, **environment):
        """Run a program in a new interpreter that has this environment and nothing else; return what it prints."""
        done = subprocess.run(
            [sys.executable, "-S", "-P", "-c", dedent(code)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(self.path), **environment},
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done

    def denied_after(self, code):
        """Return which of the expensive modules a program has imported."""
        return eval(self.run(dedent(code) + DENIED).stderr)  # noqa: S307  (a list that the program above printed)

    def json(self, code, **environment):
        return json.loads(self.run(code, **environment).stdout)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """An environment that the test's own process is in, with the interpreter's standard library."""
    world = World(tmp_path)
    standard = [path for path in sys.path if path and "site-packages" not in path and "motools-" not in path]
    monkeypatch.setattr(sys, "path", [*world.path, *standard])
    monkeypatch.chdir(world.project)
    before = set(sys.modules)
    yield world
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith((str(world.site), str(world.project))):
            del sys.modules[name]
    registry.refresh()


@pytest.fixture
def training():
    return TRAINING


@pytest.fixture
def evals():
    return EVALS
