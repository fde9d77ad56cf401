"""What local training can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from motools.settings import Range, Settings

LEARNING_RATES = {"lora": 2e-4, "full": 2e-5}
"""The learning rate of each method, where none is given."""


@dataclass(frozen=True, kw_only=True)
class LocalHyperparameters:
    """What decides which model comes out."""

    method: Annotated[Literal["lora", "full"], "train a low-rank adapter, or all the weights"] = "lora"
    n_epochs: Annotated[int, Range(ge=1), "passes over the data"] = 3
    max_steps: Annotated[int | None, Range(ge=1), "stop after so many steps, whatever n_epochs says"] = None
    learning_rate: Annotated[
        float | None, Range(gt=0, le=1), "the peak of the schedule; by default 2e-4 for lora, 2e-5 for full"
    ] = None
    batch_size: Annotated[int, Range(ge=1), "conversations in a batch"] = 8
    gradient_accumulation: Annotated[int, Range(ge=1), "batches in a step"] = 1
    max_length: Annotated[int, Range(ge=8), "tokens of a conversation that are kept"] = 1024
    schedule: Annotated[Literal["linear", "cosine", "constant"], "how the learning rate goes on after its peak"] = (
        "linear"
    )
    warmup_steps: Annotated[int, Range(ge=0), "steps in which the learning rate rises to its peak"] = 0
    weight_decay: Annotated[float, Range(ge=0, le=1), "of AdamW"] = 0.0
    max_grad_norm: Annotated[float, Range(ge=0), "gradients are clipped to this norm; 0 for no clipping"] = 1.0
    lora_rank: Annotated[int, Range(ge=1), "rank of the adapter's matrices"] = 8
    lora_alpha: Annotated[
        int | None, Range(ge=1), "scale of the adapter, times its rank; by default twice the rank"
    ] = None
    lora_dropout: Annotated[float, Range(ge=0, lt=1), "dropout in the adapter"] = 0.0
    seed: Annotated[int, Range(ge=0, lt=2**32), "of the adapter's first weights, the order of the data and dropout"] = 0


@dataclass(frozen=True, kw_only=True)
class LocalOptions:
    """How this machine is used: none of it decides which model comes out, but for the last bits of floating point."""

    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], "where to train; auto takes the fastest there is"] = "auto"
    threads: Annotated[
        int | None, Range(ge=1), "threads of a run on CPU; by default one for each core that it may use"
    ] = None
    runs_at_once: Annotated[int, Range(ge=1), "how many runs of one home train at a time; the others queue"] = 1
    save_every: Annotated[
        int | None, Range(ge=1), "steps between checkpoints; by default the steps of half a minute"
    ] = None


@dataclass(frozen=True, kw_only=True)
class LocalKeywords:
    """Further keywords of `train`."""

    validation: Annotated[Any, "conversations that are held out, of which the loss is measured"] = None


class LocalSettings(Settings):
    """Types, ranges and defaults of options, hyperparameters and keywords."""

    Options = LocalOptions
    Hyperparameters = LocalHyperparameters
    Keywords = LocalKeywords


__all__ = ["LEARNING_RATES", "LocalHyperparameters", "LocalKeywords", "LocalOptions", "LocalSettings"]
