"""`motools runs resolve`: what a person found out about a submission that no program can settle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from motools.cli.assignments import RULE, assignments
from motools.cli.output import put_json, say
from motools.cli.records import as_dict, open_ledger, short, the_one
from motools.cli.waiting import finish
from motools.errors import RunLost, UsageError
from motools.status import Capability

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from motools.cache.base import Record
    from motools.cache.paid import Find


@click.command("resolve", epilog=RULE)
@click.argument("key")
@click.option("--submitted", metavar="ID", help="It was submitted: this is what the service calls it.")
@click.option("--not-submitted", is_flag=True, help="It was not submitted (or is gone): the next request begins again.")
@assignments("-o", "--option", "options", help_text="An option of its backend.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def resolve_command(
    *, key: str, submitted: str | None, not_submitted: bool, options: dict[str, Any], as_json: bool
) -> None:
    """Say what became of a submission that was interrupted, as you found it at the service.

    With --submitted the run or job is followed from now on. With --not-submitted the next request is paid for: look
    well. A live one that the service has lost is given up by --not-submitted.

    JSON fields: those of `motools runs --json`.
    """
    if (submitted is None) is not not_submitted:
        raise UsageError("Say one of the two: --submitted ID, or --not-submitted.")
    if submitted is not None and not submitted.strip():
        raise UsageError("--submitted needs the id that the service gave it.")

    async def settled() -> Record:
        from motools.cache.settling import resolve

        ledger = open_ledger()
        record = await the_one(ledger, key)
        lookup = None if submitted is None else _lookup(record, submitted, options)
        return await resolve(ledger, record, submitted=submitted, find=lookup)

    record = finish(settled(), lambda: "Interrupted.")
    if as_json:
        put_json(as_dict(record))
        return
    what = {"absent": "It was not submitted: the next request begins again.", "cancelled": "It was given up."}
    followed = f"{record.job_id} is what was submitted. `motools runs wait {short(record.key)}` waits for it."
    say(what.get(str(record.state), followed))


def _lookup(record: Record, job_id: str, options: Mapping[str, Any]) -> Find:
    """Return how to get hold of a job by its id: by the token, else by the id, as far as the backend can."""
    from motools.plugins.owner import backend_of

    backend = backend_of(record, options)

    async def found(token: str, notes: Mapping[str, Any]) -> Sequence[Any]:
        try:
            if Capability.ADOPT in backend.capabilities:
                return [await backend.adopt(job_id)]
            return await backend.find_noted(token, notes) if Capability.FIND in backend.capabilities else ()
        except RunLost as error:
            raise UsageError(f"{error} The record stays as it is.") from error
        finally:
            await backend.aclose()

    return found


__all__ = ["resolve_command"]
