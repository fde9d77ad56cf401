"""The Tinker backend as far as it goes: everything but the training."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn, Self

from motools import TrainingBackend, TrainingRun
from motools.errors import HandleError, SubmitRejected
from motools_tinker.settings import TinkerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping


class TinkerTrainingRun(TrainingRun):
    """A training over the Tinker API. There are none yet, so this class stays abstract, and no saved one is its own."""

    @classmethod
    async def load(cls, path: str | os.PathLike[str]) -> Self:
        raise HandleError(
            f"{os.fspath(path)}: this version of motools-tinker cannot follow runs. "
            "A newer motools-tinker wrote the file, or nobody did: upgrade motools-tinker to load it."
        )


class TinkerTrainingBackend(TrainingBackend):
    """Holds the place of training over Tinker: it takes its options and says whose account it is, and does not train.

    Nothing is rendered, connected or submitted, no key is read, and the `tinker` package is never imported.
    """

    name = "tinker"
    run_type = TinkerTrainingRun
    Settings = TinkerSettings

    def __init__(self, *, base_url: str | None = None, project_id: str | None = None) -> None:
        self._account = {"base_url": base_url, "project_id": project_id}

    async def train(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: `SubmitRejected`, always."""
        raise SubmitRejected(
            "This version of motools-tinker cannot train yet: nothing was sent and nothing is owed. "
            "What trains today, without a key, is motools.get_backend('local'), from motools-local."
        )

    def account(self) -> Mapping[str, Any]:
        variables = {"base_url": "TINKER_BASE_URL", "project_id": "TINKER_PROJECT_ID"}
        return {field: self._account[field] or os.environ.get(name) for field, name in variables.items()}


__all__ = ["TinkerTrainingBackend", "TinkerTrainingRun"]
