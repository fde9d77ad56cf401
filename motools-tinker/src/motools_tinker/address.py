"""Where the service is. Runs keep it, so that whoever resumes one finds its states, whatever the environment then says."""

from __future__ import annotations

from urllib.parse import urlsplit

from motools.errors import SettingError

DEFAULT_URL = "https://tinker.thinkingmachines.dev/services/tinker-prod"
"""Where the SDK finds the service, unless it is told otherwise."""


def other_than_default(given: str | None) -> str | None:
    """Return the address of another server than Tinker's own. Raises `SettingError` for one that says more than where."""
    address = (given or DEFAULT_URL).rstrip("/")
    parts = urlsplit(address)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    if bare != address:
        raise SettingError(
            f"tinker: base_url must not hold a password or a query: it is stored with each run. Name {bare} alone."
        )
    return None if address == DEFAULT_URL else address


__all__ = ["DEFAULT_URL", "other_than_default"]
