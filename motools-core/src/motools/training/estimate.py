"""What a training would cost, as a value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


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
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return told | {"assumptions": list(self.assumptions)}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return what `as_dict` was of; fields that a later version has added are left out."""
        names = {field.name for field in fields(cls)}
        known = {name: value for name, value in told.items() if name in names}
        return cls(**known | {"assumptions": tuple(known.get("assumptions", ()))})


__all__ = ["Estimate"]
