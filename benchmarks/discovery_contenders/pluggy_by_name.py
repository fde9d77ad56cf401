"""Pluggy, with one plugin loaded by name. It cannot list without loading."""

import pluggy

GROUP = "motools.training.v1"


def load(name: str) -> object:
    """Load one."""
    plugins = pluggy.PluginManager("benchmark")
    plugins.load_setuptools_entrypoints(GROUP, name=name)
    return plugins.get_plugin(name)
