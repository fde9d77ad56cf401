"""Whether there is a key for the service, and where; it is read by the SDK, when that needs it, and stored nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = ("TINKER_API_KEY", "TINKER_CREDENTIAL_CMD")
ADVICE = "Set TINKER_API_KEY (or TINKER_CREDENTIAL_CMD), or store a key with `tinker auth login`."


def is_there(environment: Mapping[str, str]) -> bool:
    """Whether the SDK would find a key: in the environment, or where `tinker auth login` keeps one."""
    return any(environment.get(name) for name in VARIABLES) or Path("~/.tinker/credentials.json").expanduser().exists()


__all__ = ["ADVICE", "is_there"]
