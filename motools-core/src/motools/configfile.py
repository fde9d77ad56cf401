"""Where the configuration is written: the nearest motools.toml or [tool.motools], found, read and parsed.

A motools.toml that cannot be read or understood is an error that names it, with the line. A pyproject.toml is somebody
else's file: it is parsed only when it may hold our table, and passed over when it cannot be read.
"""

from __future__ import annotations

import os

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


def nearest_files(directory: str | None) -> list[tuple[str, bytes]]:
    """Return path and bytes of the files upwards from a directory that may hold the configuration, nearest first."""
    files: list[tuple[str, bytes]] = []
    while directory is not None:
        ours = _join(directory, "motools.toml")
        data = _read(ours, is_ours=True)
        if data is not None:
            files.append((ours, data))
            break
        theirs = _join(directory, "pyproject.toml")
        data = _read(theirs, is_ours=False)
        if data is not None and _may_have_our_table(data):
            files.append((theirs, data))
        parent = os.path.dirname(directory)  # noqa: PTH120  (as above)
        directory = parent if parent != directory else None
    return files


def tables_of(files: list[tuple[str, bytes]]) -> tuple[dict[str, Any], str | None, str]:
    """Return what the first file that configures us says, its path, and the table in it that is ours ("" for all)."""
    for path, data in files:
        tables = _parse(path, data)
        if os.path.basename(path) == "motools.toml":  # noqa: PTH119  (as above)
            return tables, path, ""
        tool = tables.get("tool")
        ours = tool.get("motools") if isinstance(tool, dict) else None
        if isinstance(ours, dict):
            return ours, path, "tool.motools"
        if ours is not None:
            raise ConfigError(f"{path} [tool]: 'motools' must be a table, not {ours!r}.")
    return {}, None, ""


def _join(directory: str, name: str) -> str:
    return directory + name if directory.endswith(os.sep) else directory + os.sep + name


def _read(path: str, *, is_ours: bool) -> bytes | None:
    """Return the bytes of a file, or None where there is none. One of ours that cannot be read is an error."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  (as above)
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        if not is_ours:
            return None
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error


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
