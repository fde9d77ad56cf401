"""MOTools, as its users call it."""

import motools


def list_names() -> list[str]:
    """List without importing a plugin."""
    return [backend.name for backend in motools.list_backends() if backend.kind == "training"]


def load(name: str) -> object:
    """Import one."""
    from motools.plugins.registry import find_class

    return find_class(name, "training")
