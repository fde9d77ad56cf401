"""LoRA fine-tuning over the Tinker API.

This release holds the place: the backend is registered, listed, configured and constructed, and refuses to train.

    from motools_tinker import TinkerTrainingBackend, TinkerTrainingRun

The names are imported when they are first used, and none of them imports the `tinker` package.
"""

from __future__ import annotations

__all__ = ["TinkerTrainingBackend", "TinkerTrainingRun"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from motools_tinker.training import TinkerTrainingBackend, TinkerTrainingRun


def __getattr__(name: str) -> object:
    """Import a public name where it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'motools_tinker' has no attribute {name!r}")
    from motools_tinker import training

    return getattr(training, name)
