"""`motools cache gc`: remove what nobody needs, once it has been shown."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from motools.cli.output import put, put_json, say, table
from motools.cli.records import open_sqlite
from motools.cli.waiting import finish

if TYPE_CHECKING:
    from motools.cache.cleaning import Found

DAY = 86400.0


@click.command("gc")
@click.option("--apply", is_flag=True, help="Remove what would go; without it, nothing is touched.")
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="N",
    help="Leave what is younger than N days.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def gc_command(*, apply: bool, days: float, as_json: bool) -> None:
    """Show what nobody needs any more, and why the rest is kept; with --apply, remove it.

    May go: earlier attempts that left nothing behind, remembered digests of files that no training was of, and
    directories of work that no record names and that have no result. No record ever goes.

    JSON fields: applied and found, a list of {what, goes, why, number, paths}.
    """
    from motools import config
    from motools.cache.cleaning import clean

    ledger, home = open_sqlite(), config.home()
    is_own = ledger.path.parent == home
    found = finish(
        clean(ledger, home if is_own else ledger.path / "none", before=time.time() - days * DAY, apply=apply),
        lambda: "Interrupted. The same command goes on.",
    )
    found = [each for each in found if each.number]
    if as_json:
        rows = [_as_dict(each) for each in found]
        put_json({"applied": apply, "found": rows})
        return
    if found:
        put(table(("", "NUMBER", "WHAT", "WHY"), [_row(each, is_applied=apply) for each in found]))
    for path in [path for each in found if each.goes for path in each.paths]:
        put(f"  {path}")
    if not is_own:
        say("Directories are not looked at: the record is not the one of MOTOOLS_HOME.")
    goes = sum(each.number for each in found if each.goes)
    said = "There is nothing to remove." if not goes else "Nothing was touched; --apply removes what goes."
    say("Removed." if apply and goes else said)


def _row(each: Found, *, is_applied: bool) -> tuple[str, ...]:
    fate = ("gone" if is_applied else "goes") if each.goes else "kept"
    return (fate, str(each.number), str(each.what), each.why)


def _as_dict(each: Found) -> dict[str, object]:
    paths = [str(path) for path in each.paths]
    return {"what": str(each.what), "goes": each.goes, "why": each.why, "number": each.number, "paths": paths}


__all__ = ["gc_command"]
