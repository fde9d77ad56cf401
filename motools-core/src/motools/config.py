"""What the user has configured, and where each value comes from.

    MOTOOLS_* variables  >  motools.toml, or [tool.motools] in pyproject.toml  >  defaults

The file is the nearest one upwards from the working directory; beside each other, motools.toml comes first, and a
pyproject.toml without [tool.motools] is passed over. Its keys:

    cache = "sqlite"                       # or a URL; "none" for no record of paid work        MOTOOLS_CACHE
    home = "~/motools"                     # relative to the file                               MOTOOLS_HOME
    [backends.cheap]                       # options of a backend; with `use`, an alias for another
    use = "openai"
    middleware = ["cache", "validate"]
    base_url = "http://localhost:8000/v1"
    [plugins]
    block = ["foo"]                        # names that may not be used                         MOTOOLS_PLUGINS
    pin = { openai = "motools-openai" }    # which distribution, where two offer one name
    required = ["tracker"]                 # hooks without which nothing is started
    backends = { mine = "my_module:MyBackend" }   # a backend without packaging, found beside the file

An unknown key or a wrong type is a `ConfigError`. The options of a backend are checked by the backend.
"""

from __future__ import annotations

import os
import sys

from motools.errors import ConfigError, nearest
from motools.plugins.selection import Selection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

KEYS = ("cache", "home", "backends", "plugins")
PLUGIN_KEYS = ("block", "pin", "required", "backends")
DEFAULT_CACHE = "sqlite"


class Config:
    """The configuration as it stands, environment applied.

    `path` is the file it was read from, or None. `cache` is the name or URL of a store, None for no caching. `home` is
    an absolute path, which need not exist yet. `backends` are the tables as written, by name. `selection` is what
    MOTOOLS_PLUGINS says. `origins` maps the dotted name of a value to where it was set ("/lab/motools.toml [plugins]",
    "MOTOOLS_CACHE"); what is not in it has its default.
    """

    __slots__ = (
        "backends",
        "cache",
        "home",
        "origins",
        "path",
        "plugins_backends",
        "plugins_block",
        "plugins_pin",
        "plugins_required",
        "selection",
    )

    def __init__(self, tables: dict[str, Any] | None = None, path: str | None = None, table: str = "") -> None:
        """Check and take over what a file says. `table` is the table of the file that holds everything, if any."""
        source = _Source(tables or {}, path or "", table)
        self.path = path
        self.origins = source.origins
        source.know(KEYS)
        cache = _variable("MOTOOLS_CACHE", "cache", source) or source.text("cache") or DEFAULT_CACHE
        self.cache = None if cache == "none" else cache
        self.home = self._home(source)
        self.backends: dict[str, dict[str, Any]] = {}
        backends = source.inner("backends")
        for name in backends.values:
            backend = backends.inner(name)
            backend.text("use")
            backend.texts("middleware")
            for option in backend.values:
                backend.set_here(option)
            self.backends[name] = backend.values
        plugins = source.inner("plugins")
        plugins.know(PLUGIN_KEYS)
        self.plugins_block = plugins.texts("block")
        self.plugins_pin = plugins.inner("pin").all_texts()
        self.plugins_required = plugins.texts("required")
        self.plugins_backends = plugins.inner("backends").all_texts()
        self.selection = Selection(os.environ.get("MOTOOLS_PLUGINS"))

    def _home(self, source: _Source) -> str:
        written = source.text("home")
        given = _variable("MOTOOLS_HOME", "home", source)
        if given is None and written:
            given = os.path.join(os.path.dirname(self.path or ""), os.path.expanduser(written))  # noqa: PTH111, PTH118, PTH120  (pathlib costs as much as discovery)
        return os.path.abspath(os.path.expanduser(given)) if given else _data_directory()  # noqa: PTH100, PTH111  (as above)

    def disabled_by(self, name: str) -> str | None:
        """Say what switches a plugin off ("MOTOOLS_PLUGINS='-foo'", "block in /lab/motools.toml [plugins]"), or None.

        The variable goes before the file: a name that it lists is on, though the file blocks it.
        """
        if not self.selection.allows(name):
            return f"MOTOOLS_PLUGINS={self.selection.text!r}"
        if name in self.plugins_block and name not in self.selection.named:
            return f"block in {self.origins['plugins.block']}"
        return None

    def rows(self) -> list[tuple[str, Any, str]]:
        """Return every value with its dotted name and its origin, for `motools config`."""
        values: dict[str, Any] = {"cache": self.cache, "home": self.home}
        values |= {
            f"backends.{name}.{key}": value for name, table in self.backends.items() for key, value in table.items()
        }
        values |= {
            "plugins.block": self.plugins_block,
            "plugins.pin": self.plugins_pin,
            "plugins.required": self.plugins_required,
            "plugins.backends": self.plugins_backends,
        }
        rows = [(name, value, self.origins.get(name, "default")) for name, value in values.items()]
        if self.selection.text is not None:
            rows.append(("plugins", self.selection.text, "MOTOOLS_PLUGINS"))
        return rows


