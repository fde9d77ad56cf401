"""Requirements as metadata state them ("openai>=1.66,<3"), and whether a version meets them.

Versions are compared by their numbers, which is what the requirements of plugins are about; whatever else a version or a
requirement says (pre-releases, local parts, markers) is not judged, and holds.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motools.plugins.discovery import canonical

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;()@]*)\)?[^;]*(?:;(.*))?", re.DOTALL)
_CLAUSE = re.compile(r"(===|==|!=|>=|<=|~=|>|<)\s*([\w.*+!-]+)")
_RELEASE = re.compile(r"v?(?:\d+!)?(\d+(?:\.\d+)*)")
_COMPARISONS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A distribution that another one needs; `is_conditional` where it does only in some places, or with an extra."""

    name: str
    specifier: str
    is_conditional: bool

    def allows(self, version: str) -> bool:
        """Whether a version is among those that are asked for, by its numbers."""
        return all(_holds(version, comparison, bound) for comparison, bound in _CLAUSE.findall(self.specifier))


def requirement(text: str) -> Requirement | None:
    """Read one line of `Requires-Dist`; None where it is none."""
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        return None
    name, specifier, marker = found.groups()
    return Requirement(name=canonical(name), specifier=specifier.strip(), is_conditional=bool((marker or "").strip()))


def release(version: str) -> tuple[int, ...] | None:
    """Return the numbers that a version begins with, None where it begins with none."""
    found = _RELEASE.match(version)
    return tuple(map(int, found[1].split("."))) if found else None


def _holds(version: str, comparison: str, bound: str) -> bool:
    ours, theirs = release(version), release(bound)
    if ours is None or theirs is None:
        return True
    length = max(len(ours), len(theirs))
    padded = ours + (0,) * (length - len(ours))
    if comparison == "~=":
        return _holds(version, ">=", bound) and padded[: len(theirs) - 1] == theirs[:-1]
    if bound.endswith(".*"):
        return (padded[: len(theirs)] == theirs) == (comparison != "!=")
    return _COMPARISONS[comparison](padded, theirs + (0,) * (length - len(theirs)))


__all__ = ["Requirement", "release", "requirement"]
