"""What the Tinker backend can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from motools import Settings


@dataclass(frozen=True, kw_only=True)
class Options:
    """Keywords of `TinkerTrainingBackend`; where one is None, the SDK's own variable is read when it is needed."""

    base_url: Annotated[str | None, "the server's address (TINKER_BASE_URL)"] = None
    project_id: Annotated[str | None, "the project that owns runs and checkpoints (TINKER_PROJECT_ID)"] = None


class TinkerSettings(Settings):
    """The options. Hyperparameters are not declared before the backend can train."""

    Options = Options


__all__ = ["Options", "TinkerSettings"]
