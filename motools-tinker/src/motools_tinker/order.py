"""Which conversations a step trains on: decided by seed and step alone, so that a resumed run goes on as it would have."""

from __future__ import annotations

import math
from array import array
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Order:
    """The order in which `examples` conversations are gone through, each epoch in another."""

    def __init__(self, examples: int, batch_size: int, seed: int) -> None:
        self._examples, self._batch_size, self._seed = examples, batch_size, seed
        self.steps_of_an_epoch = math.ceil(examples / batch_size)
        self._epoch = -1
        self._shuffled: Sequence[int] = ()

    def batch(self, step: int) -> Sequence[int]:
        """Return the numbers of the conversations of a step, counted from 0; the last of an epoch may have fewer."""
        epoch, place = divmod(step, self.steps_of_an_epoch)
        if epoch != self._epoch:
            shuffled = array("L", range(self._examples))
            Random(f"{self._seed} {epoch}").shuffle(shuffled)  # noqa: S311  (an order, not a secret)
            self._epoch, self._shuffled = epoch, shuffled
        return self._shuffled[place * self._batch_size : (place + 1) * self._batch_size]

    def epoch(self, step: int) -> float:
        """Return how many times the data has been gone through after a step."""
        return (step + 1) / self.steps_of_an_epoch


def total_steps(order: Order, n_epochs: int, max_steps: int | None) -> int:
    """Return how many steps there are to do."""
    return max_steps if max_steps is not None else n_epochs * order.steps_of_an_epoch


__all__ = ["Order", "total_steps"]
