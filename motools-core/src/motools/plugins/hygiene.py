"""Everything that can be told of an installed plugin without giving it any work: what it does, and what its metadata say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.errors import UsageError, nearest
from motools.plugins.checking import SECONDS
from motools.plugins.declared import declared
from motools.plugins.discovery import canonical
from motools.plugins.listing import check_plugins, list_plugins
from motools.plugins.rules import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.plugins.listing import PluginInfo


def plugins_called(name: str) -> list[PluginInfo]:
    """Return the installed plugins of that name, or all of the distribution of that name. Raises `UsageError` for none."""
    present = list_plugins()
    found = [info for info in present if name == info.name or canonical(name) == info.distribution]
    if found:
        return found
    near = nearest(name, [*{info.name for info in present}, *{info.distribution or info.name for info in present}])
    meant = f" Did you mean {near!r}?" if near else ""
    raise UsageError(
        f"No plugin and no distribution with plugins is called {name!r}.{meant} `motools plugins` lists what is installed."
    )


async def examined(plugins: Sequence[PluginInfo], *, seconds: float = SECONDS) -> list[list[Finding]]:
    """Examine each plugin, imported in a process of its own, and return what is found of each, in the same order."""
    await check_plugins(plugins, seconds=seconds)
    return [_findings(info) for info in plugins]


def _findings(info: PluginInfo) -> list[Finding]:
    unusable = [] if info.status == "ok" else [Finding(rule="usable", what=f"is {info.status}: {info.reason}")]
    return [*unusable, *(info.check.findings if info.check else ()), *declared(info.offer)]


__all__ = ["examined", "plugins_called"]
