"""What the OpenAI backend can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from motools import Settings


@dataclass(frozen=True, kw_only=True)
class Options:
    """Keywords of `OpenAITrainingBackend`; where one is None, the SDK's own variable is read when it is needed."""

    base_url: Annotated[str | None, "the server's address (OPENAI_BASE_URL)"] = None
    organization: Annotated[str | None, "the organisation that pays (OPENAI_ORG_ID)"] = None
    project: Annotated[str | None, "the project that owns files and jobs (OPENAI_PROJECT_ID)"] = None


class OpenAISettings(Settings):
    """The options. Hyperparameters are not declared before the backend can train."""

    Options = Options


__all__ = ["OpenAISettings", "Options"]
