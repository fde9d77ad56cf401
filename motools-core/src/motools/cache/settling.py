"""Finding out what became of a submission, and putting it right.

Nobody submits again before it is proved that nothing was submitted. Proof is a service whose `find` has had its time
and returns nothing, or a person's word.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from motools.cache.kinds import class_path, id_of, kind_of, pack
from motools.cache.redact import in_words
from motools.cache.states import UNSETTLED, State
from motools.cache.ticket import LEASE_SECONDS, notes_of
from motools.errors import NeedsPerson, TransitionRefused
from motools.words import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from motools.cache.base import Ledger, Record
    from motools.cache.paid import Find, Work

log = logging.getLogger("motools.cache")

LOOK_AGAIN = 5.0
"""Seconds between two looks for what the service may show only after a while."""

PAUSE = 0.5
"""Seconds between two tries to get hold of a record that somebody else works on."""


async def settle(work: Work, ledger: Ledger, record: Record) -> tuple[Record, Any]:
    """Find out what an interrupted submission came to.

    Returns the record as live, with the handle, or as `absent`, with None. Raises `NeedsPerson` where it cannot be
    found out, and whatever `find` raises.
    """
    if record.state.is_live:
        return await _restore(work, ledger, record)
    record = await _uncertain(ledger, record)
    if present := await _found_by(work, ledger, record):
        return await _adopt(ledger, record, present)
    if work.find is not None and work.find_lag is not None:
        return await ledger.move(record, State.ABSENT), None
    if record.state is not State.NEEDS_HUMAN:
        record = await ledger.move(record, State.NEEDS_HUMAN)
    raise NeedsPerson(
        f"Whether a {work.kind.noun} was started at backend {record.backend!r} is not known: "
        f"{(record.error or 'there was no answer').removesuffix('.')}. {how_to_settle(record, by_token=work.find is not None)}"
    )


async def adopt_late(work: Work, ledger: Ledger, token: str, about: Mapping[str, Any]) -> Record:
    """Put an answer that came after the lease had been lost where it belongs: paid work is never forgotten.

    Returns the record that there is in the end; its job is another one where the work was submitted twice.
    """
    while True:
        record = await ledger.read(work.draft.key)
        if record is not None and (
            (record.state.is_live and record.job_id) or record.state.is_ended or record.token != token
        ):
            if record.job_id != about["job_id"]:
                log.error("%s was submitted twice: %r runs beside %r.", record.key, about["job_id"], record.job_id)
            return record
        claimed = await ledger.claim(work.draft, seconds=LEASE_SECONDS)
        if claimed is not None:
            return await found(ledger, claimed, about)
        await asyncio.sleep(PAUSE)


async def resolve(
    ledger: Ledger,
    record: Record,
    *,
    submitted: str | None,
    find: Find | None = None,
) -> Record:
    """Write down what a person found out about an unsettled submission: the id of what was submitted, or None.

    With the backend's `find`, what it returns under that id is what is followed; else the id alone has to do. A live
    record may be given up with None, and one that cannot be followed may be told its id. Raises `TransitionRefused`
    where there is nothing to settle, or somebody is at it.
    """
    if record.state.is_live and submitted is None:
        return await ledger.move(record, State.CANCELLED, error="given up by hand")
    matching = [
        handle for handle in (await find(record.token, notes_of(record)) if find else ()) if handle.job_id == submitted
    ]
    is_open = record.state in UNSETTLED or (record.state.is_live and record.is_unfinished)
    if not is_open:
        raise TransitionRefused(f"{record.key[:16]} is {record.state}: there is nothing to settle.")
    claimed = await ledger.claim(record, seconds=LEASE_SECONDS)
    if claimed is None:
        raise TransitionRefused(f"{record.key[:16]} is {record.state}, and a process is at it. Try again in a minute.")
    if submitted is None:
        return await ledger.move(await _uncertain(ledger, claimed), State.ABSENT, seconds=0)
    if matching:
        about: dict[str, Any] = {"handle": await pack(matching[0]), "handle_class": class_path(type(matching[0]))}
    else:
        blank = {"schema": 1, "kind": record.kind, "backend": record.backend, "model_id": None, "metadata": {}}
        about = {"handle": {**blank, "job_id": submitted, "status": "queued"}, "handle_class": None}
    about |= {"job_id": submitted, "error": None}
    if claimed.state.is_live:
        return await ledger.move(claimed, claimed.state, seconds=0, **about)
    return await found(ledger, claimed, about)


async def facts_of(handle: Any) -> dict[str, Any]:
    """Return what is recorded of a handle that a backend gave.

    One that cannot be saved is a fault of the plugin, and no reason to lose the run.
    """
    try:
        packed = await pack(handle)
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a plugin's save() does, the run is paid for)
        log.warning("%s cannot be saved, and no other process can attach to it: %s", shown(handle), in_words(error))
        packed = None
    facts = {"job_id": id_of(handle), "handle_class": class_path(type(handle)), "error": None}
    return facts if packed is None else {**facts, "handle": packed}


def how_to_settle(record: Record, *, by_token: bool) -> str:
    """Say what a person can do about a record that no program can settle; without `by_token`, its token is not at the service."""
    key = record.key[:16]
    sought = (
        repr(record.token) if by_token else f"what `motools runs show {key}` shows (the plugin plants no token there)"
    )
    return f"Look at the service for {sought}, then say so: `motools runs resolve {key} --submitted ID` or `--not-submitted`."


def how_to_give_up(record: Record) -> str:
    """Say what a person can do about a live record whose work is gone."""
    return f"Where it is certain that it is gone, give it up: `motools runs resolve {record.key[:16]} --not-submitted`."


async def _found_by(work: Work, ledger: Ledger, record: Record) -> Sequence[Any]:
    """Return what the service has under the record's token, giving it the time that it needs to show it."""
    if work.find is None:
        return ()
    found, now = await _look(work.find, ledger, record), asyncio.get_running_loop().time
    end = now() + (work.find_lag or 0.0)  # from now on, since the time of day at which the call was given up may be set
    while not found and (left := end - now()) > 0:
        await asyncio.sleep(min(left, LOOK_AGAIN))
        found = await _look(work.find, ledger, record)
    return found


