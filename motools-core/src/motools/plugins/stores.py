"""The store of paid work that a name or URL means.

"sqlite"               motools.db in MOTOOLS_HOME
"sqlite:///lab/runs.db"   that file (an absolute path)
"SCHEME…"              what a plugin registered under that name in `motools.cache.v1`: a callable that takes the URL
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools import config
from motools.cache.base import CacheBackend
from motools.covering import covered
from motools.errors import ConfigError, MotoolsError, UsageError, nearest
from motools.plugins.catalogue import catalogue
from motools.plugins.loading import broken
from motools.plugins.unset import UNSET, Unset
from motools.words import said

if TYPE_CHECKING:
    from typing import Any

    from motools.plugins.origin import Offer

BUILT_IN = "sqlite"


def open_store(cache: CacheBackend | str | Unset | None = UNSET) -> CacheBackend | None:
    """Return the store that `cache` means: the configured one when it is not given, None for no record of paid work.

    Raises `ConfigError` for a name that nothing installed knows, `UsageError` for an object that is no store.
    """
    if isinstance(cache, Unset):
        cache = config.current().cache
    if cache is None:
        return None
    if isinstance(cache, str):
        return _named(cache)
    if not isinstance(cache, CacheBackend):
        raise UsageError(f"{type(cache).__name__} is no store: it lacks {', '.join(_lacking(cache))}.")
    return cache


def _named(url: str) -> CacheBackend:
    offer = offer_of(url)
    if offer is None:
        return _sqlite(url)
    try:
        store = catalogue().load(offer)(url)
    except (KeyboardInterrupt, MotoolsError):
        raise
    except BaseException as error:  # whatever it is, it is what this plugin does
        raise broken(offer, f"opening the store raised {said(error)}") from error
    if not isinstance(store, CacheBackend):
        raise broken(offer, f"what it opened is no store: it lacks {', '.join(_lacking(store))}.")
    return store


def offer_of(url: str) -> Offer | None:
    """Return the plugin that opens a store, or None for core; imports nothing. Raises `ConfigError` where none does."""
    scheme = url.partition(":")[0]
    offer = None if scheme == BUILT_IN else catalogue().plugin(scheme, "cache")
    if offer is None and scheme != BUILT_IN:
        known = [BUILT_IN, *sorted({each.name for each in catalogue().of("cache") if each.status == "ok"})]
        near = nearest(scheme, known)
        meant = f" Did you mean {near!r}?" if near else ""
        raise ConfigError(
            f"No installed store is called {scheme!r} (cache = {covered('cache', url)!r}).{meant} Known: {', '.join(known)}."
        )
    return offer


def _sqlite(url: str) -> CacheBackend:
    from motools.cache.sqlite import SqliteLedger

    if url == BUILT_IN:
        return SqliteLedger.open(config.home() / "motools.db")
    path = url.removeprefix("sqlite://")
    if path[:1] != "/" or path == "/":
        raise ConfigError(f"{url!r} names no file. Write sqlite:///absolute/path.db")
    has_drive = path[2:3] == ":"
    return SqliteLedger.open(path[1:] if has_drive else path)


def _lacking(store: Any) -> list[str]:
    methods = [name for name in vars(CacheBackend) if name.startswith(("get_", "set_"))]
    return [name for name in methods if not hasattr(store, name)]


__all__ = ["BUILT_IN", "offer_of", "open_store"]
