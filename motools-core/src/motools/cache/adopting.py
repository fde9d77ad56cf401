"""Taking over work that was paid for by other means, so that it is waited on, listed, and never paid for again.

With what it was asked for (its data, model and settings) the record has the key of that request, which is a hit from
then on. Without, it has a key of its own that no request has, until somebody says what it was asked for.
"""

from __future__ import annotations

import time
from numbers import Number
from typing import TYPE_CHECKING, Any

from motools.cache.kinds import TRAINING, kind_of
from motools.cache.settling import facts_of, found
from motools.cache.sqlite import SqliteLedger
from motools.cache.states import State
from motools.cache.ticket import LEASE_SECONDS, kept_alive
from motools.errors import UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from motools.cache.base import Draft, Ledger, Record

ADOPTED = "adopted"
"""The field of a spec that says no more than the id at the service."""


def bare_spec(kind: str, backend: str, account: Mapping[str, Any], job_id: str) -> dict[str, Any]:
    """Return the spec of a job of which nothing is known but its id."""
    return {"kind": kind, "backend": backend, "account": account, ADOPTED: job_id}


async def adopt(draft: Draft, handle: Any, ledger: Ledger) -> Record:
    """Record that a handle's work is what a draft asks for, and return the record, which is live.

    Work that is recorded so already stays as it is. Raises `UsageError` where it is recorded for another request, where
    another job answers the draft's request, or where what the service says of the job contradicts the draft.
    """
    check_agrees(draft, handle)
    bare = await _recorded_elsewhere(draft, str(handle.job_id), ledger)
    record = await ledger.read(draft.key)
    if record is not None and (record.state is State.SUCCEEDED or record.state.is_live):
        if record.job_id != handle.job_id:
            raise UsageError(
                f"This request is answered already by {record.job_id or 'a recorded result'!r} ({record.key[:16]}, "
                f"{record.state}). Give --replicate N to record {handle.job_id!r} as another draw of it."
            )
        return record
    claimed = await ledger.claim(
        draft, seconds=LEASE_SECONDS, after=record if record and record.state.is_ended else None
    )
    if claimed is None:
        raise UsageError(
            f"A process is submitting this request right now ({draft.key[:16]}). Ask again when it is done."
        )
    async with kept_alive(ledger, claimed):
        about = await facts_of(handle)
        adopted = await found(ledger, claimed, about | {"details": {"adopted_at": time.time()}})
    if bare is not None and isinstance(ledger, SqliteLedger):
        await _replace(ledger, bare)
    return adopted


async def _recorded_elsewhere(draft: Draft, job_id: str, ledger: Ledger) -> Record | None:
    """Return the bare record of a job that now gets a better one. Raises `UsageError` where it has a good one."""
    for other in await ledger.find(job_id):
        is_same_job = (other.job_id, other.backend, other.kind) == (job_id, draft.backend, draft.kind)
        if not is_same_job or other.key == draft.key:
            continue
        if ADOPTED in other.spec and ADOPTED not in draft.spec:
            return other
        raise UsageError(f"The {kind_of(other).describe(other)} is recorded already, as {other.key[:16]}.")
    return None


async def _replace(ledger: SqliteLedger, bare: Record) -> None:
    """Drop a record whose job has a better one now. No request has its key, so nobody can begin it again."""

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM tags WHERE key = ?", (bare.key,))
        connection.execute("DELETE FROM runs WHERE key = ?", (bare.key,))

    await ledger._database.write(work)


def check_agrees(draft: Draft, handle: Any) -> None:
    """Raise `UsageError` where what a service says of a job contradicts the request that it is adopted for."""
    if ADOPTED in draft.spec or draft.kind != TRAINING.name:
        return
    known = handle.metadata
    asked = {"model": draft.model, "dataset": draft.spec["dataset"], "suffix": draft.spec["suffix"]}
    for name, value in asked.items():
        if name in known and (known[name] is not None or name == "suffix") and known[name] != value:
            raise _contradicted(handle, name, known[name], value)
    settings = known.get("hyperparameters")
    for name, value in (settings if isinstance(settings, dict) else {}).items():
        given = draft.spec["hyperparameters"].get(name, value)
        is_comparable = type(given) is type(value) or (isinstance(given, Number) and isinstance(value, Number))
        if is_comparable and given != value:
            raise _contradicted(handle, name, value, given)


def _contradicted(handle: Any, name: str, known: object, given: object) -> UsageError:
    return UsageError(
        f"The service says that {handle.job_id!r} has {name} {known!r}, not {given!r}. Adopt it for what it was asked "
        "for, or without: then it is recorded, and no request finds it."
    )


__all__ = ["ADOPTED", "adopt", "bare_spec", "check_agrees"]
