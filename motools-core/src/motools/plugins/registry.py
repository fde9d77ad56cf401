"""Finding a backend by its name, and making it ready for use.

    list_backends()          what is installed and configured; imports no plugin
    find_class("openai")     the class behind a name; imports that plugin and no other
    get_backend("openai")    an instance with its layers around it: cache( validate( limit( OpenAITrainingBackend ) ) )

A name is an entry point's (`motools.training.v1`, `motools.evals.v1`), one that a motools.toml gives to a class or to a
table of options (an alias), a backend class, or its path, "package.module:Class".
"""

from __future__ import annotations

from motools.errors import BackendNotFound, UsageError
from motools.plugins.catalogue import base_of, catalogue, refresh
from motools.plugins.loading import split_value
from motools.plugins.origin import BACKEND_KINDS, NOUN_OF, Offer
from motools.plugins.unset import UNSET, Unset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import (
        Any,
        Literal,
        TypeAlias,
        overload,  # noqa: TC004  (stood in for below)
    )

    from motools.cache.base import CacheBackend
    from motools.evals.base import EvalBackend, EvalJob
    from motools.training.base import TrainingBackend, TrainingRun

    Layer: TypeAlias = "str | Callable[[Any], Any]"
else:
    globals()["overload"] = lambda function: function  # for type checkers alone: `typing` costs more than the scan


class BackendInfo:
    """One backend that is installed or configured, as far as metadata tell.

    `kind` is "training", "eval", or None for a class beside motools.toml whose source does not say. `status` is "ok",
    "disabled", "conflict", "incompatible" or "broken" (see `motools.plugins.origin`); `location` is the distribution's metadata,
    or the motools.toml that names the backend, which then has no distribution and version.
    """

    __slots__ = ("distribution", "kind", "location", "name", "reason", "status", "value", "version")

    FIELDS: tuple[str, ...] = ("name", "kind", "value", "distribution", "version", "status", "location")

    def __init__(self, offer: Offer, *, name: str | None = None) -> None:
        self.name = name or offer.name
        self.kind = offer.kind
        self.value = offer.value
        self.distribution = offer.distribution or None
        self.version = offer.version or None
        self.status = offer.status
        self.location = offer.location
        self.reason = offer.reason
        """Why the status is not "ok"."""

    def as_dict(self) -> dict[str, str | None]:
        """Return the fields as a JSON-safe dictionary."""
        return {field: getattr(self, field) for field in self.FIELDS}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BackendInfo) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.as_dict().values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={value!r}" for field, value in self.as_dict().items())
        return f"BackendInfo({fields})"


def list_backends(kind: str | None = None) -> list[BackendInfo]:
    """Return every backend that is installed or configured, by name, from metadata alone.

    A name that two distributions claim, or whose plugin is switched off or for another API, is listed with its status.
    """
    _check_kind(kind)
    present = catalogue()
    offers = present.backends(kind)
    rows = [BackendInfo(offer) for offer in offers]
    for alias, table in present.settings.backends.items():
        target = present.alias(alias)[0] if "use" in table else alias
        if target != alias:
            rows += [BackendInfo(offer, name=alias) for offer in offers if offer.name == target]
    return sorted(rows, key=lambda row: (row.name, row.kind or "", row.distribution or ""))


def find_class(name: str | type, kind: str | None = None) -> type[Any]:
    """Return the backend class that a name means, importing its plugin and no other.

    Raises `BackendNotFound`, `UsageError` where the name is one of both kinds and `kind` does not say which, and
    `PluginError` where what is installed cannot be used.
    """
    return resolve(name, kind).backend_class


class Resolved:
    """What a name turned out to mean: a class, its kind, its own name and its table in motools.toml."""

    __slots__ = ("backend_class", "kind", "name", "table")

    def __init__(self, name: str, kind: str, backend_class: type, table: Mapping[str, Any]) -> None:
        self.name = name
        self.kind = kind
        self.backend_class = backend_class
        self.table = table


def resolve(name: str | type, kind: str | None = None) -> Resolved:
    """Find what `find_class` finds, with all that is known of it."""
    _check_kind(kind)
    if isinstance(name, type):
        return _of_class(name, kind)
    target, table = catalogue().alias(name)
    if ":" in target:
        found = _of_path(target, kind)
        return Resolved(found.name, found.kind, found.backend_class, table or found.table)
    try:
        offer = catalogue().choose(target, kind)
    except BackendNotFound:
        refresh()
        offer = catalogue().choose(target, kind, place=catalogue().place_of(table) if target != name else "")
    backend_class = catalogue().load_class(offer)
    found_kind = offer.kind or ""
    if kind not in (None, found_kind):
        raise BackendNotFound(target, kind, (), found_kind)
    return Resolved(offer.name, found_kind, backend_class, table)


