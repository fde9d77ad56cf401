"""Whether the record of paid work can be opened and trusted, and is its owner's alone. Nothing is made or repaired."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from motools import config
from motools.doctor.findings import Finding, Level
from motools.errors import ConfigError, MotoolsError
from motools.plugins.stores import BUILT_IN, open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from motools.config import Config

TOPIC = "store"
SUFFIXES = ("", "-wal", "-shm")
"""What SQLite calls the files of one database, after its name."""


async def examine_store() -> AsyncIterator[Finding]:
    """Yield how the configured store is."""
    try:
        settings = config.current()
        place = _place(settings)
    except ConfigError as error:
        yield _problem(f"which store is configured is not known: {error}", "Put the configuration right first.")
        return
    if place is None:
        yield _elsewhere(settings)
        return
    findings = [*_of_directory(settings, place), *_of_modes(settings, place), *_of_file_system(place)]
    for finding in findings:
        yield finding
    if not place.exists():
        yield Finding(topic=TOPIC, what=f"{place} is made when the first work is paid for")
        return
    async for finding in _of_records(place):
        yield finding


def _place(settings: Config) -> Path | None:
    """Return the database's file, None where the store is not the one that motools ships. Touches nothing."""
    if settings.cache == BUILT_IN:
        return Path(settings.home) / "motools.db"
    if settings.cache is None or settings.cache.partition(":")[0] != BUILT_IN:
        return None
    store: object = open_store(settings.cache)
    return getattr(store, "path", None)


def _elsewhere(settings: Config) -> Finding:
    origin = settings.origins.get("cache", "default")
    if settings.cache is None:
        return Finding(
            topic=TOPIC,
            level=Level.NOTE,
            what=f"no record of paid work is kept ({origin}): the same request again is paid again.",
            remedy=f'For a record: cache = "{BUILT_IN}" in motools.toml.',
        )
    scheme = settings.cache.partition(":")[0]
    return Finding(
        topic=TOPIC, what=f"the store is {scheme!r} ({origin}), of a plugin; whether it opens is said with that plugin"
    )


def _of_directory(settings: Config, place: Path) -> Iterator[Finding]:
    """Look whether the directory, or the one that it would be made in, can be written in."""
    nearest = next((each for each in (place.parent, *place.parent.parents) if os.path.lexists(each)), place.parent)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = "cannot be written in" if nearest.is_dir() else "is no directory"
        yield _problem(
            f"{place.parent} ({settings.origins.get('home', 'default')}) cannot be used: {nearest} {reason}.",
            "Name another directory in MOTOOLS_HOME, or give yourself the right to write there.",
        )


def _of_modes(settings: Config, place: Path) -> Iterator[Finding]:
    if os.name != "posix":
        return
    private = {Path(settings.home): 0o700} | {place.with_name(place.name + suffix): 0o600 for suffix in SUFFIXES}
    for path, wanted in private.items():
        try:
            facts = path.stat()
        except OSError:
            continue
        mode = stat.S_IMODE(facts.st_mode)
        if mode & 0o077:
            yield _problem(
                f"{path} can be used by others (mode {mode:04o}): it holds what was asked for and what came of it.",
                f"chmod {wanted:o} {path}",
            )
        if facts.st_uid != os.geteuid():
            yield _problem(
                f"{path} belongs to another user (uid {facts.st_uid}).", "Use a MOTOOLS_HOME of your own, or chown it."
            )


def _of_file_system(place: Path) -> Iterator[Finding]:
    from motools.cache.connection import refuse_network

    try:
        refuse_network(place)
    except MotoolsError as error:
        yield _problem(str(error), "Set MOTOOLS_HOME to a local directory.")


async def _of_records(place: Path) -> AsyncIterator[Finding]:
    from motools.cache.checking import check
    from motools.cache.sqlite import SqliteLedger

    ledger = SqliteLedger(place)
    try:
        checked = await check(ledger, lambda record: record.handle_class)
    except MotoolsError as error:
        yield _problem(f"the record cannot be opened: {error}", "Do as it says; `motools cache verify` says more.")
        return
    finally:
        ledger.close()
    count = len(checked.findings)
    if not count:
        records = f"{checked.records} record{'' if checked.records == 1 else 's'}"
        yield Finding(topic=TOPIC, what=f"{place} opens: {records}, nothing damaged")
        return
    first = checked.findings[0]
    yield _problem(
        f"{place}: {count} thing{'' if count == 1 else 's'} wrong, first {first.where}: {first.what}",
        "`motools cache verify` lists them. Nothing is answered from what is damaged.",
    )


def _problem(what: str, remedy: str) -> Finding:
    return Finding(topic=TOPIC, level=Level.PROBLEM, what=what, remedy=remedy)


__all__ = ["examine_store"]
