"""What listeners are told about a run or job."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias


class Happened(StrEnum):
    """The changes that are told."""

    QUEUED = "queued"
    """It waits for its turn, or stands differently in line than it did."""
    SUBMITTING = "submitting"
    """The next thing is the call that costs money. Told to the plugins alone that `plugins.required` names: each can stop
    it by failing."""
    SUBMITTED = "submitted"
    ATTACHED = "attached"
    CACHE_HIT = "cache_hit"
    PROGRESS = "progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RECOVERED = "recovered"


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """One change in the life of a run or job; JSON-safe, without secrets."""

    happened: Happened
    kind: str
    """"training" or "eval"."""
    backend: str
    """The backend's name."""
    key: str
    """The cache key, `mk1:…`; empty where there is no record of paid work."""
    job_id: str
    """What the service calls it; empty before it has a name."""
    at: float
    """When, in seconds since the epoch."""
    model: str
    """The base model of a training, the evaluated model of an evaluation."""
    model_id: str | None = None
    """The trained model, once there is one."""
    error: str | None = None
    """What went wrong, where something did."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Of a progress event `step`, `total`, `loss`, `eta_seconds` and `message`; of one that is queued how many are `ahead`,
    when a slot is expected (`expected_at`, in seconds since the epoch, or None) and both in `words`; of one that has ended
    the `seconds` since it was asked for; `label` and `tags` where there are any."""


if TYPE_CHECKING:
    Notify: TypeAlias = Callable[[RunEvent], Awaitable[None]]
    """What the caching layers call with each event, unless it has an attribute `is_idle` that is true; the registry binds it
    to the hooks. Its attribute `allow`, where it has one that is not None, is called with `submitting` and refuses by raising."""

__all__ = ["Happened", "RunEvent"]
