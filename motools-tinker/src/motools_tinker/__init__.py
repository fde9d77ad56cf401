"""LoRA fine-tuning over the Tinker API: the training backend "tinker".

    from motools_tinker import TinkerTrainingBackend, TinkerTrainingRun

A run is a detached driver with a directory of its own, `MOTOOLS_HOME/tinker/runs/ID`, which holds the data, the log, the
metrics, what was saved at the service, and how it stands. The names are imported when they are first used, and none of them
imports the `tinker` package: only the driver needs it.
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
