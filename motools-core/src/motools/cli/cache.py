"""`motools cache`: what is recorded of paid work, as a whole."""

from __future__ import annotations

import click

from motools.cli.lazy import LazyGroup

COMMANDS = {
    "stats": ("motools.cli.statistics", "Count what is recorded, and what recorded results have saved."),
    "why": ("motools.cli.why", "Say why a request is no hit: what differs from the nearest one."),
    "verify": ("motools.cli.verify", "Check all that is recorded, and name what is wrong."),
    "gc": ("motools.cli.clean", "Remove what nobody needs; shows what would go, until --apply."),
    "export": ("motools.cli.exchange", "Write the records to a file, for somebody else to import."),
    "import": ("motools.cli.exchange", "Take over the records that somebody else has exported."),
}


@click.group("cache", cls=LazyGroup, lazy=COMMANDS)
def cache_command() -> None:
    """Look after the record of paid work as a whole; `motools runs` is for single runs and jobs."""


__all__ = ["cache_command"]
