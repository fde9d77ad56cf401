"""`motools cache export` and `motools cache import`: two people join their records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.output import put_json, say
from motools.cli.records import as_dict, open_ledger, open_sqlite, short
from motools.cli.requests import check_writable
from motools.cli.waiting import finish

if TYPE_CHECKING:
    from motools.cache.exchange import Imported


@click.command("export")
@click.argument("file")
@click.option("--kind", type=click.Choice(["training", "eval"]), help="Only these.")
@click.option("-b", "--backend", metavar="NAME", help="Only those of this backend.")
@click.option("--label", metavar="TEXT", help="Only those with this label.")
@click.option("--tag", metavar="TEXT", help="Only those with this tag.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def export_command(*, file: str, as_json: bool, **filters: Any) -> None:
    """Write the records to FILE, one JSON line each, for `motools cache import` elsewhere.

    Requests that nothing was paid for stay out. No credential is ever recorded, so none is exported.

    JSON fields: file and records (how many).
    """
    from motools.cache.exchange import export

    check_writable(file)
    count = finish(export(open_ledger(), Path(file), **filters), lambda: "Interrupted. Nothing was written.")
    if as_json:
        put_json({"file": file, "records": count})
    else:
        say(f"{count} record{'' if count == 1 else 's'} written to {file}.")


@click.command("import")
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def import_command(*, file: str, as_json: bool) -> None:
    """Take over the records of FILE, which `motools cache export` wrote: all of them, or none where one is not right.

    They are joined by their keys. What succeeded stands before what is not finished; where both succeeded with
    different results, the older one stands, and the exit status is 1.

    JSON fields: those of `motools runs --json` as they are in FILE, action (added, same, kept, replaced, conflict,
    busy) and words.
    """
    from motools.cache.exchange import Action, take_over

    imported = finish(take_over(open_sqlite(), Path(file)), lambda: "Interrupted. Nothing was imported.")
    if as_json:
        put_json([as_dict(each.record) | {"action": str(each.action), "words": each.words} for each in imported])
    else:
        _tell(imported)
    if any(each.action in {Action.CONFLICT, Action.BUSY} for each in imported):
        raise click.exceptions.Exit(1)


def _tell(imported: list[Imported]) -> None:
    counts = Counter(str(each.action) for each in imported)
    said = ", ".join(f"{count} {action}" for action, count in counts.items()) or "none"
    say(f"{len(imported)} record{'' if len(imported) == 1 else 's'} read: {said}.")
    for each in imported:
        if each.words:
            say(f"{short(each.record.key)} {each.action}: {each.words}")


__all__ = ["export_command", "import_command"]
