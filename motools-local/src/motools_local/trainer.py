"""The training itself. Imports torch and transformers: for the worker process alone."""

from __future__ import annotations

import logging
import math
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from huggingface_hub import try_to_load_from_cache
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, Trainer, TrainingArguments

from motools.datasets import Dataset
from motools.detached import CancelRequested
from motools.errors import ModelNotFound, RunFailed
from motools_local import checkpoints, smollm2
from motools_local.conversations import IGNORED, Encoded, Example, encode_all
from motools_local.convert import convert
from motools_local.output import finished, save_model
from motools_local.reporting import Reporting
from motools_local.settings import LEARNING_RATES
from motools_local.spec import CHECKPOINTS, DATA, VALIDATION
from motools_local.validation import Validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motools.detached import Worker
    from motools_local.settings import LocalHyperparameters
    from motools_local.spec import TrainingSpec

log = logging.getLogger("motools.local")
VALIDATIONS = 20
"""How often the loss on held-out conversations is measured, at most and not counting the last step."""


def train(worker: Worker, spec: TrainingSpec) -> dict[str, Any]:
    """Train, or go on from the last whole checkpoint, and return what there is to know about the trained model.

    Raises `CancelRequested` after a checkpoint.
    """
    # Killed between the model's last file and the last word about it: there is nothing left to train.
    if result := finished(worker.path / spec.output):
        return result
    quieten()
    torch.set_num_threads(spec.threads)
    device = choose_device(spec.device)
    with worker.expendable():
        provide(worker, spec)
        tokenizer, model = load(spec, device)
        length = most_tokens(spec, model)
        encoded = encode_data(worker.path / DATA, spec.dataset_name, tokenizer, length)
        held_out = None
        if spec.validation_name is not None:
            held_out = encode_data(worker.path / VALIDATION, spec.validation_name, tokenizer, length)
    started = time.monotonic()
    batch = Batch(tokenizer.pad_token_id or 0)
    model, reporting = learn(worker, spec, model, encoded, held_out, batch, device)
    facts = {
        "steps": reporting.total,
        "loss": reporting.loss,
        "conversations": len(encoded.examples),
        "truncated": encoded.truncated,
        "left_out": encoded.left_out,
        "tokens_learned": sum(example.learned for example in encoded.examples),
        "device": device,
        "seconds": round(time.monotonic() - started, 1),
    }
    if reporting.validation is not None:
        facts["validation_loss"] = reporting.validation.loss
    worker.progress(message="saving")
    worker.flush()
    target = worker.path / spec.output
    result = save_model(target, model, tokenizer, base=place_of(spec.model), facts=facts)
    log.info("saved %s", target)
    return result


def learn(
    worker: Worker,
    spec: TrainingSpec,
    model: Any,
    encoded: Encoded,
    held_out: Encoded | None,
    batch: Batch,
    device: str,
) -> tuple[Any, Reporting]:
    """Train, from the last whole checkpoint where there is one, and return what was trained and how it went."""
    wanted = spec.hyperparameters
    steps = total_steps(len(encoded.examples), wanted)
    log.info("training %s with %s on %d conversations", spec.model_name, wanted.method, len(encoded.examples))
    log.info("%d steps on %s with %d thread(s)", steps, device, torch.get_num_threads())
    transformers.set_seed(wanted.seed)
    if wanted.method == "lora":
        model = add_adapter(model, wanted)
    directory = worker.path / CHECKPOINTS
    directory.mkdir(mode=0o700, exist_ok=True)
    checkpoint = checkpoints.last_whole(directory)
    validation = None
    if held_out is not None:
        every = max(steps_of_epoch(len(encoded.examples), wanted), math.ceil(steps / VALIDATIONS))
        validation = Validation(held_out.examples, batch=batch, size=wanted.batch_size, every=every)
    reporting = Reporting(worker, total=steps, save_every=spec.save_every, resumed=checkpoint, validation=validation)
    trainer = Learning(
        model=model,
        args=arguments(directory, wanted, steps=steps, device=device),
        train_dataset=encoded.examples,
        data_collator=batch,
        callbacks=[reporting],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < steps:
        raise CancelRequested
    return model, reporting


def provide(worker: Worker, spec: TrainingSpec) -> None:
    """Convert the packaged model, where that is what the run is to train and nobody has done it yet."""
    place = Path(spec.model)
    if spec.model_name != smollm2.NAME or not place.is_absolute() or smollm2.is_converted(place):
        return
    log.info("converting the packaged SmolLM2, once")
    worker.progress(message="converting the packaged SmolLM2, once")
    worker.flush()
    smollm2.provide(place, converter=convert)


def place_of(model: str) -> str:
    """Return the absolute path of a model's files: the name on the hub may come to stand for others."""
    if Path(model).is_absolute():
        return model
    found = try_to_load_from_cache(model, "config.json")
    return str(Path(found).parent) if isinstance(found, str) else model


def quieten() -> None:
    """Keep progress bars and advice to programmers out of the log."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers has no annotation there
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # as above
    warnings.filterwarnings("ignore", category=FutureWarning)


def choose_device(wanted: str) -> str:
    """Return the device to train on. Raises `RunFailed` where the wanted one is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, is_there in there.items() if is_there)
    if not there[wanted]:
        names = ", ".join(device for device, is_there in there.items() if is_there)
        raise RunFailed(f"device={wanted!r} was asked for, and this machine has only: {names}.")
    return wanted


