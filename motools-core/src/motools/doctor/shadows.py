"""What would be imported, or has been installed, in place of ours."""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import motools
from motools.doctor.findings import Finding, Level
from motools.plugins.discovery import scan
from motools.plugins.loading import split_value

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "shadows"
UNRELATED = "motools"
"""A distribution of that name is another project, which has the import name of ours."""


def examine_shadows() -> Iterator[Finding]:
    """Yield the unrelated distribution, and modules of the working directory that hide what is installed."""
    found = [*_unrelated(), *_in_the_directory()]
    yield from found or [Finding(topic=TOPIC, what="nothing hides motools or a plugin's modules")]


def _unrelated() -> Iterator[Finding]:
    for distribution in metadata.distributions(name=UNRELATED):
        place = getattr(distribution, "_path", "")
        yield Finding(
            topic=TOPIC,
            level=Level.PROBLEM,
            what=f"a distribution {UNRELATED!r} is installed ({place}). It is an unrelated project with the same import "
            "name, and may have overwritten files of motools-core.",
            remedy=f"{sys.executable} -m pip uninstall {UNRELATED}, then {sys.executable} -m pip install "
            "--force-reinstall --no-deps motools-core",
        )


def _in_the_directory() -> Iterator[Finding]:
    """Look where `python script.py` would look first when it is run from here."""
    try:
        here = Path.cwd()
    except OSError:
        return
    elsewhere = [place for place in sys.path if place and Path(place).absolute() != here]
    for name in sorted(_our_modules()):
        local, installed = _origin(name, [str(here)]), _origin(name, elsewhere)
        if name == UNRELATED:
            installed = Path(motools.__file__ or "")
        if local is None or installed is None or local.resolve() == installed.resolve():
            continue
        yield Finding(
            topic=TOPIC,
            level=Level.PROBLEM,
            what=f"{local} hides the installed module {name!r} from every program that is run from {here}.",
            remedy=f"Rename it, or run programs from another directory. The one that is hidden is {installed}.",
        )


def _our_modules() -> set[str]:
    """Return the top-level modules of core and of every installed plugin."""
    modules = {split_value(entry.value)[0].partition(".")[0] for entry in scan()}
    return {name for name in modules if name.isidentifier()} | {UNRELATED}


def _origin(name: str, path: list[str]) -> Path | None:
    """Return the file that a top-level module would be imported from; a directory without one is no module."""
    spec = PathFinder.find_spec(name, path)
    return Path(spec.origin) if spec is not None and spec.origin else None


__all__ = ["examine_shadows"]
