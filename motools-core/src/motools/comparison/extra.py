"""The packages that only comparisons need, and what is said where they are missing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from motools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("numpy", "scipy", "matplotlib")
INSTALL = "pip install motools-core[compare]"


@contextmanager
def needing(what: str) -> Iterator[None]:
    """Turn the failure to import one of the extra's packages into a sentence that says what to install."""
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package not in PACKAGES:
            raise
        raise UsageError(
            f"{what} needs {package}, which cannot be imported ({error}). Install it with: {INSTALL}"
        ) from (error)


__all__ = ["INSTALL", "PACKAGES", "needing"]
