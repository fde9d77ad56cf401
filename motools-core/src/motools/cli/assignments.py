"""`key=value` on the command line, as `-p n_epochs=3` and `-o base_url=http://localhost:8000/v1`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

RULE = 'The value is read as JSON where it is JSON (3, 1e-4, true, null, [1, 2], "3"), else it is text.'


def read_value(text: str) -> Any:
    """Return what a value on the command line stands for: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _collect(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    collected: dict[str, Any] = {}
    for value in values:
        key, equals, text = value.partition("=")
        key = key.strip()
        if not equals or not key:
            raise click.BadParameter(f"{value!r} is not of the form key=value.", context, parameter)
        if key in collected:
            raise click.BadParameter(f"{key!r} is given twice.", context, parameter)
        collected[key] = read_value(text)
    return collected


def assignments(*names: str, help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an option that may be given many times and arrives as one dictionary."""
    return click.option(
        *names, multiple=True, metavar="KEY=VALUE", callback=_collect, help=f"{help_text} May be given many times."
    )


__all__ = ["RULE", "assignments", "read_value"]
