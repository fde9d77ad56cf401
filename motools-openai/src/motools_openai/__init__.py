"""Fine-tuning at OpenAI, and at any server with the same API.

    from motools_openai import OpenAITrainingBackend, OpenAITrainingRun

The names are imported when they are first used, and none of them imports the `openai` package.
"""

from __future__ import annotations

__all__ = ["OpenAITrainingBackend", "OpenAITrainingRun"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from motools_openai.training import OpenAITrainingBackend, OpenAITrainingRun


def __getattr__(name: str) -> object:
    """Import a public name where it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'motools_openai' has no attribute {name!r}")
    from motools_openai import training

    return getattr(training, name)
