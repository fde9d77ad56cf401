"""Whether a directory that a saved handle names is one that this user's own motools made.

Waiting on detached work starts a worker on what its directory says, which is as good as running a program. A handle may
come from anywhere, so a directory that it names is used only inside the home, where nobody else can put one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from motools.config import home
from motools.errors import HandleError

if TYPE_CHECKING:
    from collections.abc import Sequence


def own_directory(directory: object, *, below: Sequence[str], handle: str | os.PathLike[str]) -> Path:
    """Return the directory of work that a handle names; it need not be there any more.

    Raises `HandleError` unless it is in that place `below` the home, and is this user's. `handle` is the handle's file.
    """
    name = os.fspath(handle)
    if not isinstance(directory, str) or not directory or "\0" in directory:
        raise HandleError(f"{name}: 'directory' must be the path of a directory, not {directory!r}.")
    ours = home().joinpath(*below).resolve()
    try:
        place = Path(directory).resolve()
        owner = place.stat().st_uid if place.exists() else os.geteuid()
    except (OSError, RuntimeError) as error:
        raise HandleError(f"{name}: its directory {directory} cannot be looked at: {error}.") from error
    if place.parent != ours:
        raise HandleError(
            f"{name}: its directory {directory} is not in {ours}, where the work of this MOTOOLS_HOME is. "
            f"{_another_home(place, below)}"
        )
    if owner != os.geteuid():
        raise HandleError(
            f"{name}: its directory {directory} belongs to another user (uid {owner}), who can change it."
        )
    return place


def _another_home(place: Path, below: Sequence[str]) -> str:
    """Say which home work belongs to, as far as its path tells."""
    if place.parent.parts[-len(below) :] != tuple(below):
        return "Loading it would run what it says, so load a handle that was saved from this home."
    return f"It belongs to another one: if that is yours, set MOTOOLS_HOME={place.parents[len(below)]}."


__all__ = ["own_directory"]
