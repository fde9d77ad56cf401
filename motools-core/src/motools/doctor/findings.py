"""What an examination finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "ok"
    NOTE = "note"
    """Worth knowing; nothing need be done."""
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is fine, worth knowing or wrong; `remedy` says what to do where something is to be done."""

    topic: str
    what: str
    level: Level = Level.FINE
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the fields as a JSON-safe dictionary."""
        return {"topic": self.topic, "level": str(self.level), "what": self.what, "remedy": self.remedy}


__all__ = ["Finding", "Level"]
