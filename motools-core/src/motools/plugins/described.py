"""What a backend can be told, what holds of it, and where that comes from: what `motools config` shows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motools.covering import covered
from motools.errors import MotoolsError
from motools.middleware.chain import DEFAULT, Chain
from motools.plugins.catalogue import catalogue
from motools.plugins.construct import declared_settings, named_options
from motools.plugins.origin import BACKEND_KINDS
from motools.plugins.registry import get_backend, list_backends, resolve
from motools.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from motools.plugins.registry import Resolved
    from motools.settings import Setting

BY_DEFAULT = "default"
PARTS = {
    "training": {"option": ["Options"], "hyperparameter": ["Hyperparameters"], "keyword": ["Keywords"]},
    "eval": {"option": ["Options"], "parameter": ["Hyperparameters", "Keywords"]},
}
"""Where the `Settings` of a backend of each kind declare what; the parameters of an evaluation are its keywords."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One setting that is declared, and what holds of it."""

    part: str
    """"option" or "option of LAYER"; given with each request, "hyperparameter", "keyword" or "parameter" (of an evaluation)."""
    setting: Setting
    value: Any
    origin: str
    """"argument", an environment variable, the file with its table, or "default"."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-safe and without secrets."""
        setting = self.setting
        return {
            "part": self.part,
            "name": setting.name,
            "type": setting.type_name,
            "range": None if setting.range is None else str(setting.range),
            "default": _plain(setting.name, setting.default),
            "required": setting.required,
            "value": _plain(setting.name, self.value),
            "origin": self.origin,
            "description": setting.description,
        }


@dataclass(frozen=True, kw_only=True)
class Layered:
    """The layers around a backend."""

    backend: str
    kind: str | None
    layers: Sequence[str]
    """The names of those through which a request goes, the first outermost."""
    origin: str
    problem: MotoolsError | None
    """Why they cannot be put around it."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-safe."""
        problem = None if self.problem is None else str(self.problem)
        return {**vars(self), "layers": list(self.layers), "problem": problem}


@dataclass(frozen=True, kw_only=True)
class Described:
    """All that is known of one backend before anything is asked of it."""

    use: str
    """The name of the backend that its name stands for; the same, unless that is an alias."""
    source: str
    """The distribution, or the file that names it."""
    layered: Layered
    settings: Sequence[Told]
    undeclared: Sequence[str]
    """Of all these parts those that are not declared: they pass unchecked."""
    keys: Mapping[str, bool]
    """Whether each variable that holds a key is set."""
    problem: MotoolsError | None
    """Why it cannot be made as it is configured."""

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-safe."""
        return {
            "name": self.layered.backend,
            "use": self.use,
            "kind": self.layered.kind,
            "source": self.source,
            "layers": list(self.layered.layers),
            "layers_origin": self.layered.origin,
            "settings": [told.as_dict() for told in self.settings],
            "undeclared": list(self.undeclared),
            "keys": dict(self.keys),
            "problem": None if self.problem is None else str(self.problem),
        }


def describe(name: str, kind: str | None, given: Mapping[str, Any]) -> list[Described]:
    """Return what there is to know of the backends that a name means, one of each kind, with the options `given` above all.

    Imports their plugins, and makes them to see whether they can be made. Raises `BackendNotFound`, and `PluginError` where
    a plugin cannot be imported or its settings cannot be read.
    """
    target = catalogue().alias(name)[0]
    offers = [offer for offer in catalogue().backends(kind) if offer.name == target and offer.status == "ok"]
    kinds = [each for each in BACKEND_KINDS if each in {offer.kind for offer in offers}] if len(offers) > 1 else [kind]
    return [_described(name, resolve(name, each), given) for each in kinds]


def layers_of_all() -> list[Layered]:
    """Return the layers of every backend that may be used, and of every alias. Imports no backend."""
    return [
        _layered(info.name, info.kind, catalogue().alias(info.name)[1])[0]
        for info in list_backends()
        if info.status == "ok"
    ]


def _layered(name: str, kind: str | None, table: Mapping[str, Any]) -> tuple[Layered, Chain | None]:
    present = catalogue()
    place = present.place_of(table)
    chain, problem = None, None
    try:
        chain = Chain(kind or "training", table, place=place)
    except MotoolsError as error:
        problem = error
    listed = table.get("middleware", DEFAULT) if chain is None else chain.effective
    names = [each for each in listed if each != "cache" or present.settings.cache is not None]
    origin = place if "middleware" in table else BY_DEFAULT
    return Layered(backend=name, kind=kind, layers=names, origin=origin, problem=problem), chain


def _described(name: str, found: Resolved, given: Mapping[str, Any]) -> Described:
    layered, chain = _layered(name, found.kind, found.table)
    backend_class: type[Any] = found.backend_class
    settings: list[Told] = []
    undeclared: list[str] = []
    for part, attributes in PARTS[found.kind].items():
        declarations = [each for name in attributes if (each := declared_settings(backend_class, name)) is not None]
        declared = [setting for declaration in declarations for setting in declaration]
        if not declarations:
            undeclared.append(part)
        elif part == "option":
            settings += _in_force(part, declared, found.table, given)
            settings += _of_layers(chain, named_options(backend_class), found.table, given)
        else:
            settings += _in_force(part, declared, {}, {})
    infos = [info for info in list_backends(found.kind) if info.name == found.name]
    source = " ".join(filter(None, (infos[0].distribution, infos[0].version))) or infos[0].location if infos else ""
    return Described(
        use=found.name,
        source=source,
        layered=layered,
        settings=settings,
        undeclared=undeclared,
        keys={variable: bool(os.environ.get(variable)) for variable in backend_class.key_variables},
        problem=layered.problem or _problem(name, found.kind, given),
    )


def _of_layers(
    chain: Chain | None, own: Sequence[str], table: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[Told]:
    for layer in chain.layers if chain else ():
        of_it = [setting for setting in layer.options() if setting.name not in own]
        yield from _in_force(f"option of {layer.name}", of_it, table, given)


def _in_force(
    part: str, declared: Sequence[Setting], table: Mapping[str, Any], given: Mapping[str, Any]
) -> Iterator[Told]:
    place = catalogue().place_of(table)
    for setting in declared:
        value, origin = setting.default, BY_DEFAULT
        if setting.name in given:
            value, origin = given[setting.name], "argument"
        elif setting.name in table:
            value, origin = table[setting.name], place
        elif setting.variable is not None and os.environ.get(setting.variable):
            value, origin = os.environ[setting.variable], setting.variable
        yield Told(part=part, setting=setting, value=value, origin=origin)


def _problem(name: str, kind: str, given: Mapping[str, Any]) -> MotoolsError | None:
    try:
        get_backend(name, kind=kind, cache=None, **given)
    except MotoolsError as error:
        return error
    return None


def _plain(name: str, value: Any) -> Any:
    """Return a value as JSON has it, without secrets."""
    value = covered(name, value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain("", inner) for key, inner in value.items()}
    return [_plain("", inner) for inner in value] if isinstance(value, list) else shown(value)


__all__ = ["Described", "Layered", "Told", "describe", "layers_of_all"]
