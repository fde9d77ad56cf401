"""How much a service lets one account do at once, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an account may have of trainings of one base model. None means that it is not known, or not limited."""

    concurrent: int | None = None
    """How many runs may be live at once."""
    live: int | None = None
    """How many the service has live now, whoever started them."""
    per_day: int | None = None
    """How many may be started within a day."""
    started_today: int | None = None
    """How many the service counts against `per_day`."""
    free_at: float | None = None
    """When a live run is expected to end, in seconds since the epoch."""


__all__ = ["Limits"]
