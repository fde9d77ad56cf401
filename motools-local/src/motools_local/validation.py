"""The loss on conversations that are held out. Imports torch: for the worker process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from motools_local.conversations import Example


class Validation:
    """Measures the mean loss of what the assistant says in held-out conversations, each of its tokens counting alike.

    It draws no random number and leaves the model as it was, so that training goes on as if nothing had been measured.
    It is time for it every so many steps, and after the last.
    """

    def __init__(
        self, examples: Sequence[Example], *, batch: Callable[[Sequence[Example]], Any], size: int, every: int
    ) -> None:
        self._examples = examples
        self._batch = batch
        self._size = size
        self._every = every
        self.loss: float | None = None
        """As it was measured last."""

    def is_due(self, step: int, total: int) -> bool:
        """Whether it is time to measure after a step."""
        return step % self._every == 0 or step == total

    def measure(self, model: Any, is_to_stop: Callable[[], bool]) -> float | None:
        """Return the loss, or None where it is to stop half-way."""
        total = 0.0
        was_training = model.training
        model.eval()
        try:
            with torch.inference_mode():
                for start in range(0, len(self._examples), self._size):
                    if is_to_stop():
                        return None
                    examples = self._examples[start : start + self._size]
                    inputs = {name: tensor.to(model.device) for name, tensor in self._batch(examples).items()}
                    total += float(model(**inputs).loss) * sum(example.learned for example in examples)
        finally:
            model.train(was_training)
        self.loss = total / sum(example.learned for example in self._examples)
        return self.loss


__all__ = ["Validation"]
