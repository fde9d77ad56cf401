"""The training backend "tinker"."""

from __future__ import annotations

import asyncio
import math
import os
import re
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from motools import Capability, Dataset, TrainingBackend
from motools.config import home
from motools.errors import RunLost, SettingError, SubmitUnavailable
from motools.settings import check
from motools_tinker import keys
from motools_tinker.address import DEFAULT_URL, other_than_default
from motools_tinker.run import DriverDirectory, TinkerTrainingRun
from motools_tinker.settings import TinkerHyperparameters, TinkerKeywords, TinkerOptions, TinkerSettings
from motools_tinker.spec import BELOW_HOME, DATA, VALIDATION, WORKER, TrainingSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from motools import Format, Ticket
    from motools.training.base import DatasetLike

SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
VARIABLES = {"base_url": "TINKER_BASE_URL", "project_id": "TINKER_PROJECT_ID"}


class TinkerTrainingBackend(TrainingBackend):
    """LoRA fine-tuning over the Tinker API, by a driver that outlives the process that asked for it.

    `model` is a base model's name at the service. The key is read by the SDK where it is needed, from TINKER_API_KEY, unless
    `api_key` is given; it is stored nowhere, so a run that was interrupted goes on where there is one. A run can be found by
    its token with certainty: its directory is there or it is not.
    """

    name = "tinker"
    run_type = TinkerTrainingRun
    capabilities = frozenset(
        {
            Capability.FIND,
            Capability.LOGS,
            Capability.METRICS,
            Capability.CHECKPOINTS,
            Capability.MODELS,
            Capability.ADOPT,
        }
    )
    find_lag = 0.0
    dataset_keywords = ("validation",)
    key_variables = ("TINKER_API_KEY",)
    Settings: ClassVar[type] = TinkerSettings

    def __init__(self, *, api_key: str | None = None, **options: Any) -> None:
        self.options = check(TinkerOptions, options, who="tinker", what="option")
        self._api_key = api_key
        other_than_default(self.options.base_url)

    async def train(
        self,
        dataset: DatasetLike,
        model: str,
        hyperparameters: Mapping[str, Any] | None = None,
        suffix: str | None = None,
        *,
        validation: DatasetLike | None = None,
        ticket: Ticket | None = None,
        **kwargs: Any,
    ) -> TinkerTrainingRun:
        """Start a driver. Everything that can be refused without asking the service is refused before anything is written.

        The mean loss on the conversations of `validation` is measured every `eval_every` steps.
        """
        check(TinkerKeywords, kwargs, who="tinker", what="keyword")
        wanted = check(TinkerHyperparameters, hyperparameters or {}, who="tinker")
        spec = await self._spec(model, wanted, suffix, dataset, validation)
        data = [Dataset.of(each) for each in (dataset, validation) if each is not None]
        for each in data:
            await asyncio.to_thread(each.check, self.formats()["chat"].rules)
        if not keys.is_there(os.environ | ({"TINKER_API_KEY": self._api_key} if self._api_key else {})):
            raise SettingError(f"There is no key for Tinker. {keys.ADVICE}")
        async with nullcontext() if ticket is None else ticket.paying() as payment:
            run = TinkerTrainingRun(_path(uuid4().hex if ticket is None else ticket.token), api_key=self._api_key)
            try:
                await asyncio.to_thread(_start, run, spec, data)
            except OSError as error:
                raise SubmitUnavailable(
                    f"The run directory {run.work.path} cannot be written: {error.strerror or error}."
                ) from error
            if payment is not None:
                payment.job_id = run.job_id
        await run.refresh()
        return run

    async def _spec(
        self,
        model: str,
        wanted: TinkerHyperparameters,
        suffix: str | None,
        dataset: DatasetLike,
        validation: DatasetLike | None,
    ) -> TrainingSpec:
        if suffix is not None and not SUFFIX.fullmatch(suffix):
            raise SettingError(
                f"tinker: suffix must be up to 40 letters, digits, '.', '_' and '-', beginning with a letter or digit, "
                f"not {suffix!r}."
            )
        if not (wanted.train_mlp or wanted.train_attn or wanted.train_unembed):
            raise SettingError(
                "tinker: with train_mlp, train_attn and train_unembed all False there is nothing to train."
            )
        place = digest = None
        if wanted.renderer is not None:
            from motools_tinker.renderers import found

            place, digest = await asyncio.to_thread(found, wanted.renderer)
        return TrainingSpec(
            model=model,
            dataset_name=Dataset.of(dataset).name,
            validation_name=None if validation is None else Dataset.of(validation).name,
            suffix=suffix,
            hyperparameters=wanted,
            options=self._recorded_options(),
            renderer_path=place,
            renderer_sha256=digest,
        )

    async def find(self, token: str) -> Sequence[TinkerTrainingRun]:
        run = TinkerTrainingRun(_path(token), api_key=self._api_key)
        if not await asyncio.to_thread(run.work.exists):
            return []
        await run.refresh()
        return [run]

    async def adopt(self, job_id: str) -> TinkerTrainingRun:
        """Return the run of a model at the service, by its path, or one of this machine's by its id."""
        if TOKEN.fullmatch(job_id):
            for run in await self.find(job_id):
                return run
            raise RunLost(
                f"There is no run {job_id!r} on this machine. A model at the service is adopted by its path, tinker://…"
            )
        from motools_tinker import adopting

        return await adopting.adopt(job_id, self._recorded_options(), self._api_key)

    async def has_model(self, model_id: str) -> bool:
        from motools_tinker import checkpoints

        return await checkpoints.has_model(model_id, self.account()["base_url"], self._api_key)

    def formats(self) -> Mapping[str, Format]:
        return {name: format_.with_rules(weights_are_numbers) for name, format_ in super().formats().items()}

    def account(self) -> Mapping[str, Any]:
        said = {
            field: getattr(self.options, field) or os.environ.get(name) or None for field, name in VARIABLES.items()
        }
        return said | {"base_url": other_than_default(said["base_url"])}

    def _recorded_options(self) -> TinkerOptions:
        account = dict(self.account())
        return replace(self.options, **account | {"base_url": account["base_url"] or DEFAULT_URL})


def weights_are_numbers(record: Mapping[str, Any]) -> Iterator[str]:
    """Require that the weight of a message is a number, and that something of the assistant's has one."""
    messages = record.get("messages")
    if not isinstance(messages, list):
        return
    weights = {
        number: message["weight"]
        for number, message in enumerate(messages, start=1)
        if isinstance(message, dict) and "weight" in message
    }
    for number, weight in weights.items():
        is_number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not is_number or not math.isfinite(weight) or weight < 0:
            yield f"message {number} has the weight {weight!r}; it must be a number, 0 or more."


def _path(token: str) -> Path:
    if not TOKEN.fullmatch(token):
        raise SettingError(f"{token!r} is no token of a run: those have up to 64 letters, digits, '_' and '-'.")
    return home().joinpath(*BELOW_HOME, token)


def _start(run: TinkerTrainingRun, spec: TrainingSpec, data: Sequence[Dataset]) -> None:
    made = DriverDirectory.create(run.work.path, spec=spec.as_dict(), module=WORKER, prepare=partial(_copy, data))
    made.start(environment=run.environment)


def _copy(data: Sequence[Dataset], directory: Path) -> None:
    for dataset, name in zip(data, (DATA, VALIDATION), strict=False):
        target_path = directory / name
        target_path.touch(0o600)
        with dataset.open() as source, target_path.open("wb") as target:
            while piece := source.read(2**20):
                target.write(piece)


__all__ = ["TinkerTrainingBackend", "TinkerTrainingRun"]