async def _look(find: Find, ledger: Ledger, record: Record) -> list[Any]:
    """Look once, leaving out what another record has: a service that tells jobs by their likeness may show that too."""
    base, found = kind_of(record).base, []
    present: Any = await find(record.token, notes_of(record))
    if not isinstance(present, Sequence) or not all(isinstance(handle, base) for handle in present):
        raise NeedsPerson(
            f"The backend {record.backend!r} was asked what became of {record.token!r}, and returned {shown(present)}, not a "
            f"list of {base.__name__}. That is a fault of the plugin. {how_to_settle(record, by_token=True)}"
        )
    for handle in present:
        others = await ledger.find(str(handle.job_id))
        if not any(_has_the_job(other, handle, record) for other in others):
            found.append(handle)
    return found


def _has_the_job(other: Record, handle: Any, record: Record) -> bool:
    is_alike = (other.kind, other.backend, other.account) == (record.kind, record.backend, record.account)
    return is_alike and other.key != record.key and other.job_id == str(handle.job_id)


async def _adopt(ledger: Ledger, record: Record, found: Sequence[Any]) -> tuple[Record, Any]:
    """Take the oldest of what was found as the one that was asked for, and report the rest."""
    oldest, *others = found
    if others:
        log.error(
            "%s was submitted %d times. %r is used; look at, and perhaps cancel: %s",
            record.key,
            len(found),
            oldest.job_id,
            ", ".join(repr(other.job_id) for other in others),
        )
    return await ledger.move(record, State.FOUND, seconds=0, **await facts_of(oldest)), oldest


async def _restore(work: Work, ledger: Ledger, record: Record) -> tuple[Record, Any]:
    """Find the handle of a run whose submitter ended before it was recorded."""
    found = await _found_by(work, ledger, record)
    handle = next((each for each in found if str(each.job_id) == record.job_id), None)
    if handle is None:
        raise NeedsPerson(
            f"The {work.kind.describe(record)} was submitted, but not recorded in full: the process that submitted it "
            f"ended too early, or the plugin's save() fails. {how_to_settle(record, by_token=work.find is not None)}"
        )
    return await ledger.move(record, record.state, seconds=0, **await facts_of(handle)), handle


async def _uncertain(ledger: Ledger, record: Record) -> Record:
    if record.state is not State.SUBMITTING:
        return record
    return await ledger.move(record, State.UNCERTAIN, error="the process that was submitting it ended.")


async def found(ledger: Ledger, claimed: Record, about: Mapping[str, Any]) -> Record:
    """Write down that the service has what a claimed record asks for."""
    if claimed.state in {State.INTENT, State.QUEUED}:
        claimed = await ledger.move(claimed, State.ABSENT)
    return await ledger.move(await _uncertain(ledger, claimed), State.FOUND, seconds=0, **about)


__all__ = ["adopt_late", "facts_of", "found", "how_to_give_up", "how_to_settle", "resolve", "settle"]
