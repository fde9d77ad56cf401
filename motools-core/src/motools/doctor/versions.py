"""Whether Python, motools-core, the plugins and what they are built on fit together, by their metadata."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import motools
from motools.doctor.findings import Finding, Level
from motools.errors import OFFICIAL_DISTRIBUTIONS
from motools.plugins.catalogue import catalogue
from motools.plugins.discovery import canonical, scan
from motools.plugins.provenance import provenance
from motools.plugins.requirements import Requirement, requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC = "versions"
CORE = "motools-core"
OLDEST = (3, 11)


def examine_versions() -> Iterator[Finding]:
    """Yield what is installed, and what does not fit."""
    yield _python()
    yield from _core()
    for name in _distributions():
        yield from _needs_of(name)


def _python() -> Finding:
    said = f"Python {platform.python_version()} at {sys.executable}"
    if sys.version_info >= OLDEST:
        return Finding(topic=TOPIC, what=said)
    wanted = ".".join(map(str, OLDEST))
    return Finding(
        topic=TOPIC, level=Level.PROBLEM, what=f"{said} is too old.", remedy=f"Use Python {wanted} or a later one."
    )


def _core() -> Iterator[Finding]:
    present = _find(CORE)
    place = os.path.dirname(motools.__file__ or "")  # noqa: PTH120  (shown as it is)
    if present is None:
        yield Finding(
            topic=TOPIC,
            level=Level.PROBLEM,
            what=f"motools is imported from {place}, and no distribution {CORE} is installed: its commands, plugins and "
            "version are unknown.",
            remedy=f"Install it into this environment: {sys.executable} -m pip install {CORE}",
        )
        return
    version, (origin, _) = present.version, provenance(_place_of(present))
    if version != motools.__version__:
        yield Finding(
            topic=TOPIC,
            level=Level.PROBLEM,
            what=f"what is imported from {place} is {CORE} {motools.__version__}, and what is installed is {version}.",
            remedy="Two of them are mixed. Uninstall it until nothing is left, and install it once.",
        )
    else:
        yield Finding(topic=TOPIC, what=f"{CORE} {version} ({origin}) at {place}")
    places = [_place_of(each) for each in metadata.distributions(name=CORE)]
    if len(set(places)) > 1:
        yield Finding(
            topic=TOPIC,
            level=Level.PROBLEM,
            what=f"{CORE} is installed {len(set(places))} times: {', '.join(dict.fromkeys(places))}.",
            remedy="The first counts. Uninstall the others, or leave their directory out of PYTHONPATH.",
        )


def _distributions() -> list[str]:
    """Return the distributions that have to do with us: those with entry points of ours, and ours."""
    present = {entry.distribution for entry in scan(catalogue().path if _is_configured() else None)}
    ours = {name for name in OFFICIAL_DISTRIBUTIONS.values() if _find(name) is not None}
    return sorted((present | ours) - {CORE})


def _is_configured() -> bool:
    from motools.errors import ConfigError

    try:
        catalogue()
    except ConfigError:
        return False
    return True


def _needs_of(name: str) -> Iterator[Finding]:
    """Yield what one distribution needs and has, and what it needs and has not."""
    distribution = _find(name)
    if distribution is None:
        return
    wanted = list(_requirements(distribution))
    version = _version_of(distribution)
    fitting = []
    for each in wanted:
        found = _find(each.name)
        has = None if found is None else _version_of(found)
        if has is None and each.is_conditional:
            continue
        if has is not None and each.allows(has):
            fitting.append(f"{each.name} {has}")
        elif not each.is_conditional:
            yield _misfit(name, version, each, has)
    with_what = f" with {', '.join(dict.fromkeys(fitting))}" if fitting else ""
    yield Finding(topic=TOPIC, what=f"{name} {version}{with_what}")


def _requirements(distribution: metadata.Distribution) -> Iterator[Requirement]:
    for line in distribution.requires or ():
        if (found := requirement(line)) is not None:
            yield found


def _misfit(name: str, version: str, wanted: Requirement, has: str | None) -> Finding:
    installed = "it is not installed" if has is None else f"{has} is installed"
    remedy = f"Install a version of {name} and one of {wanted.name} that fit; `pip check` lists all that do not."
    if name in OFFICIAL_DISTRIBUTIONS.values():
        remedy = f"Let pip choose what fits: {sys.executable} -m pip install -U {CORE} {name}"
    return Finding(
        topic=TOPIC,
        level=Level.PROBLEM,
        what=f"{name} {version} needs {wanted.name} {wanted.specifier}".rstrip() + f", and {installed}.",
        remedy=remedy,
    )


def _find(name: str) -> metadata.Distribution | None:
    """Return an installed distribution; None for none, and for one whose metadata cannot be read."""
    try:
        found = metadata.distribution(name)
        return found if canonical(str(found.metadata["Name"])) == canonical(name) else None
    except (metadata.PackageNotFoundError, OSError, KeyError, TypeError, ValueError):
        return None


def _version_of(distribution: metadata.Distribution) -> str:
    return str(distribution.metadata["Version"] or "?")


def _place_of(distribution: metadata.Distribution) -> str:
    return str(getattr(distribution, "_path", ""))


__all__ = ["examine_versions"]
