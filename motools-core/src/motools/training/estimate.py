"""What a training would cost, as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a request is expected to cost, and what that rests on; JSON-safe."""

    tokens: int | None
    """Tokens that are billed, all passes over the data together; None where they cannot be counted."""
    cost: float | None
    """In `currency`; None where no price is known, which is not the same as nothing."""
    currency: str = "USD"
    examples: int | None = None
    """Records of the dataset."""
    epochs: float | None = None
    is_exact: bool = False
    """Whether the tokens were counted as the service counts them; else they are an estimate of the number too."""
    assumptions: tuple[str, ...] = ()
    """What the numbers rest on, a sentence each: the price and its date, how tokens were counted, the epochs…"""

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-safe dictionary."""
        return asdict(self)


__all__ = ["Estimate"]
