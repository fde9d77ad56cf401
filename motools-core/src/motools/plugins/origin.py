"""Where a plugin comes from, and whether it may be used: all that is known before anything of it is imported.

    status        the name ...
    ok            can be used, as far as metadata tell
    disabled      is switched off: MOTOOLS_PLUGINS, `block`, or a pin on another distribution
    conflict      is claimed by two distributions, or is an official name in a stranger's hands or a file's
    incompatible  is written for another major version of the plugin API
    broken        leads nowhere: the value of its entry point names nothing that could be imported

What else is broken is found out when it is imported, and not before.
"""

from __future__ import annotations

from motools.errors import (
    OFFICIAL_DISTRIBUTIONS,
    PluginBroken,
    PluginConflict,
    PluginDisabled,
    PluginError,
    PluginIncompatible,
)
from motools.plugins.discovery import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.config import Config
    from motools.plugins.discovery import EntryPoint

API_MAJOR = 1
"""The major version of the plugin API that this core speaks, in every group."""

KIND_OF = {
    "training": "training",
    "evals": "eval",
    "hooks": "hooks",
    "middleware": "middleware",
    "cache": "cache",
    "commands": "commands",
}
"""The word in the group's name, and the kind of plugin that it says."""

GROUP_OF = {kind: f"motools.{word}.v{API_MAJOR}" for word, kind in KIND_OF.items()}

NOUN_OF = {
    "training": "training backend",
    "eval": "eval backend",
    "hooks": "hook module",
    "middleware": "middleware layer",
    "cache": "cache store",
    "commands": "command",
}

BACKEND_KINDS = ("training", "eval")

RESERVED = {**OFFICIAL_DISTRIBUTIONS, "dummy": "motools-core"}
"""Names of backends that belong to the official distributions unless the user pins another."""

OWN_COMMANDS = (
    "train",
    "validate",
    "eval",
    "compare",
    "runs",
    "cache",
    "recover",
    "adopt",
    "backends",
    "plugins",
    "plugin",
    "doctor",
    "config",
    "demo",
)
"""Names of commands that belong to motools-core, whatever anybody pins."""


class Offer:
    """One plugin that something installed, or a motools.toml, offers.

    `kind` is None where it is not known before the plugin is imported. `distribution` and `version` are empty for what
    a motools.toml names itself. `reason` says why the status is not "ok".
    """

    __slots__ = ("distribution", "group", "kind", "location", "major", "name", "reason", "status", "value", "version")

    def __init__(
        self, name: str, kind: str | None, value: str, *, location: str, distribution: str = "", version: str = ""
    ) -> None:
        self.name = name
        self.kind = kind
        self.value = value
        self.distribution = distribution
        self.version = version
        self.location = location
        self.group = GROUP_OF[kind] if kind else "plugins.backends"
        self.major = API_MAJOR
        self.status = "ok"
        self.reason = ""

    @property
    def origin(self) -> str:
        """The distribution with its version, or the file that names the plugin."""
        return f"{self.distribution} {self.version}".strip() or self.location

    def error(self) -> PluginError:
        """Return the error to raise when something wants this plugin and its status is not "ok"."""
        kinds = {
            "disabled": PluginDisabled,
            "conflict": PluginConflict,
            "incompatible": PluginIncompatible,
            "broken": PluginBroken,
        }
        return kinds[self.status](self.name, self.group, self.origin, self.reason)


def offer_of(entry: EntryPoint) -> Offer | None:
    """Return what an entry point offers, or None where its group is none of ours."""
    parts = entry.group.split(".")
    if len(parts) != 3 or parts[1] not in KIND_OF or parts[2][:1] != "v" or not parts[2][1:].isdecimal():  # noqa: PLR2004  (motools.KIND.vN)
        return None
    offer = Offer(
        entry.name,
        KIND_OF[parts[1]],
        entry.value,
        location=str(entry.location),
        distribution=entry.distribution,
        version=entry.version,
    )
    offer.group = entry.group
    offer.major = int(parts[2][1:])
    return offer


def assess(offers: Sequence[Offer], settings: Config, place: str) -> None:
    """Give each offer its status, and the reason where that is not "ok"."""
    served = {(offer.kind, offer.name, offer.distribution) for offer in offers if offer.major == API_MAJOR}
    pins = settings.plugins_pin
    own = {offer.name for offer in offers if not offer.distribution and pins.get(offer.name) in (None, offer.value)}
    rivals: dict[tuple[str | None, str], list[Offer]] = {}
    for offer in offers:
        objection = _objection(offer, settings, place, own)
        if objection:
            offer.status, offer.reason = "disabled", objection
        elif offer.major != API_MAJOR:
            is_served = (offer.kind, offer.name, offer.distribution) in served
            offer.status, offer.reason = "superseded" if is_served else "incompatible", _incompatible(offer)
        else:
            offer.status, offer.reason = _of_own_command(offer) or _of_value(offer)
            if offer.kind != "hooks":
                rivals.setdefault((offer.kind, offer.name), []).append(offer)
    for (kind, name), claimants in rivals.items():
        reason = _conflict(kind, name, claimants, is_pinned=name in pins)
        for offer in claimants if reason else ():
            offer.status, offer.reason = "conflict", reason


