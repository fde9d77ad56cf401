"""What the tests of the repository share: its files, its wheels, and empty environments to install them into."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # for public_names
DISTRIBUTIONS = ("motools-core", "motools-inspect", "motools-local", "motools-openai", "motools-tinker")


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """Every file of the repository that still exists."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := root / name).is_file()]


@pytest.fixture(scope="session")
def wheels(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A wheel of each distribution, built from its sdist, by name; built once however many workers test."""
    shared = (
        tmp_path_factory.getbasetemp()
        if "PYTEST_XDIST_WORKER" not in os.environ
        else tmp_path_factory.getbasetemp().parent
    )
    out = shared / "dist"
    out.mkdir(exist_ok=True)
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in DISTRIBUTIONS:
            if not list(out.glob(f"{name.replace('-', '_')}-*.whl")):
                _build(root, name, out)
    return {name: next(out.glob(f"{name.replace('-', '_')}-*.whl")) for name in DISTRIBUTIONS}


def _build(root: Path, name: str, out: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--quiet", "--build-constraints", "constraints.txt", "--out-dir", out, name]
    _offline_first(command, root)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A virtual environment of its own, used from an empty directory."""

    python: Path
    directory: Path

    def run(self, *command: str, status: int = 0) -> str:
        """Run one of the environment's programs and return what it printed; it must end with `status`."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
        variables |= {"HF_HUB_OFFLINE": "1", "MOTOOLS_HOME": os.fspath(self.directory / "home")}
        program = self.python.with_name(command[0])
        done = subprocess.run(
            [program, *command[1:]], cwd=self.directory, env=variables, check=False, capture_output=True, text=True
        )
        assert done.returncode == status, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def python_says(self, script: str) -> str:
        """Run a script and return what it printed."""
        return self.run("python", "-W", "error::ResourceWarning", "-c", script).strip()

    def add_distribution(self, name: str, source: str, *, group: str) -> None:
        """Install one module as a distribution of its own, with itself as an entry point in `group`."""
        site = Path(self.python_says("import sysconfig; print(sysconfig.get_path('purelib'))"))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (site / f"{name}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {name}\n")


@pytest.fixture
def install(root: Path, tmp_path: Path):
    """Install requirements into an environment that has nothing else, and give it back."""

    def make(*requirements: str | Path) -> Environment:
        place = tmp_path / "environment"
        command = [sys.executable, root / "tools" / "install.py", place, *requirements]
        _offline_first(command, root)
        directory = tmp_path / "empty"
        directory.mkdir()
        return Environment(python=place / "bin" / "python", directory=directory)

    return make


def _offline_first(command: list[str | Path], directory: Path) -> None:
    """Run an installing command, from what setting up has fetched if that is enough."""
    for variables in ({"UV_OFFLINE": "1"}, {}):
        done = subprocess.run(
            command, cwd=directory, env={**os.environ, **variables}, check=False, capture_output=True, text=True
        )
        if done.returncode == 0:
            return
    pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
