"""`motools cache stats`: the record in numbers, and what it has saved."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from motools.cli.output import duration, put, put_json, table, when, when_exactly
from motools.cli.records import open_sqlite
from motools.cli.waiting import finish

if TYPE_CHECKING:
    from motools.cache.statistics import Statistics


@click.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def stats_command(*, as_json: bool) -> None:
    """Count what is recorded, and what recorded results have saved.

    A hit is a request that was answered by a recorded result. Hits are written down some time after they happened, and
    those of a process that was killed are lost. What they saved is a submission each, and the time that it took.

    JSON fields: path, bytes, records (a list of {kind, backend, state, records}), attempts (earlier ones), uploads,
    digests (files whose digest is remembered), hits, seconds_saved, last_hit and saved (a list of {kind, backend, hits,
    seconds}).
    """
    from motools.cache.statistics import statistics

    ledger = open_sqlite()
    found = finish(statistics(ledger), lambda: "Interrupted.")
    if as_json:
        put_json(
            {
                "path": str(ledger.path),
                "bytes": found.size,
                "records": [asdict(each) for each in found.counts],
                "attempts": found.attempts,
                "uploads": found.uploads,
                "digests": found.digests,
                "hits": sum(each.hits for each in found.saved),
                "seconds_saved": sum(each.seconds for each in found.saved),
                "last_hit": when_exactly(found.last_hit),
                "saved": [asdict(each) for each in found.saved],
            }
        )
    else:
        put(_told(str(ledger.path), found))


def _told(path: str, found: Statistics) -> str:
    rows = [(each.kind, each.backend, each.state, str(each.records)) for each in found.counts]
    listed = table(("KIND", "BACKEND", "STATE", "RECORDS"), rows) if rows else "Nothing is recorded yet."
    more = f"{found.attempts} earlier attempts, {found.uploads} uploads, {found.digests} digests of files."
    said = [listed, "", f"{path}: {_size(found.size)}. {more}"]
    if not found.saved:
        return "\n".join([*said, "No recorded result has been asked for again yet."])
    total, seconds = sum(each.hits for each in found.saved), sum(each.seconds for each in found.saved)
    said.append(
        f"{total} hit{'' if total == 1 else 's'}, the last {when(found.last_hit)}: that often nothing was paid, and "
        f"{duration(seconds)} in all did not have to be waited."
    )
    if len(found.saved) > 1:
        said += [f"  {each.kind} {each.backend}: {each.hits}, {duration(each.seconds)}" for each in found.saved]
    return "\n".join(said)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:  # noqa: PLR2004  (a thousand of a unit is the next)
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


__all__ = ["stats_command"]
