"""`motools recover`: look after every run and job that has not ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from motools.cache.recovery import Outcome
from motools.cli.assignments import RULE, assignments
from motools.cli.output import put, put_json, say, table
from motools.cli.records import as_dict, open_ledger, short, the_one
from motools.cli.waiting import finish
from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.cache.base import Ledger, Record
    from motools.cache.recovery import Recovered

AT_ONCE = 8
"""How many are asked about at the same time."""


@click.command("recover", epilog=RULE)
@click.argument("keys", nargs=-1, metavar="[KEY]...")
@click.option("-b", "--backend", metavar="NAME", help="Only those of this backend.")
@assignments("-o", "--option", "options", help_text="An option of that backend.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def recover_command(*, keys: tuple[str, ...], backend: str | None, options: dict[str, Any], as_json: bool) -> None:
    """Find out what became of every submission that was interrupted, and of every run and job that is under way.

    What was submitted is looked for at the service and recorded; what was proved not to be there is begun again by the
    next request; interrupted work of this machine goes on. Nothing is submitted. The exit status is 1 if something is
    left that needs a person, or could not be asked about: what to do is said for each.

    JSON fields: those of `motools runs --json`, before (the state that it was in), outcome (nothing_paid,
    not_submitted, found, resumed, live, ended, busy, needs_person, not_asked) and words.
    """
    if options and backend is None:
        raise UsageError("-o is an option of a backend; say which: -b NAME.")

    async def work() -> list[Recovered]:
        ledger = open_ledger()
        return await _recover_all(await _wanted(ledger, keys, backend), ledger, options)

    done = finish(work(), lambda: "Interrupted. What was found out is recorded; the same command goes on.")
    if as_json:
        put_json([_as_dict(each) for each in done])
    else:
        _tell(done, is_chosen=bool(keys))
    if not all(each.is_settled for each in done):
        raise click.exceptions.Exit(1)


async def _wanted(ledger: Ledger, keys: tuple[str, ...], backend: str | None) -> list[Record]:
    from motools.cache.states import ENDED, State

    if not keys:
        return await ledger.records(backend=backend, state=[state for state in State if state not in ENDED])
    found = {record.key: record for record in [await the_one(ledger, key) for key in keys]}
    if others := [record for record in found.values() if backend not in (None, record.backend)]:
        raise UsageError(f"{short(others[0].key)} is of the backend {others[0].backend!r}, not {backend!r}.")
    return list(found.values())


async def _recover_all(records: list[Record], ledger: Ledger, options: Mapping[str, Any]) -> list[Recovered]:
    from motools.cache.recovery import recover
    from motools.cache.telling import Teller
    from motools.plugins.hooks import notifier
    from motools.plugins.owner import backend_of

    backends: list[Any] = []

    def made(record: Record) -> Any:
        backends.append(backend_of(record, options))
        return backends[-1]

    turn, tell = asyncio.Semaphore(AT_ONCE), Teller(notifier())

    async def one(record: Record) -> Recovered:
        async with turn:
            return await recover(record, ledger, made, tell)

    try:
        return await asyncio.gather(*map(one, records))
    finally:
        for backend in backends:
            await backend.aclose()


def _tell(done: list[Recovered], *, is_chosen: bool) -> None:
    shown = [each for each in done if is_chosen or each.outcome is not Outcome.NOTHING_PAID]
    if shown:
        columns = ("KEY", "KIND", "BACKEND", "JOB", "WAS", "IS", "OUTCOME")
        put(table(columns, [_row(each) for each in shown]))
    for each in shown:
        if not each.is_settled or is_chosen:
            say(f"{short(each.record.key)}: {each.words}")
    if begun := len(done) - len(shown):
        say(f"{begun} more: nothing was submitted, and the same request begins again.")
    if not done:
        say("There is nothing to recover: whatever is recorded has ended.")


def _row(each: Recovered) -> tuple[str, ...]:
    record = each.record
    outcome = str(each.outcome).replace("_", " ")
    return (short(record.key), record.kind, record.backend, record.job_id, str(each.before), str(record.state), outcome)


def _as_dict(each: Recovered) -> dict[str, Any]:
    more = {"before": str(each.before), "outcome": str(each.outcome), "words": each.words}
    return as_dict(each.record) | more


__all__ = ["recover_command"]
