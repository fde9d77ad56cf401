"""`motools backends`: what can train and evaluate here, from metadata alone."""

from __future__ import annotations

import click

from motools.cli.listed import show
from motools.cli.output import put_json, say
from motools.plugins.registry import list_backends


@click.command("backends")
@click.option("--kind", type=click.Choice(["training", "eval"]), help="Only backends of this kind.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def backends_command(*, kind: str | None, as_json: bool) -> None:
    """List what can train and evaluate here. No plugin is imported, so a broken one is listed too.

    JSON fields: name, kind, value, distribution, version, status (ok, disabled, conflict, incompatible,
    broken), location.
    """
    found = list_backends(kind)
    if as_json:
        put_json([info.as_dict() for info in found])
        return
    if not found:
        say("No backend is installed.")
        return
    show(found)


__all__ = ["backends_command"]
