"""Where requests go, as tests speak of it: without the prefix, and with {id} for names that differ each time."""

from __future__ import annotations

import re

PREFIXES = ("/v1", "/openai")
"""OpenAI's own, and that of Azure's client."""
NAMES = re.compile(r"(?<=/)(?:file-|ftjob-|upload_|part_)[^/]+|(?<=^/models/).+")


def address(path: str) -> str | None:
    """Return where in the API a path leads, or None if it is not part of the API."""
    prefix = next((prefix for prefix in PREFIXES if path.startswith(f"{prefix}/")), None)
    return None if prefix is None else path.removeprefix(prefix)


def template(path: str) -> str:
    return NAMES.sub("{id}", path)
