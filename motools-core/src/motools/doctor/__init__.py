"""Finding out what is wrong with an installation, and what to do about it: what `motools doctor` tells.

    versions       Python, motools-core, and what each plugin's distribution needs
    shadows        what would be imported in place of ours
    configuration  motools.toml, and whether what it names is there
    store          the record of paid work, and who can read it
    services       each plugin in a process of its own: does it import, are its keys set, does its service answer

Each examination yields findings. One that fails is a finding itself, and no plugin's code runs in this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.doctor.findings import Finding, Level

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator


async def examine(*, online: bool = False, seconds: float = 30.0) -> list[Finding]:
    """Return all that there is to say, problems and what is fine, in the order of the examinations.

    `online` asks the services that can be asked whether they answer; without it nothing leaves this machine. Each
    plugin may take so many seconds.
    """
    from motools.doctor.configuration import examine_configuration
    from motools.doctor.services import examine_services
    from motools.doctor.shadows import examine_shadows
    from motools.doctor.store import examine_store
    from motools.doctor.versions import examine_versions

    found = [*_kept("versions", examine_versions), *_kept("shadows", examine_shadows)]
    found += _kept("configuration", examine_configuration)
    found += [finding async for finding in _kept_async("store", examine_store())]
    found += [finding async for finding in _kept_async("plugins", examine_services(online=online, seconds=seconds))]
    return found


def _kept(topic: str, examination: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what an examination finds, and that it failed where it does."""
    try:
        yield from examination()
    except Exception as error:  # noqa: BLE001  (whatever is wrong here, the other examinations go on)
        yield _failed(topic, error)


async def _kept_async(topic: str, examination: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    try:
        async for finding in examination:
            yield finding
    except Exception as error:  # noqa: BLE001  (as above)
        yield _failed(topic, error)


def _failed(topic: str, error: Exception) -> Finding:
    from motools.cache.redact import in_words

    return Finding(
        topic=topic,
        level=Level.PROBLEM,
        what=f"this could not be examined to its end: {in_words(error)}",
        remedy="`motools --debug doctor` shows where; what is said before it holds.",
    )


__all__ = ["Finding", "Level", "examine"]
