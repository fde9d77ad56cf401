"""`motools plugins`: all that is installed for MOTools, and what importing it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools.cli.listed import COLUMNS, show
from motools.cli.output import put_json, say
from motools.plugins.listing import check_plugins, list_plugins
from motools.plugins.origin import KIND_OF

if TYPE_CHECKING:
    from motools.plugins.listing import PluginInfo

LIMIT = 30.0
"""Seconds that --check gives each plugin."""


@click.command("plugins")
@click.option("--kind", type=click.Choice([*KIND_OF.values()]), help="Only plugins of this kind.")
@click.option("--check", "checks", is_flag=True, help="Import each, in a process of its own, and say what it did.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    default=LIMIT,
    show_default=True,
    help="Seconds that --check gives each plugin.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def plugins_command(*, kind: str | None, checks: bool, timeout: float, as_json: bool) -> None:
    """List every plugin of every kind that is installed, or named by a motools.toml.

    Without --check nothing is imported, so a broken one is listed too. With it each plugin that is not switched off is
    imported and made, in a process of its own, and what is wrong with one is told and holds nobody else up. What it
    prints, exits with, or changes of what everybody shares is told as well. The exit status is 0 whatever plugins do.

    JSON fields: name, kind, value, distribution, version, status (ok, disabled, conflict, incompatible, broken),
    location, origin (wheel, editable, vcs, file), source (a URL, or empty), reason; with --check also check, null where
    it was not imported, else {seconds, broken, did, notes}.
    """
    found = list_plugins(kind)
    if checks:
        from motools.cli.waiting import finish  # it brings asyncio

        finish(check_plugins(found, seconds=timeout), lambda: "Interrupted.")
    if as_json:
        put_json([_as_dict(info, with_check=checks) for info in found])
    elif not found:
        say("No plugin is installed.")
    else:
        show(found, {**COLUMNS, **(ORIGIN | TIME if checks else ORIGIN)})
        for info in found:
            for sentence in (*info.check.did, *info.check.notes) if info.check else ():
                say(f"{info.name} ({info.distribution or info.location}) {sentence}")


def _as_dict(info: PluginInfo, *, with_check: bool) -> dict[str, Any]:
    return info.as_dict() | ({"check": info.check and info.check.as_dict()} if with_check else {})


def _took(info: PluginInfo) -> str:
    seconds = info.check and info.check.seconds
    return "" if seconds is None else f"{seconds:.2f} s"


ORIGIN: dict[str, Any] = {"ORIGIN": lambda info: info.origin}
TIME: dict[str, Any] = {"TIME": _took}
"""What this list shows besides."""


__all__ = ["plugins_command"]
