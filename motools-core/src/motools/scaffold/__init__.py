"""Writing a new plugin: `motools plugin new`.

naming      what it may be called
templates   its files, written for an invented service called Acme; every form of that name is replaced

    templates/every        what plugins of every kind have
    templates/service      of those that speak to a service: a client, and a fake of the service
    templates/KIND         of one kind

A part of a path that begins with `dot-` begins with a dot in the plugin: tools that look for such files pass these over.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

    from motools.scaffold.naming import Naming

SUFFIX = ".template"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What distinguishes the plugins of one kind."""

    group: str
    """The entry-point group."""
    value: str
    """The entry point's value, after the package."""
    summary: str
    folders: tuple[str, ...]
    """Whose templates it is made of; a later one replaces files of an earlier one."""


KINDS: Mapping[str, Kind] = {
    "training": Kind(
        group="motools.training.v1",
        value="training:AcmeTrainingBackend",
        summary="Fine-tuning at Acme, for MOTools",
        folders=("every", "service", "training"),
    ),
    "eval": Kind(
        group="motools.evals.v1",
        value="evals:AcmeEvalBackend",
        summary="Evaluations at Acme, for MOTools",
        folders=("every", "service", "eval"),
    ),
    "middleware": Kind(
        group="motools.middleware.v1",
        value="layer:AcmeTrainingLayer",
        summary="A layer around the backends of MOTools",
        folders=("every", "middleware"),
    ),
    "cache": Kind(
        group="motools.cache.v1",
        value="store:AcmeStore",
        summary="A store of paid work for MOTools",
        folders=("every", "cache"),
    ),
}


def write_plugin(naming: Naming, kind: str, directory: Path) -> list[str]:
    """Write a distribution into a directory, all of it or nothing, and return its files' paths in there.

    Raises `UsageError` where the directory exists and holds anything: nothing is ever overwritten.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(
            f"{directory} is there already, and nothing is overwritten. Name another place with --directory."
        )
    texts = dict(sorted(rendered(naming, KINDS[kind])))
    directory.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        beside.chmod(0o755)
        for place, text in texts.items():
            path = beside / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if directory.exists():
            directory.rmdir()
        beside.rename(directory)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return list(texts)


def rendered(naming: Naming, kind: Kind) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file; a path may come twice, and the last one holds."""
    words = {
        "SUMMARY OF IT": kind.summary.replace("Acme", naming.class_prefix),
        "motools.KIND.v1": kind.group,
        "MODULE:CLASS": kind.value.replace("Acme", naming.class_prefix),
        "motools-acme": naming.distribution,
        "motools_acme": naming.package,
        "ACME": naming.variable_prefix,
        "Acme": naming.class_prefix,
        "acme": naming.name,
    }
    pattern = re.compile("|".join(map(re.escape, words)))

    def in_its_words(text: str) -> str:
        return pattern.sub(lambda found: words[found[0]], text)

    for folder in kind.folders:
        for place, text in _templates(files("motools.scaffold") / "templates" / folder):
            yield in_its_words(place), in_its_words(text)


def _templates(directory: Traversable, above: str = "") -> Iterator[tuple[str, str]]:
    for each in directory.iterdir():
        name = re.sub(r"^dot-", ".", each.name)
        if each.is_dir():
            yield from _templates(each, f"{above}{name}/")
        elif name.endswith(SUFFIX):
            yield above + name.removesuffix(SUFFIX), each.read_text(encoding="utf-8")


__all__ = ["KINDS", "write_plugin"]
