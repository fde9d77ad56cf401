"""What a new plugin may be called, and what follows from that: its distribution, package, classes and variables."""

from __future__ import annotations

import re
from dataclasses import dataclass

from motools.errors import UsageError
from motools.middleware.layers import BUILT_IN as LAYERS
from motools.plugins.origin import RESERVED
from motools.plugins.stores import BUILT_IN as STORE

LONGEST = 40
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Naming:
    """A plugin's name, in every form in which its files write it."""

    name: str
    """What it is called by: `get_backend("my-service")`."""

    @property
    def distribution(self) -> str:
        """What is installed: `motools-my-service`."""
        return f"motools-{self.name}"

    @property
    def package(self) -> str:
        """What is imported: `motools_my_service`."""
        return self.distribution.replace("-", "_")

    @property
    def class_prefix(self) -> str:
        """What classes begin with: `MyService`."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def variable_prefix(self) -> str:
        """What environment variables begin with: `MY_SERVICE`."""
        return self.name.replace("-", "_").upper()


def naming(name: str, kind: str) -> Naming:
    """Return what a plugin of a kind would be called. Raises `UsageError` with the reason where it may not be."""
    bare = name.removeprefix("motools-")
    if reason := _objection(bare, kind):
        raise UsageError(f"A plugin cannot be called {name!r}: {reason}")
    return Naming(name=bare)


def _objection(name: str, kind: str) -> str:
    if not _NAME.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        meant = f" Perhaps {near!r}." if _NAME.fullmatch(near) else ""
        return f"a name is words of lower-case letters and digits with hyphens between them, and begins with a letter.{meant}"
    if len(name) > LONGEST:
        return f"it has {len(name)} characters, and {LONGEST} are the most."
    if name == "core":
        return "motools-core is what plugins are for."
    if name in RESERVED:
        return f"the name is reserved for {RESERVED[name]}."
    if kind == "middleware" and name in LAYERS:
        return f"a layer of that name comes with motools-core ({', '.join(LAYERS)} do)."
    if kind == "cache" and name == STORE:
        return "the store of that name comes with motools-core."
    return ""


__all__ = ["Naming", "naming"]
