"""What the user has configured, and where each value comes from.

    MOTOOLS_* variables  >  motools.toml, or [tool.motools] in pyproject.toml  >  defaults

The file is the nearest one upwards from the working directory; beside each other, motools.toml comes first, and a
pyproject.toml without [tool.motools] is passed over. Its keys:

    cache = "sqlite"                       # or a URL; "none" for no record of paid work        MOTOOLS_CACHE
    home = "~/motools"                     # relative to the file                               MOTOOLS_HOME
    [backends.cheap]                       # options of a backend; with `use`, an alias for another
    use = "openai"
    middleware = ["cache", "validate", "limit"]
    max_live_runs = 3                      # an option of the layer `limit`
    base_url = "http://localhost:8000/v1"
    [plugins]
    block = ["foo"]                        # names that may not be used                         MOTOOLS_PLUGINS
    pin = { openai = "motools-openai" }    # which distribution, where two offer one name
    required = ["tracker"]                 # hooks without which nothing is started
    backends = { mine = "my_module:MyBackend" }   # a backend without packaging, found beside the file

A relative MOTOOLS_HOME leads from the working directory in which it is first asked for, and stays there while the process
lives, whatever directory it changes into. A file that somebody else can write in (it belongs to neither this user nor root, or everybody may change it) is refused.
An unknown key or a wrong type is a `ConfigError`. The options of a backend are checked by the backend.
"""

from __future__ import annotations

import os
import sys

from motools import configfile
from motools.errors import ConfigError, nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

KEYS = ("cache", "home", "backends", "plugins")
VARIABLES = ("MOTOOLS_CACHE", "MOTOOLS_HOME", "MOTOOLS_PLUGINS", "XDG_DATA_HOME", "LOCALAPPDATA", "HOME")
"""All that a configuration is made of, beside its file."""
PLUGIN_KEYS = ("block", "pin", "required", "backends")
DEFAULT_CACHE = "sqlite"


class Config:
    """The configuration as it stands, environment applied.

    `path` is the file it was read from, or None. `cache` is the name or URL of a store, None for no caching. `home` is
    an absolute path, which need not exist yet. `backends` are the tables as written, by name. `plugins` is what
    MOTOOLS_PLUGINS says, None where it is not set (empty means no plugin at all). `origins` maps the dotted name of a value to where it was set ("/lab/motools.toml [plugins]",
    "MOTOOLS_CACHE"); what is not in it has its default.
    """

    __slots__ = (
        "backends",
        "cache",
        "home",
        "origins",
        "path",
        "plugins",
        "plugins_backends",
        "plugins_block",
        "plugins_pin",
        "plugins_required",
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
        controls = source.inner("plugins")
        controls.know(PLUGIN_KEYS)
        self.plugins_block = controls.texts("block")
        self.plugins_pin = controls.inner("pin").all_texts()
        self.plugins_required = controls.texts("required")
        self.plugins_backends = controls.inner("backends").all_texts()
        self.plugins = os.environ.get("MOTOOLS_PLUGINS")

    def _home(self, source: _Source) -> str:
        written = source.text("home")
        given = _variable("MOTOOLS_HOME", "home", source)
        if given is not None:
            if not given.strip():
                raise ConfigError(
                    "MOTOOLS_HOME: is white space, and must be the path of a directory. Unset it for the default."
                )
            place = _absolute(given)
            return place if os.path.isabs(os.path.expanduser(given)) else _first_meant.setdefault(given, place)  # noqa: PTH111, PTH117  (pathlib costs as much as discovery)
        if written:
            return _absolute(os.path.join(os.path.dirname(self.path or ""), os.path.expanduser(written)))  # noqa: PTH111, PTH118, PTH120  (as above)
        return _data_directory()

    def rows(self) -> list[tuple[str, Any, str]]:
        """Return every value with its dotted name and its origin, for `motools config`; what looks secret is covered."""
        from motools.covering import covered

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
        rows = [(name, covered(name, value), self.origins.get(name, "default")) for name, value in values.items()]
        if self.plugins is not None:
            rows.append(("plugins", self.plugins, "MOTOOLS_PLUGINS"))
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
                if key == "tool" and not self.table:
                    meant = " In a motools.toml the settings stand by themselves, outside of [tool.motools]."
                raise ConfigError(f"{self.place}: there is no setting {key!r}.{meant} Known: {', '.join(keys)}.")

    def set_here(self, key: str) -> None:
        self.origins[f"{self.prefix}{key}"] = self.place

    def wrong(self, key: str, wanted: str) -> ConfigError:
        from motools.covering import covered

        return ConfigError(f"{self.place}: {key!r} must be {wanted}, not {covered(key, self.values[key])!r}.")

    def text(self, key: str) -> str | None:
        if key not in self.values:
            return None
        if not isinstance(self.values[key], str) or not self.values[key]:
            raise self.wrong(key, "a string that is not empty")
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


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111  (as above)


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


_first_meant: dict[str, str] = {}
"""What each MOTOOLS_HOME led to when it was first asked for: a program that changes its directory keeps its record."""
_latest: tuple[object, Config] | None = None
"""What `current` last answered, and what it was made of."""


def current() -> Config:
    """Return the configuration that holds in the working directory. Raises `ConfigError`.

    The files are looked for and read each time, and parsed when they, or the variables, are other than the last time:
    as long as nothing changes, the answer is the same object.
    """
    global _latest  # noqa: PLW0603  (remembers, and is right without)
    directory = configfile.working_directory()
    files = configfile.nearest_files(directory)
    ingredients = [directory, *files, *map(os.environ.get, VARIABLES)]
    if _latest is None or _latest[0] != ingredients:
        _latest = ingredients, Config(*configfile.tables_of(files))
    return _latest[1]


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
