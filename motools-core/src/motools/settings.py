"""What a backend can be told, declared as data and checked before anything is started.

A plugin declares two frozen dataclasses and names them in its backend:

    @dataclass(frozen=True, kw_only=True)
    class Hyperparameters:
        n_epochs: Annotated[int, Range(ge=1), "passes over the data"] = 3
        learning_rate: Annotated[float, Range(gt=0)] = 2e-4
        optimizer: Literal["adamw", "sgd"] = "adamw"

    class AcmeSettings(Settings):
        Hyperparameters = Hyperparameters

    class AcmeTrainingBackend(TrainingBackend):
        Settings = AcmeSettings

`check` turns what a user gave into an instance: defaults filled in, whole numbers accepted where a float is declared,
unknown names refused with the nearest known one. The cache key is made of the same values, so `1` and `1.0` are equal
exactly where a field is declared `float`.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import types
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from motools.covering import covered
from motools.errors import SettingError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")


class Settings:
    """The settings of a backend: subclass it and name the dataclasses."""

    Options: ClassVar[type | None] = None
    """Keywords of the constructor, which motools.toml may give."""
    Hyperparameters: ClassVar[type | None] = None
    """The keys of `hyperparameters`, or the keywords of `evaluate`; None where they are not declared and pass unchecked."""
    Keywords: ClassVar[type | None] = None
    """Further keywords of `train`, each with its default, or keywords of `evaluate`; None where they are not declared and pass
    unchecked. One that is given as its default is the same request as without it, so that one may be added without
    changing any key. (So is every declared keyword of `evaluate`; who changes a default raises `version`.)"""
    unkeyed: ClassVar[frozenset[str]] = frozenset()
    """Those keywords that change nothing in what comes of the work, such as labels at the service, or how fast an evaluation
    is done: no part of the key."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range:
    """The range of a number, for use in `Annotated`."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def __str__(self) -> str:
        return " and ".join(f"{words} {_number(bound)}" for bound, words, _ in self._stated())

    def complaint(self, value: float) -> str | None:
        """Say what `value` must be, or return None when it is in range."""
        return None if all(holds(value, bound) for bound, _, holds in self._stated()) else str(self)

    def _stated(self) -> list[tuple[float, str, Callable[[float, float], bool]]]:
        bounds: list[tuple[float | None, str, Callable[[float, float], bool]]] = [
            (self.ge, "at least", operator.ge),
            (self.gt, "more than", operator.gt),
            (self.le, "at most", operator.le),
            (self.lt, "less than", operator.lt),
        ]
        return [(bound, words, holds) for bound, words, holds in bounds if bound is not None]


def _number(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else f"{bound:g}"


@dataclasses.dataclass(frozen=True)
class Variable:
    """The environment variable that is read where a setting is left at its default, for use in `Annotated`.

    Whoever reads it is the plugin or its SDK; this says so to `motools config`.
    """

    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One declared setting, for people and programs to read."""

    name: str
    type: Any
    default: Any
    required: bool
    range: Range | None
    description: str | None
    variable: str | None = None
    """The environment variable that is read where it is left at its default."""

    @property
    def type_name(self) -> str:
        """The declared type as one would write it."""
        return describe_type(self.type)


def declared(declaration: type[Any]) -> Iterator[Setting]:
    """Yield the settings that a declaration dataclass has, in order."""
    hints = get_type_hints(declaration, include_extras=True)
    for field in dataclasses.fields(declaration):
        hint: Any = hints[field.name]
        extras: list[Any] = []
        if get_origin(hint) is Annotated:
            hint, *extras = get_args(hint)
        default: Any = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        yield Setting(
            name=field.name,
            type=hint,
            default=None if default is dataclasses.MISSING else default,
            required=default is dataclasses.MISSING,
            range=next((extra for extra in extras if isinstance(extra, Range)), None),
            description=next((extra for extra in extras if isinstance(extra, str)), None),
            variable=next((extra.name for extra in extras if isinstance(extra, Variable)), None),
        )


