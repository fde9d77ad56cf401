"""Whether a backend takes the arguments that it is to be called with, asked before the call is paid for.

A wrong one would else be found in the middle of it, behind the layers, where nobody can tell whether anything was
started.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from types import MethodType
from typing import TYPE_CHECKING, Any

from motools.errors import SettingError, nearest
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Mapping

ALWAYS_GIVEN = frozenset({"dataset", "model", "hyperparameters", "suffix", "model_id", "eval_suite", "ticket"})
"""What the contract has every backend called with."""


def check_arguments(backend: Any, verb: str, given: Mapping[str, Any]) -> None:
    """Raise `SettingError` for a keyword that neither a layer nor the backend inside takes, and for one that it needs."""
    *layers, plugin = _from_outside(backend)
    taken, takes_any = _keywords(getattr(plugin, verb))
    known = set(taken).union(*(_keywords(getattr(layer, verb))[0] for layer in layers)) - ALWAYS_GIVEN
    who = f"The {plugin.name or type(plugin).__name__} backend"
    if not takes_any:
        for name in given.keys() - known - ALWAYS_GIVEN:
            near = nearest(name, sorted(known))
            meant = f" Did you mean {near!r}?" if near else ""
            there = ", ".join(sorted(known)) or "none"
            raise SettingError(f"{who} takes no argument {name!r} in {verb}().{meant} There are: {there}.")
    is_passed_on = all(getattr(layer, verb).__module__.startswith("motools.") for layer in layers)
    for name, is_needed in taken.items():
        if is_needed and is_passed_on and name not in given:  # a layer of somebody else's may add it
            raise SettingError(f"{who} needs {name!r} in {verb}().")


def takes_ticket(backend: Any) -> bool:
    """Whether a backend's or a layer's `train` or `evaluate` takes the keyword `ticket`."""
    declared: bool | None = backend.takes_ticket
    return Capability.FIND in backend.capabilities if declared is None else declared


def _from_outside(backend: Any) -> list[Any]:
    """Return the layers of a backend, and the plugin's own backend last."""
    from motools.evals.middleware import EvalMiddleware
    from motools.training.middleware import TrainingMiddleware

    found = [backend]
    while isinstance(found[-1], (TrainingMiddleware, EvalMiddleware)):
        found.append(found[-1]._backend)
    return found


def _keywords(method: Any) -> tuple[Mapping[str, bool], bool]:
    """Return the keywords of a method, with whether each has to be given, and whether it takes any other."""
    function = getattr(method, "__func__", None)
    return _read(method) if function is None else _of_function(function)


@lru_cache(maxsize=256)
def _of_function(function: Any) -> tuple[Mapping[str, bool], bool]:
    """Return what a function takes as a method; kept, because reading a signature costs more than a layer does."""
    return _read(MethodType(function, object()))


def _read(method: Any) -> tuple[Mapping[str, bool], bool]:
    taken, takes_any = {}, False
    for parameter in inspect.signature(method, follow_wrapped=False).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_any = True
        elif parameter.kind in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            is_needed = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
            taken[parameter.name] = is_needed
    return taken, takes_any


__all__ = ["check_arguments", "takes_ticket"]
