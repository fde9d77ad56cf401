"""Values of settings as they may be shown: without what looks secret by its name, or as part of an address."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECRET_WORDS = frozenset({"key", "apikey", "token", "secret", "password", "headers", "authorization"})
"""What, in the name of a setting, keeps its value off the screen."""
COVER = "***"


def covered(name: str, value: Any) -> Any:
    """Return a value as it may be shown; of one that is secret by its name, only whether there is one."""
    words = name.rpartition(".")[2].lower().replace("-", "_").split("_")
    if not SECRET_WORDS.isdisjoint(words):
        return None if value is None else COVER
    if isinstance(value, dict):
        return {key: covered(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [covered("", inner) for inner in value]
    return _without_user(value) if isinstance(value, str) and "://" in value else value


def _without_user(address: str) -> str:
    """Return an address without the user and password that it may name before its host."""
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    return f"{scheme}://{COVER}@{host}{slash}{path}" if user else address


__all__ = ["covered"]