def check(declaration: type[T], given: Mapping[str, Any], *, who: str, what: str = "hyperparameter") -> T:
    """Return an instance of `declaration` made of `given` and the defaults.

    Raises `SettingError` for the first thing that is wrong: an unknown name (with the nearest known one, and all that
    are known), a missing required one, a wrong type or a value out of range. `who` and `what` begin the sentence.
    """
    settings = _by_name(declaration)  # type: ignore[arg-type]  # a class is hashable
    for name in given:
        if name not in settings:
            near = nearest(str(name), list(settings))
            meant = f" Did you mean {near!r}?" if near else ""
            raise SettingError(f"{who} has no {what} {name!r}.{meant} Known: {', '.join(settings) or 'none'}.")
    values = {}
    for name, setting in settings.items():
        if name in given:
            values[name] = _checked(setting, given[name], f"{who}: {what} {name!r}")
        elif setting.required:
            raise SettingError(f"{who} needs the {what} {name!r} ({setting.type_name}).")
    return declaration(**values)


@lru_cache(maxsize=256)
def _by_name(declaration: type[Any]) -> dict[str, Setting]:
    """Return the declared settings by name; kept, because resolving type hints costs more than all the checks."""
    return {setting.name: setting for setting in declared(declaration)}


def _checked(setting: Setting, value: Any, where: str) -> Any:
    accepted, converted = _convert(setting.type, value)
    if not accepted:
        raise SettingError(f"{where} must be {setting.type_name}, not {covered(setting.name, value)!r}.")
    is_number = isinstance(converted, (int, float)) and not isinstance(converted, bool)
    if setting.range is not None and is_number and (complaint := setting.range.complaint(converted)):
        raise SettingError(f"{where} must be {complaint}, not {covered(setting.name, value)!r}.")
    return converted


def _convert(hint: Any, value: Any) -> tuple[bool, Any]:
    """Return whether `value` is of the hinted type, and the value in that type."""
    origin = get_origin(hint)
    if hint is Any:
        return True, value
    if origin is Annotated:
        return _convert_annotated(hint, value)
    if origin in (Union, types.UnionType):
        tried = (_convert(choice, value) for choice in get_args(hint))
        return next((result for result in tried if result[0]), (False, value))
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint)), value
    if hint in (int, float):
        return _convert_number(hint, value)
    if hint is None or hint is type(None):
        return value is None, value
    if origin in (list, tuple):
        return _convert_items(hint, origin, value)
    return isinstance(value, origin or hint), value


def _convert_number(hint: type, value: Any) -> tuple[bool, Any]:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if hint is int:
        return is_whole, value
    if not is_whole and not isinstance(value, float):
        return False, value
    try:
        return math.isfinite(value), float(value)
    except OverflowError:
        return False, value


def _convert_annotated(hint: Any, value: Any) -> tuple[bool, Any]:
    inner, *extras = get_args(hint)
    accepted, converted = _convert(inner, value)
    in_range = (
        all(extra.complaint(converted) is None for extra in extras if isinstance(extra, Range)) if accepted else False
    )
    return in_range, converted


def _convert_items(hint: Any, origin: type, value: Any) -> tuple[bool, Any]:
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        return False, value
    kinds = [kind for kind in get_args(hint) if kind is not Ellipsis] or [Any]
    items = [_convert(kinds[0], item) for item in value]
    return all(accepted for accepted, _ in items), origin(item for _, item in items)


def describe_type(hint: Any) -> str:
    """Return a declared type in words: `float`, `int or None`, `"a" or "b"`."""
    origin = get_origin(hint)
    if origin is Annotated:
        return describe_type(get_args(hint)[0])
    if origin in (Union, types.UnionType):
        return " or ".join(describe_type(choice) for choice in get_args(hint))
    if origin is Literal:
        return " or ".join(f'"{choice}"' if isinstance(choice, str) else repr(choice) for choice in get_args(hint))
    if hint is type(None):
        return "None"
    if origin in (list, tuple):
        return f"a list of {describe_type(get_args(hint)[0])}" if get_args(hint) else "a list"
    return str(getattr(hint, "__name__", hint))


__all__ = ["Range", "Setting", "Settings", "Variable", "check", "declared", "describe_type"]
