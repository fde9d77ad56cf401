"""Making a backend from its class and its options, which come from motools.toml and from the caller."""

from __future__ import annotations

from motools.errors import MotoolsError, PluginBroken, SettingError, nearest
from motools.words import said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from inspect import Parameter, Signature
    from typing import Any

    from motools.middleware.chain import Chain
    from motools.plugins.registry import Resolved
    from motools.settings import Setting

TABLE_KEYS = ("use", "middleware")
"""What a `[backends.NAME]` table holds besides the options of the backend and its layers."""


def construct(found: Resolved, given: Mapping[str, Any], place: str, chain: Chain) -> Any:
    """Return an instance with its layers around it, with the options of its table and above them those given.

    Raises `SettingError` for an unknown option (with the nearest known one), a missing one or a wrong value; what else
    the constructor raises becomes `PluginBroken` with the cause chained.
    """
    from_table = {key: value for key, value in found.table.items() if key not in TABLE_KEYS}
    who = f"Backend {found.name!r}" + (f" ({place})" if any(key not in given for key in from_table) else "")
    options = from_table | dict(given)
    of_layers = chain.take(options, given, named_options(found.backend_class)) if options else {}
    checked = check_options(found.backend_class, options, who, also=chain.option_names)
    return chain.around(_made(found.backend_class, found.name, checked, who), of_layers, who)


def _made(backend_class: type, name: str, options: Mapping[str, Any], who: str) -> Any:
    """Return an instance, named where its class is not."""
    try:
        backend = backend_class(**options)
    except (KeyboardInterrupt, MotoolsError):
        raise
    except BaseException as error:  # a constructor that calls sys.exit() must not end the program either
        _explain_missing(backend_class, options, who, error)
        origin = f"{backend_class.__module__}:{backend_class.__qualname__}"
        reason = f"its constructor raised {said(error)}"
        raise PluginBroken(name, "constructor", origin, reason) from error
    if not backend.name:
        backend.name = name
    return backend


def check_options(
    backend_class: type, options: Mapping[str, Any], who: str, *, also: Callable[[], Sequence[str]] = tuple
) -> dict[str, Any]:
    """Return the options in their declared types.

    Known are those of `Settings.Options`, where the class declares it, and the constructor's parameters: a parameter
    that is not declared (an injected client, say) can be given but is not checked. A message about one that is not
    known names those of `also`, the layers', as well.
    """
    declaration = _declaration(backend_class)
    if declaration is None and (not options or _takes_any(backend_class)):
        return dict(options)
    known = named_options(backend_class)
    for option in options:
        if option not in known:
            raise _unknown(option, known, list(also()), who)
    if declaration is None:
        return dict(options)
    from motools.settings import check

    fields = [setting.name for setting in declared_settings(backend_class) or ()]
    ours = {key: value for key, value in options.items() if key in fields}
    checked = check(declaration, ours, who=who, what="option")
    return {key: getattr(checked, key) if key in ours else value for key, value in options.items()}


def _declaration(backend_class: type, part: str = "Options") -> type[Any] | None:
    declaration: type[Any] | None = getattr(getattr(backend_class, "Settings", None), part, None)
    return declaration


def declared_settings(backend_class: type, part: str = "Options") -> list[Setting] | None:
    """Return what a backend's class declares under a name in its `Settings`, None for nothing.

    Raises `PluginBroken` where that cannot be read.
    """
    declaration = _declaration(backend_class, part)
    if declaration is None:
        return None
    from motools.settings import declared

    try:
        return list(declared(declaration))
    except Exception as error:
        origin = f"{backend_class.__module__}:{backend_class.__qualname__}"
        reason = f"its Settings cannot be read: {said(error)}"
        raise PluginBroken(getattr(backend_class, "name", "") or origin, "settings", origin, reason) from error


def named_options(backend_class: type) -> list[str]:
    """Return the options that a backend's class names, in its declaration or among its constructor's parameters."""
    names = [setting.name for setting in declared_settings(backend_class) or ()]
    parameters = _parameters(backend_class) or []
    names += [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    return list(dict.fromkeys(names))


def _takes_any(backend_class: type) -> bool:
    parameters = _parameters(backend_class)
    return parameters is None or any(each.kind is each.VAR_KEYWORD for each in parameters)


def _parameters(backend_class: type) -> list[Parameter] | None:
    signature = signature_of(backend_class)
    return None if signature is None else [each for each in signature.parameters.values() if each.name != "self"]


def signature_of(backend_class: type) -> Signature | None:
    """Return the constructor's signature, or None where it cannot be known."""
    from inspect import signature

    try:
        return signature(backend_class)
    except (TypeError, ValueError):
        return None


def _unknown(option: str, known: Sequence[str], of_layers: Sequence[str], who: str) -> SettingError:
    near = nearest(str(option), [*known, *of_layers, *TABLE_KEYS])
    meant = f" Did you mean {near!r}?" if near else ""
    more = f"; of its layers: {', '.join(of_layers)}" if of_layers else ""
    return SettingError(f"{who} has no option {option!r}.{meant} Known: {', '.join(known) or 'none'}{more}.")


def _explain_missing(backend_class: type, options: Mapping[str, Any], who: str, error: BaseException) -> None:
    """Raise the `SettingError` that says which option is missing, where that is what a constructor's TypeError means."""
    signature = signature_of(backend_class) if isinstance(error, TypeError) else None
    if signature is None:
        return
    try:
        signature.bind(**options)
    except TypeError as mismatch:
        raise SettingError(
            f"{who} cannot be made: {mismatch}. Give it as get_backend({who.split()[1]}, …=…)."
        ) from error


__all__ = ["TABLE_KEYS", "check_options", "construct", "declared_settings", "named_options", "signature_of"]
