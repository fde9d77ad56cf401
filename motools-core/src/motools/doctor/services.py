"""Each plugin, in a process of its own: whether it can be used, whether its keys are set, and whether its service answers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from motools.doctor.findings import Finding, Level
from motools.errors import ConfigError
from motools.plugins.catalogue import catalogue
from motools.plugins.checking import Checked, check
from motools.plugins.listing import PluginInfo, list_plugins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from motools.plugins.origin import Offer

PLUGINS, KEYS, SERVICES = "plugins", "keys", "services"


async def examine_services(*, online: bool, seconds: float) -> AsyncIterator[Finding]:
    """Yield what is wrong with plugins, which keys are set, and with `online` which services answer."""
    try:
        found = list_plugins()
    except ConfigError:
        what = "plugins were not looked at: which may be used is known once the configuration is right"
        yield Finding(topic=PLUGINS, level=Level.NOTE, what=what)
        return
    subjects = [(info.name, info.offer) for info in found if info.status == "ok"]
    aliases = list(_aliases())
    outcomes = await check([*subjects, *aliases], seconds=seconds, online=online)
    checked = list(zip([*subjects, *aliases], outcomes, strict=True))
    for info in found:
        if info.status != "ok":
            yield _of_metadata(info)
    for (name, offer), outcome in checked:
        is_configured = name in catalogue().settings.backends
        for finding in _of_import(
            f"{name} ({_kind(offer, outcome)} of {offer.origin})", outcome, is_configured=is_configured
        ):
            yield finding
    for finding in [*_of_keys(checked), *_of_answers(checked)]:
        yield finding


def _aliases() -> Iterator[tuple[str, Offer]]:
    """Yield the aliases of motools.toml with the backends that they lead to."""
    present = catalogue()
    for alias in present.settings.backends:
        try:
            target, _ = present.alias(alias)
        except ConfigError:  # a circle, which the configuration's examination tells of
            continue
        if target != alias:
            yield from ((alias, offer) for offer in present.backends() if (offer.name, offer.status) == (target, "ok"))


def _kind(offer: Offer, outcome: Checked) -> str:
    return offer.kind or outcome.kind or "backend"


def _of_metadata(info: PluginInfo) -> Finding:
    who = f"{info.name} ({info.kind or '?'} of {info.offer.origin}) is {info.status}: {info.reason}"
    if info.status == "disabled":
        return Finding(topic=PLUGINS, level=Level.NOTE, what=who)
    return Finding(topic=PLUGINS, level=Level.PROBLEM, what=who, remedy=_get_rid_of(info.name, info.distribution))


def _get_rid_of(name: str, distribution: str | None) -> str:
    away = f"uninstall {distribution}" if distribution else "take it out of motools.toml"
    return f'Do as it says, {away}, or switch it off: [plugins] block = ["{name}"] in motools.toml.'


def _of_import(who: str, outcome: Checked, *, is_configured: bool) -> Iterator[Finding]:
    """Say whether it can be used; that it cannot be made is a problem where motools.toml says how it should be."""
    if outcome.broken:
        remedy = "Tell its author, upgrade or uninstall it, or switch it off with [plugins] block in motools.toml."
        yield Finding(topic=PLUGINS, level=Level.PROBLEM, what=f"{who} is broken: {outcome.broken}", remedy=remedy)
    else:
        took = f" in {outcome.seconds:.2f} s" if outcome.seconds is not None else ""
        yield Finding(topic=PLUGINS, what=f"{who} is imported{took}")
    for sentence in outcome.did:
        yield Finding(topic=PLUGINS, level=Level.NOTE, what=f"{who} {sentence}")
    for sentence in outcome.notes:
        level, remedy = (Level.PROBLEM, "Correct its table in motools.toml.") if is_configured else (Level.NOTE, "")
        yield Finding(topic=PLUGINS, level=level, what=f"{who} {sentence}", remedy=remedy)


def _of_keys(checked: list[tuple[tuple[str, Offer], Checked]]) -> Iterator[Finding]:
    """Say of each key that is read whether it is set, and never anything of what it is."""
    readers: dict[str, list[str]] = {}
    for (name, _), outcome in checked:
        for variable in outcome.key_variables:
            readers.setdefault(variable, []).append(name)
    for variable, names in sorted(readers.items()):
        value, who = os.environ.get(variable), ", ".join(dict.fromkeys(names))
        if not value:
            remedy = f"Before {who} is used: export {variable}=…"
            yield Finding(topic=KEYS, level=Level.NOTE, what=f"{variable} is not set ({who}).", remedy=remedy)
        elif value != value.strip():
            remedy = "Set it again, without the white space around it: services refuse such a key."
            what = f"{variable} is set, and begins or ends with white space ({who})."
            yield Finding(topic=KEYS, level=Level.PROBLEM, what=what, remedy=remedy)
        else:
            yield Finding(topic=KEYS, what=f"{variable} is set ({who})")


def _of_answers(checked: list[tuple[tuple[str, Offer], Checked]]) -> Iterator[Finding]:
    for (name, offer), outcome in checked:
        if outcome.answers:
            yield Finding(topic=SERVICES, what=f"{name} answers")
        elif outcome.answers is not None:
            what = f"{name} ({offer.origin}) gives no good answer: {outcome.silence}"
            remedy = "Look at the key, the address and the way there (proxy, firewall); then ask again."
            yield Finding(topic=SERVICES, level=Level.PROBLEM, what=what, remedy=remedy)


__all__ = ["examine_services"]
