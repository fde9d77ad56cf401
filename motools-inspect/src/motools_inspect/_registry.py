"""What this package registers with Inspect; named in the `inspect_ai` entry-point group."""

from motools_inspect.answers import answers, exact

__all__ = ["answers", "exact"]
