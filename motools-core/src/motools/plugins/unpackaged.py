"""Backends that a motools.toml names itself: classes in modules beside the file, with no packaging."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

from motools.plugins.loading import broken, import_value, split_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from motools.plugins.origin import Offer


class _BesideConfig:
    """Finds modules in the directories of motools.toml files, after every other place.

    Last on `sys.meta_path`, so that a neighbour of the file hides nothing that is installed; and there to stay, so that
    the backend's module can import its neighbours late as well.
    """

    def __init__(self) -> None:
        self.directories: list[str] = []

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a top-level module, in the directory that was asked for last before others."""
        return PathFinder.find_spec(name, self.directories, target) if path is None else None


_finder = _BesideConfig()


def import_beside(offer: Offer, directory: str) -> Any:
    """Import what an offer names from the directory of its motools.toml, or from wherever it is installed.

    Raises `PluginBroken` as any import of a plugin does, and where a module of the same name from elsewhere came first.
    """
    _finder.directories = [directory, *(each for each in _finder.directories if each != directory)]
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)
    found = import_value(offer)
    package = split_value(offer.value)[0].partition(".")[0]
    here = PathFinder.find_spec(package, [directory])
    there = getattr(sys.modules.get(package), "__file__", None)
    if here and here.origin and there and os.path.realpath(here.origin) != os.path.realpath(there):
        raise broken(
            offer, f"{here.origin} is hidden by {there}, which has the same name. Rename the one that is yours."
        )
    return found


def kind_in_source(value: str, directory: str) -> str | None:
    """Tell from the text of a class statement what kind of backend it is, or None: listing must import nothing."""
    module, name = split_value(value)
    stem = os.path.join(directory, *module.split("."))  # noqa: PTH118  (pathlib costs as much as the scan)
    for path in (f"{stem}.py", os.path.join(stem, "__init__.py")):  # noqa: PTH118  (as above)
        try:
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  (as above)
                bases = file.read().partition(f"\nclass {name}(")[2].partition(")")[0]
        except OSError:
            continue
        kinds = [kind for word, kind in (("Training", "training"), ("Eval", "eval")) if word in bases]
        return kinds[0] if len(kinds) == 1 else None
    return None


__all__ = ["import_beside", "kind_in_source"]
