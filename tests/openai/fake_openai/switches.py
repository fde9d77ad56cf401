"""What a test can change about the service. The defaults are a service in good health."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, fields
from typing import Any

KEY, PROJECT = "sk-test", "proj_default"
OUTCOMES = ("succeeded", "failed", "moderation", "invalid")
"""How a job ends: trained; failed half-way; trained, and refused by the checks that follow; refused before training."""


@dataclass(kw_only=True)
class Switches:
    """All of them. Durations are seconds of the service's clock; a limit of None is no limit."""

    speed: float = 1.0
    """How fast the service's clock runs: 1 is real time, 0 stands still."""
    keys: dict[str, str] = field(default_factory=lambda: {KEY: PROJECT})
    """The API keys that are let in, and the project of each, which a header can override."""

    validating: float = 2.0
    queued: float = 3.0
    step: float = 0.5
    file_processing: float = 0.0
    file_error: str | None = None
    """What files sent from now on are found to suffer from, when they have been processed."""

    outcome: str = "succeeded"
    """How jobs created from now on end: one of OUTCOMES."""
    error: dict[str, Any] | None = None
    """The error that they end with, in place of the usual one of their outcome."""
    min_examples: int = 10
    """A training file with fewer lines makes its job fail in validation."""

    list_lag: float = 0.0
    """For how long a new job is missing in the list."""
    filters_metadata: bool = True
    """Whether the list heeds `metadata[key]=value`; else it answers as if nothing had been asked."""
    echoes_metadata: bool = True
    """Whether jobs show the metadata that they were created with, rather than null."""
    azure: bool = False
    """Answer as Azure does: many nulls, other messages, other names of models; no metadata, shown or filtered by."""
    result_encoding: str = "text"
    """How the content of result files comes: "text" or "base64"."""

    eligible: bool = True
    """Whether the organisation may fine-tune at all."""
    concurrent_jobs: int | None = None
    daily_jobs: int | None = None
    """Jobs that an organisation may have alive at a time, and create within 24 hours: per model."""
    storage_bytes: int | None = None
    offers_model_limits: bool = True
    """Whether GET /fine_tuning/model_limits is there, which no published description has."""
    shutdown_dates: dict[str, str] = field(
        default_factory=lambda: {
            "gpt-4o-2024-08-06": "2027-01-14",
            "gpt-4o-mini-2024-07-18": "2027-01-14",
            "gpt-4.1-2025-04-14": "2027-01-14",
            "gpt-4.1-mini-2025-04-14": "2027-01-14",
        }
    )
    models: list[str] = field(
        default_factory=lambda: [
            "gpt-3.5-turbo-0125",
            "gpt-4o-2024-08-06",
            "gpt-4o-mini-2024-07-18",
            "gpt-4.1-2025-04-14",
            "gpt-4.1-mini-2025-04-14",
            "gpt-4.1-nano-2025-04-14",
            "o4-mini-2025-04-16",
        ]
    )
    """The base models; an alias without its date names the same one."""

    def set(self, changes: dict[str, Any]) -> None:
        known = [field.name for field in fields(self)]
        for name, value in changes.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise ValueError(f"There is no switch {name!r}" + (f": did you mean {near[0]!r}?" if near else "."))
            if name == "outcome" and value not in OUTCOMES:
                raise ValueError(f"A job ends as one of {', '.join(OUTCOMES)}, not as {value!r}.")
            setattr(self, name, value)
