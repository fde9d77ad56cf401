"""importlib.metadata, of the interpreter: what the others are compared to."""

from importlib.metadata import entry_points

GROUP = "motools.training.v1"


def list_names() -> list[str]:
    """List by reading all metadata."""
    return [entry.name for entry in entry_points(group=GROUP)]


def load(name: str) -> object:
    """Load one."""
    return next(iter(entry_points(group=GROUP, name=name))).load()
