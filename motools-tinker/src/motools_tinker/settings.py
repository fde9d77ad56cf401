"""What training over the Tinker API can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from motools import Range, Settings
from motools.settings import Variable


@dataclass(frozen=True, kw_only=True)
class TinkerHyperparameters:
    """What decides which model comes out, and what is measured and kept on the way."""

    loss: Annotated[Literal["cross_entropy"], "what is minimised"] = "cross_entropy"
    n_epochs: Annotated[int, Range(ge=1), "passes over the data"] = 1
    max_steps: Annotated[int | None, Range(ge=1), "stop after so many steps, whatever n_epochs says"] = None
    batch_size: Annotated[int, Range(ge=1), "conversations in a step"] = 16
    learning_rate: Annotated[
        float | Literal["auto"],
        Range(gt=0, le=1),
        "the peak of the schedule; auto takes it from the size of the model (see motools_tinker.rates)",
    ] = 1e-4
    schedule: Annotated[Literal["linear", "cosine", "constant"], "how the learning rate goes on after its peak"] = (
        "linear"
    )
    warmup_steps: Annotated[int, Range(ge=0), "steps in which the learning rate rises to its peak"] = 0
    lora_rank: Annotated[int, Range(ge=1), "rank of the adapter's matrices"] = 32
    train_mlp: Annotated[bool, "whether the adapter is on the feed-forward layers"] = True
    train_attn: Annotated[bool, "whether it is on the attention layers"] = True
    train_unembed: Annotated[bool, "whether it is on the output layer"] = True
    seed: Annotated[int, Range(ge=0, lt=2**31), "of the adapter's first weights and the order of the data"] = 0
    beta1: Annotated[float, Range(ge=0, lt=1), "of Adam"] = 0.9
    beta2: Annotated[float, Range(ge=0, lt=1), "of Adam"] = 0.95
    eps: Annotated[float, Range(gt=0), "of Adam"] = 1e-12
    weight_decay: Annotated[float, Range(ge=0), "of Adam"] = 0.0
    grad_clip_norm: Annotated[
        float, Range(ge=0), "gradients, of the sum over a step's tokens, are clipped to this norm; 0 for no clipping"
    ] = 0.0
    max_length: Annotated[int, Range(ge=8), "tokens of a conversation that are kept"] = 4096
    train_on: Annotated[
        Literal["all", "last"], "which messages of the assistant carry loss, where they have no weight of their own"
    ] = "all"
    tokenizer: Annotated[
        str | None, "a directory, or a name on the model hub; by default the one that the service names"
    ] = None
    template_options: Annotated[
        dict[str, Any] | None, "what the chat template is given besides the messages, as enable_thinking"
    ] = None
    renderer: Annotated[
        str | None, "'module:function' to make tokens of conversations with, in place of the chat template"
    ] = None
    save_every: Annotated[int, Range(ge=1), "steps between two states that training can go on from"] = 20
    eval_every: Annotated[int, Range(ge=1), "steps between two measurements of the validation loss"] = 20


@dataclass(frozen=True, kw_only=True)
class TinkerOptions:
    """How the service is reached and used: none of it decides which model comes out."""

    base_url: Annotated[str | None, Variable("TINKER_BASE_URL"), "the server's address"] = None
    project_id: Annotated[str | None, Variable("TINKER_PROJECT_ID"), "the project that owns runs and checkpoints"] = (
        None
    )
    submit_ahead: Annotated[int, Range(ge=0, le=8), "steps that are submitted before the oldest has been answered"] = 2
    keep_states: Annotated[int, Range(ge=1), "how many of the latest states are kept while training"] = 2
    state_days: Annotated[
        float, Range(ge=1 / 24, le=3650), "days after which the service deletes a state that is not the final one"
    ] = 7.0
    patience: Annotated[
        float, Range(gt=0), "seconds without an answer after which the driver stops waiting and connects anew"
    ] = 1800.0


@dataclass(frozen=True, kw_only=True)
class TinkerKeywords:
    """Further keywords of `train`."""

    validation: Annotated[Any, "conversations that are held out, of which the mean loss is measured"] = None


class TinkerSettings(Settings):
    """Types, ranges and defaults of options, hyperparameters and keywords."""

    Options = TinkerOptions
    Hyperparameters = TinkerHyperparameters
    Keywords = TinkerKeywords


__all__ = ["TinkerHyperparameters", "TinkerKeywords", "TinkerOptions", "TinkerSettings"]
