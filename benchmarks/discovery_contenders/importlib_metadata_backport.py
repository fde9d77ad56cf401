"""importlib-metadata, the distribution."""

from importlib_metadata import entry_points

GROUP = "motools.training.v1"


def list_names() -> list[str]:
    """List by reading all metadata."""
    return [entry.name for entry in entry_points(group=GROUP)]


def load(name: str) -> object:
    """Load one."""
    return next(iter(entry_points(group=GROUP, name=name))).load()
