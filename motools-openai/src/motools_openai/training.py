"""The OpenAI backend as far as it goes: everything but the training."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn, Self

from motools import TrainingBackend, TrainingRun
from motools.errors import HandleError, SubmitRejected
from motools_openai.settings import OpenAISettings

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenAITrainingRun(TrainingRun):
    """A fine-tuning job. There are none yet, so this class stays abstract, and no saved one is its own."""

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        raise HandleError(
            f"{os.fspath(path)}: this version of motools-openai cannot follow jobs. "
            "A newer motools-openai wrote the file, or nobody did: upgrade motools-openai to load it."
        )


class OpenAITrainingBackend(TrainingBackend):
    """Holds the place of OpenAI fine-tuning: it takes its options and says whose account it is, and does not train.

    Nothing is validated, uploaded or submitted, no key is read, and the `openai` package is never imported.
    """

    name = "openai"
    run_type = OpenAITrainingRun
    Settings = OpenAISettings

    def __init__(
        self, *, base_url: str | None = None, organization: str | None = None, project: str | None = None
    ) -> None:
        self._account = {"base_url": base_url, "organization": organization, "project": project}

    async def train(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: `SubmitRejected`, always."""
        raise SubmitRejected(
            "This version of motools-openai cannot fine-tune yet: nothing was sent and nothing is owed. "
            "What trains today, without a key, is motools.get_backend('local'), from motools-local."
        )

    def account(self) -> Mapping[str, Any]:
        variables = {"base_url": "OPENAI_BASE_URL", "organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
        return {field: self._account[field] or os.environ.get(name) for field, name in variables.items()}


__all__ = ["OpenAITrainingBackend", "OpenAITrainingRun"]
