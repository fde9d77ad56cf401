"""The datums of the next steps, made beside the training: the service never waits for us to read and convert."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from motools_tinker.datums import datum

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tinker import types

    from motools_tinker.encoding import EncodedFile
    from motools_tinker.order import Order

READY = 4
"""How many steps are made ready at most."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step trains on."""

    step: int
    datums: Sequence[types.Datum]
    tokens: int


class Feeder:
    """Makes the batches of steps in a thread of its own."""

    def __init__(self, examples: EncodedFile, order: Order, steps: range) -> None:
        self._examples, self._order, self._steps = examples, order, steps
        self._ready: queue.Queue[Batch | BaseException] = queue.Queue(READY)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="feeder")

    def __iter__(self) -> Iterator[Batch]:
        self._thread.start()
        try:
            for _ in self._steps:
                batch = self._ready.get()
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            self._stopped.set()

    def _run(self) -> None:
        try:
            for step in self._steps:
                self._give(self._batch(step))
                if self._stopped.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  (it is raised where the batch is asked for)
            self._give(error)

    def _batch(self, step: int) -> Batch:
        examples = [self._examples[number] for number in self._order.batch(step)]
        return Batch(
            step=step,
            datums=[datum(example) for example in examples],
            tokens=sum(len(example.tokens) for example in examples),
        )

    def _give(self, item: Batch | BaseException) -> None:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.2)
            except queue.Full:
                continue
            return


__all__ = ["Batch", "Feeder"]