def selection(variable: str | None) -> tuple[set[str], set[str]]:
    """Return the names that MOTOOLS_PLUGINS lists, and those that it excludes with a `-`.

    "openai,inspect" is these and no other, "-foo" all but foo, and the empty string none. What it lists is on, though
    a file blocks it.
    """
    words = {word.strip() for word in (variable or "").split(",")} - {""}
    excluded = {word for word in words if word.startswith("-")}
    return words - excluded, {word[1:].strip() for word in excluded}


def _objection(offer: Offer, settings: Config, place: str, own: set[str]) -> str:
    """Say what switches an offer off: the environment, or a choice that motools.toml states."""
    named, excluded = selection(settings.plugins)
    if settings.plugins is not None and (
        offer.name in excluded or (offer.name not in named and (named or not excluded))
    ):
        return f"MOTOOLS_PLUGINS={settings.plugins!r} switches it off."
    if offer.name in settings.plugins_block and offer.name not in named:
        return f"{settings.origins.get('plugins.block', place)} blocks it."
    if offer.kind == "hooks":
        return ""
    if offer.distribution and offer.kind in BACKEND_KINDS and offer.name in own:
        return f"{place} names a backend {offer.name!r} of its own."
    pin = settings.plugins_pin.get(offer.name)
    if pin is not None and (canonical(pin) != offer.distribution if offer.distribution else pin != offer.value):
        return f"{place} pins {offer.name!r} to {pin}."
    return ""


def _of_own_command(offer: Offer) -> tuple[str, str] | None:
    """Return the status of a command that has the name of one of ours, and the reason; None for every other plugin."""
    if offer.kind != "commands" or offer.name not in OWN_COMMANDS:
        return None
    return "conflict", (
        f"{offer.origin} ({offer.location}) offers a command {offer.name!r}; `motools {offer.name}` is a command of "
        "motools-core, and nothing replaces it. Its author has to give it another name."
    )


def _of_value(offer: Offer) -> tuple[str, str]:
    """Return the status that the form of an entry point's value allows, and the reason where that is not "ok"."""
    module, colon, attribute = offer.value.partition("[")[0].partition(":")
    parts = module.strip().split(".") + (attribute.strip().split(".") if colon else [])
    if all(part.isidentifier() for part in parts) and (colon or offer.kind == "hooks"):
        return "ok", ""
    form = "package.module" if offer.kind == "hooks" else "package.module:Class"
    return "broken", f"its value {offer.value!r} names nothing that can be imported; it must have the form {form}."


def _incompatible(offer: Offer) -> str:
    newer = offer.major > API_MAJOR
    remedy = (
        f"Upgrade motools-core, or install a version of {offer.distribution} for v{API_MAJOR}."
        if newer
        else f"Upgrade {offer.distribution}, or install an older motools-core."
    )
    return f"it is written for v{offer.major} of the plugin API, and this motools-core speaks v{API_MAJOR}. {remedy}"


def _conflict(kind: str | None, name: str, claimants: list[Offer], *, is_pinned: bool) -> str:
    """Say what is wrong with several offers of one name, or with a stranger's of an official one; "" for nothing."""
    official = RESERVED.get(name) if kind in (*BACKEND_KINDS, None) else None
    noun = NOUN_OF[kind or "training"]
    noun = f"{'an' if noun[0] == 'e' else 'a'} {noun}"
    places = [f"{offer.origin} ({offer.location})" for offer in claimants]
    owners = [offer.distribution for offer in claimants]
    if len(owners) > 1:
        count = "Two" if len(owners) == 2 else str(len(owners))  # noqa: PLR2004  (in words)
        choice = official if official in owners else owners[0]
        return (
            f"{count} distributions offer {noun} {name!r}: {', '.join(places[:-1])} and {places[-1]}.\n"
            f"Pick one in motools.toml:  {pin_line(name, choice)}"
        )
    if official is None or is_pinned or owners[0] == official:
        return ""
    if not owners[0]:
        return (
            f"{claimants[0].location} names {noun} {name!r} of its own, a name that is reserved for {official}.\n"
            f"Give it another name, or pick it in motools.toml:  {pin_line(name, claimants[0].value)}"
        )
    return (
        f"{places[0]} offers {noun} {name!r}, a name that is reserved for {official}. "
        f"Install that one with: pip install {official}\n"
        f"Or pick the other in motools.toml:  {pin_line(name, owners[0])}"
    )


def pin_line(name: str, distribution: str) -> str:
    """Return the text for motools.toml that picks a distribution for a name."""
    bare = name.replace("-", "").replace("_", "")
    key = name if bare.isascii() and bare.isalnum() else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f'[plugins] pin = {{ {key} = "{distribution}" }}'


__all__ = [
    "API_MAJOR",
    "BACKEND_KINDS",
    "GROUP_OF",
    "NOUN_OF",
    "OWN_COMMANDS",
    "RESERVED",
    "Offer",
    "assess",
    "offer_of",
    "pin_line",
    "selection",
]
