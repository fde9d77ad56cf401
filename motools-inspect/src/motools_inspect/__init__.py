"""Evaluations with Inspect AI.

    from motools_inspect import InspectEvalBackend, InspectEvalJob, InspectEvalResults

The names are imported when they are first used, and none of them imports `inspect_ai`: that is done by the worker process.
"""

from __future__ import annotations

__all__ = ["InspectEvalBackend", "InspectEvalJob", "InspectEvalResults"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from motools_inspect.evals import InspectEvalBackend, InspectEvalJob
    from motools_inspect.results import InspectEvalResults


def __getattr__(name: str) -> object:
    """Import a public name where it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'motools_inspect' has no attribute {name!r}")
    from motools_inspect import evals

    return getattr(evals, name)
