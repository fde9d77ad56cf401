"""Pluggy, with every plugin of the group loaded, which is the usual way."""

import pluggy

GROUP = "motools.training.v1"


def _loaded() -> pluggy.PluginManager:
    plugins = pluggy.PluginManager("benchmark")
    plugins.load_setuptools_entrypoints(GROUP)
    return plugins


def list_names() -> list[str]:
    """List by importing all."""
    return [name for name, _ in _loaded().list_name_plugin()]


def load(name: str) -> object:
    """Load all, and return one."""
    return _loaded().get_plugin(name)
