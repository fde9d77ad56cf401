"""Watching over code of plugins that is run here: an import may take for ever, or end the process before anything can be said.

A thread names the plugin whose import goes on for longer than `SLOW` seconds. The command line has more to lose, and is its
process's owner (`is_command`): there os._exit is an error of the plugin that calls it, a shell at the end of a pipe names
the plugin where the process has ended all the same, and the working directory is put back.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, get_ident, start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from motools.plugins.origin import Offer

SLOW = 5.0
"""Seconds of importing that are worth a word: nobody waits that long to be told of a misspelt option."""
WITNESS = "trap '' INT; read -r _ || printf 'Error: %s\\n' \"$1\" >&2"

is_command = False
"""Whether this is the process of the command line, which sets it. In a program of others nothing is theirs to undo."""


class Ended(SystemExit):
    """os._exit was called, which would have ended more than the plugin."""


class Watch:
    """Watches while its body imports what an offer names. `threading` and `subprocess` would cost more than all of it."""

    def __init__(self, offer: Offer) -> None:
        self._offer = offer
        self._imported, self._told = allocate_lock(), allocate_lock()
        self._witness: tuple[int, int] | None = None
        """The process that waits, and the end of the pipe that it waits for."""
        self._here = (os.getpid(), get_ident())
        self._exit: Callable[[int], None] = os._exit

    def __enter__(self) -> None:
        self._imported.acquire()
        try:
            self._told.acquire()
            start_new_thread(self._tell_slow, ())
        except RuntimeError:  # no thread is to be had: then nobody is told
            self._told.release()
        self._is_ours, self._directory = is_command, directory()
        if self._is_ours:
            self._witness = self._spawned()
            os._exit = self._refuse  # type: ignore[assignment]  # it returns where it does not end the process

    def __exit__(self, *_: object) -> None:
        self._imported.release()
        self._told.acquire()
        if not self._is_ours:
            return
        os._exit = self._exit  # type: ignore[assignment]  # as it was
        if self._witness is not None:
            process, pipe = self._witness
            os.kill(process, 9)
            os.waitpid(process, 0)
            os.close(pipe)
        put_back(self._directory, self._offer, "was imported")

    def _tell_slow(self) -> None:
        try:
            if not self._imported.acquire(timeout=SLOW):
                _warn(
                    "The plugin %r of %s has been importing for %g s. `motools plugins --check` shows what plugins do "
                    "when they are imported.",
                    self._offer.name,
                    self._offer.origin,
                    SLOW,
                )
        finally:
            self._told.release()

    def _refuse(self, status: int) -> None:
        """Stand in for os._exit, as which a module may keep it: a fork, another thread and a later moment may use it."""
        if self._imported.locked() and self._here == (os.getpid(), get_ident()):
            raise Ended(status)
        self._exit(status)

    def _spawned(self) -> tuple[int, int] | None:
        if not hasattr(os, "posix_spawn"):
            return None
        offer = self._offer
        words = (
            f"the plugin {offer.name!r} ({offer.group}) of {offer.origin} was being imported when this command ended. "
            f"MOTOOLS_PLUGINS=-{offer.name} switches it off; `motools plugins --check` shows what it does."
        )
        end, pipe = os.pipe()
        try:
            shell = ["sh", "-c", WITNESS, "sh", words]
            return os.posix_spawn("/bin/sh", shell, {}, file_actions=[(os.POSIX_SPAWN_DUP2, end, 0)]), pipe
        except OSError:  # no process is to be had: then nobody is told
            os.close(pipe)
            return None
        finally:
            os.close(end)


def directory() -> str | None:
    """Return the working directory, to be put back; None where that is not ours to do."""
    try:
        return os.getcwd() if is_command else None  # noqa: PTH109  (pathlib costs as much as the scan)
    except OSError:
        return None


def put_back(before: str | None, offer: Offer, when: str) -> None:
    """Undo what a plugin did to the working directory, in which names of files begin, and tell whose it was."""
    if before is None or (now := directory()) == before:
        return
    os.chdir(before)
    _warn(
        "The plugin %r of %s changed the working directory to %s when it %s. It has been changed back.",
        offer.name,
        offer.origin,
        now,
        when,
    )


def _warn(text: str, *arguments: object) -> None:
    from logging import getLogger

    getLogger("motools").warning(text, *arguments)


__all__ = ["SLOW", "Ended", "Watch", "directory", "put_back"]
