"""Values of settings as they may be shown: without what looks secret by its name, or as part of an address."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECRET_WORDS = frozenset(
    {
        *("key", "apikey", "token", "secret", "secrets", "password", "passwords", "passwd", "passphrase"),
        *("credential", "credentials", "auth", "authorization", "bearer", "headers", "cookie", "cookies"),
    }
)
"""What, in the name of a setting, keeps its value off the screen."""
COVER = "***"


def covered(name: str, value: Any) -> Any:
    """Return a value as it may be shown; of one that is secret by its name, only whether there is one."""
    if _is_secret(name.rpartition(".")[2]):
        return None if value is None else COVER
    if isinstance(value, dict):
        return {key: covered(str(key), inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [covered("", inner) for inner in value]
    return _address(value) if isinstance(value, str) and "://" in value else value


def _is_secret(name: str) -> bool:
    """Whether one of the words in a name, written like_this, like-this or likeThis, says so."""
    parted = "".join(
        f" {letter}" if letter.isupper() and before.islower() else letter
        for before, letter in zip(f" {name}", name, strict=False)
    )
    return not SECRET_WORDS.isdisjoint(parted.lower().replace("-", " ").replace("_", " ").split())


def _address(address: str) -> str:
    """Return an address without the user and password before its host, and without parameters that are secret by their name."""
    place, mark, query = address.partition("?")
    pairs = [pair.partition("=") for pair in query.split("&")]
    query = "&".join(
        f"{name}={COVER}" if is_given and _is_secret(name) else name + is_given + value
        for name, is_given, value in pairs
    )
    scheme, _, rest = place.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, host = authority.rpartition("@")
    return f"{scheme}://{f'{COVER}@' if user else ''}{host}{slash}{path}{mark}{query}"


__all__ = ["covered"]
