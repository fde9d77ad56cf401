"""`motools runs`: every run and job that is recorded; its commands for one of them have files of their own."""

from __future__ import annotations

from typing import Any

import click

from motools.cli.lazy import LazyGroup
from motools.cli.output import put, put_json, say
from motools.cli.records import as_dict, listing, open_ledger, up_to_date
from motools.cli.waiting import finish

COMMANDS = {
    "show": ("motools.cli.show", "Show all that is recorded of one, and how far it is."),
    "wait": ("motools.cli.run", "Wait for one to end, with a progress bar."),
    "cancel": ("motools.cli.run", "Stop one."),
    "logs": ("motools.cli.run", "Print the log of one."),
    "view": ("motools.cli.view", "Show the logs of an evaluation in its framework's own viewer."),
    "metrics": ("motools.cli.metrics", "Print what was measured while one trained."),
    "checkpoints": ("motools.cli.checkpoints", "List the checkpoints of one, or delete one of them."),
    "pause": ("motools.cli.pause", "Hold one."),
    "resume": ("motools.cli.pause", "Let one go on that was paused or interrupted."),
    "label": ("motools.cli.label", "Give one another label, or other tags."),
    "resolve": ("motools.cli.resolve", "Say what became of a submission that no program can settle."),
}


@click.group("runs", cls=LazyGroup, lazy=COMMANDS, invoke_without_command=True)
@click.option("--kind", type=click.Choice(["training", "eval"]), help="Only these.")
@click.option("-b", "--backend", metavar="NAME", help="Only those of this backend.")
@click.option("--state", metavar="STATE", help="Only those in this state, as `succeeded`, `failed` or `running`.")
@click.option("--label", metavar="TEXT", help="Only those with this label.")
@click.option("--tag", metavar="TEXT", help="Only those with this tag.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the latest N.")
@click.option("--refresh", is_flag=True, help="Ask the backends first how those that have not ended stand.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def runs_command(context: click.Context, /, *, refresh: bool, as_json: bool, **filters: Any) -> None:
    """List runs and jobs, the latest first; or, with a command, do something with one.

    KEY, in the commands, is the beginning of a key, a job id, a model id or a label, as long as it means only one.

    JSON fields: key, kind, backend, model, job_id, model_id, status (queued, running, succeeded, failed, cancelled),
    state (the same in more detail), label, tags, created_at, updated_at, error.
    """
    if context.invoked_subcommand is not None:
        return
    _check_state(filters["state"])
    ledger = open_ledger()

    async def read() -> None:
        if refresh:
            await up_to_date(ledger, await ledger.records(**filters | {"state": None}))
        records = await ledger.records(**filters)
        if as_json:
            put_json([as_dict(record) for record in records])
            return
        if not records:
            say("Nothing that is recorded matches." if any(filters.values()) else "Nothing is recorded yet.")
            return
        put(listing(records))
        live = sum(record.state.is_live for record in records)
        if live and not refresh:
            say(f"{live} had not ended when last heard of; --refresh asks the backends.")

    finish(read(), lambda: "Interrupted.")


def _check_state(name: str | None) -> None:
    from motools.cache.states import State
    from motools.errors import UsageError, nearest

    if name is None or name in set(State):
        return
    near = nearest(name, [*State])
    meant = f" Did you mean {str(near)!r}?" if near else ""
    raise UsageError(f"There is no state {name!r}.{meant} Known: {', '.join(State)}.")


__all__ = ["runs_command"]