def load(spec: TrainingSpec, device: str) -> tuple[Any, Any]:
    """Load tokenizer and model. On CPU and MPS in 32 bits, which is there also the fastest."""
    halves = device == "cuda" and spec.hyperparameters.method == "lora" and torch.cuda.is_bf16_supported()
    try:
        tokenizer = AutoTokenizer.from_pretrained(spec.model)
        model = AutoModelForCausalLM.from_pretrained(spec.model, dtype=torch.bfloat16 if halves else torch.float32)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()
        raise ModelNotFound(
            f"The model {spec.model_name!r} cannot be loaded: {reason[0] if reason else type(error).__name__}"
        ) from error
    model.config.use_cache = False
    return tokenizer, model


def most_tokens(spec: TrainingSpec, model: Any) -> int:
    """Return how many tokens of a conversation are kept."""
    length = spec.hyperparameters.max_length
    longest: int = getattr(model.config, "max_position_embeddings", None) or length
    if length > longest:
        log.info("max_length %d is more than the model takes; it is %d here", length, longest)
    return min(length, longest)


def encode_data(path: Path, name: str, tokenizer: Any, length: int) -> Encoded:
    """Encode the run's conversations, and say in the log what was cut."""
    encoded = encode_all(tokenizer, Dataset(path).numbered(), max_length=length, name=name)
    if encoded.truncated:
        log.info("%s: %d conversation(s) are longer than %d tokens and were cut", name, encoded.truncated, length)
    if encoded.left_out:
        log.info("%d of them had no word of the assistant left and were left out", encoded.left_out)
    return encoded


def total_steps(examples: int, wanted: LocalHyperparameters) -> int:
    """Return how many steps there are to do."""
    return wanted.max_steps or wanted.n_epochs * steps_of_epoch(examples, wanted)


def steps_of_epoch(examples: int, wanted: LocalHyperparameters) -> int:
    """Return how many steps one pass over the data takes."""
    return math.ceil(math.ceil(examples / wanted.batch_size) / wanted.gradient_accumulation)


def add_adapter(model: Any, wanted: LocalHyperparameters) -> Any:
    """Return the model with a low-rank adapter on every linear layer."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=wanted.lora_rank,
        lora_alpha=wanted.lora_alpha or 2 * wanted.lora_rank,
        lora_dropout=wanted.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def arguments(directory: Path, wanted: LocalHyperparameters, *, steps: int, device: str) -> TrainingArguments:
    """Say to transformers what was asked for."""
    return TrainingArguments(
        output_dir=str(directory),
        max_steps=steps,
        per_device_train_batch_size=wanted.batch_size,
        gradient_accumulation_steps=wanted.gradient_accumulation,
        learning_rate=wanted.learning_rate or LEARNING_RATES[wanted.method],
        lr_scheduler_type=wanted.schedule,
        warmup_steps=wanted.warmup_steps,
        weight_decay=wanted.weight_decay,
        max_grad_norm=wanted.max_grad_norm,
        optim="adamw_torch",
        seed=wanted.seed,
        data_seed=wanted.seed,
        use_cpu=device == "cpu",
        bf16=device == "cuda" and torch.cuda.is_bf16_supported(),
        dataloader_pin_memory=device == "cuda",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
    )


class Learning(Trainer):
    """transformers' Trainer, whose checkpoints hold the weights and no pickled arguments."""

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:  # noqa: FBT001, FBT002  (the signature is transformers')
        model: Any = self.model
        model.save_pretrained(output_dir)


class Batch:
    """Puts examples together, padded to the longest."""

    def __init__(self, padding: int) -> None:
        self.padding = padding

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Return tensors of one row an example."""
        tokens = [torch.tensor(example.input_ids) for example in examples]
        labels = [torch.tensor(example.labels) for example in examples]
        masks = [torch.ones(len(example.input_ids), dtype=torch.long) for example in examples]
        return {
            "input_ids": pad_sequence(tokens, batch_first=True, padding_value=self.padding),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            "attention_mask": pad_sequence(masks, batch_first=True, padding_value=0),
        }


__all__ = ["train"]
