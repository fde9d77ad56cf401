"""`motools config`: every setting, and where it comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from motools.cli.output import put, put_json, table


@click.command("config")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def config_command(*, as_json: bool) -> None:
    """Show every setting and where it comes from: a MOTOOLS_* variable, a file, or the default.

    JSON fields: file (or null) and settings, a list of {name, value, origin}.
    """
    from motools.config import current

    config = current()
    rows = config.rows()
    if as_json:
        settings = [{"name": name, "value": value, "origin": origin} for name, value, origin in rows]
        put_json({"file": config.path, "settings": settings})
        return
    put(table(("SETTING", "VALUE", "FROM"), [(name, _text(value), origin) for name, value, origin in rows]))
    put(f"\nFile: {config.path or 'no motools.toml from here upwards'}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


__all__ = ["config_command"]
