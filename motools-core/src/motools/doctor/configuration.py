"""Whether motools.toml and the variables can be obeyed, and what they name is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from motools import config
from motools.doctor.findings import Finding, Level
from motools.errors import BackendNotFound, ConfigError, MotoolsError, SettingError, UsageError, nearest
from motools.plugins.catalogue import catalogue
from motools.plugins.discovery import canonical
from motools.plugins.origin import selection

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from motools.plugins.catalogue import Catalogue

TOPIC = "configuration"
VARIABLES = (*(name for name in config.VARIABLES if name.startswith("MOTOOLS_")), "MOTOOLS_DEBUG", "MOTOOLS_MODELS")


def examine_configuration() -> Iterator[Finding]:
    """Yield where the configuration is from, and all that in it leads nowhere."""
    yield from _of_variables()
    try:
        present = catalogue()
    except ConfigError as error:
        yield _problem(str(error), "Put it right as the message says; nothing works before that.")
        return
    place = present.settings.path
    yield Finding(
        topic=TOPIC, what=f"{place} is valid" if place else "no motools.toml from here upwards: defaults hold"
    )
    yield from dead_ends(present)
    yield from _of_layers(present)
    yield from _of_order(present)


def dead_ends(present: Catalogue) -> Iterator[Finding]:
    """Yield which backends and plugins the configuration names that are not installed, here perhaps or by mistake."""
    yield from _of_backends(present)
    yield from _of_controls(present)


def _of_variables() -> Iterator[Finding]:
    for name in sorted(os.environ):
        near = nearest(name, VARIABLES) if name.startswith("MOTOOLS_") and name not in VARIABLES else None
        if near is not None:
            yield Finding(
                topic=TOPIC,
                level=Level.NOTE,
                what=f"motools reads no variable {name}.",
                remedy=f"If {near} is meant, rename it.",
            )


def _of_backends(present: Catalogue) -> Iterator[Finding]:
    for name in present.settings.backends:
        try:
            target = present.alias(name)[0]
            if ":" not in target:
                present.choose(target)
        except BackendNotFound as error:
            yield _problem(f"{present.place} [backends.{name}]: {error}", "Correct the name, or remove the table.")
        except UsageError as error:
            yield from _unless_it_is_both(present, name, error)


def _unless_it_is_both(present: Catalogue, name: str, error: UsageError) -> Iterator[Finding]:
    """Yield the problem, unless it is only that the name is one of both kinds: whoever asks says which."""
    target = present.alias(name)[0] if not isinstance(error, ConfigError) else ""
    if len([offer for offer in present.backends() if offer.name == target and offer.status == "ok"]) < 2:  # noqa: PLR2004  (both kinds)
        yield _problem(f"{present.place} [backends.{name}]: {error}", "Do as the message says, or remove the table.")


def _of_layers(present: Catalogue) -> Iterator[Finding]:
    from motools.middleware.layers import BUILT_IN

    for name, table in present.settings.backends.items():
        for layer in table.get("middleware", ()):
            try:
                found = layer in BUILT_IN or present.plugin(layer, "middleware") is not None
            except MotoolsError as error:
                yield _problem(f"{present.place} [backends.{name}]: {error}", "Do as it says, or leave the layer out.")
                continue
            if not found:
                known = [*BUILT_IN, *sorted(offer.name for offer in present.of("middleware"))]
                near = nearest(layer, known)
                meant = f" Did you mean {near!r}?" if near else ""
                yield _problem(
                    f"{present.place} [backends.{name}]: no middleware layer is called {layer!r}.{meant}",
                    f"Known: {', '.join(known)}. Correct the name, or install what offers it.",
                )


def _of_order(present: Catalogue) -> Iterator[Finding]:
    """Yield what makes no sense about the order of our own layers; those of others would have to be imported."""
    from motools.middleware.layers import BUILT_IN, layers_of
    from motools.middleware.order import check_order

    for name, table in present.settings.backends.items():
        ours = [layer for layer in table.get("middleware", ()) if layer in BUILT_IN]
        try:
            check_order(layers_of(ours, "training"))
        except SettingError as error:
            yield _problem(
                f"{present.place} [backends.{name}]: {error}",
                "Do as it says: nothing is made with these layers before that.",
            )


def _of_controls(present: Catalogue) -> Iterator[Finding]:
    from motools.plugins.hooks import check_required

    settings, names = present.settings, {offer.name for offer in present.offers}
    try:
        check_required(present)
    except MotoolsError as error:
        yield _problem(str(error), "Install it, or take its name out of plugins.required.")
    for name in settings.plugins_block:
        if name not in names:
            what = f"{present.place} blocks {name!r}, and nothing that is installed has that name."
            yield _note(what, _instead_of(name, names))
    named, excluded = selection(settings.plugins)
    for name in sorted((named | excluded) - names):
        what = f"MOTOOLS_PLUGINS names {name!r}, and nothing that is installed has that name."
        yield _note(what, _instead_of(name, names) or "Correct the name, or leave it out.")
    for name, pin in settings.plugins_pin.items():
        owners = {offer.distribution or offer.value for offer in present.offers if offer.name == name}
        if not owners & {pin, canonical(pin)}:
            offering = f"it is offered by {', '.join(sorted(owners))}" if owners else "nothing installed offers it"
            remedy = "" if owners else _instead_of(name, names)
            yield _problem(
                f"{present.place} pins {name!r} to {pin}: {offering}.", remedy or f"Install {pin}, or remove the pin."
            )


def _instead_of(name: str, names: Collection[str]) -> str:
    near = nearest(name, sorted(names))
    return f"If {near} is meant, correct it." if near else ""


def _problem(what: str, remedy: str) -> Finding:
    return Finding(topic=TOPIC, level=Level.PROBLEM, what=what, remedy=remedy)


def _note(what: str, remedy: str = "") -> Finding:
    return Finding(topic=TOPIC, level=Level.NOTE, what=what, remedy=remedy)


__all__ = ["dead_ends", "examine_configuration"]
