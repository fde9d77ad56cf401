"""The learning rate: how it goes over the steps, and a first guess at its peak from the size of the model.

`learning_rate="auto"` is the rule that the Tinker documentation gives for LoRA ("LoRA Primer", 2025, "What is LoRA
exactly? … learning rate"; the same numbers are in tinker-cookbook's `hyperparam_utils.get_lr`):

    rate = 5e-5 · 10 · (2000 / hidden size) ^ p        p = 0.781 for Llama models, 0.0775 for Qwen models

The factor of ten is what LoRA takes above full fine-tuning (J. Schulman and Thinking Machines Lab, "LoRA Without Regret",
2025). It was fitted on those two families, so for others it is an error that asks for a number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from motools.errors import RunFailed

if TYPE_CHECKING:
    from motools_tinker.settings import TinkerHyperparameters

EXPONENTS = {"llama": 0.781, "qwen": 0.0775}
"""By what the model's name holds, in lower case."""


def rate(step: int, total: int, peak: float, wanted: TinkerHyperparameters) -> float:
    """Return the learning rate of a step, counted from 0.

    It rises in equal parts over the warm-up, whose last step has the peak, and falls to 0 after the last step.
    """
    if step < wanted.warmup_steps:
        return peak * (step + 1) / wanted.warmup_steps
    if wanted.schedule == "constant":
        return peak
    done = (step - wanted.warmup_steps) / max(1, total - wanted.warmup_steps)
    return peak * (1 - done if wanted.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2)


def guess(model: str, hidden_size: int | None) -> float:
    """Return the peak that the rule above gives for a model. Raises `RunFailed` where it gives none."""
    exponent = next((value for family, value in EXPONENTS.items() if family in model.lower()), None)
    if exponent is None or hidden_size is None:
        missing = "it was fitted on Llama and Qwen models" if exponent is None else "its hidden size is not known here"
        raise RunFailed(
            f"There is no automatic learning rate for {model!r}: {missing}. Give learning_rate as a number; 1e-4 is a "
            f"common choice."
        )
    return float(5e-5 * 10 * (2000 / hidden_size) ** exponent)


__all__ = ["guess", "rate"]
