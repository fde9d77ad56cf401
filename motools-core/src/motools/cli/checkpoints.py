"""`motools runs checkpoints`: the states of the model that were kept while it was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools.cli.handles import run_with
from motools.cli.output import number, put, put_json, say, table, when, when_exactly
from motools.cli.waiting import finish
from motools.errors import UsageError, nearest
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.training.base import TrainingRun
    from motools.training.checkpoint import Checkpoint


@click.command("checkpoints")
@click.argument("key")
@click.option("--delete", "doomed", metavar="ID", help="Delete this one at the service, for good, without a question.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON list; with --delete, the object of what was deleted."
)
def checkpoints_command(*, key: str, doomed: str | None, as_json: bool) -> None:
    """List the checkpoints of a run, in the order of their steps; or delete one.

    KEY may also be a file that --save has written. MODEL is what an evaluation takes for the model of a checkpoint.

    JSON fields: id, step, model_id, created_at, expires_at, metrics.
    """

    async def work() -> Sequence[Checkpoint]:
        run = await run_with(Capability.CHECKPOINTS, key)
        there = await run.checkpoints()
        return there if doomed is None else [await _deleted(run, there, doomed)]

    found = finish(work(), lambda: "Interrupted." if doomed is None else "Interrupted. It may have been deleted.")
    if doomed is not None:
        say(f"Deleted checkpoint {doomed}, of step {found[0].step}.")
    if as_json:
        listed = [_as_dict(checkpoint) for checkpoint in found]
        put_json(listed if doomed is None else listed[0])
    elif not found:
        say("There are no checkpoints.")
    elif doomed is None:
        put(_table(found))


async def _deleted(run: TrainingRun, there: Sequence[Checkpoint], checkpoint_id: str) -> Checkpoint:
    """Delete one of the checkpoints that are there, and return what it was."""
    by_id = {checkpoint.id: checkpoint for checkpoint in there}
    if checkpoint_id not in by_id:
        near = nearest(checkpoint_id, [*by_id])
        meant = f" Did you mean {near!r}?" if near else ""
        raise UsageError(f"There is no checkpoint {checkpoint_id!r}.{meant} There are: {', '.join(by_id) or 'none'}.")
    await run.delete_checkpoint(checkpoint_id)
    return by_id[checkpoint_id]


def _as_dict(checkpoint: Checkpoint) -> dict[str, Any]:
    times = {"created_at": when_exactly(checkpoint.created_at), "expires_at": when_exactly(checkpoint.expires_at)}
    return checkpoint.as_dict() | times


def _table(checkpoints: Sequence[Checkpoint]) -> str:
    """Return a table of those columns in which something stands."""
    measured = dict.fromkeys(name for checkpoint in checkpoints for name in checkpoint.metrics)
    rows = [
        {
            "CHECKPOINT": checkpoint.id,
            "STEP": str(checkpoint.step),
            "MODEL": checkpoint.model_id or "",
            "CREATED": when(checkpoint.created_at),
            "EXPIRES": when(checkpoint.expires_at),
        }
        | {name.upper(): number(checkpoint.metrics.get(name)) for name in measured}
        for checkpoint in checkpoints
    ]
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    return table(columns, [[row[name] for name in columns] for row in rows])


__all__ = ["checkpoints_command"]
