"""What is installed and allowed, under the present path, configuration and environment: the one cached registry.

    entry points (discovery) ──┐
    [plugins.backends]  ───────┼──> offers, each with a status (origin) ──choose by name──> import that one (loading)
    MOTOOLS_PLUGINS, block, pin┘

Nothing is imported until a name is chosen, and then that plugin alone. `catalogue()` answers for the moment: another
`sys.path`, motools.toml or MOTOOLS_PLUGINS is another catalogue. A distribution installed while the program runs is
found when a name is otherwise missing, or after `refresh()`.
"""

from __future__ import annotations

import os
import sys

from motools import config
from motools.errors import BackendNotFound, ConfigError, UsageError, nearest
from motools.plugins.discovery import scan
from motools.plugins.loading import broken, import_class, import_value
from motools.plugins.origin import BACKEND_KINDS, Offer, assess, offer_of
from motools.words import is_a

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from motools.config import Config


class Catalogue:
    """Every plugin on offer, and the classes of those that were asked for."""

    def __init__(self, settings: Config, path: tuple[str, ...]) -> None:
        self.settings = settings
        self.path = path
        self.place = settings.path or "motools.toml"
        self._loaded: dict[Offer, Any] = {}
        own = list(self._unpackaged(settings.plugins_backends))
        installed = [offer for offer in map(offer_of, scan(path)) if offer is not None]
        assess([*own, *installed], settings, self.place)
        self.offers = [offer for offer in [*own, *installed] if offer.status != "superseded"]

    def _unpackaged(self, backends: Mapping[str, str]) -> Iterator[Offer]:
        for name, value in backends.items():
            from motools.plugins.unpackaged import kind_in_source

            yield Offer(name, kind_in_source(value, self.directory), value, location=self.place)

    @property
    def directory(self) -> str:
        """Where motools.toml is, and backends without packaging are beside it."""
        return os.path.dirname(self.place)  # noqa: PTH120  (pathlib costs as much as the scan)

    def of(self, kind: str) -> list[Offer]:
        """Return what is offered of a kind, whether it may be used or not."""
        return [offer for offer in self.offers if offer.kind == kind]

    def backends(self, kind: str | None = None) -> list[Offer]:
        """Return the backends on offer; with `kind`, also those whose kind only an import would tell."""
        kinds = BACKEND_KINDS if kind is None else (kind,)
        return [offer for offer in self.offers if offer.kind is None or offer.kind in kinds]

    def alias(self, name: str) -> tuple[str, Mapping[str, Any]]:
        """Return the name that an alias stands for (or the name itself) and its table in motools.toml."""
        tables = self.settings.backends
        seen = [name]
        while (use := tables.get(seen[-1], {}).get("use", seen[-1])) != seen[-1]:
            if use in seen:
                raise ConfigError(f"{self.place}: the aliases {' -> '.join([*seen, use])} lead in a circle.")
            seen.append(use)
        for alias in seen[1:-1]:
            if lost := [key for key in tables[alias] if key != "use"]:
                raise ConfigError(
                    f"{self.place_of(tables[name])}: it uses {alias!r}, an alias with options of its own ({', '.join(lost)}), "
                    f"which would be lost. Write use = {seen[-1]!r} here, and those options that are meant."
                )
        return seen[-1], tables.get(name, {})

    def place_of(self, table: Mapping[str, Any]) -> str:
        """Return where one of the tables of backends stands ("/lab/motools.toml [backends.cheap]"), or "" for nowhere."""
        names = [name for name, each in self.settings.backends.items() if each is table]
        keys = [f"backends.{names[0]}.{key}" for key in table] if names else []
        return self.settings.origins[keys[0]] if keys else ""

    def choose(self, name: str, kind: str | None = None, *, place: str = "") -> Offer:
        """Return the one offer that a backend's name means; `place` is the table of an alias that stands for it.

        Raises `BackendNotFound`, `UsageError` where the name is that of both kinds and `kind` does not say which, or
        the `PluginError` that says why it may not be used.
        """
        candidates = [offer for offer in self.backends(kind) if offer.name == name]
        usable = [offer for offer in candidates if offer.status == "ok"]
        if len(usable) > 1:
            raise UsageError(
                f"The name {name!r} is offered as a training backend and as an eval backend. "
                'Say which: kind="training" or kind="eval".'
            )
        if usable:
            return usable[0]
        if candidates:
            raise candidates[0].error()
        raise self._not_found(name, kind, place)

    def _not_found(self, name: str, kind: str | None, place: str) -> BackendNotFound:
        installed = sorted({offer.name for offer in self.backends(kind) if offer.status == "ok"})
        others = [offer for offer in self.backends() if offer.name == name]
        aliases = [alias for alias, table in self.settings.backends.items() if table.get("use", alias) != alias]
        other_kind = others[0].kind if others else None
        return BackendNotFound(name, kind, [*installed, *aliases], other_kind, place, self._without_use(name))

    def _without_use(self, name: str) -> str:
        """Say of a table of backends with a misspelt `use` that this is why its name stands for nothing."""
        table = self.settings.backends.get(name, {})
        if "use" in table or (near := nearest("use", list(table))) is None:
            return ""
        return f"{self.place_of(table)} has no `use`, which says what it stands for: is it meant by {near!r}?"

    def plugin(self, name: str, kind: str) -> Offer | None:
        """Return the usable offer of a layer, store or command, or None where there is none of that name.

        Raises the `PluginError` that says why it may not be used.
        """
        candidates = [offer for offer in self.of(kind) if offer.name == name]
        usable = [offer for offer in candidates if offer.status == "ok"]
        if candidates and not usable:
            raise candidates[0].error()
        return usable[0] if usable else None

    def load_class(self, offer: Offer) -> type[Any]:
        """Import the backend class that an offer names; the same class however many threads ask."""
        found: type[Any] | None = self._loaded.get(offer)
        if found is None:
            found = self.import_backend(offer)
            self._loaded[offer] = found
        return found

    def load(self, offer: Offer) -> Any:
        """Import whatever an offer names."""
        if offer not in self._loaded:
            self._loaded[offer] = import_value(offer)
        return self._loaded[offer]

    def import_backend(self, offer: Offer) -> type[Any]:
        """Import the backend class that an offer names, whether the catalogue has it or not, and settle its kind."""
        if offer.distribution:
            return import_class(offer, base_of(offer.kind or "training"))
        found = self._import_unpackaged(offer)
        kinds = [kind for kind in BACKEND_KINDS if is_a(found, type) and issubclass(found, base_of(kind))]
        if is_a(found, type) and not kinds:
            raise broken(offer, f"{offer.value} is not a subclass of motools.TrainingBackend or motools.EvalBackend.")
        offer.kind = next(iter(kinds), None)
        return import_class(offer, base_of(offer.kind or "training"))

    def _import_unpackaged(self, offer: Offer) -> Any:
        if not self.directory:
            return import_value(offer)
        from motools.plugins.unpackaged import import_beside

        return import_beside(offer, self.directory)


def base_of(kind: str) -> type:
    """Return the abstract class of a kind of backend."""
    if kind == "training":
        from motools.training.base import TrainingBackend

        return TrainingBackend
    from motools.evals.base import EvalBackend

    return EvalBackend


_current: Catalogue | None = None


def catalogue() -> Catalogue:
    """Return what is on offer under the present `sys.path`, configuration and MOTOOLS_PLUGINS."""
    global _current  # noqa: PLW0603  (the one cached registry)
    settings, path = config.current(), tuple(sys.path)
    found = _current
    if found is None or found.settings is not settings or found.path != path:
        found = _current = Catalogue(settings, path)
    return found


def refresh() -> None:
    """Forget what was found, so that the next question looks at the disk again."""
    global _current  # noqa: PLW0603  (the one cached registry)
    _current = None


__all__ = ["Catalogue", "base_of", "catalogue", "refresh"]
