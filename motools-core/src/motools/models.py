"""How an evaluation framework reaches a trained model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A model in an evaluation framework's own words; every field is JSON-safe and none is secret."""

    model: str
    """The framework's name for it, such as "hf/local" or "openai/ft:gpt-4.1-mini:org::id"."""
    base_url: str | None = None
    """The server to ask, where it is not the framework's default."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for the framework's model constructor."""
    fingerprint: str | None = None
    """A digest of the weights, such as "sha256:…", where the same name can come to stand for other weights."""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-safe dictionary."""
        return asdict(self)


__all__ = ["ModelRef"]