def _of_class(backend_class: type, kind: str | None) -> Resolved:
    """Find a class among what is installed, so that it has one name however it is reached."""
    kinds = [each for each in BACKEND_KINDS if issubclass(backend_class, base_of(each))]
    path = f"{backend_class.__module__}:{backend_class.__qualname__}"
    if not kinds:
        raise UsageError(f"{path} is not a subclass of motools.TrainingBackend or motools.EvalBackend.")
    if kind not in (None, kinds[0]):
        raise UsageError(f"{path} is {_a(kinds[0])}, not {_a(kind or '')}.")
    present = catalogue()
    package = path.partition(":")[0].partition(".")[0]
    for offer in present.backends(kinds[0]):
        module, attribute = split_value(offer.value)
        is_alike = attribute == backend_class.__qualname__ and module.partition(".")[0] == package
        if offer.status == "ok" and is_alike and present.load_class(offer) is backend_class:
            return Resolved(offer.name, kinds[0], backend_class, present.settings.backends.get(offer.name, {}))
    name = backend_class.__dict__.get("name") or path
    return Resolved(name, kinds[0], backend_class, present.settings.backends.get(name, {}))


def _of_path(path: str, kind: str | None) -> Resolved:
    offer = Offer(path, None, path, location="this program")
    offer.group = "a class by its path"
    return _of_class(catalogue().import_backend(offer), kind)


def _check_kind(kind: str | None) -> None:
    if kind not in (None, *BACKEND_KINDS):
        raise UsageError(f'No kind of backend is called {kind!r}. There are "training" and "eval".')


def _a(kind: str) -> str:
    return f"{'an' if kind == 'eval' else 'a'} {NOUN_OF[kind]}"


@overload
def get_backend(
    name: Literal["openai", "tinker", "local"],
    *,
    kind: Literal["training"] | None = None,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> TrainingBackend: ...
@overload
def get_backend(
    name: Literal["inspect"],
    *,
    kind: Literal["eval"] | None = None,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> EvalBackend: ...
@overload
def get_backend(
    name: type[TrainingBackend],
    *,
    kind: Literal["training"] | None = None,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> TrainingBackend: ...
@overload
def get_backend(
    name: type[EvalBackend],
    *,
    kind: Literal["eval"] | None = None,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> EvalBackend: ...
@overload
def get_backend(
    name: str,
    *,
    kind: Literal["training"],
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> TrainingBackend: ...
@overload
def get_backend(
    name: str,
    *,
    kind: Literal["eval"],
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> EvalBackend: ...
@overload
def get_backend(
    name: str | type,
    *,
    kind: str | None = None,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> Any: ...
def get_backend(
    name: str | type,
    *,
    kind: str | None = None,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> Any:
    """Return a backend, ready for use and with its layers around it.

    `kind` is "training" or "eval", for a name that is both. `cache` is a store or the URL of one, None for no record
    of paid work. `middleware` lists the layers, outermost first: names, or callables that take a backend. Without them
    motools.toml decides, and by default it is the SQLite record in MOTOOLS_HOME and ("cache", "validate", "limit"). `options`
    are the backend's own and its layers', above those of its `[backends.NAME]` table. Imports that plugin and no other.

    Raises what `find_class` raises, and `SettingError` for an option, layer or store that does not exist.
    """
    from motools.middleware.chain import Chain
    from motools.plugins.construct import construct

    found = resolve(name, kind)
    place = catalogue().place_of(found.table)
    chain = Chain(found.kind, found.table, cache=cache, middleware=middleware, place=place)
    return construct(found, options, place, chain)


def get_training_backend(
    name: str | type[TrainingBackend],
    *,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> TrainingBackend:
    """Return `get_backend(name, kind="training", …)`."""
    backend: TrainingBackend = get_backend(name, kind="training", cache=cache, middleware=middleware, **options)
    return backend


def get_eval_backend(
    name: str | type[EvalBackend],
    *,
    cache: CacheBackend | str | Unset | None = UNSET,
    middleware: Sequence[Layer] | Unset = UNSET,
    **options: Any,
) -> EvalBackend:
    """Return `get_backend(name, kind="eval", …)`."""
    backend: EvalBackend = get_backend(name, kind="eval", cache=cache, middleware=middleware, **options)
    return backend


def run_class(fields: Mapping[str, Any]) -> type[TrainingRun]:
    """Return the class that loads a saved training run; see `motools.plugins.saved`."""
    from motools.plugins.saved import handle_class

    return handle_class(fields, "training")


def job_class(fields: Mapping[str, Any]) -> type[EvalJob]:
    """Return the class that loads a saved evaluation job; see `motools.plugins.saved`."""
    from motools.plugins.saved import handle_class

    return handle_class(fields, "eval")


def open_store(cache: CacheBackend | str | Unset | None = UNSET) -> CacheBackend | None:
    """Return the store that a name or URL means, or the configured one; see `motools.plugins.stores`."""
    from motools.plugins.stores import open_store as open_named

    return open_named(cache)


__all__ = [
    "UNSET",
    "BackendInfo",
    "catalogue",
    "find_class",
    "get_backend",
    "get_eval_backend",
    "get_training_backend",
    "job_class",
    "list_backends",
    "open_store",
    "refresh",
    "run_class",
]
