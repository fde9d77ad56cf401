"""Commands that plugins bring to the command line: what an entry point of `motools.commands.v1` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.plugins.catalogue import catalogue
from motools.plugins.loading import broken

if TYPE_CHECKING:
    import click

    from motools.plugins.origin import Offer


def load_command(offer: Offer) -> click.Command:
    """Import the click command that an offer names. Raises `PluginBroken` where it is none."""
    import click

    found: Any = catalogue().load(offer)
    if not isinstance(found, click.Command):
        raise broken(offer, f"{offer.value} is not a click command but of type {type(found).__name__}.")
    return found


__all__ = ["load_command"]
