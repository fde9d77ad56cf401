"""The canonical form of a request, and its key.

    spec = {"kind": "training", "backend": …, "version": …, "account": {…}, "model": …, "dataset": …,
            "hyperparameters": {…}, "suffix": …, "arguments": {…}, "replicate": 0}
    key  = "mk1:" + sha256 of the spec as JSON: keys sorted by code point, no spaces, characters beyond ASCII escaped

Two requests have one key exactly if a service would be asked for the same thing:

* Of a backend that is not official the package that it comes from is a field too, `package`: two plugins may have one name.
* Order in a mapping does not count, and a tuple is a list. `1`, `1.0`, `True` and `"1"` are four different things;
  where a field is declared `float`, its values have been made floats before they come here (`motools.settings.check`).
* What a backend does not declare goes in as it is given. Of the keywords that it declares (`Settings.Keywords`, and of an
  evaluation `Settings.Hyperparameters`) one that is given as its default is left out, so that saying it is not another
  request. Left out are besides only those that it declares to change nothing (`Settings.unkeyed`), those that ask the cache
  for something (`ASKED_OF_THE_CACHE`), and credentials in the account, which is told apart by its other fields.
* Of a field of the request that is named like a credential (`CREDENTIALS`) the digest goes in, `{"sha256": …}`: another
  password may be another result, and nobody reads it here. (A short one can be guessed from its digest.)
* Anything that has no one JSON form (NaN, an object, bytes, a set, a key that is no string) is a `SpecError` that says
  where it stands.

Another version of these rules has another prefix than `mk1:`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from motools.errors import OFFICIAL_DISTRIBUTIONS, SpecError, UsageError
from motools.settings import check

PREFIX = "mk1:"

ASKED_OF_THE_CACHE = ("refresh", "retry_failed", "label", "tags", "estimate", "ticket")
"""Keywords of the cached `train` and `evaluate` that are not part of a key; `replicate` is."""

CREDENTIALS = frozenset(
    {"api_key", "apikey", "api_token", "access_token", "auth_token", "hf_token", "authorization", "password", "secret"}
)
"""Fields, at any depth, whose values are not stored."""

DEEPEST = 64
"""How many levels a request may be nested."""

_SCALARS = {str, int, float, bool, type(None)}
_OFFICIAL = frozenset({"motools", *(name.replace("-", "_") for name in OFFICIAL_DISTRIBUTIONS.values())})
_DIGEST = re.compile("[0-9a-f]{64}")
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical(value: Any, path: str = "spec", depth: int = 0) -> Any:
    """Return `value` in plain JSON types, with digests in fields that are named like a credential.

    Raises `SpecError`, naming `path`, for what has no place in a key.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SpecError(f"{path}: {value!r} cannot be part of a cache key; give a finite number.")
        return float(value) + 0.0  # -0.0 becomes 0.0
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if depth > DEEPEST:
        raise SpecError(f"{path[:200]}: is nested more than {DEEPEST} levels deep, or contains itself.")
    if isinstance(value, Mapping):
        return _canonical_mapping(value, path, depth)
    if isinstance(value, (list, tuple)):
        return [canonical(item, f"{path}[{position}]", depth + 1) for position, item in enumerate(value)]
    raise SpecError(
        f"{path}: a {kind} cannot be part of a cache key; give numbers, strings, lists and mappings of them, "
        "or leave the cache out with cache=None."
    )


