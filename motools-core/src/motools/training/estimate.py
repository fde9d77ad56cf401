"""What a training would cost, as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
        return asdict(self) | {"assumptions": list(self.assumptions)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Return what `as_dict` was of; fields that a later version has added are left out."""
        known = {name: value for name, value in fields.items() if name in cls.__dataclass_fields__}
        return cls(**known | {"assumptions": tuple(known.get("assumptions", ()))})


__all__ = ["Estimate"]