class _Source:
    """One table of the file, which hands out its values checked and notes where they are."""

    def __init__(
        self, values: dict[str, Any], path: str, table: str, prefix: str = "", origins: dict[str, str] | None = None
    ) -> None:
        self.values = values
        self.path = path
        self.table = table
        self.prefix = prefix
        self.origins: dict[str, str] = {} if origins is None else origins

    @property
    def place(self) -> str:
        return f"{self.path} [{self.table}]" if self.table else self.path

    def know(self, keys: tuple[str, ...]) -> None:
        for key in self.values:
            if key not in keys:
                near = nearest(key, keys)
                meant = f" Did you mean {near!r}?" if near else ""
                raise ConfigError(f"{self.place}: there is no setting {key!r}.{meant} Known: {', '.join(keys)}.")

    def set_here(self, key: str) -> None:
        self.origins[f"{self.prefix}{key}"] = self.place

    def wrong(self, key: str, wanted: str) -> ConfigError:
        return ConfigError(f"{self.place}: {key!r} must be {wanted}, not {self.values[key]!r}.")

    def text(self, key: str) -> str | None:
        if key not in self.values:
            return None
        if not isinstance(self.values[key], str) or not self.values[key]:
            raise self.wrong(key, "a string")
        self.set_here(key)
        return str(self.values[key])

    def texts(self, key: str) -> list[str]:
        if key not in self.values:
            return []
        texts = self.values[key]
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise self.wrong(key, "a list of strings")
        self.set_here(key)
        return texts

    def inner(self, key: str) -> _Source:
        table = self.values.get(key, {})
        if not isinstance(table, dict):
            raise self.wrong(key, "a table")
        if key in self.values:
            self.set_here(key)
        dotted = f"{self.table}.{key}" if self.table else key
        return _Source(table, self.path, dotted, f"{self.prefix}{key}.", self.origins)

    def all_texts(self) -> dict[str, str]:
        return {key: self.text(key) or "" for key in self.values}


def _variable(name: str, key: str, source: _Source) -> str | None:
    """Return a variable that is set and not empty, and note that it decides."""
    value = os.environ.get(name)
    if not value:
        return None
    source.origins[key] = name
    return value


def _data_directory() -> str:
    """Return where the system keeps a user's data, for us."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")  # noqa: PTH111  (as above)
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")  # noqa: PTH111  (as above)
    else:
        base = os.environ.get("XDG_DATA_HOME", "")
        if not os.path.isabs(base):  # noqa: PTH117  (as above)
            base = os.path.expanduser("~/.local/share")  # noqa: PTH111  (as above)
    return os.path.join(base, "motools")  # noqa: PTH118  (as above)


def current() -> Config:
    """Return the configuration that holds in the working directory. Raises `ConfigError`."""
    try:
        directory = os.getcwd()  # noqa: PTH109  (as above)
    except OSError:
        return Config()
    while True:
        path = os.path.join(directory, "motools.toml")  # noqa: PTH118  (as above)
        text = _read(path)
        if text is not None:
            return Config(_tables(path, text), path)
        path = os.path.join(directory, "pyproject.toml")  # noqa: PTH118  (as above)
        tables = _tool_table(path)
        if tables is not None:
            return Config(tables, path, "tool.motools")
        parent = os.path.dirname(directory)  # noqa: PTH120  (as above)
        if parent == directory:
            return Config()
        directory = parent


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (as above)
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _tables(path: str, data: bytes) -> dict[str, Any]:
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


def _tool_table(path: str) -> dict[str, Any] | None:
    """Return [tool.motools] of a pyproject.toml, which is not parsed unless it can have one."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  (as above)
            data = file.read()
    except OSError:
        return None
    if b"motools" not in data:
        return None
    squeezed = data.translate(None, b" \t\"'")
    if not (b"tool.motools" in squeezed or b"[tool]" in squeezed or b"tool={" in squeezed):
        return None
    tool = _tables(path, data).get("tool")
    table = tool.get("motools") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"{path} [tool]: 'motools' must be a table, not {table!r}.")
    return table


def home() -> Path:
    """Return the directory where motools keeps its record and work, made (readable by its owner alone) if need be.

    MOTOOLS_HOME, else `home` of the file, else the user's data directory. Raises `ConfigError` when it cannot be used.
    """
    from pathlib import Path

    config = current()
    path = Path(config.home)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if os.access(path, os.W_OK | os.X_OK):
            return path
        reason = "Permission denied"
    raise ConfigError(
        f"The directory of motools, {config.home} ({config.origins.get('home', 'default')}), cannot be used: {reason}. "
        "Name another in MOTOOLS_HOME."
    )


__all__ = ["Config", "current", "home"]
