"""The classes of saved runs and jobs.

A file names the backend it belongs to, and may name a class. Reading one must never import whatever module somebody
wrote into it: a class is taken only from the package of a backend that is installed (or configured, or in this program
already), and only if it is a run or a job.
"""

from __future__ import annotations

import sys
from importlib import import_module

from motools.errors import HandleError
from motools.plugins.catalogue import catalogue
from motools.plugins.loading import split_value
from motools.words import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RECORDED_IN = ("run_class", "job_class", "handle_class")


def handle_class(fields: Mapping[str, Any], kind: str) -> type[Any]:
    """Return the class whose `load` reads a handle with these fields: the cached wrapper's where it has a key."""
    if "key" not in fields:
        return own_class(fields, kind)
    if kind == "training":
        from motools.training.backends.cached import CachedTrainingRun

        return CachedTrainingRun
    from motools.evals.backends.cached import CachedEvalJob

    return CachedEvalJob


def own_class(fields: Mapping[str, Any], kind: str) -> type[Any]:
    """Return the plugin's own class for a handle with these fields.

    That is the recorded one (`run_class`, `job_class` or `handle_class`: "module:Class"), else the `run_type` or
    `job_type` that the backend declares, else the XRun or XJob beside XBackend. Raises `HandleError` where there is
    none or it may not be used, and what `find_class` raises where the backend cannot be.
    """
    name = str(fields.get("backend"))
    backend_class = backend_class_of(name, kind)
    recorded = next((fields[key] for key in RECORDED_IN if fields.get(key)), None)
    if recorded is not None:
        return _recorded(str(recorded), backend_class, kind)
    declared = getattr(backend_class, "run_type" if kind == "training" else "job_type", None)
    found = declared or _beside(backend_class, kind)
    if found is None:
        raise HandleError(
            f"The saved {_noun(kind)} of backend {name!r} cannot be loaded: {backend_class.__qualname__} declares no "
            f"{'run_type' if kind == 'training' else 'job_type'}."
        )
    return _checked(found, f"{found.__module__}:{found.__qualname__}", kind)


def backend_class_of(name: str, kind: str) -> type[Any]:
    """Return the class of a backend as records name it: by an entry point's or configured name, or by a path.

    A path is followed only into what is installed or imported already: a record does not decide what code runs.
    """
    if ":" not in name:
        present = catalogue()
        return present.load_class(present.choose(name, kind))
    for offer in catalogue().backends(kind):
        if offer.value == name and offer.status == "ok":
            return catalogue().load_class(offer)
    module, attribute = split_value(name)
    found = _attribute(sys.modules.get(module), attribute)
    if not isinstance(found, type):
        raise HandleError(
            f"The saved {_noun(kind)} belongs to {name}, which no installed plugin offers. "
            f"Import {module!r} before loading it, or name the class under [plugins.backends] in motools.toml."
        )
    return found


def _recorded(path: str, backend_class: type, kind: str) -> type[Any]:
    module, attribute = split_value(path)
    package = backend_class.__module__.partition(".")[0]
    if module.partition(".")[0] != package:
        raise HandleError(
            f"The saved {_noun(kind)} names the class {path}, which is not of the package {package!r} of its backend. "
            "It is not imported: a file does not decide what code runs."
        )
    try:
        found = _attribute(import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise HandleError(
            f"The saved {_noun(kind)} names the class {path}, which cannot be imported: {said(error)}"
        ) from error
    return _checked(found, path, kind)


def _checked(found: Any, path: str, kind: str) -> type[Any]:
    from motools.evals.base import EvalJob
    from motools.training.base import TrainingRun

    base = TrainingRun if kind == "training" else EvalJob
    if not isinstance(found, type) or not issubclass(found, base):
        raise HandleError(f"The saved {_noun(kind)} names {path}, which is not a subclass of motools.{base.__name__}.")
    return found


def _beside(backend_class: type, kind: str) -> Any:
    stem = backend_class.__qualname__.removesuffix("Backend")
    return _attribute(sys.modules.get(backend_class.__module__), stem + ("Run" if kind == "training" else "Job"))


def _attribute(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = getattr(found, name, None)
    return found


def _noun(kind: str) -> str:
    return "run" if kind == "training" else "job"


__all__ = ["backend_class_of", "handle_class", "own_class"]