def _canonical_mapping(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    plain = {}
    for name, item in value.items():
        if not isinstance(name, str):
            raise SpecError(f"{path}: the name {name!r} is a {type(name)}; in a cache key every name is a string.")
        inner = canonical(item, f"{path}.{name}", depth + 1)
        if name.lower() in CREDENTIALS and not is_digest(inner):
            inner = {"sha256": hashlib.sha256(_encode(inner).encode("ascii")).hexdigest()}
        plain[str.__str__(name)] = inner
    return plain


def canonical_account(account: Mapping[str, Any], backend: str) -> Any:
    """Return what `account()` of a backend said in plain JSON types, and no credential."""
    _check_mapping(account, "account()", backend)
    return canonical(without_credentials(account), "account")


def without_credentials(value: Any) -> Any:
    """Return `value` without fields that are named like a credential; digests of them stay."""
    if isinstance(value, Mapping):
        return {
            name: without_credentials(inner)
            for name, inner in value.items()
            if str(name).lower() not in CREDENTIALS or is_digest(inner)
        }
    return [without_credentials(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def is_digest(value: Any) -> bool:
    """Whether this is what stands in a spec for a credential."""
    return isinstance(value, dict) and value.keys() == {"sha256"} and bool(_DIGEST.fullmatch(str(value["sha256"])))


def key_of(spec: Mapping[str, Any]) -> str:
    """Return the key of a canonical spec."""
    return PREFIX + hashlib.sha256(_encode(spec).encode("ascii")).hexdigest()


def settled(
    declaration: type[Any] | None, given: Mapping[str, Any] | None, *, who: str, what: str = "hyperparameter"
) -> dict[str, Any]:
    """Return settings with their defaults filled in and numbers in their declared type; as given where undeclared.

    Raises `SettingError` for what the declaration does not allow.
    """
    given = {} if given is None else given
    if declaration is None:
        return dict(given)
    types = tuple(map(type, given.values()))
    if _SCALARS.issuperset(types):
        return dict(_settled_before(declaration, who, what, tuple(given.items()), types))  # type: ignore[arg-type]  # a class is hashable
    return _settled(declaration, given, who, what)


@lru_cache(maxsize=1024)
def _settled_before(
    declaration: type[Any], who: str, what: str, items: tuple[tuple[str, Any], ...], types: tuple[type, ...]
) -> dict[str, Any]:
    del types  # in the key of this memo they tell 1 from 1.0 and True
    return _settled(declaration, dict(items), who, what)


def _settled(declaration: type[Any], given: Mapping[str, Any], who: str, what: str) -> dict[str, Any]:
    settings = check(declaration, given, who=who, what=what)
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def settled_arguments(
    declared: type[Any] | None, given: Mapping[str, Any], *, who: str, parts: Sequence[str] = ("Keywords",)
) -> dict[str, Any]:
    """Return keywords as they stand in a key: checked where `Settings` declares them, without defaults and unkeyed ones."""
    unkeyed: frozenset[str] = getattr(declared, "unkeyed", frozenset())
    settled = dict(given)
    for declaration in filter(None, (getattr(declared, part, None) for part in parts if given)):
        known = {field.name: field.default for field in fields(declaration)}
        of_it = {name: value for name, value in given.items() if name in known}
        checked = check(declaration, of_it, who=who, what="keyword")
        settled |= {name: getattr(checked, name) for name in of_it}
        unkeyed |= {name for name in of_it if settled[name] == known[name]}
    return {name: value for name, value in settled.items() if name not in unkeyed}


def package_of(backend: str, backend_class: type) -> str | None:
    """Return the package that tells a backend from others of its name; None where it is official or named by its path."""
    package = backend_class.__module__.partition(".")[0]
    return None if package in _OFFICIAL or ":" in backend else package


def training_spec(  # noqa: PLR0913 (the fields of a spec)
    *,
    backend: str,
    version: int,
    account: Mapping[str, Any],
    model: Any,
    dataset: str,
    hyperparameters: Mapping[str, Any],
    suffix: str | None,
    arguments: Mapping[str, Any],
    replicate: int,
    package: str | None = None,
) -> dict[str, Any]:
    """Return the canonical spec of a training; `dataset` is the digest of its bytes."""
    return {
        "kind": "training",
        "backend": backend,
        "version": version,
        "account": canonical_account(account, backend),
        "model": _named(model),
        "dataset": dataset,
        "hyperparameters": canonical(hyperparameters, "hyperparameters"),
        "suffix": canonical(suffix, "suffix"),
        "arguments": canonical(arguments, "arguments"),
        "replicate": canonical(replicate, "replicate"),
    } | _from(package)


def eval_spec(
    *,
    backend: str,
    version: int,
    account: Mapping[str, Any],
    model: str,
    measured: Mapping[str, Any],
    replicate: int,
    package: str | None = None,
) -> dict[str, Any]:
    """Return the canonical spec of an evaluation; `measured` is what the backend's `identify` returned."""
    _check_mapping(measured, "identify()", backend)
    return {
        "kind": "eval",
        "backend": backend,
        "version": version,
        "account": canonical_account(account, backend),
        "model": _named(model),
        "measured": canonical(measured, "measured"),
        "replicate": canonical(replicate, "replicate"),
    } | _from(package)


def _named(model: Any) -> Any:
    if isinstance(model, str) and not model.strip():
        raise UsageError("The model has no name: it is empty, as a shell variable is that was never set.")
    return canonical(model, "model")


def _check_mapping(said: Any, method: str, backend: str) -> None:
    if not issubclass(type(said), Mapping):  # isinstance would ask the object, which may not bear it
        raise SpecError(
            f"{method} of backend {backend!r} returned {type(said).__name__}, not a mapping. "
            "That is a fault of the plugin; nothing was started."
        )


def _from(package: str | None) -> dict[str, Any]:
    return {} if package is None else {"package": package}


__all__ = [
    "ASKED_OF_THE_CACHE",
    "CREDENTIALS",
    "PREFIX",
    "canonical",
    "canonical_account",
    "eval_spec",
    "is_digest",
    "key_of",
    "package_of",
    "settled",
    "settled_arguments",
    "training_spec",
    "without_credentials",
]
