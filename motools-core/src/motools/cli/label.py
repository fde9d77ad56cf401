"""`motools runs label`: another label or other tags for what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from motools.cli.output import put_json, say
from motools.cli.records import as_dict, open_sqlite, short, the_one
from motools.cli.waiting import finish
from motools.errors import UsageError

if TYPE_CHECKING:
    from motools.cache.base import Record


@click.command("label")
@click.argument("key")
@click.argument("label", required=False)
@click.option("--tag", "add", multiple=True, metavar="TEXT", help="Add a tag. May be given many times.")
@click.option("--untag", "remove", multiple=True, metavar="TEXT", help="Take a tag away. May be given many times.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def label_command(*, key: str, label: str | None, add: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Give a run or job another LABEL ("" takes it away), or other tags, to find it by.

    JSON fields: those of `motools runs --json`.
    """
    if label is None and not add and not remove:
        raise UsageError("Give a LABEL, --tag or --untag.")

    async def work() -> Record:
        from motools.cache.labelling import relabel

        ledger = open_sqlite()
        record = await the_one(ledger, key)
        return await relabel(ledger, record.key, label=label, add=add, remove=remove)

    record = finish(work(), lambda: "Interrupted.")
    if as_json:
        put_json(as_dict(record))
    else:
        tags = f", tags {', '.join(record.tags)}" if record.tags else ", no tags"
        said = f"label {record.label!r}" if record.label else "no label"
        say(f"{short(record.key)}: {said}{tags}.")


__all__ = ["label_command"]
