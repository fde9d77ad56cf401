"""A session with the service: making and finding training clients, saving, deleting, and closing. Imports the SDK."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any, Literal

import tinker

from motools.errors import RunFailed
from motools_tinker.problems import is_gone, judge
from motools_tinker.waiting import beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools_tinker.spec import TrainingSpec
    from motools_tinker.waiting import Waiting

log = logging.getLogger("motools.tinker")
CLOSING = 10.0
"""Seconds that the service has to take note of the end of a session."""
DELETING = 30.0
"""Seconds that it has to delete something."""


class Service:
    """One session of a run's driver."""

    def __init__(self, spec: TrainingSpec, waiting: Waiting, run: str) -> None:
        self._spec, self._waiting = spec, waiting
        self._client = tinker.ServiceClient(
            user_metadata={"motools": run}, project_id=spec.options.project_id, base_url=spec.options.base_url
        )

    def new(self) -> tinker.TrainingClient:
        """Make a training client with first weights. Raises `RunFailed`, with the models there are, for an unknown one."""
        wanted = self._spec.hyperparameters

        def make() -> tinker.TrainingClient:
            return self._client.create_lora_training_client(
                base_model=self._spec.model,
                rank=wanted.lora_rank,
                seed=wanted.seed,
                train_mlp=wanted.train_mlp,
                train_attn=wanted.train_attn,
                train_unembed=wanted.train_unembed,
            ).result()

        try:
            return self._waiting.call(make, "a training client")
        except Exception as error:
            if is_gone(error):
                raise RunFailed(f"The service has no model {self._spec.model!r}. {self._models()}") from error
            raise judge(error) from error

    def resumed(self, state: str) -> tinker.TrainingClient | None:
        """Make a training client of a saved state, with its optimizer; None where the state is no longer there."""

        def make() -> tinker.TrainingClient:
            return self._client.create_training_client_from_state_with_optimizer(state).result()

        try:
            return self._waiting.call(make, "a training client with the last state")
        except Exception as error:
            if is_gone(error):
                log.info("the state %s is no longer at the service: %s", state, error)
                return None
            raise judge(error) from error

    def _models(self) -> str:
        """Say which models the service has, if it does."""
        try:
            answer = self._waiting.call(
                lambda: tinker.RestClient(base_url=self._spec.options.base_url).get_server_capabilities().result(),
                "the list of models",
            )
        except Exception as error:  # noqa: BLE001  (the sentence is as good without)
            log.info("the list of models cannot be had: %s", error)
            return "Name one that it has."
        names = sorted(model.model_name for model in answer.supported_models if model.model_name)
        return f"It has: {', '.join(names)}."

    def delete(self, paths: Sequence[str]) -> list[str]:
        """Delete what is at those paths, and return those where nothing is left. What fails is logged, and left alone."""
        rest = tinker.RestClient(base_url=self._spec.options.base_url)
        there = {path for run in {run_of(path) for path in paths} for path in _listed(rest, run)}
        asked = {path: rest.delete_checkpoint_from_tinker_path(path) for path in paths if path in there}
        done = [path for path in paths if path not in there]
        for path, future in asked.items():
            try:
                future.result(DELETING)
            except Exception as error:  # noqa: BLE001  (the service deletes it in time by itself)
                log.info("%s could not be deleted: %s", path, error)
            else:
                done.append(path)
        return done

    def close(self, status: Literal["success", "errored", "interrupted"]) -> None:
        """End the session. What goes wrong here is no trouble of the run."""

        def close() -> None:
            self._client.close(status).result(CLOSING)

        with contextlib.suppress(Exception):
            beside(close).result(CLOSING)


def run_of(path: str) -> str:
    """Return the training run, as the service calls it, that a path belongs to."""
    return path.removeprefix("tinker://").partition("/")[0]


def _listed(rest: tinker.RestClient, run: str) -> list[str]:
    """Return the paths that a training run has. To delete what is not there makes some servers fail, and the SDK insist."""
    try:
        return [each.tinker_path for each in rest.list_checkpoints(run).result(DELETING).checkpoints]
    except Exception as error:
        if is_gone(error):
            return []
        raise


def hidden_size(tokenizer: Any) -> int | None:
    """Return the hidden size of the model that a tokenizer came with, from the configuration beside it."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(tokenizer.name_or_path)
    except (OSError, ValueError) as error:
        log.info("the model's configuration cannot be read: %s", error)
        return None
    size = getattr(config.get_text_config(), "hidden_size", None)
    return size if isinstance(size, int) else None


__all__ = ["Service", "hidden_size"]
