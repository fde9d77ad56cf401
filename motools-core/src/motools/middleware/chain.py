"""The layers around one backend, the first listed outermost, and which of the options that were given is whose."""

from __future__ import annotations

from motools.errors import SettingError
from motools.middleware.layers import BUILT_IN, Layer, layers_of
from motools.middleware.listeners import Listeners
from motools.middleware.order import check_order
from motools.plugins import hooks
from motools.plugins.unset import UNSET, Unset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from motools.cache.base import CacheBackend
    from motools.events import Notify

DEFAULT = ("cache", "validate", "limit")


class Chain:
    """The layers that a request for a backend leads to: those given, else those of the backend's table, else the default.

    Raises `SettingError` for a layer that does not exist, an order that makes no sense (with `place`, where the table
    is), and a `cache` that no layer would use.
    """

    def __init__(
        self,
        kind: str,
        table: Mapping[str, Any],
        *,
        cache: CacheBackend | str | Unset | None = UNSET,
        middleware: Sequence[Any] | Unset = UNSET,
        place: str = "",
    ) -> None:
        self._place = place
        self._of_the_table: Sequence[str] = table.get("middleware", DEFAULT)
        self._is_chosen = not isinstance(middleware, Unset)
        self._kind = kind
        self._cache = cache
        try:
            self.layers = layers_of(self._of_the_table if isinstance(middleware, Unset) else middleware, kind)
            check_order(self.layers)
        except SettingError as error:
            raise error if self._is_chosen or not place else SettingError(f"{place}: {error}") from None
        if not isinstance(cache, Unset) and cache is not None and "cache" not in self.names:
            raise SettingError(f"A cache was given, and the layers {self.names!r} use none. Add 'cache' to them.")

    @property
    def names(self) -> list[str]:
        """What its layers are called."""
        return [layer.name for layer in self.layers]

    @property
    def effective(self) -> list[str]:
        """What those are called that do anything for backends of this kind."""
        return [layer.name for layer in self.layers if layer.found is not None]

    def option_names(self) -> list[str]:
        """Return the names of all options that its layers declare."""
        return [name for layer in self.layers for name in layer.option_names()]

    def take(self, options: dict[str, Any], given: Collection[str], own: Collection[str]) -> dict[str, Any]:
        """Take the layers' options out of `options` and return them. Those in `own` are the backend's, whatever layers declare.

        One of a layer that is not in the chain is a `SettingError`: what it asks for would not be done. It is left out
        where a table gives it and the caller (in `given` are the names of their options) chose other layers.
        """
        ours = self.option_names() if options.keys() - set(own) else ()
        taken = {name: options.pop(name) for name in list(options) if name in ours and name not in own}
        if not options.keys() - set(own):
            return taken
        for name, layer in self._options_of_absent_layers():
            if name in options and name not in own:
                if name in given or not self._is_chosen:
                    where = "" if name in given or not self._place else f"{self._place}: "
                    raise SettingError(
                        f"{where}{name!r} is an option of the layer {layer!r}, which is not among the layers {self.names!r}. "
                        f"Add {layer!r} to them."
                    )
                del options[name]
        return taken

    def _options_of_absent_layers(self) -> list[tuple[str, str]]:
        """Return the options of the built-in layers and of the table's that are not there, each with its layer."""
        absent = [name for name in dict.fromkeys([*BUILT_IN, *self._of_the_table]) if name not in self.names]
        return [(name, layer.name) for layer in layers_of(absent, self._kind) for name in layer.option_names()]

    def around(self, backend: Any, options: Mapping[str, Any], who: str) -> Any:
        """Return the backend inside its layers, which share out the options.

        Raises `SettingError` for a wrong option, and `PluginError` where a plugin that the configuration requires is
        absent.
        """
        listeners, is_recorded = Listeners(hooks.notifier()), False
        for layer in reversed(self.layers):
            if layer.name == "cache" and isinstance(layer.found, type):
                inside, backend = backend, self._cached(layer, backend, listeners)
                is_recorded = backend is not inside
            else:
                theirs = {name: options[name] for name in layer.option_names() if name in options} if options else {}
                backend = layer.around(backend, theirs, who)
                listeners.add(backend)
        return backend if is_recorded or listeners.allow is None else self._announced(backend, listeners.allow)

    def _announced(self, backend: Any, allow: Notify) -> Any:
        from motools.middleware.announced import AnnouncedEvalBackend, AnnouncedTrainingBackend

        return (AnnouncedTrainingBackend if self._kind == "training" else AnnouncedEvalBackend)(backend, allow)

    def _cached(self, layer: Layer, backend: Any, notify: Listeners) -> Any:
        from motools.plugins.stores import open_store

        store = open_store(self._cache)
        return backend if store is None else layer.found(backend, store, notify=notify, layers=self.effective)


__all__ = ["DEFAULT", "Chain"]
