"""Every evaluation backend by its class: those of motools-core, and those of whatever plugins are installed.

    from motools.evals.backends import InspectEvalBackend, InspectEvalJob, InspectEvalResults

    EvalBackend, EvalJob, EvalResults                            the base classes
    CachedEvalBackend, CachedEvalJob                             the record of paid work around any backend
    DummyEvalBackend, DummyEvalJob                               a stand-in for a framework
    InspectEvalBackend, InspectEvalJob, InspectEvalResults       with motools-inspect

A plugin's class has the name that its entry point gives it, and XEvalJob and XEvalResults are found beside
XEvalBackend. A name imports its own plugin and no other; one whose plugin is missing raises an ImportError that says
what to install. `dir()` and `__all__` list what is installed. To a type checker the classes of plugins are `Any`: core
names no plugin's module, and `motools.get_eval_backend` is typed.
"""

from __future__ import annotations

from motools.evals.base import EvalBackend, EvalJob, EvalResults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from motools.evals.backends.cached import CachedEvalBackend, CachedEvalJob
    from motools.evals.backends.dummy import DummyEvalBackend, DummyEvalJob

    __all__ = [
        "CachedEvalBackend",
        "CachedEvalJob",
        "DummyEvalBackend",
        "DummyEvalJob",
        "EvalBackend",
        "EvalJob",
        "EvalResults",
    ]

_BASES = {"EvalBackend": EvalBackend, "EvalJob": EvalJob, "EvalResults": EvalResults}
_MODULE_OF = {
    "CachedEvalBackend": "cached",
    "CachedEvalJob": "cached",
    "DummyEvalBackend": "dummy",
    "DummyEvalJob": "dummy",
}


def __getattr__(name: str) -> Any:
    """Import a class where it is first used."""
    if name in _MODULE_OF:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    from motools.plugins.gateway import find_name, installed_names

    if name == "__all__":
        return sorted({*_BASES, *_MODULE_OF, *installed_names("eval")})
    return find_name(__name__, "eval", name)


def __dir__() -> list[str]:
    """List what can be imported from here, whether it has been or not."""
    return sorted({*globals(), *__getattr__("__all__")})
