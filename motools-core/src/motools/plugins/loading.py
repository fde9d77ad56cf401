"""Importing what a plugin's value names, so that a plugin which fails to import fails alone."""

from __future__ import annotations

import sys

from motools.errors import PluginBroken
from motools.plugins.watching import Ended, Watch
from motools.words import is_a, said, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from motools.plugins.origin import Offer


def split_value(value: str) -> tuple[str, str]:
    """Return the module and the attribute that an entry point's value names; the attribute may be empty."""
    module, _, attribute = value.partition("[")[0].partition(":")
    return module.strip(), attribute.strip()


def import_value(offer: Offer) -> Any:
    """Import what an offer names. Raises `PluginBroken`, whatever the plugin's module raised, with the cause chained."""
    module_name, attribute = split_value(offer.value)
    try:
        with Watch(offer):
            __import__(module_name)
        found: Any = sys.modules[module_name]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin that calls sys.exit() when imported must not end the program either
        raise broken(offer, _import_failure(module_name, error)) from error
    for name in attribute.split(".") if attribute else ():
        try:
            found = getattr(found, name)
        except AttributeError as error:
            raise broken(offer, f"module {module_name!r} has no {attribute!r}.") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # of a module's own __getattr__
            raise broken(offer, f"{attribute!r} of module {module_name!r} raised {said(error)}") from error
    return found


def import_class(offer: Offer, base: type) -> type[Any]:
    """Import the class that an offer names. Raises `PluginBroken` where it is no usable subclass of `base`."""
    found: type[Any] = import_value(offer)
    if not is_a(found, type):
        raise broken(offer, f"{offer.value} is not a class but of type {type(found).__name__}.")
    if not issubclass(found, base):
        raise broken(offer, f"{offer.value} is not a subclass of motools.{base.__name__}.")
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise broken(offer, f"{offer.value} does not implement {', '.join(missing)}.")
    return found


def broken(offer: Offer, reason: str) -> PluginBroken:
    """Return the error that names a plugin, its distribution and what is wrong with it."""
    return PluginBroken(offer.name, offer.group, offer.origin, reason)


def _import_failure(module_name: str, error: BaseException) -> str:
    """Tell a module that is not there from a dependency that is not, and both from a bug."""
    if isinstance(error, SystemExit):
        call = "os._exit" if is_a(error, Ended) else "sys.exit"
        return f"its module {module_name!r} called {call}({shown(error.code)}) when it was imported."
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and (module_name == missing or module_name.startswith(missing + ".")):
        return f"its module {module_name!r} does not exist."
    if missing and missing.partition(".")[0] != module_name.partition(".")[0]:
        return f"it needs the module {missing!r}, which is not installed. `pip check` says what an installation lacks."
    return f"importing {module_name!r} raised {said(error)}"


__all__ = ["broken", "import_class", "import_value", "split_value"]
