"""What is to be seen of a plugin that was imported: what it imported, how it is named, typed and shown, what it answers.

Each function yields the rules of `motools.plugins.rules` that are broken, each with what the plugin does. Used in a process of
its own: see `motools.plugins.probe`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.errors import PluginError
from motools.plugins.gateway import PARTS, STEMS
from motools.plugins.loading import split_value
from motools.plugins.powers import lacking
from motools.words import said

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from motools.plugins.catalogue import Catalogue
    from motools.plugins.hooks import Hooks
    from motools.plugins.origin import Offer

HEAVY = 50
"""Modules of others that a plugin may bring along: any SDK has more, and what is small costs little."""
OWN = frozenset(
    {"motools", "pluggy", "click", "rich", "aiofiles", "importlib_metadata", "zipp", "pygments", "markdown_it", "mdurl"}
)
"""What comes with motools-core."""
CANARY = "canary-0123456789"
NOBODYS = "no-such-model-0123456789"


def package_of(offer: Offer) -> str:
    """Return the top-level package that an offer's value is in."""
    return split_value(offer.value)[0].partition(".")[0]


def imported(
    present: Catalogue, offer: Offer, before: Collection[str], around: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Look at the modules that are there since `before`; layers that the user has put `around` it are not its doing."""
    own = package_of(offer)
    found = Counter(name.partition(".")[0] for name in set(sys.modules) - set(before))
    of_the_user = {package_of(each) for each in present.offers if each.kind == "middleware" and each.name in around}
    strange = (package_of(each) for each in present.offers if each.distribution != offer.distribution)
    others = {*strange} - {own, "motools"} - of_the_user
    if strangers := sorted(others & found.keys()):
        yield "others", f"imports another plugin: {', '.join(strangers)}"
    for name in [*found]:
        if name in {*sys.stdlib_module_names, *OWN, *others, *of_the_user, own, "__mp_main__"}:
            del found[name]
    if found.total() > HEAVY:
        packages = ", ".join(name for name, _ in found.most_common(3))
        yield "sdk", f"imports {found.total()} modules that are not its own ({packages}…)"


def declared(offer: Offer, found: Any) -> Iterator[tuple[str, str]]:
    """Look at a class, and at the package that it is in."""
    if powers := lacking(found):
        yield "powers", f"declares {', '.join(powers)} and does not implement {'it' if len(powers) == 1 else 'them'}"
    if offer.kind in STEMS:
        yield from _names(offer.kind, found)
    if offer.distribution:
        places = getattr(sys.modules.get(package_of(offer)), "__path__", None)
        if places is None:
            yield "typed", "is one module, which cannot say that it is typed"
        elif not any(Path(place, "py.typed").exists() for place in places):
            yield "typed", "has no py.typed, so that type checkers pass it over"


def _names(kind: str, found: type[Any]) -> Iterator[tuple[str, str]]:
    ending = f"{STEMS[kind]}Backend"
    if not found.__name__.endswith(ending):
        yield "names", f"calls its class {found.__name__}, and not X{ending}"
        return
    handle = getattr(found, "run_type", None) or getattr(found, "job_type", None)
    expected = f"{found.__name__.removesuffix('Backend')}{PARTS[kind][1]}"
    if handle is not None and getattr(handle, "__name__", "") != expected:
        yield "names", f"calls the class of its handles {getattr(handle, '__name__', '?')}, and not {expected}"


def shown(made: Any, again: Callable[[], Any]) -> Iterator[tuple[str, str]]:
    """Look at how a backend is shown, also where a key that can be recognised is set when it is made `again`."""
    try:
        repr(made)
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is what this plugin does)
        yield "repr", f"its __repr__ raised {said(error)}"
        return
    variables = [str(name) for name in getattr(made, "key_variables", ())]
    kept = {name: os.environ.get(name) for name in variables}
    os.environ.update(dict.fromkeys(variables, CANARY))
    try:
        another = again() if variables else None
        texts = [repr(another), repr(dict(another.account()))] if another is not None else []
    except BaseException:  # noqa: BLE001  (a key that is none may well be refused)
        texts = []
    for name, value in kept.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    if any(CANARY in text for text in texts):
        yield "repr", f"shows what {' or '.join(variables)} holds, in its __repr__ or its account"


def answered(hooks: Hooks, offer: Offer) -> Iterator[tuple[str, str]]:
    """Ask a hook module for a model that is nobody's."""
    hooks._required = {offer.name}  # a failure is raised, and not only reported
    try:
        answer = hooks.resolve_model(NOBODYS, "no-such-framework")
    except PluginError as error:
        yield "answers", error.reason
    else:
        if answer is not None:
            yield "answers", f"says how {NOBODYS!r} is reached, a model that there is not"


__all__ = ["answered", "declared", "imported", "package_of", "shown"]
