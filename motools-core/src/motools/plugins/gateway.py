"""Plugins' classes by their own names: what is behind `motools.training.backends` and `motools.evals.backends`.

A backend class is called what its entry point's value calls it ("motools_openai.training:OpenAITrainingBackend"). What
belongs to it (XTrainingRun; XEvalJob, XEvalResults) is found in the same module, by the X that they share.
"""

from __future__ import annotations

import sys

from motools.errors import OFFICIAL_DISTRIBUTIONS, OFFICIAL_KINDS, nearest
from motools.plugins.catalogue import catalogue
from motools.plugins.loading import split_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from motools.plugins.origin import Offer

STEMS = {"training": "Training", "eval": "Eval"}
PARTS = {"training": ("Backend", "Run"), "eval": ("Backend", "Job", "Results")}
OFFICIAL_CLASSES = {
    f"{vendor}{STEMS[kind]}{part}": OFFICIAL_DISTRIBUTIONS[name]
    for vendor, name in (("OpenAI", "openai"), ("Tinker", "tinker"), ("Local", "local"), ("Inspect", "inspect"))
    for kind in [OFFICIAL_KINDS[name]]
    for part in PARTS[kind]
}
"""The names of our own plugins' classes, and the distribution that each is in."""


def installed_names(kind: str) -> list[str]:
    """Return the class names that installed plugins offer, as far as metadata tell."""
    names = set()
    for offer in catalogue().backends(kind):
        name = _class_name(offer)
        names.add(name)
        if offer.distribution in OFFICIAL_CLASSES.values() and name in OFFICIAL_CLASSES:
            names |= {name.removesuffix("Backend") + part for part in PARTS[kind]}
    return sorted(names)


def find_name(gateway: str, kind: str, name: str) -> Any:
    """Return the class that a gateway has under `name`, importing the one plugin that it belongs to.

    Raises ImportError for a class that nothing installed has, which says what to install or what there is; the
    `PluginError` of a plugin that cannot be used; AttributeError for a name that no such class can have.
    """
    offers = [offer for offer in catalogue().backends(kind) if _owns(offer, name)]
    offers.sort(key=lambda offer: offer.status != "ok")
    for offer in offers[:1]:
        present = catalogue()
        found: Any = present.load_class(present.choose(offer.name, kind))
        if _class_name(offer) != name:
            found = getattr(sys.modules[split_value(offer.value)[0]], name, None)
        if found is not None:
            return found
    if name.startswith("_") or STEMS[kind] not in name or not name.endswith(PARTS[kind]):
        raise AttributeError(f"module {gateway!r} has no attribute {name!r}")
    raise ImportError(_missing(gateway, kind, name), name=gateway)


def _owns(offer: Offer, name: str) -> bool:
    """Whether a class of that name is the offer's, or would stand beside it."""
    own = _class_name(offer)
    stem = own.removesuffix("Backend")
    return name == own or (
        stem != own and name.startswith(stem) and name.removeprefix(stem) in ("Run", "Job", "Results")
    )


def _class_name(offer: Offer) -> str:
    return split_value(offer.value)[1].rpartition(".")[2]


def _missing(gateway: str, kind: str, name: str) -> str:
    if name in OFFICIAL_CLASSES:
        return f"{name} is in {OFFICIAL_CLASSES[name]}, which is not installed. Install it with: pip install {OFFICIAL_CLASSES[name]}"
    installed = installed_names(kind)
    near = nearest(name, installed)
    meant = f" Did you mean {near!r}?" if near else ""
    return f"{gateway} has no {name!r}.{meant} Installed plugins offer: {', '.join(installed) or 'none'}."


__all__ = ["OFFICIAL_CLASSES", "find_name", "installed_names"]
