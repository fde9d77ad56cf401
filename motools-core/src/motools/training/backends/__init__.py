"""Every training backend by its class: those of motools-core, and those of whatever plugins are installed.

    from motools.training.backends import OpenAITrainingBackend, OpenAITrainingRun

    TrainingBackend, TrainingRun                the base classes
    CachedTrainingBackend, CachedTrainingRun    the record of paid work around any backend
    DummyTrainingBackend, DummyTrainingRun      a stand-in for a service
    OpenAITrainingBackend, OpenAITrainingRun    with motools-openai
    TinkerTrainingBackend, TinkerTrainingRun    with motools-tinker
    LocalTrainingBackend, LocalTrainingRun      with motools-local

A plugin's class has the name that its entry point gives it, and XTrainingRun is found beside XTrainingBackend. A name
imports its own plugin and no other; one whose plugin is missing raises an ImportError that says what to install.
`dir()` and `__all__` list what is installed. To a type checker the classes of plugins are `Any`: core names no plugin's
module, and `motools.get_training_backend` is typed.
"""

from __future__ import annotations

from motools.training.base import TrainingBackend, TrainingRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from motools.training.backends.cached import CachedTrainingBackend, CachedTrainingRun
    from motools.training.backends.dummy import DummyTrainingBackend, DummyTrainingRun

    __all__ = [
        "CachedTrainingBackend",
        "CachedTrainingRun",
        "DummyTrainingBackend",
        "DummyTrainingRun",
        "TrainingBackend",
        "TrainingRun",
    ]

_BASES = {"TrainingBackend": TrainingBackend, "TrainingRun": TrainingRun}
_MODULE_OF = {
    "CachedTrainingBackend": "cached",
    "CachedTrainingRun": "cached",
    "DummyTrainingBackend": "dummy",
    "DummyTrainingRun": "dummy",
}


def __getattr__(name: str) -> Any:
    """Import a class where it is first used."""
    if name in _MODULE_OF:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    from motools.plugins.gateway import find_name, installed_names

    if name == "__all__":
        return sorted({*_BASES, *_MODULE_OF, *installed_names("training")})
    return find_name(__name__, "training", name)


def __dir__() -> list[str]:
    """List what can be imported from here, whether it has been or not."""
    return sorted({*globals(), *__getattr__("__all__")})
