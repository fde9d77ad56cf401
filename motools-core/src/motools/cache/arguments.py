"""Whether a backend takes the arguments that it is to be called with, asked before the call is paid for.

A wrong one would else be found in the middle of it, behind the layers, where nobody can tell whether anything was
started.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from math import inf
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from motools.errors import SettingError, SpecError, nearest
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_PLACE = {"train": ("dataset", "model", "hyperparameters", "suffix"), "evaluate": ("model_id", "eval_suite")}
"""What every backend is called with, in this order."""
ALWAYS_GIVEN = frozenset({*BY_PLACE["train"], *BY_PLACE["evaluate"], "ticket"})
"""What the contract has every backend called with."""


class Taken(NamedTuple):
    """What a method takes."""

    keywords: Mapping[str, bool]
    """With whether each has to be given."""
    takes_any: bool
    """Whether it takes any other keyword."""
    places: float
    """How many arguments it takes without a keyword."""


def check_arguments(backend: Any, verb: str, given: Mapping[str, Any]) -> None:
    """Raise `SettingError` for a keyword that neither a layer nor the backend inside takes, and for one that it needs.

    Raises `SpecError` for a backend that cannot be called as the contract has it.
    """
    *layers, plugin = _from_outside(backend)
    taken = _taken(getattr(plugin, verb))
    known = set(taken.keywords).union(*(_taken(getattr(layer, verb)).keywords for layer in layers)) - ALWAYS_GIVEN
    who = f"The {plugin.name or type(plugin).__name__} backend"
    if taken.places < len(BY_PLACE[verb]):
        raise SpecError(
            f"{who} cannot be called: its {verb}() takes {taken.places:g} of the arguments {', '.join(BY_PLACE[verb])}. That is "
            "a fault of the plugin; nothing was started."
        )
    if not taken.takes_any:
        for name in given.keys() - known - ALWAYS_GIVEN:
            near = nearest(name, sorted(known))
            meant = f" Did you mean {near!r}?" if near else ""
            there = ", ".join(sorted(known)) or "none"
            raise SettingError(f"{who} takes no argument {name!r} in {verb}().{meant} There are: {there}.")
    is_passed_on = all(getattr(layer, verb).__module__.startswith("motools.") for layer in layers)
    for name, is_needed in taken.keywords.items():
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


def _taken(method: Any) -> Taken:
    function = getattr(method, "__func__", None)
    return _read(method) if function is None else _of_function(function)


@lru_cache(maxsize=256)
def _of_function(function: Any) -> Taken:
    """Return what a function takes as a method; kept, because reading a signature costs more than a layer does."""
    return _read(MethodType(function, object()))


def _read(method: Any) -> Taken:
    keywords, takes_any, places = {}, False, 0.0
    for parameter in inspect.signature(method, follow_wrapped=False).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_any = True
        elif parameter.kind is parameter.VAR_POSITIONAL:
            places = inf
        elif parameter.kind is parameter.POSITIONAL_ONLY:
            places += 1
        else:
            is_by_keyword = parameter.kind is parameter.KEYWORD_ONLY
            places += not is_by_keyword
            keywords[parameter.name] = is_by_keyword and parameter.default is parameter.empty
    return Taken(keywords, takes_any, places)


__all__ = ["check_arguments", "takes_ticket"]
