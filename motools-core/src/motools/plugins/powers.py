"""Which of the optional powers that a backend declares it does not have: the method is still the one that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.evals.base import EvalBackend, EvalJob
from motools.status import Capability
from motools.training.base import TrainingBackend, TrainingRun

if TYPE_CHECKING:
    from collections.abc import Mapping

OF_BACKENDS: Mapping[Capability, str] = {
    Capability.FIND: "find",
    Capability.ADOPT: "adopt",
    Capability.MODELS: "has_model",
    Capability.ESTIMATE: "estimate",
    Capability.LIMITS: "limits",
    Capability.PING: "ping",
}
OF_HANDLES: Mapping[Capability, str] = {
    Capability.LOGS: "logs",
    Capability.METRICS: "metrics",
    Capability.CHECKPOINTS: "checkpoints",
    Capability.PAUSE: "pause",
}
"""The method that each power is."""


def lacking(backend_class: type[Any]) -> list[str]:
    """Return the names of what a class declares and neither it nor its runs (or jobs) implement.

    What it declares in a property, or runs of a class that it does not declare, cannot be told.
    """
    declared = getattr(backend_class, "capabilities", ())
    if not isinstance(declared, frozenset):
        return []
    handle_class = getattr(backend_class, "run_type", None) or getattr(backend_class, "job_type", None)
    return sorted(
        str(power)
        for power in declared
        if _is_inherited(backend_class, OF_BACKENDS.get(power), (TrainingBackend, EvalBackend))
        or (handle_class and _is_inherited(handle_class, OF_HANDLES.get(power), (TrainingRun, EvalJob)))
    )


def _is_inherited(subject: type[Any], method: str | None, bases: tuple[type[Any], ...]) -> bool:
    if method is None:
        return False
    found = getattr(subject, method, None)
    return found is None or any(found is getattr(base, method, None) for base in bases)


__all__ = ["lacking"]
