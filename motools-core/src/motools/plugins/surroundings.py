"""What code that only defines things should leave as it was, and in which of it two moments differ.

Used in a process of its own: see `motools.plugins.probe`.
"""

from __future__ import annotations

import asyncio
import builtins
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType

WATCHED = (builtins, asyncio, os, socket, subprocess, sys, threading)
"""Modules whose functions and classes everybody shares."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOWN = 5
"""How many names a sentence lists."""


class Surroundings:
    """How things stand at the moment at which it is made."""

    def __init__(self) -> None:
        self.variables = dict(os.environ)
        self.shared = {name: value for module in WATCHED for name, value in _shared(module)}
        self.directory = _working_directory()
        self.path = list(sys.path)
        self.handlers = {each.name: signal.getsignal(each) for each in SIGNALS}
        self.threads = set(threading.enumerate())
        self.logging = (logging.root.level, list(logging.root.handlers))
        self.warnings = list(warnings.filters)
        self.finders = [each for each in sys.meta_path if not _is_ours(each)]
        self.loops = getattr(asyncio.events, "_event_loop_policy", None)

    def changes(self, before: Surroundings) -> list[tuple[str, str]]:
        """Say what is other than it was, as what somebody did ("removed the environment variable HOME"), each with its rule."""
        kinds = {
            "variables": self._of_variables(before.variables),
            "shared": self._of_shared(before.shared),
            "process": self._of_others(before),
        }
        return [(rule, sentence) for rule, sentences in kinds.items() for sentence in sentences]

    def _of_variables(self, before: Mapping[str, str]) -> Iterator[str]:
        """Name variables; what they hold may be secret."""
        changed = {
            "set": self.variables.keys() - before.keys(),
            "removed": before.keys() - self.variables.keys(),
            "changed": {name for name in before if self.variables.get(name, before[name]) != before[name]},
        }
        for verb, names in changed.items():
            if names:
                yield f"{verb} the environment variable{'s' * (len(names) > 1)} {_listed(sorted(names))}"

    def _of_shared(self, before: Mapping[str, Any]) -> Iterator[str]:
        replaced = [name for name, value in before.items() if self.shared.get(name) is not value]
        if replaced:
            yield f"replaced {_listed(replaced)}"

    def _of_others(self, before: Surroundings) -> Iterator[str]:
        if self.directory != before.directory:
            yield f"changed the working directory to {self.directory}"
        if added := [place for place in self.path if place not in before.path]:
            yield f"put {_listed(added)} on sys.path"
        if changed := [name for name, handler in before.handlers.items() if self.handlers[name] != handler]:
            yield f"took over the signal{'s' * (len(changed) > 1)} {_listed(changed)}"
        if started := [thread.name for thread in self.threads - before.threads]:
            yield f"left the thread{'s' * (len(started) > 1)} {_listed(sorted(started))} running"
        if self.logging != before.logging:
            yield "configured the root logger"
        if self.warnings != before.warnings:
            yield "changed which warnings are shown"
        if self.finders != before.finders:
            yield "changed how modules are found (sys.meta_path)"
        if self.loops is not before.loops:
            yield "set the policy of event loops"


def _is_ours(finder: Any) -> bool:
    """Whether it is what finds the modules beside a motools.toml."""
    return type(finder).__module__.partition(".")[0] == "motools"


def _shared(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the public functions and classes of a module by dotted name, the methods of its classes, and the streams of sys."""
    for name, value in vars(module).items():
        if name.startswith("_") and name not in {"__import__", "__build_class__"}:
            continue
        if callable(value) or (module is sys and name in {"stdin", "stdout", "stderr"}):
            yield f"{module.__name__}.{name}", value
        if isinstance(value, type) and value.__module__.partition(".")[0] == module.__name__:
            methods = ((method, found) for method, found in vars(value).items() if callable(found))
            yield from ((f"{module.__name__}.{name}.{method}", found) for method, found in methods)


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  (compared as text)
    except OSError:
        return None


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


__all__ = ["Surroundings"]
