"""The variables that an evaluation runs with: those of the process, and those of the `.env` file that Inspect reads.

Inspect reads the nearest `.env`, in the working directory or above it, when it begins to evaluate. A worker does so before
it builds anything, for tasks and graders read them too; and whoever makes a cache key, to know which servers are asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG_DIR = "INSPECT_LOG_DIR"
OF_A_SESSION = [
    "COLORTERM",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "INSPECT_CACHE_DIR",
    "LINES",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "TERM",
    "TMUX",
    "TMUX_PANE",
    "WINDOWID",
    "XDG_RUNTIME_DIR",
    "_",
]
OF_A_SESSION_BY_PREFIX = ("MOTOOLS_", "PYTEST_", "SSH_", "TERM_", "XDG_SESSION_")
"""What belongs to a terminal, where answers are kept, and what motools reads when it is used."""
OF_VSCODE = ("VSCODE_IPYTHON_KERNEL", "VSCODE_CLI_REQUIRE_TOKEN", "VSCODE_PID", "VSCODE_CWD")


def variables(directory: str | None = None) -> Mapping[str, str]:
    """Return the variables that an evaluation has which begins in a directory, by default in this one."""
    place = nearest_file(directory)
    if place is None:
        return os.environ
    from dotenv.main import DotEnv

    is_over = _goes_before()
    values = DotEnv(place, override=is_over, encoding="utf-8").dict()
    found = {name: value for name, value in values.items() if value is not None}
    return {**os.environ, **found} if is_over else {**found, **os.environ}


def load() -> None:
    """Take those variables over into this process."""
    os.environ.update(variables())


def fingerprint(environment: Mapping[str, str]) -> str:
    """Return what tells environments apart: all that a task or a module may read of them but what belongs to a terminal session."""
    read = sorted((name, value) for name, value in environment.items() if not _is_left_out(name))
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()


def _is_left_out(name: str) -> bool:
    return name in OF_A_SESSION or name.startswith(OF_A_SESSION_BY_PREFIX)


def log_directory() -> str | None:
    """Return where Inspect would put its logs (INSPECT_LOG_DIR), a path or a URL; None where nobody says so.

    A relative path leads from the working directory, and in the file from the file's folder.
    """
    given, place = variables().get(LOG_DIR), nearest_file()
    if not given or "://" in given:
        return given or None
    is_of_the_file = not os.environ.get(LOG_DIR)
    return str((Path(place).parent if place and is_of_the_file else Path.cwd()) / given)


def nearest_file(directory: str | None = None) -> str | None:
    """Return the file that counts in a directory, by default in this one, or None where none does."""
    if os.environ.get("PYTHON_DOTENV_DISABLED", "").casefold() in {"1", "true", "t", "yes", "y"}:
        return None
    try:
        here = Path(directory or Path.cwd())
    except FileNotFoundError:
        return None
    places = (folder / ".env" for folder in (here, *here.parents))
    return next((str(place) for place in places if place.is_file()), None)


def _goes_before() -> bool:
    """Whether the file counts for more than the process: so it is in VS Code, which has read an earlier state of it."""
    return os.environ.get("TERM_PROGRAM") == "vscode" or any(name in os.environ for name in OF_VSCODE)


__all__ = ["fingerprint", "load", "log_directory", "nearest_file", "variables"]
