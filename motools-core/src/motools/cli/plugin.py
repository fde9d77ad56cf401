"""`motools plugin`: for whoever writes a plugin."""

from __future__ import annotations

import click

from motools.cli.lazy import LazyGroup

COMMANDS = {
    "new": ("motools.cli.new", "Write a distribution to start from, with a contract test that passes."),
    "check": ("motools.cli.check", "Prove an installed plugin: the rules that all keep, and the contract of its kind."),
}


@click.group("plugin", cls=LazyGroup, lazy=COMMANDS)
def plugin_command() -> None:
    """Write and prove a plugin of your own; `motools plugins` lists those that are installed."""


__all__ = ["plugin_command"]
