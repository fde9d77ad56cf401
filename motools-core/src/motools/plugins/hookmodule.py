"""What is wrong with the hooks of a module: those that nobody would ever call, or not as their author meant."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from motools.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from pluggy import PluginManager

ANSWERED = frozenset({"motools_resolve_model"})
"""The hooks whose answer is wanted at once, so that nobody awaits it."""


def faults(module: ModuleType, manager: PluginManager) -> Iterator[str]:
    """Yield each as a sentence without its subject. Raises whatever looking into the module raises."""
    arguments = {name: _arguments(manager, name) for name in vars(manager.hook) if name.startswith("motools_")}
    for attribute in dir(module):
        options = manager.parse_hookimpl_opts(module, attribute)
        if options is None:
            if attribute in arguments or _is_almost(attribute, vars(module).get(attribute), arguments):
                yield f"its {attribute!r} is not marked with @motools.hookimpl, and would never be called."
            continue
        name = options.get("specname") or attribute
        if name not in arguments and not options.get("optionalhook"):
            near = nearest(name, list(arguments))
            meant = f" Did you mean {near!r}?" if near else ""
            yield f"there is no hook {name!r}.{meant} Known: {', '.join(arguments)}."
        if options.get("wrapper") or options.get("hookwrapper"):
            yield f"its {name!r} is a wrapper: listeners and answers stand side by side here."
        yield from _of_function(getattr(module, attribute), name, arguments.get(name, ()))


def _arguments(manager: PluginManager, hook: str) -> Sequence[str]:
    return list(inspect.signature(getattr(manager.hook, hook).spec.function).parameters)


def _is_almost(attribute: str, found: object, arguments: Mapping[str, Sequence[str]]) -> bool:
    """Whether what is not marked was meant as a hook: a function with nearly the name of one, and an argument of it."""
    if not attribute.startswith("motools_") or not inspect.isfunction(found):
        return False
    near = nearest(attribute, list(arguments))
    return near is not None and not set(arguments[near]).isdisjoint(inspect.signature(found).parameters)


def _of_function(function: Callable[..., Any], name: str, arguments: Sequence[str]) -> Iterator[str]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield f"its {name!r} is a generator, of which nothing would run: it must not yield."
    if name in ANSWERED and inspect.iscoroutinefunction(function):
        yield f"its {name!r} is a coroutine function, and its answer is wanted at once: write it without async."
    for parameter in inspect.signature(function).parameters.values():
        is_given = parameter.default is parameter.empty and parameter.kind is not parameter.KEYWORD_ONLY
        if parameter.name in arguments and not is_given:
            yield f"its {name!r} would not be given {parameter.name!r}: it must have no default and no * before it."


__all__ = ["faults"]
