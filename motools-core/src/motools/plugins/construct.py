"""Making a backend from its class and its options, which come from motools.toml and from the caller."""

from __future__ import annotations

from motools.errors import MotoolsError, PluginBroken, SettingError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from inspect import Signature
    from typing import Any

TABLE_KEYS = ("use", "middleware")
"""What a `[backends.NAME]` table holds besides the options of the backend."""


def construct(backend_class: type, name: str, table: Mapping[str, Any], given: Mapping[str, Any], place: str) -> Any:
    """Return an instance with the options of the table, and above them those given, named where its class is not.

    Raises `SettingError` for an unknown option (with the nearest known one), a missing one or a wrong value; what else
    the constructor raises becomes `PluginBroken` with the cause chained.
    """
    from_table = {key: value for key, value in table.items() if key not in TABLE_KEYS}
    who = f"Backend {name!r}" + (f" ({place})" if any(key not in given for key in from_table) else "")
    options = check_options(backend_class, from_table | dict(given), who)
    try:
        backend = backend_class(**options)
    except MotoolsError:
        raise
    except Exception as error:
        _explain_missing(backend_class, options, who, error)
        origin = f"{backend_class.__module__}:{backend_class.__qualname__}"
        reason = f"its constructor raised {type(error).__name__}: {error}"
        raise PluginBroken(name, "constructor", origin, reason) from error
    if not backend.name:
        backend.name = name
    return backend


def check_options(backend_class: type, options: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return the options in their declared types.

    Known are those of `Settings.Options`, where the class declares it, and the constructor's parameters: a parameter
    that is not declared (an injected client, say) can be given but is not checked.
    """
    settings = getattr(backend_class, "Settings", None)
    declaration = getattr(settings, "Options", None)
    if not options and declaration is None:
        return {}
    signature = signature_of(backend_class)
    parameters = [] if signature is None else [each for each in signature.parameters.values() if each.name != "self"]
    named = [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    if declaration is None:
        takes_any = signature is None or any(each.kind is each.VAR_KEYWORD for each in parameters)
        if not takes_any:
            _refuse_unknown(options, named, who)
        return dict(options)
    from motools.settings import check, declared

    fields = [setting.name for setting in declared(declaration)]
    _refuse_unknown(options, [*fields, *(each for each in named if each not in fields)], who)
    ours = {key: value for key, value in options.items() if key in fields}
    checked = check(declaration, ours, who=who, what="option")
    return {key: getattr(checked, key) if key in ours else value for key, value in options.items()}


def signature_of(backend_class: type) -> Signature | None:
    """Return the constructor's signature, or None where it cannot be known."""
    from inspect import signature

    try:
        return signature(backend_class)
    except (TypeError, ValueError):
        return None


def _refuse_unknown(options: Mapping[str, Any], known: list[str], who: str) -> None:
    for option in options:
        if option not in known:
            near = nearest(str(option), known)
            meant = f" Did you mean {near!r}?" if near else ""
            raise SettingError(f"{who} has no option {option!r}.{meant} Known: {', '.join(known) or 'none'}.")


def _explain_missing(backend_class: type, options: Mapping[str, Any], who: str, error: Exception) -> None:
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


__all__ = ["TABLE_KEYS", "check_options", "construct", "signature_of"]
