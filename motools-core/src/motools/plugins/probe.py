"""Import one plugin, use it a little, and tell: what `motools.plugins.checking` starts in a process of its own.

    python -P -m motools.plugins.probe REQUEST REPORT

REQUEST is JSON: what identifies the plugin, the name that it is made by (its own, or an alias), and whether its service is
to be asked. REPORT is the file that is written, as
soon as something is known, with the fields of `Report`; a plugin may end this process at any point.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.config import current
from motools.errors import MotoolsError, PluginError, UsageError
from motools.plugins import looks
from motools.plugins.catalogue import base_of, catalogue
from motools.plugins.loading import broken, import_class
from motools.plugins.origin import BACKEND_KINDS
from motools.plugins.surroundings import Surroundings
from motools.status import Capability
from motools.words import said, sentence_of

if TYPE_CHECKING:
    from motools.plugins.catalogue import Catalogue
    from motools.plugins.origin import Offer

IDENTITY = ("group", "name", "distribution", "value")
"""The fields of an offer that say which one is meant."""


@dataclass(kw_only=True)
class Report:
    """What came of it so far."""

    seconds: float | None = None
    """How long importing it took; None where it has not ended."""
    broken: str = ""
    """Why it cannot be used."""
    findings: list[tuple[str, str]] = field(default_factory=list)
    """The rules that it breaks, each with what it does; see `motools.plugins.rules`."""
    notes: list[str] = field(default_factory=list)
    """What could not be looked at, and why."""
    kind: str | None = None
    wraps: list[str] = field(default_factory=list)
    """The kinds of backend that a layer is for."""
    key_variables: list[str] = field(default_factory=list)
    answers: bool | None = None
    """Whether its service did; None where that was not asked."""
    silence: str = ""
    """Why there was no good answer."""


def main(request: str, path: str) -> None:
    """Do what the module says, and end this process without whatever the plugin wants done at its end."""
    asked = json.loads(request)
    write, end = _writer(Path(path)), os._exit
    logging.getLogger("motools").disabled = True  # what is wrong is reported here
    present = catalogue()
    offer = next(each for each in present.offers if all(getattr(each, name) == asked[name] for name in IDENTITY))
    report = Report()
    if looks.package_of(offer) in sys.modules.keys() - {"motools"}:
        report.findings.append(("listing", "was imported though nobody had asked for it"))
    modules, before, began = set(sys.modules), Surroundings(), time.perf_counter()
    try:
        found = _imported(present, offer)
    except BaseException as error:  # noqa: BLE001  (whatever it is, it is what this plugin does)
        report.broken = error.reason if isinstance(error, PluginError) else said(error)
    report.seconds = time.perf_counter() - began
    report.kind = offer.kind
    after = Surroundings()
    report.findings += after.changes(before)
    write(report)
    if not report.broken:
        made = _use(offer, found, asked["made_as"], report)
        around = present.settings.backends.get(asked["made_as"], {}).get("middleware", ())
        report.findings += looks.imported(present, offer, modules, around)
        report.findings += [(rule, f"{what} when it was made") for rule, what in Surroundings().changes(after)]
        write(report)
        if asked["online"] and _can_be_asked(made):
            _ask(made, report)
            write(report)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):  # by now it may be anything
            stream.flush()
    end(0)


def _writer(path: Path) -> Any:
    """Return what writes a report, made of functions as they are now, whatever becomes of them."""
    encode, write, replace = json.JSONEncoder(ensure_ascii=True).encode, Path.write_text, os.replace
    beside = path.with_suffix(".part")

    def written(report: Report) -> None:
        write(beside, encode(asdict(report)), encoding="utf-8")
        replace(beside, path)

    return written


def _imported(present: Catalogue, offer: Offer) -> Any:
    """Import what an offer names. Raises `PluginBroken` where it is not what its group asks for."""
    if offer.kind in (*BACKEND_KINDS, None):
        return present.import_backend(offer)
    if offer.kind == "hooks":
        return _hooks(present, offer)
    if offer.kind == "commands":
        from motools.plugins.commands import load_command

        return load_command(offer)
    found = present.load(offer)
    if offer.kind == "middleware":
        return import_class(offer, base_of(_wrapped_by(found) or "training"))
    if not callable(found):
        raise broken(offer, f"{offer.value} is not callable: a store's entry point takes a URL and returns the store.")
    return found


def _hooks(present: Catalogue, offer: Offer) -> Any:
    """Register one hook module as it would be for a run."""
    from motools.plugins.hooks import Hooks

    present.offers = [offer]
    hooks = Hooks(present)
    if hooks.problems:
        raise hooks.problems[0]
    return hooks


def _wrapped_by(layer: Any) -> str | None:
    """Return the kind of backend that a layer's class is for."""
    kinds = [kind for kind in BACKEND_KINDS if isinstance(layer, type) and issubclass(layer, base_of(kind))]
    return next(iter(kinds), None)


def _use(offer: Offer, found: Any, name: str, report: Report) -> Any:
    """Make what it offers as a request would, and look at it; return it, or None where it is not made."""
    if offer.kind == "middleware":
        layers = (found, getattr(found, "counterpart", None))
        report.wraps = [kind for layer in layers if (kind := _wrapped_by(layer))]
    report.findings += looks.declared(offer, found)
    if offer.kind == "hooks":
        report.findings += looks.answered(found, offer)
    try:
        made = _made(offer, found, name)
        report.key_variables = [str(each) for each in getattr(made, "key_variables", ())]
    except PluginError as error:
        report.broken = error.reason
        return None
    except UsageError as error:
        report.notes.append(f"was not made: {sentence_of(error)}")
        return None
    except BaseException as error:  # noqa: BLE001  (as above)
        report.broken = f"making it raised {said(error)}"
        return None
    if made is not None:
        report.findings += looks.shown(made, lambda: _made(offer, found, name))
    return made


def _made(offer: Offer, found: Any, name: str) -> Any:
    from motools.plugins.registry import get_backend

    if offer.kind in BACKEND_KINDS:
        return get_backend(name, kind=offer.kind, middleware=())
    if offer.kind == "middleware":
        return get_backend("dummy", kind=_wrapped_by(found), middleware=(*getattr(found, "needs", ()), offer.name))
    url = current().cache or ""
    if offer.kind == "cache" and url.partition(":")[0] == offer.name:
        from motools.plugins.stores import open_store

        return open_store(url)
    return None


def _can_be_asked(made: Any) -> bool:
    return Capability.PING in getattr(made, "capabilities", ())


def _ask(made: Any, report: Report) -> None:
    import asyncio

    async def ask() -> None:
        try:
            await made.ping()
        finally:
            await made.aclose()

    try:
        asyncio.run(ask())
    except BaseException as error:  # noqa: BLE001  (as above)
        report.silence = sentence_of(error)
    report.answers = not report.silence


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except MotoolsError as error:
        sys.exit(str(error))
