"""Every plugin of every kind, from metadata alone: what `motools plugins` and `motools doctor` go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.errors import nearest
from motools.plugins.catalogue import catalogue
from motools.plugins.discovery import scan
from motools.plugins.origin import GROUP_OF, Offer, offer_of
from motools.plugins.provenance import FILE, provenance
from motools.plugins.registry import BackendInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from motools.plugins.catalogue import Catalogue
    from motools.plugins.checking import Checked
    from motools.plugins.discovery import EntryPoint


class PluginInfo(BackendInfo):
    """One plugin that is installed or configured, as far as metadata tell.

    `kind` is "training", "eval", "hooks", "middleware", "cache" or "commands", None where it is not known. `origin` says
    how it came here: "wheel", "editable", "vcs", or "file" for what a motools.toml names itself; `source` is the URL it
    was installed from, where it was not an index. `reason` says why the status is not "ok". `check` is what importing
    it came to, once `check_plugins` has done that.
    """

    __slots__ = ("check", "offer", "origin", "source")

    FIELDS = (*BackendInfo.FIELDS, "origin", "source", "reason")

    def __init__(self, offer: Offer) -> None:
        super().__init__(offer)
        self.offer = offer
        self.origin, self.source = provenance(offer.location) if offer.distribution else (FILE, "")
        self.check: Checked | None = None

    def take(self, check: Checked) -> None:
        """Know what importing it came to."""
        self.check = check
        self.kind = self.kind or check.kind
        if check.broken:
            self.status, self.reason = "broken", check.broken


def list_plugins(kind: str | None = None) -> list[PluginInfo]:
    """Return every plugin that is installed or configured, by name. Nothing is imported."""
    present = catalogue()
    rows = [PluginInfo(offer) for offer in [*present.offers, *_strays(present)] if kind in (None, offer.kind)]
    return sorted(rows, key=lambda row: (row.name, row.kind or "", row.distribution or ""))


async def check_plugins(found: Sequence[PluginInfo], *, seconds: float) -> None:
    """Import those that may be used, each in a process of its own that may take so long, and let each know."""
    from motools.plugins.checking import check

    usable = [info for info in found if info.status == "ok"]
    outcomes = await check([(info.name, info.offer) for info in usable], seconds=seconds)
    for info, outcome in zip(usable, outcomes, strict=True):
        info.take(outcome)


def _strays(present: Catalogue) -> Iterator[Offer]:
    """Yield what is declared in groups of ours that there are not: nobody would ever look there."""
    for entry in scan(present.path):
        if offer_of(entry) is None:
            yield _stray(entry)


def _stray(entry: EntryPoint) -> Offer:
    offer = Offer(
        entry.name,
        None,
        entry.value,
        location=str(entry.location),
        distribution=entry.distribution,
        version=entry.version,
    )
    near = nearest(entry.group, list(GROUP_OF.values()))
    meant = f" Did its author mean {near!r}?" if near else ""
    offer.group, offer.status = entry.group, "incompatible"
    offer.reason = f"there is no group {entry.group!r}.{meant} Known: {', '.join(GROUP_OF.values())}."
    return offer


__all__ = ["PluginInfo", "check_plugins", "list_plugins"]
