"""What the code of a solver or scorer has at hand beside its text: what it closes over, what of its module it names, its attributes.

Two solvers of one text are two where one says "Be brief." and the other "Be kind.", though neither has it as a parameter.
Of installed code only what it was given of other code is looked at (the tools of an agent), for its version stands for the
rest. What is neither data nor code (a client, a lock) tells nothing.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Mapping, Sequence, Set as AbstractSet
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from string import Template
from types import (
    BuiltinMethodType,
    CodeType,
    FunctionType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    SimpleNamespace,
)
from typing import TYPE_CHECKING, Any
from uuid import UUID

from inspect_ai.model import Model
from pydantic import BaseModel

from motools.errors import SpecError
from motools_inspect.compiled import digest_of_code
from motools_inspect.contents import way_to
from motools_inspect.packages import file_digest
from motools_inspect.reading import can_be_edited, file_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PLAIN = (bool, int, float, type(None))
AS_BYTES = (bytes, bytearray)
AS_TEXT = (complex, date, time, timedelta, Decimal, UUID, re.Pattern)
DATA = (*PLAIN, str, os.PathLike, *AS_BYTES, *AS_TEXT)
MAY_HOLD_CODE = (FunctionType, MethodType, partial, list, tuple, dict)
"""What is looked at of an object of an installed class: its parts, and theirs, would be half of all there is."""
MOST = 10_000
"""Members of a sequence that are looked at."""
NOTHING: tuple[Any, ...] = (None, {}, [])


def captured(functions: Iterable[Any], *, told_of_model: Callable[[Model], Any]) -> dict[str, str]:
    """Return a digest of all that such code has at hand, as the field `captured`; no field where there is nothing of the kind.

    Raises `SpecError` where it is nested deeper than Python can go.
    """
    try:
        told = _Walk(told_of_model).told([*functions])
    except RecursionError as error:
        raise SpecError(
            "What a solver or scorer has at hand is nested too deep to be part of a cache key. Hand it less, or leave the cache "
            "out with cache=None."
        ) from error
    return {"captured": hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()} if told else {}


class _Walk:
    """Goes from a function to all that it can reach, and to each thing once."""

    def __init__(self, told_of_model: Callable[[Model], Any]) -> None:
        self._told_of_model = told_of_model
        self._met: dict[tuple[int, bool], tuple[Any, str | None]] = {}
        """What it has come by, which is kept so that no other thing gets its id, and how that is called from then on."""
        self._number = 0
        self._folder = Path.cwd()
        """Of the code whose things are told."""

    def told(self, value: Any, *, code_alone: bool = False) -> Any:
        """Return what there is to tell of a value, in plain JSON types; one of `NOTHING` where there is nothing.

        With `code_alone`, as of what installed code holds, data that no code of one's own has count for nothing.
        """
        if isinstance(value, DATA):
            return None if code_alone else _data(value, self._folder)
        key = id(value), code_alone
        if key in self._met:
            return self._met[key][1]
        self._met[key] = value, None
        found = self._told(value, code_alone=code_alone)
        if found not in NOTHING:
            self._number += 1
            self._met[key] = value, f"#{self._number}"
        return found

    def _told(self, value: Any, *, code_alone: bool) -> Any:
        if isinstance(value, (dict, MappingProxyType)):
            return self._named(value, code_alone=code_alone)
        if isinstance(value, (set, frozenset)):
            found = [self._apart(each, code_alone=code_alone) for each in value]
            return sorted((each for each in found if each not in NOTHING), key=repr)
        if isinstance(value, (list, tuple)):
            found = [self.told(each, code_alone=code_alone) for each in value]
            return [] if all(each in NOTHING for each in found) else found
        if isinstance(value, FunctionType):
            return self._in_its_folder(value)
        if isinstance(value, (type, ModuleType)):
            return self._definitions(value)
        if (parts := _parts(value)) is not None:
            return self.told(parts, code_alone=code_alone)
        if not code_alone and (held := _held(value)) is not None:
            return self.told(held)
        return self._object(value, code_alone=code_alone)

    def _apart(self, value: Any, *, code_alone: bool) -> Any:
        """Return what there is to tell of a member of a set, whichever of them comes first."""
        walk = _Walk(self._told_of_model)
        walk._met, walk._number, walk._folder = dict(self._met), self._number, self._folder
        return walk.told(value, code_alone=code_alone)

    def _named(self, values: Mapping[Any, Any], *, code_alone: bool = False) -> dict[str, Any]:
        found = {str(name): self.told(value, code_alone=code_alone) for name, value in values.items()}
        return {name: each for name, each in found.items() if each not in NOTHING}

    def _in_its_folder(self, function: FunctionType) -> dict[str, Any]:
        before, path = self._folder, Path(function.__code__.co_filename)
        self._folder = path.parent if path.is_file() else before
        try:
            return self._function(function)
        finally:
            self._folder = before

    def _function(self, function: FunctionType) -> dict[str, Any]:
        values = dict(closed_over(function))
        if not _is_own(function):
            return self._named(values, code_alone=True)
        values |= function.__kwdefaults__ or {}
        values |= {"__defaults__": function.__defaults__, "__wrapped__": getattr(function, "__wrapped__", None)}
        names = sorted(_names(function.__code__))
        for name in names:
            if name in function.__globals__ and not name.startswith("__"):
                values[name] = found = function.__globals__[name]
                if isinstance(found, ModuleType) and _is_own_module(found.__name__):
                    values |= {f"{name}.{each}": vars(found)[each] for each in names if each in vars(found)}
        return {"code": digest_of_code(function.__code__)} | self._named(values)

    def _definitions(self, found: type[Any] | ModuleType) -> Any:
        if isinstance(found, ModuleType):
            path = _file_of(found.__name__)
            return {"code": file_digest(path)} if path is not None and can_be_edited(str(path)) else None
        if not _is_own_module(found.__module__):
            return None
        return self._named({name: each for name, each in vars(found).items() if name != "__module__"})

    def _object(self, value: Any, *, code_alone: bool) -> Any:
        if isinstance(value, Model):
            return self._told_of_model(value)
        if isinstance(value, BaseModel):
            attributes = {name: getattr(value, name) for name in type(value).model_fields if name != "id"}
        elif dataclasses.is_dataclass(value):
            attributes = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        elif _is_own_module(type(value).__module__):
            attributes = getattr(value, "__dict__", {})
        else:
            attributes = {
                n: each for n, each in getattr(value, "__dict__", {}).items() if isinstance(each, MAY_HOLD_CODE)
            }
            code_alone = True
        named = self._named(attributes, code_alone=code_alone)
        made_by = self.told(type(value))
        return named if made_by in NOTHING else {"class": made_by, **named}


def _data(value: Any, folder: Path) -> Any:
    if isinstance(value, (str, os.PathLike)):
        return _text(os.fsdecode(value), folder)
    if isinstance(value, AS_BYTES):
        return hashlib.sha256(value).hexdigest()
    return value if isinstance(value, PLAIN) else str(value)


def _text(text: str, folder: Path) -> Any:
    """Return a text; of a path that is there, or could be, the way from the code's `folder`.

    What is in it counts when it is read, for it may be written as well.
    """
    way = way_to(text, folder)
    return text if way == text else {"path": way}


def _parts(value: Any) -> list[Any] | None:
    """Return what something is put together of that is called, or that holds what numbers do; None of other things."""
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, property):
        return [value.fget]
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    if isinstance(value, (BuiltinMethodType, MethodWrapperType)):  # of a text, say, or a pattern
        return [] if isinstance(value.__self__, (ModuleType, type)) else [value.__name__, value.__self__]
    try:
        view = memoryview(value)
    except (TypeError, ValueError):
        return None
    return [] if "O" in view.format else [view.tobytes()]


def _held(value: Any) -> Any:
    """Return what an object of an installed class is there to hold: options, rows, a text; None of other things."""
    if isinstance(value, (Namespace, SimpleNamespace, Template)):
        return vars(value)
    if isinstance(value, Mapping) and value is not os.environ:
        return dict(value)
    if isinstance(value, AbstractSet):
        return {*value}
    if isinstance(value, (Sequence, deque)):
        return [len(value), [each for _, each in zip(range(MOST), value, strict=False)]]
    return _table(value)


def _table(value: Any) -> Any:
    """Return the cells of what gives itself as an array, with the names of its columns; None of other things."""
    if isinstance(value, type) or not callable(getattr(value, "__array__", None)):
        return None
    try:
        cells = value.__array__()
    except (TypeError, ValueError, RuntimeError):  # it is on another device, say
        return None
    columns = getattr(value, "columns", ())
    return [[*columns], cells.tolist() if cells.dtype.hasobject else [str(cells.dtype), cells.tobytes()]]


def closed_over(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names that a function closes over, with what they stand for."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # nothing has been assigned yet
            continue


def _names(code: CodeType) -> set[str]:
    """Return the names that code looks up outside of itself, those of its inner functions included."""
    return set(code.co_names).union(*(_names(each) for each in code.co_consts if isinstance(each, CodeType)))


def _is_own(function: FunctionType) -> bool:
    """Whether a function goes by its text, and not by a version."""
    path = function.__code__.co_filename
    return can_be_edited(path) if os.path.isabs(path) else _is_own_module(function.__module__)  # noqa: PTH117 (a string)


def _is_own_module(name: str) -> bool:
    """Whether a module goes by its text: that of a file that can be edited, or of a notebook."""
    path = _file_of(name)
    return can_be_edited(str(path)) if path is not None else name == "__main__" or name not in sys.modules


def _file_of(module: str) -> Path | None:
    path = file_of(sys.modules.get(module))
    return Path(path) if path and Path(path).is_file() else None


__all__ = ["captured", "closed_over"]
