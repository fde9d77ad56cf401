"""The layers that a chain is made of: what each is called, which options it declares, and how it is put around a backend.

A layer's class may declare options, as a backend's `Settings` do. They stand among those of the backend, in its table of
motools.toml or as keywords of `get_backend`, and the layer is made with them:

    class LoudTrainingBackend(TrainingMiddleware):
        Options = LoudOptions                          # a frozen dataclass; every field has a default

        def __init__(self, backend, options=None):     # an instance of it, checked
"""

from __future__ import annotations

from motools.errors import MotoolsError, SettingError, nearest
from motools.plugins.catalogue import base_of, catalogue
from motools.plugins.loading import broken, import_class
from motools.plugins.origin import NOUN_OF
from motools.words import is_a, said, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from motools.plugins.origin import Offer
    from motools.settings import Setting

BUILT_IN = {
    "cache": {
        "training": "motools.training.backends.cached:CachedTrainingBackend",
        "eval": "motools.evals.backends.cached:CachedEvalBackend",
    },
    "validate": {"training": "motools.middleware.validate:ValidatedTrainingBackend"},
    "budget": {
        "training": "motools.middleware.budget:BudgetedTrainingBackend",
        "eval": "motools.middleware.budget:no_evaluations",
    },
    "limit": {
        "training": "motools.middleware.limit:LimitedTrainingBackend",
        "eval": "motools.middleware.limit:LimitedEvalBackend",
    },
    "log": {
        "training": "motools.middleware.log:LoggedTrainingBackend",
        "eval": "motools.middleware.log:LoggedEvalBackend",
    },
}
"""The class of each for each kind of backend. Where it has none, backends of that kind are as they would be without it."""


class Layer:
    """One layer of a chain for backends of one kind; `found` is its class, a callable, or None where it has none for them."""

    __slots__ = ("found", "kind", "name", "offer")

    def __init__(self, name: str, kind: str, found: Any, offer: Offer | None = None) -> None:
        self.name = name
        self.kind = kind
        self.found = found
        self.offer = offer

    def is_again(self, other: Layer) -> bool:
        """Whether it is the same layer as another one; two callables of one name may differ."""
        return self.name == other.name and (self.name in BUILT_IN or self.found is other.found)

    def rules(self, word: str) -> Iterable[tuple[str, str]]:
        """Return what its class declares under `inside`, `outside` or `needs`: names of layers, each with a reason."""
        from collections.abc import Mapping

        rules = getattr(_behind(self.found), word, {})
        if not isinstance(rules, Mapping):
            raise self._at_fault(
                f"what it declares as {word} is {shown(rules)}, and not a mapping of layers to reasons."
            )
        return rules.items()

    def option_names(self) -> list[str]:
        """Return the names of the options that it declares."""
        return [setting.name for setting in self.options()]

    def options(self) -> list[Setting]:
        """Return the options that it declares, for whichever kind of backend."""
        classes = [self.found, getattr(self.found, "counterpart", None)]
        if self.name in BUILT_IN:
            classes = list(map(_imported, BUILT_IN[self.name].values()))
        declared = [each.Options for each in classes if getattr(each, "Options", None) is not None]
        if not declared:
            return []
        from motools.settings import declared as settings_of

        try:
            return list({setting.name: setting for each in declared for setting in settings_of(each)}.values())
        except Exception as error:
            raise self._at_fault(f"its Options cannot be read: {said(error)}") from error

    def around(self, backend: Any, options: dict[str, Any], who: str) -> Any:
        """Put it around a backend, with those of its options that are given. Raises `SettingError` for a wrong one."""
        if self.found is None:
            return backend
        declaration = getattr(self.found, "Options", None)
        arguments = [backend]
        if declaration is not None:
            from motools.settings import check

            self.options()  # which says whose fault it is where they cannot be read
            arguments.append(check(declaration, options, who=who, what="option"))
        if self.offer is None:
            return self._checked(self.found(*arguments))
        try:
            return self.found(*arguments)
        except (KeyboardInterrupt, MotoolsError):
            raise
        except BaseException as error:  # whatever it is, it is what this plugin does
            raise broken(self.offer, f"its constructor raised {said(error)}") from error

    def _at_fault(self, reason: str) -> MotoolsError:
        if self.offer is None:
            return SettingError(f"The layer {self.name!r} cannot be used: {reason}")
        return broken(self.offer, reason)

    def _checked(self, made: Any) -> Any:
        if not isinstance(made, base_of(self.kind)):
            raise SettingError(
                f"The layer {self.name} made a {type(made).__name__} where {NOUN_OF[self.kind]}s go in and out."
            )
        return made


def layers_of(wanted: Sequence[Any], kind: str) -> list[Layer]:
    """Return the layers that names and callables mean, in the same order. Raises `SettingError` for one that does not exist."""
    if isinstance(wanted, str):
        raise SettingError(f"middleware must be a list of layers, not the string {wanted!r}. Write [{wanted!r}].")
    if not hasattr(wanted, "__iter__"):
        raise SettingError(f"middleware must be a list of layers, not {shown(wanted)}. Write [] for none.")
    return [_layer(each, kind) for each in wanted]


def _layer(wanted: Any, kind: str) -> Layer:
    if not isinstance(wanted, str):
        if not callable(wanted):
            raise SettingError(
                f"A layer is a name, a class, or a callable that takes a backend and returns one, not {shown(wanted)}."
            )
        return Layer(_name_of(wanted), kind, wanted)
    if wanted in BUILT_IN:
        path = BUILT_IN[wanted].get(kind)
        return Layer(wanted, kind, path and _imported(path))
    offer = catalogue().plugin(wanted, "middleware")
    if offer is None:
        raise _unknown(wanted)
    return Layer(wanted, kind, _third_party(offer, kind), offer)


def _behind(found: Any) -> Any:
    """Return the class or function that a callable with some of its arguments given is made of."""
    from functools import partial

    while isinstance(found, partial):
        found = found.func
    return found


def _name_of(found: Any) -> str:
    """Return what a callable is called: as a built-in layer is, where it is one, else by its path."""
    named = _behind(found)
    if not isinstance(named, type) and not hasattr(named, "__qualname__"):
        return shown(found)
    path = f"{named.__module__}:{named.__qualname__}"
    return next((name for name, paths in BUILT_IN.items() if path in paths.values()), path)


def _imported(path: str) -> Any:
    from importlib import import_module

    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _third_party(offer: Offer, kind: str) -> type[Any]:
    other = "eval" if kind == "training" else "training"
    found = catalogue().load(offer)
    if not is_a(found, type) or issubclass(found, base_of(kind)) or not issubclass(found, base_of(other)):
        return import_class(offer, base_of(kind))
    counterpart = getattr(found, "counterpart", None)
    if counterpart is None:
        raise SettingError(
            f"The layer {offer.name!r} of {offer.origin} is for {other} backends, not for {kind} backends."
        )
    if not isinstance(counterpart, type) or not issubclass(counterpart, base_of(kind)):
        raise broken(offer, f"its counterpart {shown(counterpart)} is no layer for {kind} backends.")
    return counterpart


def _unknown(name: str) -> SettingError:
    known = [*BUILT_IN, *sorted(offer.name for offer in catalogue().of("middleware") if offer.status == "ok")]
    near = nearest(name, known)
    meant = f" Did you mean {near!r}?" if near else ""
    return SettingError(f"No middleware layer is called {name!r}.{meant} Known: {', '.join(known)}.")


__all__ = ["BUILT_IN", "Layer", "layers_of"]
