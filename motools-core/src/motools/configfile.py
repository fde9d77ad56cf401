"""Where the configuration is written: the nearest motools.toml or [tool.motools], found, read and parsed.

A motools.toml that cannot be read or understood is an error that names it, with the line. A pyproject.toml is somebody
else's file: it is parsed only when it may hold our table, and passed over when it cannot be read.

What is obeyed decides what is imported and paid for, so it must be this user's, root's, or that of whom sudo works for,
and not everybody's to change: whose directory it is found in does not count.
"""

from __future__ import annotations

import errno
import os
import stat

from motools.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def working_directory() -> str | None:
    """Return the working directory, or None when it has been removed."""
    try:
        return os.getcwd()  # noqa: PTH109  (pathlib costs as much as the search for plugins)
    except OSError:
        return None


def nearest_files(directory: str | None) -> list[tuple[str, bytes, str]]:
    """Return the files upwards from a directory that may hold the configuration, nearest first.

    Of each its path, its bytes, and why it may not be obeyed ("" where it may).
    """
    files: list[tuple[str, bytes, str]] = []
    while directory is not None:
        ours = _join(directory, "motools.toml")
        found = _read(ours, is_ours=True)
        if found is not None:
            files.append((ours, *found))
            break
        theirs = _join(directory, "pyproject.toml")
        found = _read(theirs, is_ours=False)
        if found is not None and _may_have_our_table(found[0]):
            files.append((theirs, *found))
        parent = os.path.dirname(directory)  # noqa: PTH120  (as above)
        directory = parent if parent != directory else None
    return files


def tables_of(files: list[tuple[str, bytes, str]]) -> tuple[dict[str, Any], str | None, str]:
    """Return what the first file that configures us says, its path, and the table in it that is ours ("" for all)."""
    for path, data, objection in files:
        is_ours = os.path.basename(path) == "motools.toml"  # noqa: PTH119  (as above)
        if is_ours and objection:
            raise ConfigError(objection)
        tables = _parse(path, data)
        if is_ours:
            return tables, path, ""
        tool = tables.get("tool")
        ours = tool.get("motools") if isinstance(tool, dict) else None
        if ours is not None and objection:
            raise ConfigError(objection)
        if isinstance(ours, dict):
            return ours, path, "tool.motools"
        if ours is not None:
            raise ConfigError(f"{path} [tool]: 'motools' must be a table, not {ours!r}.")
    return {}, None, ""


def _join(directory: str, name: str) -> str:
    return directory + name if directory.endswith(os.sep) else directory + os.sep + name


def _read(path: str, *, is_ours: bool) -> tuple[bytes, str] | None:
    """Return a file's bytes and why it may not be obeyed, or None for no file. Ours that cannot be read is an error."""
    try:
        with open(path, "rb", buffering=0, opener=_open) as file:
            return file.read(), _objection(path, os.fstat(file.fileno()))
    except FileNotFoundError:
        return None
    except OSError as error:
        if not is_ours:
            return None
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _open(path: str, flags: int) -> int:
    """Open a file and nothing else: a pipe of its name would be waited on until somebody writes into it."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a file")


def _objection(path: str, facts: os.stat_result) -> str:
    """Say why a file may not be obeyed: somebody else can write in it; "" for nothing."""
    if os.name == "nt":
        return ""
    if facts.st_mode & 0o002:
        return (
            f"{path}: everybody on this machine can change it, and with it what is run and paid for here. "
            f"If what it says is right: chmod o-w {path}"
        )
    user = os.geteuid()
    if facts.st_uid in (user, 0) or (user == 0 and str(facts.st_uid) == os.environ.get("SUDO_UID")):
        return ""
    return (
        f"{path}: belongs to another user (uid {facts.st_uid}), who could change what is run and paid for here. If you "
        f"trust it: chown {user} {path}; if not, put a motools.toml of your own, which may be empty, nearer."
    )


def _may_have_our_table(data: bytes) -> bool:
    """Whether a pyproject.toml can have [tool.motools], however it is spaced, quoted or nested."""
    if b"motools" not in data:
        return False
    squeezed = data.translate(None, b" \t\"'")
    return any(spelling in squeezed for spelling in (b"tool.motools", b"[tool]", b"tool={"))


def _parse(path: str, data: bytes) -> dict[str, Any]:
    from motools.tables import read

    try:
        return read(data.decode())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text.") from error
    except (ValueError, RecursionError) as error:
        complaint, _, place = str(error).partition(" (at ")
        line_of = place.removeprefix("line ").partition(",")[0]
        line = int(line_of) if line_of.isdigit() else data.count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: is not valid TOML: {complaint}.") from error


__all__ = ["nearest_files", "tables_of", "working_directory"]
