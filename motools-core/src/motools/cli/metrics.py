"""`motools runs metrics`: what was measured while a run trained."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import click

from motools.cli.handles import run_with
from motools.cli.output import number, put, put_json, say, table
from motools.cli.waiting import finish
from motools.errors import UsageError
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIRST = ("step", "loss", "learning_rate", "validation_loss", "accuracy", "validation_accuracy")
"""The columns that stand first, where there is something in them; the others come in the order that they turn up in."""


@click.command("metrics")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, an object for each row.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, with a first line of names.")
def metrics_command(*, key: str, as_json: bool, as_csv: bool) -> None:
    """Print what was measured while a run trained: a row for each step at which something was.

    KEY may also be a file that --save has written. A run that goes on is asked for what there is by now.

    JSON fields of a row: step and, where they were measured at it, loss, learning_rate, validation_loss, accuracy,
    validation_accuracy, and further ones under the names of the service.
    """
    if as_json and as_csv:
        raise UsageError("Give --json or --csv, not both.")

    async def measured() -> Sequence[Mapping[str, Any]]:
        return await (await run_with(Capability.METRICS, key)).metrics()

    rows = finish(measured(), lambda: "Interrupted.")
    if as_json:
        put_json([dict(row) for row in rows])
    elif not rows:
        say("Nothing has been measured yet.")
    else:
        put(_csv(rows) if as_csv else _table(rows))


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    present = dict.fromkeys(name for row in rows for name in row)
    return [*(name for name in FIRST if name in present), *(name for name in present if name not in FIRST)]


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = _columns(rows)
    return table([name.upper() for name in columns], [[number(row.get(name)) for name in columns] for row in rows])


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(rows), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


__all__ = ["metrics_command"]
