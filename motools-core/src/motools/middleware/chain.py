"""From names to layers around a backend, the first listed outermost."""

from __future__ import annotations

from motools.errors import MotoolsError, SettingError, nearest
from motools.plugins import hooks
from motools.plugins.catalogue import base_of, catalogue
from motools.plugins.loading import broken, import_class
from motools.plugins.origin import NOUN_OF
from motools.plugins.unset import UNSET, Unset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, TypeAlias

    from motools.cache.base import CacheBackend
    from motools.events import Notify
    from motools.plugins.origin import Offer

    Layer: TypeAlias = "str | Callable[[Any], Any]"

DEFAULT = ("cache", "validate")
BUILT_IN = ("cache", "validate")


def wrap(
    backend: Any,
    kind: str,
    table: Mapping[str, Any],
    *,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
) -> Any:
    """Return the backend inside its layers: those given, else those of its table, else the default.

    Raises `SettingError` for a layer that does not exist and for a `cache` that no layer would use, and `PluginError`
    where a plugin that the configuration requires is absent.
    """
    layers = table.get("middleware", DEFAULT) if isinstance(middleware, Unset) else middleware
    if isinstance(layers, str):
        raise SettingError(f"middleware must be a list of layers, not the string {layers!r}. Write [{layers!r}].")
    if not isinstance(cache, Unset) and cache is not None and "cache" not in layers:
        raise SettingError(f"A cache was given, and the layers {list(layers)!r} use none. Add 'cache' to them.")
    notify = hooks.notifier()
    for layer in reversed(list(layers)):
        if layer == "cache":
            backend = _cached(backend, kind, cache, notify)
        elif layer == "validate":
            backend = _validated(backend, kind)
        elif isinstance(layer, str):
            backend = _third_party(backend, kind, layer)
        else:
            backend = _checked(layer(backend), kind, repr(layer))
    return backend


def _cached(backend: Any, kind: str, cache: CacheBackend | str | Unset | None, notify: Notify | None) -> Any:
    from motools.plugins.stores import open_store

    store = open_store(cache)
    if store is None:
        return backend
    if kind == "training":
        from motools.training.backends.cached import CachedTrainingBackend

        return CachedTrainingBackend(backend, store, notify=notify)
    from motools.evals.backends.cached import CachedEvalBackend

    return CachedEvalBackend(backend, store, notify=notify)


def _validated(backend: Any, kind: str) -> Any:
    """Wrap a training backend; an evaluation has no dataset of ours, so there is nothing to validate."""
    if kind != "training":
        return backend
    from motools.middleware.validate import ValidatedTrainingBackend

    return ValidatedTrainingBackend(backend)


def _third_party(backend: Any, kind: str, name: str) -> Any:
    offer = catalogue().plugin(name, "middleware")
    if offer is None:
        raise _unknown(name)
    layer_class = _layer_class(offer, kind)
    try:
        layer = layer_class(backend)
    except MotoolsError:
        raise
    except Exception as error:
        raise broken(offer, f"its constructor raised {type(error).__name__}: {error}") from error
    return layer


def _layer_class(offer: Offer, kind: str) -> type[Any]:
    other = "eval" if kind == "training" else "training"
    found = catalogue().load(offer)
    if isinstance(found, type) and issubclass(found, base_of(other)) and not issubclass(found, base_of(kind)):
        raise SettingError(
            f"The layer {offer.name!r} of {offer.origin} is for {other} backends, not for {kind} backends."
        )
    return import_class(offer, base_of(kind))


def _checked(layer: Any, kind: str, who: str) -> Any:
    if not isinstance(layer, base_of(kind)):
        raise SettingError(f"The layer {who} made a {type(layer).__name__} where {NOUN_OF[kind]}s go in and out.")
    return layer


def _unknown(name: str) -> SettingError:
    known = [*BUILT_IN, *sorted(offer.name for offer in catalogue().of("middleware") if offer.status == "ok")]
    near = nearest(name, known)
    meant = f" Did you mean {near!r}?" if near else ""
    return SettingError(f"No middleware layer is called {name!r}.{meant} Known: {', '.join(known)}.")


__all__ = ["BUILT_IN", "DEFAULT", "wrap"]
