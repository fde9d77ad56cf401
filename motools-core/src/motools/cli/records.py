"""The record of paid work, as the command line shows it and finds things in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from motools.cli.lazy import about
from motools.cli.output import say, table, when, when_exactly
from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.cache.base import Ledger, Record
    from motools.cache.sqlite import SqliteLedger
    from motools.evals.base import EvalJob
    from motools.training.base import TrainingRun

SHORT = 12
"""Digits of a key that people see and type; a longer or shorter beginning does as well, while it is the only one."""
FEWEST = 4
"""Digits of a key below which a ledger does not take them for one."""
LONGEST_MODEL = 40
"""Characters of a model's name that a list shows; of a path they are the last."""
HEADINGS = ("KEY", "KIND", "BACKEND", "MODEL", "STATE", "UPDATED", "JOB", "LABEL")


def short(key: str) -> str:
    """Return the part of a key that people see and type."""
    return key.partition(":")[2][:SHORT] or key


def open_ledger() -> Ledger:
    """Open the configured record of paid work. Raises `UsageError` where there is none."""
    from motools.cache.base import Ledger
    from motools.plugins.registry import open_store

    store: object = open_store()
    if not isinstance(store, Ledger):
        raise UsageError(
            "The configured cache keeps no record of runs and jobs, so there is nothing to list or come back to. "
            "`motools config` shows where it is set."
        )
    return store


def open_sqlite() -> SqliteLedger:
    """Open the configured record, where it is the one that motools ships. Raises `UsageError` where it is another."""
    from motools.cache.sqlite import SqliteLedger

    ledger = open_ledger()
    if not isinstance(ledger, SqliteLedger):
        raise UsageError(f"This command is for the SQLite record; configured is {type(ledger).__name__}.")
    return ledger


async def the_one(ledger: Ledger, name: str) -> Record:
    """Return the record that `name` means: a key or its beginning, a job id, a model id or a label.

    Raises `UsageError` where there is none, or where there are several, which it lists.
    """
    found = await ledger.find(name)
    if len(found) == 1:
        about(f"backend {found[0].backend!r}")
        return found[0]
    if not found:
        hint = " Give at least four digits of a key." if len(name.removeprefix("mk1:")) < FEWEST else ""
        raise UsageError(f"No run or job is recorded under {name!r}.{hint} `motools runs` lists them.")
    raise UsageError(f"{name!r} may mean any of these; give more of the key:\n{listing(found)}")


def handle_of(record: Record, ledger: Ledger) -> TrainingRun | EvalJob:
    """Return the run or job that a record is of; listeners are told what happens while it is followed."""
    from motools import handles
    from motools.cache.telling import Teller
    from motools.plugins.hooks import notifier

    made = handles.run_of if record.kind == "training" else handles.job_of
    return made(record, ledger, Teller(notifier()))


async def up_to_date(ledger: Ledger, records: Sequence[Record]) -> None:
    """Ask the backends how those that have not ended stand; say which could not be asked."""
    from motools.cache.redact import in_words

    live = [record for record in records if record.state.is_live]
    outcomes = await asyncio.gather(*(_ask(record, ledger) for record in live), return_exceptions=True)
    for record, outcome in zip(live, outcomes, strict=True):
        if isinstance(outcome, Exception):
            say(f"{short(record.key)} could not be asked: {in_words(outcome)}")


async def _ask(record: Record, ledger: Ledger) -> None:
    await handle_of(record, ledger).refresh()


def listing(records: Sequence[Record]) -> str:
    """Return a table of records for people."""
    return table(
        HEADINGS,
        [
            (
                short(record.key),
                record.kind,
                record.backend,
                _model(record.model),
                str(record.state),
                when(record.updated_at),
                record.job_id,
                record.label or "",
            )
            for record in records
        ],
    )


FIELDS = (
    "key",
    "kind",
    "backend",
    "model",
    "job_id",
    "model_id",
    "status",
    "state",
    "label",
    "tags",
    "created_at",
    "updated_at",
    "error",
)
"""What every `--json` shows of a record. Times are ISO 8601 in UTC."""


def _model(name: str) -> str:
    return name if len(name) <= LONGEST_MODEL else f"…{name[1 - LONGEST_MODEL :]}"


def as_dict(record: Record) -> dict[str, Any]:
    """Return the documented fields of a record, JSON-safe."""
    fields = {name: getattr(record, name) for name in FIELDS}
    return fields | {
        "status": str(record.status),
        "state": str(record.state),
        "tags": list(record.tags),
        "created_at": when_exactly(record.created_at or None),
        "updated_at": when_exactly(record.updated_at or None),
    }


__all__ = ["FIELDS", "as_dict", "listing", "open_ledger", "open_sqlite", "short", "the_one"]
