"""What is wrong with a dataset, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a finding forbids training."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, or looks wrong, at one place; `str` gives `FILE:LINE: sentence`."""

    file: str
    line: int | None
    """Counted from 1; None where no line is to blame."""
    message: str
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        """`FILE:LINE`, or `FILE` where no line is to blame."""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


__all__ = ["Finding", "Severity"]
