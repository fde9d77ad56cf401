"""Environments of N synthetic distributions, ten of which offer a backend, for `discovery.py`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

LIBRARIES = ["importlib_metadata==10.2.0", "pluggy==1.7.0", "stevedore==5.10.0"]
PLUGINS = 10
CORE = Path(__file__).resolve().parents[1] / "motools-core" / "src" / "motools"

METADATA = (
    "Metadata-Version: 2.1\nName: {name}\nVersion: 1.{number}.0\nSummary: synthetic\n"
    + "".join(f"Requires-Dist: dependency-{number}>=1.0\n" for number in range(12))
    + "\n"
    + "A line of description.\n" * 80
)
HEAVY = "import asyncio, ssl, sqlite3, http.client, email.mime.multipart, decimal, concurrent.futures, urllib.request\n"
BACKEND = """import sys
sys.__dict__.setdefault("_backends_imported", []).append(__name__)
from motools.training.base import TrainingBackend

class Backend(TrainingBackend):
    async def train(self, dataset, model, hyperparameters=None, suffix=None, **kwargs):
        raise NotImplementedError
"""


def set_up(work: Path, sizes: list[int]) -> None:
    """Make what is not there yet: the contenders' libraries, and an environment of each size."""
    libraries = work / "libraries"
    if not libraries.exists():
        subprocess.run([sys.executable, "-m", "venv", work / "installer"], check=True)
        pip = work / "installer" / "bin" / "pip"
        subprocess.run([pip, "install", "--quiet", "--target", libraries, *LIBRARIES], check=True)
    for size in sizes:
        if not (environment(work, size) / "complete").exists():
            _build(environment(work, size), libraries, size)


def environment(work: Path, size: int) -> Path:
    """Return the directory of the environment with so many distributions."""
    return work / f"environment-{size}"


def site_packages(root: Path) -> Path:
    """Return where an environment's distributions are."""
    return next((root / "lib").glob("python3*")) / "site-packages"


def _build(root: Path, libraries: Path, size: int) -> None:
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    site = site_packages(root)
    (site / "motools").symlink_to(CORE)
    for package in libraries.iterdir():
        # Without their metadata, so that there are exactly `size` distributions.
        if package.suffix not in (".dist-info", ".egg-info") and package.name not in ("bin", "__pycache__"):
            (site / package.name).symlink_to(package)
    step = size // PLUGINS
    for number in range(size):
        plugin, offset = divmod(number, step)
        install(site, number, plugin if offset == step // 2 and plugin < PLUGINS else None)
    (root / "complete").touch()


def install(site: Path, number: int, plugin: int | None) -> None:
    """Write one distribution, which offers a backend where it is numbered among the plugins."""
    name = f"synthetic_{number:04d}" if plugin is None else f"plugin_{plugin}"
    info = site / f"{name}-1.{number}.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name.replace("_", "-"), number=number))
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "RECORD").write_text(f"{name}.py,,\n")
    (info / "INSTALLER").write_text("pip\n")
    text = f"[console_scripts]\n{name} = {name}:main\n\n[foreign.group{number % 40}]\nx{number} = {name}:Thing\n"
    if plugin is not None:
        text += f"\n[motools.training.v1]\nbackend{plugin} = {name}:Backend\n"
        (site / f"{name}.py").write_text((HEAVY if plugin else "") + BACKEND)
    (info / "entry_points.txt").write_text(text)
